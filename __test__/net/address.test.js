// What address() gives, compared with Node's.

'use strict'

const assert = require('node:assert')
const os = require('node:os')
const path = require('node:path')
const nodeNet = require('node:net')
const util = require('node:util')
const { test } = require('node:test')
const { net } = require('../..')

/** address() while listening on a pipe, after that closed, while listening on TCP, after that. */
async function addresses(net, pipe) {
  const seen = []
  const server = net.createServer()
  for (const where of [pipe, { port: 0, host: '127.0.0.1' }]) {
    await new Promise((resolve) => server.listen(where, resolve))
    seen.push(util.inspect(server.address()).replace(/port: \d+/, 'port: *'))
    await new Promise((resolve) => server.close(resolve))
    seen.push(util.inspect(server.address()))
  }
  return seen
}

test('a server on a pipe, then on TCP', async () => {
  const pipe =
    process.platform === 'win32'
      ? `\\\\.\\pipe\\ironwire-${process.pid}`
      : path.join(os.tmpdir(), `ironwire-${process.pid}.sock`)
  const expected = await addresses(nodeNet, pipe)
  assert.deepStrictEqual(await addresses(net, pipe), expected)
  assert.strictEqual(expected[0], util.inspect(pipe))
})
