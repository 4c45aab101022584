'use strict'

// Peers that do not play by the rules: they cost their own connection, and nothing that stays.

const assert = require('node:assert/strict')
const { execFile } = require('node:child_process')
const { once } = require('node:events')
const core = require('node:https')
const net = require('node:net')
const { describe, it } = require('node:test')
const { setImmediate } = require('node:timers/promises')
const tls = require('node:tls')
const { promisify } = require('node:util')
const { https } = require('../..')
const { identity, trusting, listen, ask, secure, file, emptied } = require('./support.js')

const AT_ONCE = { concurrency: 4 }
/** Enough for the honest client afterwards. */
const PATIENT = { handshakeTimeout: 1000 }
const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

const connections = (server) => new Promise((resolve) => server.getConnections((_error, count) => resolve(count)))

/** A server that says hello; it must still do so when `attack` is over, and have no connections left. */
function survives(name, options, attack) {
  it(name, async () => {
    const server = https.createServer({ ...identity, ...options }, (_req, res) => res.end('hello'))
    const port = await listen(server)
    try {
      await attack(port, server)
      const { body } = await ask(port)
      assert.equal(String(body), 'hello')
      while ((await connections(server)) > 0) await setImmediate()
    } finally {
      server.close()
      server.closeAllConnections()
    }
  })
}

/** A connection to `port` whose bytes of ciphertext can be added to: what is sent there comes behind what the client sends. */
async function tapped(port, options) {
  const raw = net.connect(port, '127.0.0.1')
  const socket = tls.connect({ socket: raw, ...trusting, ...options })
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  return { raw, socket }
}

const record = (type, version, length, bytes) =>
  Buffer.concat([Buffer.from([type, 3, version, length >> 8, length & 255]), bytes])

describe('in the handshake', AT_ONCE, () => {
  const sends =
    (...parts) =>
    async (port, server) => {
      const failed = once(server, 'tlsClientError')
      const socket = net.connect({ port, host: '127.0.0.1', noDelay: true }).on('error', () => {})
      const closing = new Promise((resolve) => socket.resume().on('close', resolve))
      for (const part of parts) socket.write(part)
      const [error, served] = await failed
      assert.match(error.code, /^(?:ERR_SSL_\w+|ECONNRESET|ERR_TLS_HANDSHAKE_TIMEOUT)$/)
      assert.ok(served.destroyed)
      await closing
    }
  survives('nonsense', {}, sends(Buffer.alloc(100_000, 0xa5)))
  survives('a record that is too long', {}, sends(record(22, 1, 0x5000, Buffer.alloc(0x5000, 1))))
  survives('a message that is too long', PATIENT, sends(record(22, 1, 0x4000, Buffer.alloc(0x4000, 1))))
  survives('an alert in place of the ClientHello', {}, sends(record(21, 3, 2, Buffer.from([2, 40]))))
  survives('application data in place of the ClientHello', {}, sends(record(23, 3, 4, Buffer.from('data'))))
  survives('empty records', PATIENT, sends(...Array(200).fill(record(22, 3, 0, Buffer.alloc(0)))))
  survives('a ClientHello that never ends', PATIENT, sends(record(22, 1, 200, Buffer.from([1, 0, 1]))))
  for (const module of [core, https]) {
    it(`does not keep a server from closing, ${module === https ? 'ours' : "Node's"}`, async () => {
      const server = module.createServer({ ...identity, handshakeTimeout: 100 })
      const socket = net.connect(await listen(server), '127.0.0.1')
      const ending = new Promise((resolve) =>
        socket
          .on('error', () => {})
          .on('close', resolve)
          .resume(),
      )
      // A listener for 'connection' would have Node's TLS serve it.
      while ((await connections(server)) === 0) await setImmediate()
      await Promise.all([once(server.close(), 'close'), ending])
    })
  }
  survives('half a ClientHello', PATIENT, sends(Buffer.from([22, 3])))
})

describe('after the handshake', AT_ONCE, () => {
  for (const version of ['TLSv1.2', 'TLSv1.3']) {
    const options = { minVersion: version, maxVersion: version }
    const attacks = (bytes) => async (port, server) => {
      const failed = once(server, 'clientError')
      const { raw, socket } = await tapped(port, options)
      const closing = new Promise((resolve) => socket.on('close', resolve))
      socket.write(GET)
      await once(socket, 'data')
      raw.write(bytes)
      const [error] = await failed
      assert.match(error.code, /^ERR_SSL_/)
      await closing
    }
    survives(`a forged record, in ${version}`, options, attacks(record(23, 3, 64, Buffer.alloc(64, 1))))
    survives(`a record that is too long, in ${version}`, options, attacks(record(23, 3, 0x4900, Buffer.alloc(0x4900))))
    survives(`bytes that are not a record, in ${version}`, options, attacks(Buffer.alloc(1000, 0x41)))
    survives(`an end without close_notify, in ${version}`, options, async (port, server) => {
      const closed = once(server, 'secureConnection').then(
        ([served]) => new Promise((resolve) => served.on('close', resolve)),
      )
      const { raw, socket } = await tapped(port, options)
      socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf')
      await once(socket, 'data')
      raw.destroy()
      await closed
    })
  }

  survives('a second handshake', { maxVersion: 'TLSv1.2' }, async (port) => {
    const socket = await secure(port, { maxVersion: 'TLSv1.2' })
    const [error] = await new Promise((resolve) => {
      socket.on('error', (error) => resolve([error]))
      socket.renegotiate({ rejectUnauthorized: false }, (error) => resolve([error]))
    })
    assert.equal(error.reason, 'no renegotiation')
    socket.destroy()
  })
})

it('failed connections leave nothing behind', async () => {
  const program = `
    const { https } = require(${JSON.stringify(require.resolve('../..'))})
    const { once } = require('node:events'), fs = require('node:fs'), net = require('node:net'), tls = require('node:tls')
    const key = fs.readFileSync(${JSON.stringify(file('server-key.pem'))})
    const cert = fs.readFileSync(${JSON.stringify(file('server-cert.pem'))})
    const server = https.createServer({ key, cert }, (req, res) => res.end()).on('tlsClientError', () => {})
    async function main() {
      await once(server.listen(0, '127.0.0.1'), 'listening')
      const { port } = server.address()
      // A client's own greeting, to be sent again and again.
      const greeting = await new Promise((resolve) => {
        const peer = net.createServer((socket) => socket.on('error', () => {}).once('data', (bytes) => { resolve(bytes); socket.destroy(); peer.close() }))
        peer.listen(0, '127.0.0.1', () => tls.connect(peer.address().port, '127.0.0.1').on('error', () => {}))
      })
      const attempt = async (bytes, waits) => {
        const socket = net.connect(port, '127.0.0.1').on('error', () => {})
        await once(socket, 'connect')
        socket.write(bytes)
        if (waits) await new Promise((resolve) => socket.on('data', resolve).on('close', resolve))
        socket.destroy()
      }
      const round = async (count) => {
        for (let i = 0; i < count; i++) {
          await Promise.all([attempt(greeting, true), attempt(greeting.subarray(0, 100)), attempt(''), attempt('GET / HTTP/1.1', true)])
        }
        gc()
        return process.memoryUsage().rss
      }
      const sizes = []
      for (let i = 0; i < 5; i++) sizes.push(await round(50))
      console.log(Math.min(...sizes.slice(1).map((size, i) => size - sizes[i])) / 1024)
      process.exit()
    }
    main()`
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', '-e', program])
  // 200 connections a round: what leaks a session's many KiB grows in each of them.
  assert.ok(Number(stdout) < 1024, `${stdout} KiB`)
})

it('no connection is left open', async () => {
  await emptied()
})
