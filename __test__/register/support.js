'use strict'

// Runs programs in a Node of their own, with `ironwire/register` and without it.

const assert = require('node:assert')
const { execFile } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { test } = require('node:test')

const root = path.join(__dirname, '..', '..')
const file = (name) => path.join(root, name)
const REQUIRE = ['--require', file('register.js')]
const IMPORT = ['--import', require('node:url').pathToFileURL(file('register.mjs')).href]

/** What a Node with these arguments prints. */
function run(args, env = {}) {
  return new Promise((resolve, reject) => {
    const options = { cwd: root, env: { ...process.env, ...env }, timeout: 60_000, maxBuffer: 1 << 26 }
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      if (error) reject(new Error(`${args.join(' ')}: ${error.signal ?? error.code}\n${stdout}\n${stderr}`))
      else resolve({ stdout, stderr })
    })
  })
}

/** Every program of a folder prints the same with it, however it is loaded, and without it. */
function alike(programs) {
  for (const name of fs.readdirSync(programs).sort()) {
    test(name, async () => {
      const program = path.join(programs, name)
      const [expected, ...actual] = await Promise.all([[], REQUIRE, IMPORT].map((flags) => run([...flags, program])))
      assert.notStrictEqual(expected.stdout, '')
      for (const { stdout } of actual) assert.strictEqual(stdout, expected.stdout)
    })
  }
}

module.exports = { alike, run, file, root, REQUIRE, IMPORT }
