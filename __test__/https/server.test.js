// https.Server against Node's: the same scenario on either must say the same, with Node's own client as the peer.

'use strict'

const assert = require('node:assert/strict')
const { createHash } = require('node:crypto')
const { once } = require('node:events')
const core = require('node:https')
const net = require('node:net')
const { describe, it } = require('node:test')
const tls = require('node:tls')
const { https } = require('../..')
const { pem, ca, identity, of, trusting, listen, ask, secure, emptied } = require('./support.js')

const hash = (bytes) => createHash('sha256').update(bytes).digest('hex')
const AT_ONCE = { concurrency: 8 }

/** Runs a scenario with a server of either module; what it returns must be the same. `check` is held against ours. */
function same(name, options, listener, scenario, check) {
  it(name, async () => {
    const results = []
    for (const module of [core, https]) {
      const server = module.createServer({ ...identity, ...options }, listener)
      try {
        results.push(await scenario(await listen(server), server))
      } finally {
        server.closeAllConnections()
        server.close()
      }
    }
    assert.deepEqual(results[1], results[0])
    check?.(results[1])
  })
}

const hello = (_req, res) => res.end('hello')

/** What a server's socket says of its TLS. */
function told({ socket }) {
  const peer = socket.getPeerCertificate(true)
  return {
    encrypted: socket.encrypted,
    isTls: socket instanceof tls.TLSSocket,
    name: socket.constructor.name,
    protocol: socket.getProtocol(),
    cipher: socket.getCipher(),
    alpn: socket.alpnProtocol,
    servername: socket.servername,
    reused: socket.isSessionReused(),
    authorized: socket.authorized,
    error: socket.authorizationError,
    key: socket.getEphemeralKeyInfo(),
    peer: { subject: peer.subject, fingerprint: peer.fingerprint256, issuer: peer.issuerCertificate?.subject },
    x509: socket.getPeerX509Certificate()?.subject,
  }
}

const tellAll = (req, res) => res.end(JSON.stringify(told(req)))

describe('requests', AT_ONCE, () => {
  same('can have any size', {}, echo, async (port) => {
    const agent = new core.Agent({ keepAlive: true, maxSockets: 1 })
    const found = []
    for (const size of [0, 1, 1000, 16_384, 16_385, 100_000, 3_000_000]) {
      const { status, body } = await ask(port, { agent, method: 'POST' }, Buffer.alloc(size, 'ironwire '))
      found.push([status, body.length, hash(body)])
    }
    agent.destroy()
    return found
  })

  same(
    'that arrive together are answered in order',
    {},
    (req, res) => res.end(req.url),
    async (port) => {
      const socket = await secure(port)
      const requests = Array.from(
        { length: 50 },
        (_, i) => `GET /${i} HTTP/1.1\r\nHost: a\r\n${i === 49 ? 'Connection: close\r\n' : ''}\r\n`,
      )
      socket.write(requests.join(''))
      let text = ''
      for await (const chunk of socket.setEncoding('latin1')) text += chunk
      return text.match(/^\/\d+/gm)
    },
  )

  same('can be split anywhere', {}, echo, async (port) => {
    const socket = await secure(port)
    for (const byte of 'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody')
      socket.write(byte)
    let text = ''
    for await (const chunk of socket.setEncoding('latin1')) text += chunk
    return text.endsWith('body')
  })

  same('are answered at the speed of the client', {}, flood, async (port, server) => {
    const socket = await secure(port)
    const drained = once(server, 'held')
    socket.pause().write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    await drained
    let length = 0
    for await (const chunk of socket) length += chunk.length
    return length > FLOOD
  })

  same('can be upgraded', {}, hello, async (port, server) => {
    server.on('upgrade', (_req, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
      socket.pipe(socket)
    })
    const socket = await secure(port)
    socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
    await once(socket, 'data')
    socket.write('ping')
    const [echoed] = await once(socket, 'data')
    socket.end()
    await once(socket, 'close')
    return String(echoed)
  })
})

function echo(req, res) {
  req.pipe(res)
}

const FLOOD = 8_000_000

function flood(_req, res) {
  const server = res.socket.server
  let left = FLOOD
  const more = () => {
    while (left > 0) {
      left -= 100_000
      if (!res.write(Buffer.alloc(100_000, 'x'))) {
        server.emit('held')
        return res.once('drain', more)
      }
    }
    res.end()
  }
  more()
}

describe('the properties of a socket', AT_ONCE, () => {
  for (const version of ['TLSv1.2', 'TLSv1.3']) {
    same(`in ${version}`, { minVersion: version, maxVersion: version }, tellAll, async (port) =>
      JSON.parse((await ask(port)).body),
    )

    for (const rejectUnauthorized of [false, true]) {
      const name = `of clients that are ${rejectUnauthorized ? 'kept out' : 'let in'}, in ${version}`
      const options = { requestCert: true, rejectUnauthorized, ca, minVersion: version, maxVersion: version }
      same(
        name,
        options,
        tellAll,
        async (port) => {
          const found = {}
          for (const who of ['nobody', 'client', 'stranger']) {
            const shown = who === 'nobody' ? {} : of(who)
            const answered = ask(port, shown).then(({ body }) => JSON.parse(body))
            // How the client notices that it is kept out is a race that Node's has, too.
            found[who] = await answered.catch(() => 'kept out')
          }
          return found
        },
        (found) => {
          assert.equal(found.client.authorized, true)
          assert.equal(found.stranger === 'kept out', rejectUnauthorized)
        },
      )
    }
  }

  same(
    'that accepts every client shows whether the client is authorized',
    { requestCert: true, rejectUnauthorized: false, ca },
    undefined,
    async (port, server) => {
      const found = []
      for (const shown of [{}, of('stranger'), of('client')]) {
        const req = core.request({ port, ...trusting, ...shown, agent: false })
        req.on('error', () => {}).end()
        const [{ socket, client }] = await once(server, 'request')
        const gone = new Promise((resolve) => socket.once('close', resolve))
        req.destroy()
        await gone
        found.push([socket.authorized, client.authorized, socket.authorizationError, socket.servername])
      }
      return found
    },
    (found) =>
      assert.deepEqual(
        found.map(([authorized]) => authorized),
        [false, false, true],
      ),
  )

  same(
    'that refuses a client emits tlsClientError',
    { requestCert: true, rejectUnauthorized: true, ca },
    hello,
    async (port, server) => {
      const told = {}
      for (const who of ['nobody', 'stranger']) {
        const heard = once(server, 'tlsClientError')
        const answer = ask(port, who === 'nobody' ? {} : of(who)).catch(() => 'kept out')
        const [{ code, reason }, socket] = await heard
        told[who] = [code, reason, socket.destroyed, await answer]
      }
      return told
    },
    ({ nobody, stranger }) => {
      assert.equal(nobody[0], 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE')
      assert.equal(stranger[0], 'ECONNRESET')
    },
  )

  for (const [name, options] of [
    ['with rustls', {}],
    ["with Node's TLS", { ecdhCurve: 'P-256' }],
  ]) {
    same(
      `${name}: addresses, and all bytes through a tunnel whose client has ended its side`,
      options,
      undefined,
      async (port, server) => {
        const size = 1_000_000
        let where
        server.on('connect', (req, socket) => {
          const { remoteAddress, remoteFamily, remotePort, localAddress, localFamily, localPort } = req.socket
          where = [remoteAddress, remoteFamily, typeof remotePort, localAddress, localFamily, localPort === port]
          socket.write('HTTP/1.1 200 OK\r\n\r\n')
          socket.pipe(socket)
        })
        const req = core.request({ port, ...trusting, agent: false, method: 'CONNECT', path: 'a:1' }).end()
        const [, tunnel] = await once(req, 'connect')
        tunnel.end(Buffer.alloc(size, 'tunnel'))
        const chunks = []
        for await (const chunk of tunnel) chunks.push(chunk)
        return [where, hash(Buffer.concat(chunks)) === hash(Buffer.alloc(size, 'tunnel'))]
      },
      ([where, isWhole]) => {
        assert.equal(where[0], '127.0.0.1')
        assert.ok(isWhole)
      },
    )
  }

  same('with ALPN', { ALPNProtocols: ['h2', 'http/1.1'] }, tellAll, async (port) =>
    JSON.parse((await ask(port, { ALPNProtocols: ['http/1.1'] })).body),
  )

  same(
    'exportKeyingMaterial() gives the same at both ends',
    {},
    hello,
    async (port, server) => {
      const request = once(server, 'request')
      const socket = await secure(port)
      socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
      const [{ socket: served }] = await request
      const derived = (context) =>
        [served, socket].map((side) => side.exportKeyingMaterial(40, 'EXPERIMENTAL-a', context).toString('hex'))
      const [[a, b], [c, d]] = [derived(Buffer.from('b')), derived(undefined)]
      const errors = [
        [-1, 'a'],
        ['1', 'a'],
        [1, 1],
        [1, 'a', 'b'],
        [1.5, 'a'],
      ].map((args) => codeOf(() => served.exportKeyingMaterial(...args)))
      socket.destroy()
      return [a === b, c === d, a === c, errors]
    },
    (found) => assert.deepEqual(found.slice(0, 3), [true, true, false]),
  )

  same('keylog', {}, hello, async (port, server) => {
    const secured = once(server, 'secureConnection')
    const socket = await secure(port)
    const [served] = await secured
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await once(socket, 'data')
    const closed = once(served, 'close')
    socket.end()
    await closed
    return [served.encrypted, served.getProtocol(), served.remoteFamily, served.destroyed]
  })
})

function codeOf(code) {
  try {
    code()
  } catch (error) {
    return [error.name, error.code, error.message]
  }
}

describe('tlsClientError', AT_ONCE, () => {
  /** What the server was told, and what became of the client's connection. */
  const refused = (options, attempt) => [
    options,
    hello,
    async (port, server) => {
      const failed = once(server, 'tlsClientError')
      await attempt(port)
      const [{ code, reason }, socket] = await failed
      return { code, reason, destroyed: socket.destroyed, encrypted: socket.encrypted }
    },
  ]

  const raw = (bytes) => async (port) => {
    const socket = net.connect(port, '127.0.0.1').on('error', () => {})
    socket.write(bytes)
    await once(socket.resume(), 'close')
  }

  const fails = (options) => async (port) => {
    const socket = tls.connect({ port, ...trusting, ...options })
    await once(socket, 'error')
  }

  same('plain HTTP', ...refused({}, raw('GET / HTTP/1.1\r\nHost: a\r\n\r\n')), ({ code }) =>
    assert.equal(code, 'ERR_SSL_HTTP_REQUEST'),
  )
  same('other data', ...refused({}, raw('SSH-2.0-OpenSSH_9.6\r\n')))
  same(
    'a client that disconnects',
    ...refused({}, async (port) => {
      const socket = net.connect(port, '127.0.0.1')
      socket.end(Buffer.from([22, 3, 1, 0, 100]))
      await once(socket.resume(), 'close')
    }),
    ({ code }) => assert.equal(code, 'ECONNRESET'),
  )
  same('a client with an old TLS version', ...refused({ minVersion: 'TLSv1.3' }, fails({ maxVersion: 'TLSv1.2' })))
  same(
    'no cipher suite in common',
    ...refused(
      { ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' },
      fails({ ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' }),
    ),
  )
  same('no protocol in common', ...refused({ ALPNProtocols: ['a'] }, fails({ ALPNProtocols: ['b'] })))
  same('a client that does not trust the server', ...refused({ minVersion: 'TLSv1.3' }, fails({ ca: [] })))
  same(
    'a handshake that times out',
    ...refused({ handshakeTimeout: 50 }, async (port) => {
      const socket = net.connect(port, '127.0.0.1').on('error', () => {})
      await once(socket.resume(), 'close')
    }),
    ({ code }) => assert.equal(code, 'ERR_TLS_HANDSHAKE_TIMEOUT'),
  )
  same('also emits clientError', {}, hello, async (port, server) => {
    const failed = once(server, 'clientError')
    await raw('GET / HTTP/1.1\r\n\r\n')(port)
    const [{ code }] = await failed
    return code
  })

  it('invalid options throw the errors of node:https', () => {
    for (const options of [
      { key: 'x' },
      { ...identity, key: of('other').key },
      { cert: 5 },
      { minVersion: 'TLSv9' },
      { ciphers: 'none' },
      { ...identity, handshakeTimeout: 'x' },
      { ...identity, ALPNCallback() {}, ALPNProtocols: ['a'] },
    ]) {
      const [theirs, ours] = [core, https].map(({ createServer }) => codeOf(() => createServer(options)))
      assert.deepEqual(ours, theirs)
    }
  })
})

describe('certificates', AT_ONCE, () => {
  const shown = async (port, servername) => {
    const socket = await secure(port, { servername, rejectUnauthorized: false })
    const { subject } = socket.getPeerCertificate()
    socket.destroy()
    return subject.CN
  }
  const names = ['localhost', 'other.example', 'a.wild.example', 'a.b.wild.example', 'unknown', undefined]
  const everyName = async (port) => {
    const found = []
    for (const name of names) found.push(await shown(port, name))
    return found
  }

  same('are selected by the requested name', {}, hello, async (port, server) => {
    const before = await everyName(port)
    server.addContext('other.example', of('other'))
    server.addContext('*.wild.example', of('other'))
    return [before, await everyName(port)]
  })
  same('can be given for added names only', { key: undefined, cert: undefined }, hello, async (port, server) => {
    server.addContext('other.example', of('other'))
    const error = once(server, 'tlsClientError')
    await assert.rejects(shown(port, 'localhost'))
    return [await shown(port, 'other.example'), (await error)[0].code]
  })
  same('can be replaced', {}, hello, async (port, server) => {
    const before = await shown(port, 'localhost')
    server.setSecureContext(of('other'))
    return [before, await shown(port, 'localhost')]
  })
  same(
    'can be of both key types',
    { key: [pem('rsa-key.pem'), identity.key], cert: [pem('rsa-cert.pem'), identity.cert] },
    hello,
    async (port) => {
      const found = []
      for (const kind of ['RSA', 'ECDSA']) {
        const socket = await secure(port, { maxVersion: 'TLSv1.2', ciphers: `ECDHE-${kind}-AES128-GCM-SHA256` })
        found.push(socket.getCipher().name)
        socket.destroy()
      }
      return found
    },
  )
  same(
    'can have their intermediate certificate in `ca`',
    { cert: pem('server-cert.pem'), ca: [pem('between-cert.pem')] },
    hello,
    async (port) => (await ask(port)).status,
  )
  same(
    'can have an encrypted key',
    { key: pem('server-encrypted-key.pem'), passphrase: 'secret' },
    hello,
    async (port) => (await ask(port)).status,
  )
})

describe('sessions', AT_ONCE, () => {
  const resume = async (port, { maxVersion }, other = port) => {
    const first = tls.connect({ port, ...trusting, maxVersion })
    // In TLS 1.2 it comes before the handshake is done, in 1.3 after it.
    const session = once(first, 'session')
    await once(first, 'secureConnect')
    const [ticket] = await session
    first.destroy()
    return isResumed(other, { maxVersion, session: ticket })
  }

  const isResumed = async (port, options) => {
    const socket = await secure(port, options)
    const reused = socket.isSessionReused()
    socket.destroy()
    return reused
  }

  for (const maxVersion of ['TLSv1.2', 'TLSv1.3']) {
    same(`are resumed in ${maxVersion}`, { maxVersion }, tellAll, (port) => resume(port, { maxVersion }), assert.ok)
    same(
      `are resumed at another server with the same ticket keys, in ${maxVersion}`,
      { maxVersion },
      hello,
      async (port, server) => {
        const { constructor: Server } = server
        const other = new Server({ ...identity, maxVersion }, hello)
        const apart = await listen(other)
        const without = await resume(port, { maxVersion }, apart)
        const keys = Buffer.alloc(48, 7)
        server.setTicketKeys(keys)
        other.setTicketKeys(keys)
        const both = await resume(port, { maxVersion }, apart)
        other.closeAllConnections()
        other.close()
        return [without, both, server.getTicketKeys().equals(keys), codeOf(() => server.setTicketKeys(Buffer.alloc(4)))]
      },
      ([without, both]) => assert.deepEqual([without, both], [false, true]),
    )
  }

  for (const maxVersion of ['TLSv1.2', 'TLSv1.3']) {
    same(
      `are resumed in ${maxVersion} until the ticket keys are replaced`,
      { maxVersion },
      hello,
      async (port, server) => {
        const agent = new core.Agent({ keepAlive: false })
        const get = async () => {
          const req = core.get({ port, ...trusting, agent, maxVersion })
          const [res] = await once(req, 'response')
          const { socket } = res
          await once(res.resume(), 'close')
          return [socket.getSession().toString('hex'), socket.isSessionReused()]
        }
        const [first, second, third] = [await get(), await get(), await get()]
        server.setTicketKeys(Buffer.alloc(48, 1))
        const last = await get()
        agent.destroy()
        // In TLS 1.3 ours give others, for clients that use each once.
        const isKept = ([session]) => maxVersion === 'TLSv1.3' || session === first[0]
        return [second, third, last].map((got) => [isKept(got), got[1]])
      },
      (found) =>
        assert.deepEqual(
          found.map(([, reused]) => reused),
          [true, true, false],
        ),
    )
  }

  it('have ticket keys of 48 random bytes', () => {
    const keys = [0, 1].map(() => https.createServer(identity).getTicketKeys())
    assert.deepEqual(
      keys.map((key) => key.length),
      [48, 48],
    )
    assert.ok(!keys[0].equals(keys[1]))
  })

  same(
    'emit keylog',
    {},
    hello,
    async (port, server) => {
      const lines = []
      server.on('keylog', (line, socket) =>
        lines.push([String(line).split(' ')[0], String(line).endsWith('\n'), socket.encrypted]),
      )
      await ask(port)
      return lines.sort()
    },
    (lines) => assert.ok(lines.length >= 5),
  )
})

describe("features that rustls lacks use Node's TLS", AT_ONCE, () => {
  const works = (options, more) => [
    options,
    hello,
    async (port) => {
      const socket = await secure(port, more)
      const found = [socket.getProtocol(), socket.getCipher().name]
      socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
      let text = ''
      for await (const chunk of socket.setEncoding('latin1')) text += chunk
      return [...found, text.endsWith('hello')]
    },
  ]
  same(
    'an old cipher suite',
    ...works({ ciphers: 'AES128-SHA', maxVersion: 'TLSv1.2', ...of('rsa') }, { ciphers: 'AES128-SHA' }),
  )
  same('PFX', ...works({ key: undefined, cert: undefined, pfx: pem('server.pfx'), passphrase: 'secret' }))
  same('SNICallback', ...works({ SNICallback: (_name, done) => done(null, tls.createSecureContext(identity)) }))
  same('ALPNCallback', ...works({ ALPNCallback: ({ protocols }) => protocols[0] }, { ALPNProtocols: ['http/1.1'] }))
  const old = { ciphers: 'AES128-SHA', maxVersion: 'TLSv1.2' }
  same('a client with old cipher suites', ...works(of('rsa'), old))
  same('a client with another curve', ...works({}, { ecdhCurve: 'P-521' }))
  same('a client whose servername is not a host name', {}, tellAll, async (port) =>
    JSON.parse((await ask(port, { servername: 'sni.0', rejectUnauthorized: false })).body),
  )
  for (const [name, options] of Object.entries({ any: {}, old })) {
    same(`${name} client whose bytes arrive one by one`, of('rsa'), hello, async (port) => {
      const slow = net.createServer((socket) => {
        const served = net.connect({ port, host: '127.0.0.1', noDelay: true })
        served.on('error', () => {}).pipe(socket.on('error', () => {}))
        socket.on('data', (bytes) => {
          for (let at = 0; at < bytes.length; at++) served.write(bytes.subarray(at, at + 1))
        })
        socket.on('end', () => served.end())
      })
      const { status, body } = await ask(await listen(slow), options)
      slow.close()
      return [status, String(body)]
    })
  }
  same('a context that exists already', {}, hello, async (port, server) => {
    server.addContext('other.example', tls.createSecureContext(of('other')))
    const socket = await secure(port, { servername: 'other.example' })
    const { subject } = socket.getPeerCertificate()
    socket.destroy()
    return subject.CN
  })
  same('access to the underlying socket', {}, hello, async (port, server) => {
    const connections = once(server, 'connection')
    const { status } = await ask(port)
    const [socket] = await connections
    return [status, socket.encrypted, socket instanceof net.Socket]
  })
})

describe('close', () => {
  // Node leaves those in their handshakes alone, and waits for them.
  it('closeAllConnections() also ends connections in their handshake', async () => {
    const server = https.createServer(identity, hello)
    const port = await listen(server)
    const raw = net.connect(port, '127.0.0.1').on('error', () => {})
    const idle = await secure(port)
    const closed = [raw, idle].map((socket) => once(socket.on('error', () => {}).resume(), 'close'))
    server.closeAllConnections()
    await Promise.all([...closed, once(server.close(), 'close')])
  })

  it('leaves no handle open', async () => {
    await emptied()
    const server = https.createServer(identity, hello)
    const port = await listen(server)
    for (let i = 0; i < 5; i++) await ask(port)
    const socket = net.connect(port, '127.0.0.1').resume()
    await once(socket, 'connect')
    socket.destroy()
    await once(server.close(), 'close')
    await emptied()
  })
})
