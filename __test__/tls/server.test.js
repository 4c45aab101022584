'use strict'

// tls.Server against Node's: the same scenario on either must say the same, with Node's own client as the peer.

const assert = require('node:assert/strict')
const { createHash } = require('node:crypto')
const { once } = require('node:events')
const net = require('node:net')
const os = require('node:os')
const path = require('node:path')
const { describe, it } = require('node:test')
const { setImmediate } = require('node:timers/promises')
const core = require('node:tls')
const { tls } = require('../..')
const { pem, ca, identity, of, trusting, listen, secure, emptied } = require('../https/support.js')
const { isOurs, same, served, textOf, eventsOf } = require('./support.js')

const AT_ONCE = { concurrency: 8 }
const hash = (bytes) => createHash('sha256').update(bytes).digest('hex')

const codeOf = (call) => {
  try {
    return call() ?? 'done'
  } catch (error) {
    return [error.name, error.code]
  }
}

describe('data', AT_ONCE, () => {
  for (const version of ['TLSv1.2', 'TLSv1.3']) {
    same(
      `arrives, whatever its size, in ${version}`,
      { minVersion: version, maxVersion: version },
      async (port, server) => {
        server.on('secureConnection', (socket) => socket.pipe(socket))
        const found = []
        for (const size of [1, 1000, 16_384, 16_385, 100_000, 3_000_000]) {
          const socket = await secure(port)
          socket.end(Buffer.alloc(size, 'ironwire '))
          const chunks = []
          for await (const chunk of socket) chunks.push(chunk)
          const bytes = Buffer.concat(chunks)
          found.push([bytes.length, hash(bytes)])
        }
        return found
      },
    )
  }

  same('arrives in order, for all ways to write', {}, async (port, server) => {
    server.on('secureConnection', (socket) => {
      socket.write('a')
      socket.cork()
      socket.write('b', 'latin1')
      socket.write(Buffer.from('c'))
      socket.write('e4', 'hex')
      socket.uncork()
      socket.write(new Uint8Array([100]), () => socket.end('\u20ac'))
    })
    return textOf(await secure(port))
  })

  same('is held back while the peer does not read', {}, async (port, server) => {
    const serving = served(server)
    const socket = await secure(port)
    socket.pause()
    const sender = await serving
    let held = 0
    let length = 0
    const closing = once(socket, 'close')
    for (let left = 80; left > 0; left--) {
      if (sender.write(Buffer.alloc(100_000, left)) || ++held < 5) continue
      // It drains as soon as the client reads.
      if (held === 5) {
        socket.on('data', (chunk) => {
          length += chunk.length
        })
        socket.resume()
      }
      await once(sender, 'drain')
    }
    sender.end()
    await closing
    return [length, held > 4, sender.bytesWritten]
  })

  same('is not read while the server has paused', {}, async (port, server) => {
    const serving = served(server)
    const socket = await secure(port)
    const reader = await serving
    reader.pause()
    let written = 0
    while (socket.write(Buffer.alloc(100_000)) || written < 100) written++
    const waits = reader.readableLength < 1_000_000
    socket.end()
    const chunks = []
    for await (const chunk of reader) chunks.push(chunk)
    return [
      waits,
      Buffer.concat(chunks).length === (written + 1) * 100_000,
      reader.bytesRead === (written + 1) * 100_000,
    ]
  })

  same('is sent in records of the size that setMaxSendFragment() allows', {}, async (port, server) => {
    const answers = []
    server.on('secureConnection', (socket) => {
      for (const size of [511, 16_385, 600]) answers.push(socket.setMaxSendFragment(size))
      for (const size of [null, '600', {}, Number.NaN, 2 ** 31])
        answers.push(codeOf(() => socket.setMaxSendFragment(size)))
      socket.end(Buffer.alloc(10_000))
    })
    const sizes = []
    const socket = await secure(port)
    socket.on('data', ({ length }) => sizes.push(length))
    await once(socket, 'close')
    return [answers, sizes.every((size) => size <= 600), sizes.reduce((sum, size) => sum + size)]
  })
})

describe('events', AT_ONCE, () => {
  const EVENTS = ['data', 'end', 'finish', 'timeout', 'error', 'close']

  same('when the client ends', {}, async (port, server) => {
    const seen = served(server).then((socket) => eventsOf(socket, EVENTS))
    const socket = await secure(port)
    socket.end('x')
    const client = await eventsOf(socket, EVENTS)
    return [await seen, client]
  })
  same('when one side ends', { allowHalfOpen: true }, async (port, server) => {
    const serving = served(server)
    const socket = await secure(port)
    socket.end('question')
    const other = await serving
    const asked = await textOf(other)
    const states = [other.readyState, other.readable, other.writable, other.destroyed]
    other.end('answer')
    return [asked, states, await textOf(socket)]
  })
  same('when the server ends', {}, async (port, server) => {
    const seen = served(server).then((socket) => {
      socket.end('bye')
      return eventsOf(socket, ['finish', 'error', 'close'])
    })
    const socket = await secure(port)
    socket.resume()
    await once(socket, 'close')
    return seen
  })
  same('when a timeout passes', {}, async (port, server) => {
    const seen = served(server).then(async (socket) => {
      socket.setTimeout(20, () => socket.destroy())
      return [await eventsOf(socket, EVENTS), socket.timeout]
    })
    const socket = await secure(port)
    await once(socket.resume(), 'close')
    return seen
  })
  same('when a socket is destroyed', {}, async (port, server) => {
    const seen = served(server).then((socket) => {
      socket.on('error', () => {}).destroy(new Error('reason'))
      return eventsOf(socket, EVENTS)
    })
    const socket = await secure(port)
    const [error] = await Promise.all([once(socket.resume(), 'close'), seen])
    return [await seen, error, socket.destroyed]
  })
  for (const [name, events, end] of [
    ['of a client that is gone', ['end', 'finish', 'close'], (raw) => raw.destroy()],
    ['of a reset', ['error', 'close'], (raw) => raw.resetAndDestroy()],
  ]) {
    same(name, {}, async (port, server) => {
      const serving = served(server)
      const raw = net.connect(port, '127.0.0.1')
      const socket = core.connect({ socket: raw, ...trusting }).on('error', () => {})
      const other = await serving
      // All that has come is read: else every end would be a reset.
      other.write('x')
      await once(socket, 'data')
      const seen = eventsOf(other.resume(), events)
      end(raw)
      return seen
    })
  }
})

describe('the properties of a socket', AT_ONCE, () => {
  const told = (socket, server) => {
    const peer = socket.getPeerCertificate(true)
    return {
      isTls: socket instanceof core.TLSSocket && socket instanceof net.Socket && socket instanceof tls.TLSSocket,
      name: socket.constructor.name,
      server: socket.server === server,
      encrypted: socket.encrypted,
      protocol: socket.getProtocol(),
      cipher: socket.getCipher(),
      alpn: socket.alpnProtocol,
      servername: socket.servername,
      reused: socket.isSessionReused(),
      authorized: socket.authorized,
      error: socket.authorizationError,
      key: socket.getEphemeralKeyInfo(),
      subject: peer.subject,
      issuer: peer.issuerCertificate?.subject,
      x509: socket.getPeerX509Certificate()?.subject,
      own: [socket.getCertificate().subject, socket.getX509Certificate().fingerprint256],
      family: socket.remoteFamily,
      address: socket.remoteAddress,
      port: socket.localPort === server.address().port,
      state: [socket.readyState, socket.connecting, socket.pending, socket.destroyed],
      exported: codeOf(() => socket.exportKeyingMaterial(0, 'label')),
    }
  }

  const doubtful = { requestCert: true, rejectUnauthorized: false, ca, ALPNProtocols: ['a'] }
  for (const end of ['destroy', 'resetAndDestroy']) {
    same(`after it closed, without an access before: ${end}`, doubtful, async (port, server) => {
      const found = []
      for (const shown of [{}, of('stranger'), of('client')]) {
        const serving = served(server)
        const below = net.connect(port, '127.0.0.1')
        await once(below, 'connect')
        const socket = core.connect({ socket: below, ...trusting, ...shown, ALPNProtocols: ['a'] })
        socket.on('error', () => {})
        const other = (await serving).on('error', () => {}).resume()
        const gone = new Promise((resolve) => other.once('close', resolve))
        below[end]()
        await gone
        const { authorized, authorizationError, servername, alpnProtocol } = other
        found.push([authorized, authorizationError, servername, alpnProtocol])
      }
      return found
    })
  }
  same('after requestCert was changed on the server', { ca, rejectUnauthorized: false }, async (port, server) => {
    const found = []
    for (const requestCert of [false, true, false]) {
      server.requestCert = requestCert
      const serving = served(server)
      const socket = await secure(port, of('stranger'))
      const { authorized, authorizationError } = await serving
      found.push([authorized, authorizationError])
      socket.destroy()
    }
    return found
  })

  for (const [name, cert, authorities] of [
    ['alone, with its authorities', pem('rsa-cert.pem'), [pem('stranger-cert.pem'), ca]],
    ['alone, without them', pem('rsa-cert.pem'), pem('stranger-cert.pem')],
    ['with another one', [pem('rsa-cert.pem'), pem('stranger-cert.pem')].join(''), ca],
  ]) {
    same(`issuers of a certificate ${name}`, { ...of('rsa'), cert, ca: authorities }, async (port) => {
      const socket = core.connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
      await once(socket, 'secureConnect')
      const certificate = socket.getPeerCertificate(true)
      const issuer = certificate.issuerCertificate
      socket.destroy()
      return [certificate.subject.CN, issuer?.subject.CN, socket.authorizationError]
    })
  }

  for (const version of ['TLSv1.2', 'TLSv1.3']) {
    const options = { minVersion: version, maxVersion: version, ALPNProtocols: ['a', 'b'], requestCert: true, ca }
    same(`all of them, in ${version}`, { ...options, rejectUnauthorized: false }, async (port, server) => {
      const found = []
      for (const shown of [{}, of('client'), of('stranger')]) {
        const serving = served(server)
        const socket = await secure(port, { ...shown, ALPNProtocols: ['b'] })
        const other = await serving
        const label = socket.exportKeyingMaterial(20, 'EXPORTER-x')
        found.push(told(other, server), label.equals(other.exportKeyingMaterial(20, 'EXPORTER-x')))
        socket.destroy()
      }
      return found
    })
    same(`authorized clients, in ${version}`, options, async (port, server) => {
      const found = {}
      for (const who of ['nobody', 'client', 'stranger']) {
        const failed = once(server, 'tlsClientError').then(([error, socket]) => [error.code, socket.destroyed])
        const serving = served(server).then(({ authorized }) => authorized)
        const socket = core.connect({ port, ...trusting, ...(who === 'nobody' ? {} : of(who)), ALPNProtocols: ['b'] })
        const told = new Promise((resolve) => socket.on('error', resolve).resume())
        found[who] = [await Promise.race([failed, serving])]
        if (who === 'nobody') found[who].push((await told).code)
        socket.destroy()
      }
      return found
    })
  }

  same(
    'which of two certificates was sent',
    { key: [pem('rsa-key.pem'), identity.key], cert: [pem('rsa-cert.pem'), identity.cert] },
    async (port, server) => {
      const found = []
      for (const kind of ['RSA', 'ECDSA']) {
        const serving = served(server)
        const socket = await secure(port, {
          maxVersion: 'TLSv1.2',
          ciphers: `ECDHE-${kind}-AES128-GCM-SHA256`,
          rejectUnauthorized: false,
        })
        found.push(
          (await serving).getX509Certificate().fingerprint256 === socket.getPeerX509Certificate().fingerprint256,
        )
        socket.destroy()
      }
      return found
    },
  )

  it('instanceof, and properties that others do not have', () => {
    const server = tls.createServer(identity)
    // Names that this Node does not have are gone with the first that it has.
    assert.ok(tls.rootCertificates.length > 0)
    assert.ok(server instanceof tls.Server && server instanceof core.Server && server instanceof net.Server)
    assert.ok(core.createServer(identity) instanceof tls.Server)
    assert.ok(!(net.createServer() instanceof tls.Server))
    class Own extends tls.Server {}
    assert.ok(new Own(identity) instanceof Own && !(server instanceof Own))
    assert.ok(tls.Server(identity) instanceof tls.Server)
    assert.deepEqual(Object.keys(tls).sort(), Object.keys(core).sort())
  })
})

describe('the handshake', AT_ONCE, () => {
  const names = ['localhost', 'other.example', 'a.wild.example', 'a.b.wild.example', undefined]
  const everyName = async (port) => {
    const found = []
    for (const servername of names) {
      const socket = await secure(port, { servername, rejectUnauthorized: false })
      found.push(socket.getPeerCertificate().subject.CN)
      socket.destroy()
    }
    return found
  }
  same('selects a context by name, also one that was added or replaced', {}, async (port, server, module) => {
    const found = [await everyName(port)]
    server.addContext('other.example', of('other'))
    server.addContext('*.wild.example', module.createSecureContext(of('other')))
    found.push(await everyName(port))
    server.setSecureContext(of('client'))
    found.push(
      await everyName(port),
      codeOf(() => server.addContext('')),
    )
    return found
  })
  same('times out', { handshakeTimeout: 20 }, async (port, server) => {
    const failed = once(server, 'tlsClientError')
    // Node's leaves the socket to itself then, so its end is not waited for.
    const socket = net.connect(port, '127.0.0.1').on('error', () => {})
    const [{ code, message }] = await failed
    socket.destroy()
    return [code, message]
  })
  same('fails with a peer that does not speak TLS', {}, async (port, server) => {
    const found = []
    for (const text of ['GET / HTTP/1.1\r\n\r\n', '\x16\x03\x01']) {
      const failed = once(server, 'tlsClientError')
      const socket = net.connect(port, '127.0.0.1', () => socket.end(text, 'latin1')).on('error', () => {})
      const [[{ code, reason }]] = await Promise.all([failed, once(socket.resume(), 'close')])
      found.push([code, reason])
    }
    return found
  })
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3']) {
    same(
      `resumes a session, in ${maxVersion}, with shared ticket keys`,
      { maxVersion },
      async (port, server, module) => {
        const other = module.createServer({ ...identity, maxVersion }, (socket) => socket.resume())
        const apart = await listen(other)
        server.on('secureConnection', (socket) => socket.resume())
        const resumed = async (from, to) => {
          const first = core.connect({ port: from, ...trusting, maxVersion })
          const session = once(first, 'session')
          await once(first, 'secureConnect')
          const [ticket] = await session
          first.destroy()
          const second = await secure(to, { maxVersion, session: ticket })
          const reused = second.isSessionReused()
          second.destroy()
          return reused
        }
        const found = [await resumed(port, port), await resumed(port, apart)]
        for (const one of [server, other]) one.setTicketKeys(Buffer.alloc(48, 7))
        found.push(await resumed(port, apart), server.getTicketKeys().equals(other.getTicketKeys()))
        other.close()
        return found
      },
      (found) => assert.deepEqual(found, [true, false, true, true]),
    )
  }
  same(
    'emits keylog',
    {},
    async (port, server) => {
      const lines = []
      server.on('keylog', (line, { encrypted }) => lines.push([String(line).split(' ')[0], encrypted]))
      const serving = served(server)
      const socket = await secure(port)
      await serving
      socket.destroy()
      return lines.sort()
    },
    (lines) => assert.ok(lines.length >= 5),
  )
})

describe('behaviour of net.Server', AT_ONCE, () => {
  same('connections are counted and limited', {}, async (port, server) => {
    server.maxConnections = 1
    const serving = served(server)
    const socket = await secure(port)
    await serving
    const dropped = once(server, 'drop')
    const other = net.connect(port, '127.0.0.1').on('error', () => {})
    const [[{ remotePort }]] = await Promise.all([dropped, once(other.resume(), 'close')])
    const count = () => new Promise((resolve) => server.getConnections((_error, count) => resolve(count)))
    const before = await count()
    socket.destroy()
    while ((await count()) > 0) await setImmediate()
    return [before, remotePort > 0]
  })
  same('close() waits for the last connection', {}, async (port, server) => {
    const serving = served(server)
    const socket = await secure(port)
    const other = await serving
    let closed = false
    const closing = new Promise((resolve) => server.close(() => resolve(closed)))
    socket.end()
    other.resume()
    other.on('close', () => {
      closed = true
    })
    return closing
  })
  const where = process.platform === 'win32' ? '\\\\.\\pipe\\' : os.tmpdir()
  same('listens on a path', {}, async (_port, server, module) => {
    const name = path.join(where, `ironwire-tls-${process.pid}-${module === tls ? 1 : 0}`)
    const other = module.createServer(identity, (socket) => socket.end('hello'))
    await once(other.listen(name), 'listening')
    const text = await textOf(core.connect({ path: name, ca, servername: 'localhost' }))
    other.close()
    server.emit('secureConnection', { destroy() {}, _handle: { secured: true } })
    return text
  })
})

describe('options', AT_ONCE, () => {
  it('that are invalid throw the errors of node:tls', () => {
    for (const options of [
      { key: 'x' },
      { ...identity, key: of('other').key },
      { cert: 5 },
      { minVersion: 'TLSv9' },
      { ciphers: 'none' },
      { ...identity, handshakeTimeout: 'x' },
      { ...identity, SNICallback: 'x' },
      { ...identity, ALPNCallback() {}, ALPNProtocols: ['a'] },
      'text',
      5,
    ]) {
      const [theirs, ours] = [core, tls].map(({ createServer }) => codeOf(() => createServer(options) && 'made'))
      assert.deepEqual(ours, theirs)
    }
    for (const call of [
      (server) => server.setTicketKeys('x'),
      (server) => server.setTicketKeys(Buffer.alloc(4)),
      (server) => server.setSecureContext(),
    ]) {
      const [theirs, ours] = [core, tls].map(({ createServer }) => codeOf(() => call(createServer(identity))))
      assert.deepEqual(ours, theirs)
    }
  })
})

describe("features that rustls lacks use Node's TLS", AT_ONCE, () => {
  const works = (options, more) => [
    options,
    async (port, server) => {
      server.on('secureConnection', (socket) => socket.end(`hello over ${socket.getCipher().name}`))
      return textOf(await secure(port, more))
    },
    undefined,
    true,
  ]
  const old = { ciphers: 'AES128-SHA', maxVersion: 'TLSv1.2' }
  same('PFX', ...works({ key: undefined, cert: undefined, pfx: pem('server.pfx'), passphrase: 'secret' }))
  same('an old cipher suite', ...works({ ...old, ...of('rsa') }, { ciphers: 'AES128-SHA' }))
  same('a client with old cipher suites', ...works(of('rsa'), old))
  same(
    'a protocol that Node implements on its own handles',
    ...works({ ALPNProtocols: ['h2', 'http/1.1'] }, { ALPNProtocols: ['http/1.1'] }),
  )
  same(
    'access to the underlying socket',
    {},
    async (port, server) => {
      const below = once(server, 'connection')
      const serving = served(server)
      const socket = await secure(port)
      const [[raw]] = await Promise.all([below, serving])
      socket.destroy()
      return [raw.encrypted, raw instanceof net.Socket]
    },
    undefined,
    true,
  )
  same(
    'sessions that the program stores',
    {},
    async (port, server) => {
      let kept
      server.on('newSession', (_id, session, done) => {
        kept = session.length > 0
        done()
      })
      server.on('secureConnection', (socket) => socket.end())
      const socket = await secure(port, { maxVersion: 'TLSv1.2' })
      await once(socket.resume(), 'close')
      return kept
    },
    undefined,
    true,
  )

  it('TLS in TLS, and a server over any stream', async () => {
    const inner = tls.createServer(identity, (socket) => socket.end('inner'))
    const outer = tls.createServer(identity, (socket) => inner.emit('connection', socket))
    const port = await listen(outer)
    const first = await secure(port)
    const second = core.connect({ socket: first, ...trusting })
    assert.equal(await textOf(second), 'inner')
    outer.close()
    assert.ok(!isOurs(second))
  })
})

it('no handle is left open', async () => {
  const server = tls.createServer(identity, (socket) => socket.end('hello'))
  const port = await listen(server)
  for (let i = 0; i < 3; i++) await textOf(await secure(port))
  const socket = net.connect(port, '127.0.0.1').resume()
  await once(socket, 'connect')
  socket.destroy()
  await once(server.close(), 'close')
  await emptied()
})
