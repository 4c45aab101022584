'use strict'

// What certificates are worth: for each chain of the fixtures, to either side, ours says what Node's says. fixtures/chains/make.sh tells what they are.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const fs = require('node:fs')
const path = require('node:path')
const { describe, it } = require('node:test')
const core = require('node:tls')
const { tls } = require('../..')
const { ca: stranger, file, listen } = require('../https/support.js')
const { isOurs } = require('./support.js')

const folder = file('chains')
const read = (name) => fs.readFileSync(path.join(folder, `${name}.pem`), 'latin1')
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----\n/g
const key = read('key')
const names = fs.readdirSync(folder).filter((name) => name.endsWith('.pem') && name !== 'key.pem')
const chains = names.map((name) => path.basename(name, '.pem')).map((name) => [name, read(name).match(CERTIFICATE)])

/** What a client of `connect` makes of a server with the chain. */
async function server({ connect }, cert, ca) {
  const server = core.createServer({ key, cert }, (socket) => socket.on('error', () => {}))
  const socket = connect({ port: await listen(server), host: '127.0.0.1', servername: 'localhost', ca })
  try {
    return await new Promise((resolve) => {
      socket.on('error', ({ code, message }) => resolve([code, message]))
      socket.on('secureConnect', () => resolve([socket.authorized, socket.authorizationError]))
    })
  } finally {
    socket.destroy()
    server.close()
  }
}

/** What a server of `createServer` makes of a client with it. */
async function client({ createServer }, cert, ca) {
  const options = { ...own, ca, requestCert: true, rejectUnauthorized: false }
  const server = createServer(options, (socket) => socket.on('error', () => {}))
  const port = await listen(server)
  const socket = core.connect({ port, host: '127.0.0.1', key, cert, rejectUnauthorized: false })
  socket.on('error', () => {})
  try {
    const [peer] = await once(server, 'secureConnection')
    if (createServer === tls.createServer) assert.ok(isOurs(peer), 'rustls does it')
    return [peer.authorized, peer.authorizationError]
  } finally {
    socket.destroy()
    server.close()
  }
}
const own = { key, cert: read('good') }

/** Of clients' certificates, those that are not judged here, though OpenSSL takes them. */
const REJECTED = ['end-is-an-authority']

describe('a chain', { concurrency: 4 }, () => {
  for (const [name, certificates] of chains) {
    const cert = certificates.slice(0, -1).join('') || certificates[0]
    it(`is worth what Node says: ${name}`, async () => {
      const ca = certificates.at(-1)
      assert.deepEqual(await server(tls, cert, ca), await server(core, cert, ca), "a server's")
      const expected = await client(core, cert, ca)
      if (REJECTED.includes(name)) {
        assert.deepEqual(
          [expected, await client(tls, cert, ca)],
          [
            [true, null],
            [false, 'CERT_REJECTED'],
          ],
        )
      } else assert.deepEqual(await client(tls, cert, ca), expected, "a client's")
    })
  }
  for (const name of ['good', 'between-may-not-sign-and-end-expired', 'end-signs-certificates', 'alone-and-expired']) {
    const [end, between, root] = read(name).match(CERTIFICATE)
    const whole = [end, between, root].join('')
    it(`is worth nothing more where something else is trusted: ${name}`, async () => {
      for (const [cert, ca] of [
        [whole, stranger],
        [end, stranger],
        [end, root ?? stranger],
        [whole, between ?? stranger],
        [end, between ?? end],
      ]) {
        assert.deepEqual(await server(tls, cert, ca), await server(core, cert, ca), "a server's")
        assert.deepEqual(await client(tls, cert, ca), await client(core, cert, ca), "a client's")
      }
    })
  }
})
