'use strict'

// Runs a tutorial script in a process of its own, on Node's modules or on ironwire's, with nothing changed but its `require` and its port.

const { spawn } = require('node:child_process')
const fs = require('node:fs')
const net = require('node:net')
const os = require('node:os')
const path = require('node:path')
const { freePort } = require('../ports.js')

const ROOT = path.join(__dirname, '../..')
const SCRIPTS = path.join(__dirname, 'scripts')

/** Where ironwire has what a script requires. */
const EXPORTS = { http: 'http', net: 'net', 'protocol-buffers': 'protobuf' }

/** A copy of the scripts' folder for one implementation and one port; removed when the test ends. */
function copyScripts(t, implementation, port) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-tutorial-'))
  t.after(() => fs.rmSync(directory, { recursive: true, force: true }))
  fs.cpSync(SCRIPTS, directory, { recursive: true })
  for (const entry of fs.readdirSync(directory, { recursive: true })) {
    if (!entry.endsWith('.js')) continue
    const file = path.join(directory, entry)
    fs.writeFileSync(file, rewrite(fs.readFileSync(file, 'utf8'), implementation, port))
  }
  return directory
}

function rewrite(text, implementation, port) {
  const out = text
    .replace(/require\('(http|net|protocol-buffers)'\)/g, (call, name) => {
      if (implementation === 'ironwire') return `require(${JSON.stringify(ROOT)}).${EXPORTS[name]}`
      // The copy lies outside the repository, where the reference package would not be found by name.
      return name === 'protocol-buffers' ? `require(${JSON.stringify(require.resolve(name))})` : call
    })
    .replace(/(listen\(|port: ?)300[01]\b/g, `$1${port}`)
  // A script that only uses the global `Buffer` has no `require` to change: it gets one.
  const needsBuffer = implementation === 'ironwire' && !/require\(/.test(out)
  return needsBuffer ? `const { Buffer } = require(${JSON.stringify(ROOT)})\n${out}` : out
}

/** Starts a script; it is killed when the test ends. `lines(n)` waits for n lines of stdout, `ended` for the process. */
function start(t, file, options = {}) {
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'pipe'], ...options })
  const run = { child, stdout: '', stderr: '' }
  const waiting = new Set()
  child.stdout.setEncoding('utf8').on('data', (text) => {
    run.stdout += text
    for (const check of waiting) check()
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    run.stderr += text
  })
  run.ended = new Promise((resolve) => {
    child.on('close', (code, signal) => {
      for (const check of waiting) check(true)
      resolve({ code, signal })
    })
  })
  run.lines = (count) =>
    new Promise((resolve, reject) => {
      const check = (over) => {
        const lines = run.stdout.split('\n').slice(0, -1)
        if (lines.length < count && !over) return
        waiting.delete(check)
        if (lines.length >= count) resolve(lines.slice(0, count))
        else reject(new Error(`${file} ended after ${lines.length} of ${count} lines:\n${run.stdout}${run.stderr}`))
      }
      waiting.add(check)
      check(child.exitCode !== null)
    })
  t.after(async () => {
    child.kill('SIGKILL')
    await run.ended
  })
  return run
}

/** Waits until something accepts connections on the port, or the process that should has ended. */
async function listening(port, run) {
  let over = false
  run.ended.then(() => {
    over = true
  })
  while (!over) {
    const accepted = await new Promise((resolve) => {
      const socket = net.connect(port, '127.0.0.1')
      socket.on('connect', () => resolve(true)).on('error', () => resolve(false))
      socket.on('connect', () => socket.end())
    })
    if (accepted) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`It ended instead of listening:\n${run.stdout}${run.stderr}`)
}

module.exports = { ROOT, copyScripts, rewrite, start, freePort, listening }
