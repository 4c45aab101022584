'use strict'

// tls.connect against Node's: the same scenario with either must say the same, to servers of either module.

const assert = require('node:assert/strict')
const { spawn } = require('node:child_process')
const { once } = require('node:events')
const fs = require('node:fs')
const net = require('node:net')
const os = require('node:os')
const path = require('node:path')
const { describe, it } = require('node:test')
const { setImmediate } = require('node:timers/promises')
const core = require('node:tls')
const ironwire = require('../..')
const { ca, pem, identity, of, trusting, listen, emptied } = require('../https/support.js')
const { freePort } = require('../ports.js')
const { eventsOf, isOurs, textOf } = require('./support.js')

const { tls } = ironwire
const AT_ONCE = { concurrency: 8 }

/**
 * Runs a scenario with `connect` of either module, to a server of either that is set up by `serve`; what it returns must be the same. `check` is held
 * against ours. The TLS of our sockets must be rustls's unless `foreign` is said.
 */
function same(name, { foreign = false, ...options }, serve, scenario, check) {
  it(name, async () => {
    const results = []
    for (const module of [core, tls]) {
      for (const serving of [core, tls]) {
        const server = serving.createServer({ ...identity, ...options })
        const open = new Set()
        server.on('secureConnection', (socket) => open.add(socket.on('error', () => {})))
        if (serve) server.on('secureConnection', serve)
        const connect = (...args) => {
          const socket = module.connect(...args)
          open.add(socket)
          if (module === tls) {
            socket.once('secureConnect', () => assert.equal(isOurs(socket), !foreign, 'whose TLS it is'))
          }
          return socket
        }
        try {
          results.push(await scenario(connect, await listen(server), server))
        } finally {
          for (const socket of open) socket.destroy()
          server.close()
        }
      }
    }
    const [expected, ...others] = results
    for (const result of others) assert.deepEqual(result, expected)
    check?.(expected)
  })
}

const echo = (socket) => socket.pipe(socket)
const hello = (socket) => socket.end('hello')

const told = (socket) => {
  const peer = socket.getPeerCertificate(true)
  return {
    isTls: socket instanceof core.TLSSocket && socket instanceof net.Socket,
    name: socket.constructor.name,
    encrypted: socket.encrypted,
    authorized: socket.authorized,
    error: socket.authorizationError,
    protocol: socket.getProtocol(),
    alpn: socket.alpnProtocol,
    servername: socket.servername,
    reused: socket.isSessionReused(),
    subject: peer.subject,
    issuer: peer.issuerCertificate?.subject,
    x509: socket.getPeerX509Certificate()?.subject,
    own: socket.getX509Certificate()?.subject,
    connecting: [socket.connecting, socket.secureConnecting, socket.readyState],
    remote: [socket.remoteAddress, socket.remoteFamily],
  }
}

/** What becomes of an attempt. */
async function outcome(socket) {
  return new Promise((resolve) => {
    socket.on('secureConnect', () => resolve(told(socket)))
    socket.on('error', ({ code, message, host, port }) => resolve([code, message.split(':')[0], host, port > 0]))
  })
}

describe('data', AT_ONCE, () => {
  for (const version of ['TLSv1.2', 'TLSv1.3']) {
    same(`arrives, whatever its size, in ${version}`, { maxVersion: version }, echo, async (connect, port) => {
      const found = []
      for (const size of [0, 1, 16_385, 1_000_000]) {
        const socket = connect({ port, ...trusting })
        // Before there is a connection.
        socket.end(Buffer.alloc(size, 'ironwire '))
        const chunks = []
        for await (const chunk of socket) chunks.push(chunk)
        found.push(Buffer.concat(chunks).equals(Buffer.alloc(size, 'ironwire ')))
      }
      return found
    })
  }
  same(
    'is held back while the server does not read',
    {},
    (socket) => socket.pause(),
    async (connect, port, server) => {
      const serving = once(server, 'secureConnection')
      const socket = connect({ port, ...trusting })
      const [[reader]] = await Promise.all([serving, once(socket, 'secureConnect')])
      let written = 0
      while (socket.write(Buffer.alloc(100_000)) || written < 100) written++
      const drained = once(socket, 'drain')
      let length = 0
      reader.on('data', (chunk) => {
        length += chunk.length
      })
      reader.resume()
      await drained
      socket.end()
      await once(reader, 'end')
      return length === (written + 1) * 100_000
    },
  )
  same('is not sent before the server is verified', {}, echo, async (connect, port, server) => {
    const seen = []
    server.on('secureConnection', (socket) => socket.on('data', (chunk) => seen.push(String(chunk))))
    const socket = connect({ port, host: '127.0.0.1' })
    socket.write('secret')
    const found = await outcome(socket)
    await once(socket, 'close').catch(() => {})
    return [found[0], seen]
  })
})

describe('verification of the server', AT_ONCE, () => {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3']) {
    const attempts = {
      'a server that is trusted': trusting,
      'an unknown authority': { host: '127.0.0.1', servername: 'localhost' },
      'an unknown authority, with rejectUnauthorized: false': {
        host: '127.0.0.1',
        servername: 'localhost',
        rejectUnauthorized: false,
      },
      'a certificate for another name': { ...trusting, servername: 'other.example' },
      'a certificate for another name, with rejectUnauthorized: false': {
        ...trusting,
        servername: 'other.example',
        rejectUnauthorized: false,
      },
      'a server named by its address': { ca, host: '127.0.0.1' },
      'checkServerIdentity returns an error': {
        ...trusting,
        checkServerIdentity: (name, { subject }) => new RangeError(`${name} ${subject.CN}`),
      },
      'checkServerIdentity accepts another name': {
        ...trusting,
        servername: 'other.example',
        checkServerIdentity: () => undefined,
      },
      'the client has a certificate': { ...trusting, ...of('client') },
      'both have protocols for ALPN': { ...trusting, ALPNProtocols: ['b', 'a'] },
    }
    for (const [name, options] of Object.entries(attempts)) {
      same(`${name}, in ${maxVersion}`, { maxVersion, ALPNProtocols: ['a'] }, undefined, (connect, port) =>
        outcome(connect({ port, ...options })),
      )
    }
  }
  same('a self-signed certificate of version 1', of('old'), hello, async (connect, port) => {
    const first = await outcome(connect({ port, host: '127.0.0.1' }))
    const second = await outcome(connect({ port, host: '127.0.0.1', rejectUnauthorized: false }))
    return [first, second.error, second.authorized]
  })
  it('a self-signed certificate of version 1 that is in `ca`', async () => {
    const server = tls.createServer(of('old'), hello)
    const port = await listen(server)
    const socket = tls.connect({ port, host: '127.0.0.1', ca: pem('old-cert.pem'), checkServerIdentity() {} })
    await once(socket, 'secureConnect')
    assert.equal(isOurs(socket), true)
    assert.equal(await textOf(socket), 'hello')
    server.close()
  })
})

describe('certificates', AT_ONCE, () => {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3']) {
    const options = { maxVersion, requestCert: true, ca }
    same(`a required client certificate is missing, in ${maxVersion}`, options, undefined, async (connect, port) => {
      const socket = connect({ port, ...trusting })
      const [{ code, message }] = await new Promise((resolve) => socket.on('error', (...args) => resolve(args)))
      assert.match(code, /ALERT/)
      return [code, message.includes('alert')]
    })
  }
  it('a missing client certificate causes one connection only', async () => {
    const server = core.createServer({ ...identity, maxVersion: 'TLSv1.2', requestCert: true, ca })
    let connections = 0
    server.on('connection', () => connections++).on('tlsClientError', () => {})
    const socket = tls.connect({ port: await listen(server), ...trusting })
    await assert.rejects(once(socket, 'secureConnect'), /handshake failure/)
    assert.equal(connections, 1)
    server.close()
  })
  same('issuerCertificate leads to the root, also if the server does not send it', {}, hello, async (connect, port) => {
    const socket = connect({ port, ...trusting })
    await once(socket, 'secureConnect')
    const found = []
    let last
    // As Node's documentation does it.
    for (let next = socket.getPeerCertificate(true); next.fingerprint256 !== last; next = next.issuerCertificate) {
      last = next.fingerprint256
      found.push(next.subject.CN)
    }
    assert.deepEqual(found, ['localhost', 'between', 'authority'])
    return [found, socket.getPeerCertificate().issuerCertificate, socket.getCertificate()]
  })
  same(
    'the certificate of an unknown server has no issuer',
    { cert: pem('server-cert.pem') },
    hello,
    async (connect, port) => {
      const socket = connect({ port, ...trusting, rejectUnauthorized: false })
      await once(socket, 'secureConnect')
      return [socket.authorizationError, 'issuerCertificate' in socket.getPeerCertificate(true)]
    },
  )
  same(
    'checkServerIdentity gets the certificate with its issuers',
    {},
    hello,
    (connect, port) =>
      new Promise((resolve, reject) => {
        const checkServerIdentity = (_name, { issuerCertificate }) => {
          resolve([issuerCertificate.subject.CN, issuerCertificate.issuerCertificate.subject.CN])
        }
        connect({ port, ...trusting, checkServerIdentity }).on('error', reject)
      }),
  )
  for (const changed of [false, true]) {
    it(`a context that ${changed ? 'was changed' : 'is unchanged'} is verified by ${changed ? 'Node' : 'rustls'}`, async (t) => {
      const server = core.createServer(identity, (socket) => socket.end())
      t.after(() => server.close())
      const secureContext = tls.createSecureContext()
      if (changed) secureContext.context.addCACert(ca)
      const { ca: _ca, ...options } = trusting
      const socket = tls.connect({ port: await listen(server), ...options, secureContext, rejectUnauthorized: false })
      t.after(() => socket.destroy())
      await once(socket, 'secureConnect')
      assert.deepEqual([socket.authorized, isOurs(socket)], [changed, !changed])
    })
  }
})

describe('options', AT_ONCE, () => {
  it('invalid options throw the errors of node:tls, also after similar valid ones', () => {
    // Some throw when they have begun to connect: they get no further.
    const nowhere = { host: 'nowhere.test', port: 1, lookup() {} }
    const errorOf = (module, options) => {
      try {
        module.connect({ ...nowhere, ...options }).destroy()
        return 'none'
      } catch ({ name, code, message }) {
        return [name, code, message]
      }
    }
    for (const options of [
      {},
      { servername: 5 },
      { session: 5 },
      { ticketKeys: 5 },
      { ticketKeys: Buffer.alloc(5) },
      { sessionTimeout: 'x' },
      { sessionIdContext: 5 },
      { ciphers: 5 },
      { ca: 5 },
    ]) {
      const [expected, found] = [core, tls].map((module) => errorOf(module, options))
      const [name] = Object.keys(options)
      assert.deepEqual(found, expected, name)
      assert.equal(found === 'none', name === undefined)
    }
  })
  same('the properties of TLS are empty before the handshake', {}, hello, async (connect, port) => {
    const socket = connect({ port, ...trusting })
    const says = () => [socket.servername, socket.alpnProtocol, socket.getCipher()?.name, socket.getSharedSigalgs()]
    const before = says()
    await once(socket, 'connect')
    const [servername, alpnProtocol] = says()
    return [before, servername, alpnProtocol]
  })
  it('setMaxSendFragment() works before the connection', async () => {
    const sizes = []
    const server = net.createServer((raw) => {
      const secured = new core.TLSSocket(raw, { isServer: true, secureContext: core.createSecureContext(identity) })
      secured.on('data', ({ length }) => sizes.push(length)).on('end', () => secured.end())
    })
    const socket = tls.connect({ port: await listen(server), ...trusting })
    assert.equal(socket.setMaxSendFragment(600), true)
    socket.end(Buffer.alloc(3000)).resume()
    await once(socket, 'close')
    server.close()
    assert.deepEqual([Math.max(...sizes), sizes.reduce((sum, size) => sum + size)], [600, 3000])
  })
})

describe('errors', AT_ONCE, () => {
  it('are those of node:tls', async (t) => {
    // After the ClientHello: what a client sees of a connection that ends before depends on which of the two is faster.
    const answering = (answer) =>
      net.createServer((socket) => socket.on('error', () => {}).once('data', () => answer(socket)))
    const servers = [
      answering((socket) => socket.destroy()),
      answering((socket) => socket.resetAndDestroy()),
      answering((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
    ]
    const ports = await Promise.all(servers.map(listen))
    t.after(() => {
      for (const server of servers) server.close()
    })
    for (const port of [...ports, await freePort()]) {
      const found = []
      for (const { connect } of [core, tls]) {
        const socket = connect({ port, host: '127.0.0.1' })
        const closed = new Promise((resolve) => socket.on('close', resolve))
        const [{ code, syscall, address, host }] = await once(socket, 'error')
        found.push([code, syscall, address, host, await closed, socket.destroyed])
      }
      assert.deepEqual(found[1], found[0])
    }
  })
  it('of invalid options are thrown as by node:tls', () => {
    for (const options of [
      { checkServerIdentity: 5 },
      { minDHSize: 0 },
      { ca: 5 },
      { minVersion: 'TLSv9' },
      { secureProtocol: 'SSLv2_method' },
      { ...identity, key: of('other').key },
      { ALPNProtocols: ['x'.repeat(256)] },
    ]) {
      const codes = [core, tls].map(({ connect }) => {
        try {
          connect({ port: 1, ...options })
            .on('error', () => {})
            .destroy()
          return 'made'
        } catch (error) {
          return [error.name, error.code]
        }
      })
      assert.deepEqual(codes[1], codes[0], Object.keys(options)[0])
    }
  })
  same('are found in later options, too', {}, hello, async (connect, port) => {
    await outcome(connect({ port, ...trusting }))
    try {
      connect({ port, ...trusting, crl: 'none' }).on('error', () => {})
      return 'made'
    } catch ({ code }) {
      return code
    }
  })
})

describe('events', AT_ONCE, () => {
  const EVENTS = ['connect', 'secureConnect', 'ready', 'end', 'finish', 'timeout', 'error', 'close']
  same('when the server ends', {}, hello, (connect, port) => eventsOf(connect({ port, ...trusting }).resume(), EVENTS))
  same('when the client is destroyed at once', {}, hello, (connect, port) =>
    eventsOf(connect({ port, ...trusting }).destroy(), EVENTS),
  )
  same('when a timeout passes', {}, undefined, async (connect, port) => {
    const socket = connect({ port, ...trusting, timeout: 50 })
    socket.on('timeout', () => socket.destroy())
    return eventsOf(socket, ['timeout', 'end', 'error', 'close'])
  })
  same(
    'when one side ends',
    { allowHalfOpen: true },
    (socket) => socket.resume().on('end', () => socket.end('answer')),
    async (connect, port) => {
      const socket = connect({ port, ...trusting, allowHalfOpen: true })
      socket.end('question')
      return textOf(socket)
    },
  )
  same('for all forms of arguments', {}, hello, async (connect, port) => {
    const found = []
    for (const args of [
      [port, '127.0.0.1', { ca, servername: 'localhost' }],
      [port, { ...trusting }],
      [{ port, ...trusting }],
      [{ port: String(port), ...trusting }],
    ]) {
      const called = new Promise((resolve) => {
        const socket = connect(...args, function () {
          resolve([this === socket, socket.authorized])
        })
        socket.resume()
      })
      found.push(await called)
    }
    return found
  })
  same('keylog', {}, hello, async (connect, port) => {
    const lines = []
    const socket = connect({ port, ...trusting })
    socket.on('keylog', (line) => lines.push(String(line).split(' ')[0]))
    await once(socket.resume(), 'close')
    return lines.sort()
  })
})

describe('sessions', AT_ONCE, () => {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3']) {
    same(
      `are resumed, in ${maxVersion}`,
      { maxVersion },
      (socket) => socket.resume(),
      async (connect, port) => {
        const first = connect({ port, ...trusting })
        const given = once(first, 'session')
        await once(first, 'secureConnect')
        const [session] = await given
        first.destroy()
        const second = connect({ port, ...trusting, session })
        let others = 0
        second.on('session', () => others++)
        await once(second, 'secureConnect')
        // In TLS 1.2 there is no other then; in 1.3 our servers give some.
        const isNewest = maxVersion === 'TLSv1.3'
        const isSame = isNewest || second.getSession().equals(session)
        const found = [Buffer.isBuffer(session), second.isSessionReused(), second.authorized, isSame]
        second.end()
        await once(second.resume(), 'close')
        return [...found, isNewest || others]
      },
    )
  }
})

it('--tls-keylog writes the keys of connections', async (t) => {
  const server = core.createServer(identity, hello)
  t.after(() => server.close())
  const log = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-keylog-')), 'log')
  t.after(() => fs.rmSync(path.dirname(log), { recursive: true }))
  const script = `require(${JSON.stringify(path.join(__dirname, '../..'))}).tls.connect(${await listen(server)}, { rejectUnauthorized: false }).resume()`
  const child = spawn(process.execPath, [`--tls-keylog=${log}`, '-e', script], { stdio: 'ignore' })
  assert.deepEqual(await once(child, 'exit'), [0, null])
  assert.match(fs.readFileSync(log, 'latin1'), /^CLIENT_HANDSHAKE_TRAFFIC_SECRET /m)
})

describe("sessions of ironwire's servers", AT_ONCE, () => {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3']) {
    it(`can be resumed again and again, two at a time, in ${maxVersion}`, async (t) => {
      const server = tls.createServer({ ...identity, maxVersion }, hello)
      t.after(() => server.close())
      const port = await listen(server)
      let session
      const connected = async () => {
        const socket = tls.connect({ port, ...trusting, session })
        const given = session === undefined ? once(socket, 'session') : undefined
        const ended = once(socket.resume(), 'close')
        await once(socket, 'secureConnect')
        const reused = socket.isSessionReused()
        const [next = session] = (await given) ?? []
        await ended
        return [reused, next]
      }
      const found = []
      for (let i = 0; i < 4; i++) {
        const both = await Promise.all([connected(), connected()])
        session = both[1][1]
        found.push(...both.map(([reused]) => reused))
      }
      assert.deepEqual(found, [false, false, true, true, true, true, true, true])
    })
  }
})

describe('kinds of connections', AT_ONCE, () => {
  it('a path', async () => {
    const name = path.join(
      process.platform === 'win32' ? '\\\\.\\pipe\\' : os.tmpdir(),
      `ironwire-tls-client-${process.pid}`,
    )
    const server = tls.createServer(identity, hello)
    await once(server.listen(name), 'listening')
    const socket = tls.connect({ path: name, ca, servername: 'localhost' })
    assert.equal(await textOf(socket), 'hello')
    server.close()
  })
  same("an existing socket, with Node's TLS", { foreign: true }, hello, async (connect, port) => {
    const socket = net.connect(port, '127.0.0.1')
    await once(socket, 'connect')
    return textOf(connect({ socket, ...trusting }))
  })
  it("STARTTLS: a socket that was in use without TLS, with Node's TLS", async () => {
    const server = net.createServer((raw) => {
      raw.on('data', function wait(asked) {
        if (String(asked) !== 'STARTTLS') return
        raw.removeListener('data', wait)
        raw.write('go')
        const secured = new core.TLSSocket(raw, { isServer: true, secureContext: core.createSecureContext(identity) })
        secured.on('data', (said) => (String(said) === 'QUIT' ? secured.end('bye') : secured.write(`secure ${said}`)))
      })
      raw.write('hello')
    })
    const port = await listen(server)
    const found = []
    for (const { tls: secure, net: plain } of [
      { tls: core, net },
      { tls, net: ironwire.net },
    ]) {
      const notes = []
      const noted = ['secureConnect', 'connect', 'end', 'finish', 'close', 'error']
      const watch = (name, socket) => {
        for (const event of noted) socket.on(event, () => notes.push(`${name} ${event}`))
      }
      const below = plain.connect(port, '127.0.0.1')
      watch('below', below)
      const above = await new Promise((resolve) => {
        below.on('data', function greet(said) {
          notes.push(String(said))
          if (String(said) === 'hello') return below.write('STARTTLS')
          below.removeListener('data', greet)
          resolve(secure.connect({ socket: below, ca, servername: 'localhost' }))
        })
      })
      watch('above', above)
      const says = () =>
        notes.push([above.secureConnecting, above.authorized, above.remotePort === port, above.readyState])
      says()
      above.setEncoding('utf8')
      above.on('secureConnect', () => above.write('EHLO'))
      above.on('data', (said) => {
        notes.push(said)
        if (said === 'secure EHLO') says()
        if (said === 'secure EHLO') above.write('QUIT')
      })
      await new Promise((resolve) => above.once('close', resolve))
      await setImmediate()
      notes.push([below.destroyed, above.destroyed])
      found.push(notes)
    }
    server.close()
    assert.deepEqual(found[1], found[0])
    assert.ok(found[1].includes('bye'))
  })
  same("HTTP/2, with Node's TLS", { foreign: true, ALPNProtocols: ['h2'] }, hello, (connect, port) =>
    textOf(connect({ port, ...trusting, ALPNProtocols: ['h2'] })),
  )
  same('a context made by node:tls', { foreign: true }, hello, (connect, port) =>
    textOf(connect({ port, ...trusting, secureContext: core.createSecureContext({ ca }) })),
  )
  same('a context made by ironwire', {}, hello, (connect, port) =>
    textOf(connect({ port, ...trusting, secureContext: tls.createSecureContext({ ca }) })),
  )
})

it('no handle is left open', async () => {
  const server = core.createServer(identity, hello)
  const port = await listen(server)
  for (let i = 0; i < 3; i++) await textOf(tls.connect({ port, ...trusting }))
  await once(tls.connect({ port, host: '127.0.0.1' }), 'error')
  tls.connect({ port, ...trusting }).destroy()
  server.close()
  await emptied()
})
