'use strict'

// Node's own switches that take something away: the sample application must work under each.

const assert = require('node:assert/strict')
const { execFile } = require('node:child_process')
const path = require('node:path')
const { test } = require('node:test')
const { promisify } = require('node:util')

const app = path.join(__dirname, 'app.js')
const works = /^ironwire works: codec, protobuf, rpc, http, net$/m

const run = async (...args) => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 })
  return stdout + stderr
}

const flags = process.allowedNodeEnvironmentFlags
const permission = [
  flags.has('--permission') ? '--permission' : '--experimental-permission',
  '--allow-addons',
  '--allow-fs-read=*',
  ...(flags.has('--allow-net') ? ['--allow-net'] : []),
]

for (const args of [
  ['--frozen-intrinsics'],
  ['--frozen-intrinsics', '--disallow-code-generation-from-strings'],
  ['--jitless'],
  ['--disable-proto=throw'],
  ['--disable-proto=delete'],
  ['--disallow-code-generation-from-strings'],
  ['--stack-trace-limit=0'],
  ['--enable-source-maps'],
  permission,
]) {
  test(`node ${args.join(' ')}`, async () => {
    assert.match(await run(...args, app), works)
  })
}

/** As hardened applications do it: whoever assigns what a prototype has, throws from here on. */
const freeze = `for (const name of Object.getOwnPropertyNames(globalThis)) {
  const value = Object.getOwnPropertyDescriptor(globalThis, name).value
  if (typeof value === 'function' && /^[A-Z]/.test(name) && value.prototype) Object.freeze(value.prototype)
}`
const start = `require(${JSON.stringify(app)}).main().then(console.log)`

test('prototypes frozen before the package is loaded', async () => {
  assert.match(await run('-e', `${freeze}\n${start}`), works)
})

test('prototypes frozen after it was loaded', async () => {
  const load = `const ironwire = require(${JSON.stringify(path.join(__dirname, '../..'))})
    for (const name in ironwire) ironwire[name]`
  assert.match(await run('-e', `${load}\n${freeze}\n${start}`), works)
})

test('nothing depends on the text of functions', async () => {
  const code = `Function.prototype.toString = function () {
      throw new Error('the text of a function was read: ' + this.name)
    }
    ${start}`
  assert.match(await run('-e', code), works)
})
