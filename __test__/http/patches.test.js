'use strict'

// Whoever replaces a method, a listener or `emit` is obeyed as on Node's own server, whenever it was replaced: each case prints the same
// on either.

const assert = require('node:assert')
const { execFile } = require('node:child_process')
const path = require('node:path')
const { test } = require('node:test')
const { promisify } = require('node:util')
const { names } = require('./fixtures/patches.js')

const run = promisify(execFile)

/** What a process of its own prints. */
async function output(name, whose) {
  const file = path.join(__dirname, 'fixtures', 'patches.js')
  const { stdout } = await run(process.execPath, ['--no-deprecation', file, name, whose], { timeout: 30_000 })
  return stdout
}

test('patches', { concurrency: 2 }, async (t) => {
  await Promise.all(
    names.map((name) =>
      t.test(name, async () => {
        const [expected, actual] = await Promise.all([output(name, 'core'), output(name, 'ours')])
        assert.notStrictEqual(expected, '')
        assert.strictEqual(actual, expected)
      }),
    ),
  )
})
