'use strict'

// Peers that do not play by the rules, above plain `tls`: they cost their own connection, and nothing that stays.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const net = require('node:net')
const { describe, it } = require('node:test')
const { setImmediate } = require('node:timers/promises')
const core = require('node:tls')
const { tls } = require('../..')
const { identity, trusting, listen, secure, emptied } = require('../https/support.js')
const { same, served, textOf } = require('./support.js')

const AT_ONCE = { concurrency: 4 }

const count = (server) => new Promise((resolve) => server.getConnections((_error, count) => resolve(count)))

/** What an honest client gets back. On a busy machine, a server with a short `handshakeTimeout` can cut it off, so it can try again. */
async function echoed(port, attempts) {
  try {
    const socket = await secure(port)
    socket.end('hello')
    return await textOf(socket)
  } catch (error) {
    if (attempts > 1 && error.code === 'ECONNRESET') return echoed(port, attempts - 1)
    throw error
  }
}

/** A server that echoes; it must still do so when `attack` is over, and have no connections left. */
function survives(name, options, attack) {
  it(name, async () => {
    const server = tls.createServer({ ...identity, ...options }, (socket) => {
      socket.on('error', () => {})
      if (server.echoes !== false) socket.pipe(socket)
    })
    const port = await listen(server)
    try {
      await attack(port, server)
      server.echoes = true
      assert.equal(await echoed(port, options.handshakeTimeout ? 20 : 1), 'hello')
      while ((await count(server)) > 0) await setImmediate()
    } finally {
      server.close()
    }
  })
}

/** A client whose bytes pass through here: what is put into `raw` comes behind what it sends. */
async function tapped(port, options) {
  const raw = net.connect({ port, host: '127.0.0.1', noDelay: true })
  const socket = core.connect({ socket: raw, ...trusting, ...options })
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  return { raw, socket }
}

const record = (type, length, bytes) => Buffer.concat([Buffer.from([type, 3, 3, length >> 8, length & 255]), bytes])

for (const version of ['TLSv1.2', 'TLSv1.3']) {
  describe(`in ${version}`, AT_ONCE, () => {
    const options = { minVersion: version, maxVersion: version }
    const fails = (bytes) => async (port, server) => {
      const failed = served(server).then(async (socket) => (await once(socket, 'error'))[0])
      const { raw, socket } = await tapped(port, options)
      const closing = once(raw, 'close')
      socket.write('x')
      await once(socket, 'data')
      raw.write(bytes)
      assert.match((await failed).code, /^ERR_SSL_/)
      await closing
    }
    survives('a forged record', options, fails(record(23, 64, Buffer.alloc(64, 1))))
    survives('a record that is too long', options, fails(record(23, 0x4900, Buffer.alloc(0x4900))))
    survives('plain text', options, fails(Buffer.from('GET / HTTP/1.1\r\n\r\n')))
    survives('an invalid alert', options, fails(record(21, 30, Buffer.alloc(30, 2))))

    survives('half a record, then the end', options, async (port, server) => {
      const closing = served(server).then((socket) => new Promise((resolve) => socket.on('close', resolve)))
      const { raw, socket } = await tapped(port, options)
      socket.write('x')
      await once(socket, 'data')
      raw.write(record(23, 64, Buffer.alloc(10)))
      raw.destroy()
      await closing
    })

    survives('an end without close_notify', options, async (port, server) => {
      const seen = served(server).then(async (socket) => {
        const ended = once(socket, 'end')
        await once(socket, 'close')
        await ended
      })
      const { raw, socket } = await tapped(port, options)
      socket.write('x')
      await once(socket, 'data')
      raw.end()
      await seen
      socket.destroy()
    })

    survives('floods of small records', options, async (port) => {
      const socket = await secure(port, options)
      socket.setMaxSendFragment(512)
      let left = 200_000
      socket.on('data', ({ length }) => {
        left -= length
        if (left === 0) socket.end()
      })
      // A record for each byte of the first, small ones for the rest.
      for (let i = 0; i < 5000; i++) socket.write('x')
      socket.write(Buffer.alloc(195_000))
      await once(socket, 'close')
      assert.equal(left, 0)
    })

    survives('a client that never reads: the memory held for it is bounded', options, async (port, server) => {
      server.echoes = false
      const serving = served(server)
      const { raw, socket } = await tapped(port, options)
      raw.pause()
      const sender = await serving
      // As much as the system takes, and no more than that leaves us.
      let written = 0
      while (sender.write(Buffer.alloc(64 * 1024)) && written < 1000) {
        written++
        await setImmediate()
      }
      assert.ok(written < 1000, 'it is told to wait')
      assert.ok(sender.writableLength > 0)
      const closing = new Promise((resolve) => sender.on('close', resolve))
      socket.destroy()
      raw.destroy()
      await closing
    })
  })
}

describe('a client is told what was wrong, as by node:tls', AT_ONCE, () => {
  const options = { minVersion: 'TLSv1.3' }
  const finished = Buffer.concat([Buffer.from([20, 0, 0, 32]), Buffer.alloc(32, 7)])
  for (const [name, bytes, alert] of [
    ['a handshake message without protection', record(22, 36, finished), 'ALERT_UNEXPECTED_MESSAGE'],
    ['an alert without protection', record(21, 2, Buffer.from([2, 40])), 'ALERT_UNEXPECTED_MESSAGE'],
    ['a record that was made up', record(23, 64, Buffer.alloc(64, 1)), 'ALERT_BAD_RECORD_MAC'],
    ['the longest record, made up', record(23, 0x4100, Buffer.alloc(0x4100)), 'ALERT_BAD_RECORD_MAC'],
    ['a record that is too long', record(23, 0x4101, Buffer.alloc(0x4101)), 'ALERT_RECORD_OVERFLOW'],
  ]) {
    same(
      name,
      options,
      async (port, server) => {
        const failed = served(server).then(async (socket) => (await once(socket.pipe(socket), 'error'))[0])
        const { raw, socket } = await tapped(port, options)
        const told = once(socket, 'error')
        socket.write('x')
        await once(socket, 'data')
        raw.write(bytes)
        const codes = [(await told)[0].code, (await failed).code]
        raw.destroy()
        socket.destroy()
        // OpenSSL has two codes for records that are too long, rustls one.
        return alert === 'ALERT_RECORD_OVERFLOW' ? codes[0] : codes
      },
      (codes) => assert.ok([codes].flat()[0].endsWith(`_${alert}`), String(codes)),
    )
  }
})

describe('in the handshake', AT_ONCE, () => {
  const sends =
    (...parts) =>
    async (port, server) => {
      const failed = once(server, 'tlsClientError')
      const socket = net.connect({ port, host: '127.0.0.1', noDelay: true }).on('error', () => {})
      const closing = new Promise((resolve) => socket.resume().on('close', resolve))
      for (const part of parts) socket.write(part)
      const [error, refused] = await failed
      assert.match(error.code, /^(?:ERR_SSL_\w+|ECONNRESET|ERR_TLS_HANDSHAKE_TIMEOUT)$/)
      assert.ok(refused.destroyed && refused instanceof core.TLSSocket)
      await closing
    }
  // Enough for the honest client afterwards.
  const patient = { handshakeTimeout: 1000 }
  survives('nonsense', {}, sends(Buffer.alloc(100_000, 0xa5)))
  survives('plain text', {}, sends('GET / HTTP/1.1\r\n\r\n'))
  survives('empty records', patient, sends(...Array(200).fill(record(22, 0, Buffer.alloc(0)))))
  survives('a ClientHello that never ends', patient, sends(record(22, 200, Buffer.from([1, 0, 1]))))
  survives('half a ClientHello', patient, sends(Buffer.from([22, 3])))
  survives(
    'half a ClientHello, with SNICallback',
    { ...patient, SNICallback: (_name, done) => done(null, null) },
    sends(Buffer.from([22, 3])),
  )

  it('a listener that throws does not affect other connections', async () => {
    const { execFile } = require('node:child_process')
    const program = `
      const { tls } = require(${JSON.stringify(require.resolve('../..'))}), net = require('node:net')
      const server = tls.createServer({ handshakeTimeout: 50 }, () => {})
      let thrown = 0
      server.on('tlsClientError', () => { throw new Error('listener') })
      process.on('uncaughtException', ({ message }) => { if (message === 'listener' && ++thrown === 3) server.close() })
      server.listen(0, '127.0.0.1', () => {
        for (let i = 0; i < 3; i++) net.connect(server.address().port, '127.0.0.1').on('error', () => {}).resume()
      })
      process.on('exit', () => console.log(thrown))`
    const stdout = await new Promise((resolve) =>
      execFile(process.execPath, ['-e', program], (_error, out) => resolve(out)),
    )
    assert.equal(stdout, '3\n')
  })
})

it('no connection is left open', async () => {
  await emptied()
})
