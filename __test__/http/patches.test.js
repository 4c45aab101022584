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
  const { stdout } = await run(process.execPath, ['--no-deprecation', file, name, whose], { timeout: 120_000 })
  return stdout.replace(/^Date: .*/gm, 'Date: *')
}

test('replaced methods are detected', async () => {
  const show = "const { own } = require('./lib/core.js'); console.log(Object.values(own).map(Boolean).join())"
  const replace = `const { Agent, IncomingMessage, ServerResponse } = require('node:http')
    for (const { prototype } of [Agent, IncomingMessage, ServerResponse])
      for (let object = prototype; object !== Object.prototype; object = Object.getPrototypeOf(object))
        for (const name of Object.getOwnPropertyNames(object)) {
          const { value } = Object.getOwnPropertyDescriptor(object, name)
          if (typeof value !== 'function' || name === 'constructor' || name.startsWith('on')) continue
          object[name] = function (...args) { return Reflect.apply(value, this, args) }
        }`
  const options = { cwd: path.join(__dirname, '..', '..') }
  const { stdout: untouched } = await run(process.execPath, ['-e', show], options)
  assert.match(untouched, /^true(?:,true)+\n$/)
  const { stdout: replaced } = await run(process.execPath, ['-e', `${replace}\n${show}`], options)
  assert.strictEqual(replaced, untouched.replaceAll('true', 'false'))
})

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
