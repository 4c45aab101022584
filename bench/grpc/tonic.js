'use strict'

// Rust's tonic as a contender: a program of ours (tonic/) that is built when it is first needed, and controlled by
// lines of JSON.

const { spawn, spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const readline = require('node:readline')
const { onPath } = require('../lib/machine.js')
const { root } = require('../../scripts/setup.js')

const target = path.join(root, 'target', 'tonic-peer')
const program = path.join(target, 'release', 'tonic-peer')

/** Why tonic cannot be compared; undefined if it can. */
function missing() {
  if (!onPath('cargo')) return 'there is no cargo to build it with'
  const env = { ...process.env, CARGO_TARGET_DIR: target }
  const built = spawnSync('cargo', ['build', '--release', '--locked', '--quiet'], {
    cwd: path.join(__dirname, 'tonic'),
    env,
    encoding: 'utf8',
  })
  return built.status === 0 ? undefined : `it cannot be built: ${built.stderr.trim().split('\n').at(-1)}`
}

function version() {
  const lock = fs.readFileSync(path.join(__dirname, 'tonic', 'Cargo.lock'), 'utf8')
  return /name = "tonic"\nversion = "([^"]+)"/.exec(lock)[1]
}

/** Has the methods of a `Child`. */
class Tonic {
  #child
  #pending = []

  constructor(core) {
    const command = core === undefined ? [program] : ['taskset', '-c', String(core), program]
    this.#child = spawn(command[0], command.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] })
    const lines = readline.createInterface({ input: this.#child.stdout })
    lines.on('line', (line) => this.#pending.shift().resolve(JSON.parse(line)))
    this.#child.on('exit', (code, signal) => {
      for (const { reject } of this.#pending.splice(0)) reject(new Error(`tonic-peer ended: ${signal ?? code}`))
    })
  }

  call(method, ...args) {
    return new Promise((resolve, reject) => {
      this.#pending.push({ resolve, reject })
      this.#child.stdin.write(`${JSON.stringify({ method, args })}\n`)
    })
  }

  stop() {
    if (this.#child.exitCode !== null || this.#child.signalCode) return Promise.resolve()
    return new Promise((resolve) => {
      this.#child.once('exit', resolve)
      this.#child.stdin.end()
    })
  }
}

module.exports = { Tonic, missing, version }
