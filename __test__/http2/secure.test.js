'use strict'

// HTTP/2 over TLS: the same scenario on Node's server and on ours must say the same, with Node's own clients as peers.

const assert = require('node:assert/strict')
const { createHash } = require('node:crypto')
const { once } = require('node:events')
const fs = require('node:fs')
const https = require('node:https')
const net = require('node:net')
const test = require('node:test')
const { setImmediate } = require('node:timers/promises')
const tls = require('node:tls')
const { file, ca, identity, of, trusting } = require('../https/support.js')
const { ask, core, ours, same } = require('./support.js')
const { kSessions } = require('../../lib/http2/symbols.js')
const { usage } = require('../../lib/engine.js')

const hash = (bytes) => createHash('sha256').update(bytes).digest('hex')

/** A listening server of `module` for as long as `use` takes. */
async function serve(module, options, setUp, use) {
  const server = module.createSecureServer({ ...identity, ...options })
  setUp(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    return await use(server.address().port, server)
  } finally {
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections?.()
    await closed
  }
}

/** A session of Node's client for as long as `use` takes. */
async function connected(port, options, use) {
  const client = core.connect(`https://localhost:${port}`, { ca, ...options })
  client.on('error', () => {})
  try {
    return await use(client)
  } finally {
    if (!client.destroyed) {
      client.destroy()
      await once(client, 'close')
    }
  }
}

/** One request of HTTP/1; resolves to status and text. */
async function http1(port, options = {}, body = undefined) {
  const request = https.request({ port, ...trusting, ...options })
  request.end(body)
  const [response] = await once(request, 'response')
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  return [response.statusCode, text]
}

/** All that a peer says until it ends. */
async function read(socket) {
  const chunks = []
  for await (const chunk of socket) chunks.push(chunk)
  return Buffer.concat(chunks).toString('latin1')
}

/** What a request's socket says of its TLS. */
function told({ socket }) {
  return {
    encrypted: socket.encrypted,
    isTls: socket instanceof tls.TLSSocket,
    protocol: socket.getProtocol(),
    cipher: socket.getCipher(),
    alpn: socket.alpnProtocol,
    servername: socket.servername,
    authorized: socket.authorized,
    error: socket.authorizationError,
    peer: socket.getPeerCertificate().subject,
  }
}

function tellAll(req, res) {
  const { httpVersion, scheme, method, url } = req
  res.end(JSON.stringify({ httpVersion, scheme, method, url, ...told(req) }))
}

test('the socket of a request', async () => {
  const { h2, h1 } = await same((module) =>
    serve(
      module,
      { allowHTTP1: true, requestCert: true, rejectUnauthorized: false, ca },
      (server) => server.on('request', tellAll),
      async (port) => {
        const seen = {}
        const client = of('client')
        seen.h2 = await connected(port, client, (session) => ask(session, { ':path': '/two' }))
        seen.unknown = await connected(port, {}, (session) => ask(session, { ':path': '/two' }))
        seen.old = await connected(port, { maxVersion: 'TLSv1.2' }, (session) => ask(session))
        seen.h1 = await http1(port, { ...client, path: '/one' })
        seen.named = await http1(port, { ...client, ALPNProtocols: ['http/1.1'] })
        return seen
      },
    ),
  )
  assert.deepEqual(
    [h2.body, h1[1]].map(JSON.parse).map((said) => [said.httpVersion, said.alpn, said.authorized]),
    [
      ['2.0', 'h2', true],
      ['1.1', false, true],
    ],
  )
})

test('bodies of any size arrive, in both directions at once', async () => {
  const sizes = [0, 1, 16_384, 65_536, 3_000_000]
  await same((module) =>
    serve(
      module,
      {},
      (server) => server.on('request', (req, res) => req.pipe(res)),
      (port) =>
        connected(port, {}, async (client) => {
          const bodies = sizes.map((size) => Buffer.alloc(size, 'ironwire '))
          const answers = await Promise.all(bodies.map((body) => ask(client, { ':method': 'POST' }, body)))
          return answers.map(({ body, headers }, i) => {
            assert.equal(hash(Buffer.from(body, 'latin1')), hash(bodies[i]))
            return [headers[':status'], body.length]
          })
        }),
    ),
  )
})

test('sessions and streams', async () => {
  await same((module) => {
    const seen = {}
    return serve(
      module,
      { origins: ['https://one.test', 'https://two.test'] },
      (server) => {
        server.on('session', (session) => {
          const { encrypted, alpnProtocol, type, originSet } = session
          seen.session = { encrypted, alpnProtocol, type, names: originSet.map((origin) => new URL(origin).hostname) }
          seen.protocol = session.socket.getProtocol()
        })
        server.on('stream', (stream, headers) => {
          seen.scheme = headers[':scheme']
          seen.isTls = stream.session.socket instanceof tls.TLSSocket
          stream.respond({ ':status': 201 })
          stream.end('stream')
        })
      },
      (port) =>
        connected(port, {}, async (client) => {
          client.on('origin', (origins) => {
            seen.origins = origins
          })
          const answer = await ask(client)
          return { ...seen, answer }
        }),
    )
  })
})

test('allowHTTP1: one server speaks HTTP/1 and HTTP/2, and counts both', async () => {
  const before = usage().slots
  await serve(
    ours,
    { allowHTTP1: true },
    (server) => server.on('request', (req, res) => res.end(req.httpVersion)),
    async (port, server) => {
      const agent = new https.Agent({ keepAlive: true, maxSockets: 1 })
      await connected(port, {}, async (client) => {
        for (let i = 0; i < 3; i++) {
          assert.deepEqual(await http1(port, { agent }), [200, '1.1'])
          assert.equal((await ask(client)).body, '2.0')
        }
        assert.equal(server[kSessions].size, 1)
        assert.equal(await new Promise((resolve) => server.getConnections((_, count) => resolve(count))), 2)
      })
      agent.destroy()
    },
  )
  while (usage().slots > before) await setImmediate()
})

test('allowHTTP1: own classes for requests and responses', async () => {
  const http = require('node:http')
  class Request extends http.IncomingMessage {}
  class Response extends http.ServerResponse {}
  await same((module) =>
    serve(
      module,
      { allowHTTP1: true, Http1IncomingMessage: Request, Http1ServerResponse: Response },
      (server) => server.on('request', (req, res) => res.end(`${req instanceof Request} ${res instanceof Response}`)),
      (port) => http1(port),
    ),
  )
})

test('clients without ALPN, or with another protocol', async () => {
  await same((module) =>
    serve(
      module,
      {},
      (server) => server.on('request', tellAll),
      async (port, server) => {
        const seen = {}
        const socket = tls.connect({ port, ...trusting })
        seen.answer = await read(socket)
        seen.refused = await http1(port, { ALPNProtocols: ['http/1.1'] }).catch(({ code }) => code)
        server.once('unknownProtocol', (socket) => {
          seen.unknown = [socket.alpnProtocol, socket.getProtocol()]
          socket.end('something else')
        })
        seen.heard = await read(tls.connect({ port, ...trusting }))
        return seen
      },
    ),
  )
})

test('clients that do not speak TLS, or are not authorized', async () => {
  await same((module) =>
    serve(
      module,
      { requestCert: true, ca },
      (server) => server.on('request', tellAll),
      async (port, server) => {
        const seen = []
        server.on('clientError', ({ code }, socket) => {
          seen.push(code)
          socket.destroy()
        })
        const plain = net.connect(port, '127.0.0.1')
        plain.on('error', () => {})
        plain.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
        const heard = once(server, 'clientError')
        plain.resume()
        await Promise.all([once(plain, 'close'), heard])
        const refused = once(server, 'clientError')
        await connected(port, {}, (client) => Promise.race([ask(client), once(client, 'close')]))
        await refused
        const allowed = await connected(port, of('client'), (client) => ask(client))
        return { seen, status: allowed.headers[':status'] }
      },
    ),
  )
})

test('addContext(): each name has its own certificate', async () => {
  await same((module) =>
    serve(
      module,
      {},
      (server) => {
        server.addContext('other.test', of('other'))
        server.on('request', (req, res) => res.end(req.socket.servername))
      },
      async (port) => {
        const options = { servername: 'other.test', rejectUnauthorized: false }
        return connected(port, options, async (client) => {
          const { body } = await ask(client)
          return [body, client.socket.getPeerCertificate().subject]
        })
      },
    ),
  )
})

/** Options that rustls has no answer to, or only with the help of functions; connections of the former are Node's, TLS, HTTP/2 and all. */
const foreign = {
  pfx: { key: undefined, cert: undefined, pfx: fs.readFileSync(file('server.pfx')), passphrase: 'secret' },
  SNICallback: { SNICallback: (_name, done) => done(null, tls.createSecureContext(identity)) },
  ALPNCallback: { ALPNCallback: ({ protocols }) => protocols.find((protocol) => protocol === 'h2') },
}

for (const [name, options] of Object.entries(foreign)) {
  test(`${name}: the same responses with Node’s TLS`, async () => {
    await same((module) => {
      const seen = []
      return serve(
        module,
        { allowHTTP1: name !== 'ALPNCallback', ...options },
        (server) => {
          server.on('session', (session) => seen.push(session.encrypted))
          server.on('stream', (_stream, headers) => seen.push(headers[':path']))
          server.on('request', (req, res) => {
            req.on('error', () => {})
            res.end(req.httpVersion + req.socket.getProtocol())
          })
        },
        async (port) => {
          const trust = { rejectUnauthorized: false }
          const h2 = await connected(port, trust, (client) => ask(client, { ':path': '/foreign' }))
          const h1 = name !== 'ALPNCallback' && (await http1(port, trust))
          return { seen, h2, h1 }
        },
      )
    })
  })
}

test('the timeout of the server applies to sessions over Node’s TLS, too', async () => {
  await same((module) =>
    serve(
      module,
      foreign.pfx,
      (server) => {
        server.setTimeout(20)
        server.on('request', () => {})
      },
      (port, server) =>
        connected(port, { rejectUnauthorized: false }, async (client) => {
          client.request().on('error', () => {})
          const [session] = await once(server, 'timeout')
          if (module === ours) assert.equal(server[kSessions].size, 0)
          session.destroy()
          return session.encrypted
        }),
    ),
  )
})

test('a ClientHello that rustls does not support is handled by Node', async () => {
  const options = { ciphers: 'AES128-SHA256', maxVersion: 'TLSv1.2' }
  await same((module) =>
    serve(
      module,
      { ...of('rsa') },
      (server) => server.on('request', (req, res) => res.end(req.socket.getCipher().name)),
      (port) => connected(port, { ...options, rejectUnauthorized: false }, (client) => ask(client)),
    ),
  )
})

test('a program may add a listener for secureConnection', async () => {
  await same((module) => {
    const seen = []
    return serve(
      module,
      { allowHTTP1: true },
      (server) => {
        server.on('connection', (socket) => seen.push(socket instanceof net.Socket))
        server.on('secureConnection', (socket) => seen.push(socket.alpnProtocol))
        server.on('request', (req, res) => res.end(req.httpVersion))
      },
      async (port) => {
        const { body } = await connected(port, {}, (client) => ask(client))
        return { seen, body, h1: await http1(port) }
      },
    )
  })
})

test('a listener that is prepended to secureConnection gets the socket before the session', async () => {
  const seen = await same((module) => {
    const seen = []
    return serve(
      module,
      {},
      (server) => {
        server.prependListener('secureConnection', (socket) => seen.push([socket.alpnProtocol, socket.encrypted]))
        server.on('session', () => seen.push('session'))
        server.on('request', (_req, res) => res.end('done'))
      },
      async (port) => {
        await connected(port, {}, (client) => ask(client))
        return seen
      },
    )
  })
  assert.deepEqual(seen, [['h2', true], 'session'])
})

test('keylog is emitted with the socket of the session', async () => {
  const sockets = new Set()
  await serve(
    ours,
    {},
    (server) => {
      server.on('keylog', (line, socket) => {
        assert.match(String(line), /^[A-Z_0-9]+ [0-9a-f]{64} [0-9a-f]+\n$/)
        sockets.add(socket)
      })
      server.on('request', (req, res) => {
        req.socket.marked = true
        res.end()
      })
    },
    (port) => connected(port, {}, (client) => ask(client)),
  )
  const [socket] = sockets
  assert.equal(sockets.size, 1)
  assert.equal(socket.marked, true)
})

test('a broken record ends the session with an error', async () => {
  await serve(
    ours,
    {},
    (server) => server.on('request', () => {}),
    async (port, server) => {
      const raw = net.connect(port, '127.0.0.1')
      const socket = tls.connect({ socket: raw, ...trusting, ALPNProtocols: ['h2'] })
      socket.on('error', () => {})
      const [session] = await once(server, 'session')
      const failed = once(session, 'error')
      const told = once(server, 'sessionError')
      // Below TLS: no key has made this.
      raw.write(Buffer.from([23, 3, 3, 0, 32, ...Buffer.alloc(32)]))
      const [error] = await failed
      assert.match(error.code, /^ERR_SSL_/)
      assert.equal((await told)[0], error)
      assert.equal(session.destroyed, true)
      raw.destroy()
    },
  )
})

test('a client that disconnects leaves nothing behind', async () => {
  const before = usage().slots
  await serve(
    ours,
    {},
    (server) => server.on('request', (_req, res) => res.write('never ends')),
    async (port, server) => {
      const socket = net.connect(port, '127.0.0.1')
      const client = core.connect(`https://localhost:${port}`, {
        createConnection: () => tls.connect({ socket, ...trusting, ALPNProtocols: ['h2'] }),
      })
      client.on('error', () => {})
      const stream = client.request()
      stream.on('error', () => {})
      await once(stream, 'response')
      const [session] = server[kSessions]
      session.on('error', () => {})
      const closed = new Promise((resolve) => session.on('close', resolve))
      socket.resetAndDestroy()
      await closed
      assert.equal(server[kSessions].size, 0)
      client.destroy()
    },
  )
  while (usage().slots > before) await setImmediate()
})

test('a slow reader gets the whole response when the session closes', async () => {
  const length = await same((module) =>
    serve(
      module,
      {},
      (server) =>
        server.on('request', (req, res) => {
          res.end(Buffer.alloc(1_000_000))
          req.stream.session.close()
        }),
      (port) =>
        connected(port, {}, async (client) => {
          const stream = client.request()
          let length = 0
          stream.on('data', (part) => {
            length += part.length
            stream.pause()
            setTimeout(() => stream.resume(), 1)
          })
          await once(stream, 'close')
          return length
        }),
    ),
  )
  assert.equal(length, 1_000_000)
})

test('invalid options throw the errors of node:http2', () => {
  for (const options of ['text', { settings: { initialWindowSize: -1 } }, { ...identity, minVersion: 'TLSv9' }]) {
    const refusal = (module) => {
      try {
        module.createSecureServer(options).close()
        return undefined
      } catch ({ name, code, message }) {
        return { name, code, message }
      }
    }
    assert.deepEqual(refusal(ours), refusal(core))
  }
})

test('the properties of a server', () => {
  const server = ours.createSecureServer(identity)
  assert.equal(server.constructor.name, 'Http2SecureServer')
  assert.ok(server instanceof tls.Server)
  assert.ok(server instanceof net.Server)
  assert.throws(() => server.setTimeout(1, 'text'), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.throws(() => server.updateSettings({ maxFrameSize: 1 }), { code: 'ERR_HTTP2_INVALID_SETTING_VALUE' })
  assert.equal(server.getTicketKeys().length, 48)
})
