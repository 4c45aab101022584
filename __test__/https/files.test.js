'use strict'

// Static files over TLS: the same bytes as over TCP, from the same code, and the command that serves them.

const assert = require('node:assert/strict')
const { spawn, spawnSync } = require('node:child_process')
const { once } = require('node:events')
const path = require('node:path')
const { test } = require('node:test')
const { createStaticServer, http, https, serveStatic } = require('../..')
const { makeTree } = require('../files/support.js')
const { identity, listen, ask, file } = require('./support.js')

const BIN = path.join(__dirname, '../../bin/ironwire.js')
const large = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => i * 7))
const FILES = { 'index.html': 'INDEX', 'a.txt': 'content', 'large.bin': large }

async function serving(t, server) {
  const port = await listen(server)
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return port
}

test('files arrive unchanged, with createStaticServer and with serveStatic', async (t) => {
  const root = makeTree(t, FILES)
  const handler = serveStatic(root)
  for (const server of [
    createStaticServer(root, { tls: identity, keepAliveTimeout: 1234 }),
    https.createServer(identity, (req, res) => handler(req, res, () => res.writeHead(404).end())),
  ]) {
    assert.ok(server instanceof https.Server && !(server instanceof http.Server))
    const port = await serving(t, server)
    const got = async (path, headers) => {
      const { status, body } = await ask(port, { path, headers })
      return [status, body]
    }
    assert.deepEqual(await got('/'), [200, Buffer.from('INDEX')])
    assert.deepEqual(await got('/a.txt', { Range: 'bytes=1-3' }), [206, Buffer.from('ont')])
    assert.deepEqual(await got('/large.bin', { Range: 'bytes=1000000-2000000' }), [206, large.subarray(1e6, 2e6 + 1)])
    const [status, body] = await got('/large.bin')
    assert.ok(status === 200 && body.equals(large))
    assert.equal((await got('/none'))[0], 404)
  }
})

test('invalid TLS options throw the errors of node:https', (t) => {
  const root = makeTree(t, FILES)
  assert.throws(() => createStaticServer(root, { tls: 5 }), {
    code: 'ERR_INVALID_ARG_TYPE',
    message: /options\.tls.*5/,
  })
  assert.throws(() => createStaticServer(root, { tls: { key: 'x' } }), { library: /PEM|DECODER/ })
  assert.equal(createStaticServer(root, { tls: identity, keepAliveTimeout: 1234 }).keepAliveTimeout, 1234)
})

test('the command serves files, and reports invalid options', {
  skip: process.platform === 'win32',
}, async (t) => {
  const root = makeTree(t, FILES)
  const named = ['--tls-cert', file('rsa-cert.pem'), '--tls-key', file('rsa-key.pem')]
  const child = spawn(process.execPath, [BIN, 'serve', root, '--port', '0', ...named])
  t.after(() => child.kill('SIGKILL'))
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (some) => {
    text += some
  })
  while (!text.includes('Ctrl-C')) await once(child.stdout, 'data')
  const [, port] = /https:\/\/localhost:(\d+)/.exec(text)
  assert.equal((await ask(port, { path: '/a.txt' })).body.toString(), 'content')
  while (!text.includes('"GET /a.txt HTTP/1.1" 200 7')) await once(child.stdout, 'data')
  child.kill('SIGINT')
  assert.deepEqual(await once(child, 'exit'), [0, null])
  for (const [args, said] of [
    [named.slice(2), /--tls-cert and --tls-key go together/],
    [[...named.slice(0, 3), root], /--tls-key cannot be read: EISDIR/],
    [
      [...named.slice(0, 3), file('server-key.pem')],
      /server-key\.pem is not the key of the certificate in .*rsa-cert\.pem/,
    ],
    [
      [...named.slice(0, 3), file('server-encrypted-key.pem')],
      /--tls-key: .* contains no unencrypted private key in PEM format/,
    ],
    [[...named.slice(2), '--tls-cert', BIN], /--tls-cert: .* contains no certificate in PEM format/],
  ]) {
    const { status, stderr } = spawnSync(process.execPath, [BIN, 'serve', root, '--port', '0', ...args], {
      timeout: 60_000,
    })
    assert.equal(status, 2)
    assert.match(String(stderr), said)
  }
})
