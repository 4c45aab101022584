'use strict'

// The tutorial's point about callbacks (03.js): the error comes first, later, and once; a try block around the call sees nothing of it,
// and a throw inside the callback is the process's business.

const assert = require('node:assert')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { test } = require('node:test')
const { ROOT, start } = require('./support')

/** For each module: `fn(callback)`, which fails later. */
const FAILING = {
  // Nothing listens on port 1.
  net: `const fn = (callback) => new net.Socket().connect(1, '127.0.0.1').on('error', callback)`,
  rpc: `const fn = (callback) => rpc.connect('127.0.0.1:1', { reconnect: false }).on('error', () => {}).call('m', null, callback)`,
  http: `const fn = (callback) => http.createServer().on('error', callback).listen(1, '203.0.113.1')`,
}

const script = (module) => `
const { ${module} } = require(${JSON.stringify(ROOT)})
${FAILING[module]}
process.on('uncaughtException', (error) => console.log('uncaught', error.message))
let inside = true
try {
  fn((...args) => {
    console.log(inside ? 'inside' : 'later', args.length, args[0] instanceof Error, args[0].code)
    throw new Error('thrown in the callback')
  })
} catch (error) {
  console.log('caught', error)
}
inside = false
`

for (const [module, code] of [
  ['net', 'ECONNREFUSED'],
  ['rpc', 'IRONWIRE_RPC_NOT_CONNECTED'],
  ['http', 'EADDRNOTAVAIL'],
]) {
  test(`a failing call of ${module}`, async (t) => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-callbacks-'))
    t.after(() => fs.rmSync(directory, { recursive: true, force: true }))
    const file = path.join(directory, 'script.js')
    fs.writeFileSync(file, script(module))
    const run = start(t, file)
    assert.deepStrictEqual(await run.ended, { code: 0, signal: null })
    assert.strictEqual(run.stderr, '')
    assert.strictEqual(run.stdout, `later 1 true ${code}\nuncaught thrown in the callback\n`)
  })
}
