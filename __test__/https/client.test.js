// The https client against Node's: the same program on either must note the same, with servers of Node's.

'use strict'

const assert = require('node:assert/strict')
const { execFile } = require('node:child_process')
const { createHash, randomBytes } = require('node:crypto')
const { once } = require('node:events')
const http = require('node:http')
const core = require('node:https')
const net = require('node:net')
const process = require('node:process')
const { describe, it } = require('node:test')
const { setImmediate } = require('node:timers')
const tls = require('node:tls')
const { URL } = require('node:url')
const { promisify } = require('node:util')
const ironwire = require('../..')
const { file, pem, ca, identity, of, trusting, listen, emptied } = require('./support.js')

const { https } = ironwire
const hash = (bytes) => createHash('sha256').update(bytes).digest('hex')
const AT_ONCE = { concurrency: 8 }
const hello = (_req, res) => res.end('hello')
const leaf = { ...identity, cert: pem('server-cert.pem') }
const between = pem('between-cert.pem')
const expired = { key: pem('stranger-key.pem'), cert: pem('expired-cert.pem') }

/** Which of the two carries a socket's bytes. */
const isOurs = (socket) => socket._handle.constructor.name === 'SecureConnection'

/**
 * Runs `program(module, port, server)` with each module's client and a server of Node's; what it returns must be the same. `check` is held against
 * ours.
 */
function same(name, options, listener, program, check) {
  it(name, async () => {
    const results = []
    for (const module of [core, https]) {
      const server = core.createServer({ ...identity, ...options }, listener)
      server.on('tlsClientError', () => {})
      try {
        results.push(await program(module, await listen(server), server))
      } finally {
        server.closeAllConnections()
        server.close()
      }
    }
    assert.deepEqual(results[1], results[0])
    check?.(results[1])
  })
}

/** What a client's socket says of its TLS. */
function told(socket) {
  const peer = socket.getPeerCertificate(true)
  const { name } = socket.constructor
  return {
    encrypted: socket.encrypted,
    isTls: socket instanceof tls.TLSSocket,
    isSocket: socket instanceof net.Socket,
    name,
    protocol: socket.getProtocol(),
    cipher: socket.getCipher(),
    alpn: socket.alpnProtocol,
    servername: socket.servername,
    reused: socket.isSessionReused(),
    authorized: socket.authorized,
    error: socket.authorizationError,
    connecting: socket.secureConnecting,
    peer: { subject: peer.subject, fingerprint: peer.fingerprint256, issuer: peer.issuerCertificate?.subject },
    x509: socket.getPeerX509Certificate()?.subject,
    address: socket.remoteAddress,
  }
}

/** An error, without what is OpenSSL's and rustls's own way to say it. */
function failure(error) {
  const { code, syscall, errno, host, port, path, localAddress, reason, library } = error
  const message = /SSL routines:[^:]*:([^:(]*)/.exec(error.message)?.[1].trim() ?? error.message
  return { message, code, syscall, errno, host, port: typeof port, path, localAddress, reason, library }
}

/** One request: what became of it. */
async function ask(module, port, options = {}, body = undefined) {
  const req = module.request({ port, ...trusting, agent: false, ...options })
  req.end(body)
  try {
    const [res] = await once(req, 'response')
    const { socket } = res
    const says = { ...told(socket), isOurs: isOurs(socket), session: socket.getSession() }
    const chunks = []
    for await (const chunk of res) chunks.push(chunk)
    return { status: res.statusCode, body: String(Buffer.concat(chunks)), socket, says, reused: req.reusedSocket }
  } catch (error) {
    return { error }
  }
}

/** The same, as far as it can be compared. */
async function outcome(...args) {
  const { status, body, says, error } = await ask(...args)
  if (error) return failure(error)
  return { status, body, authorized: says.authorized, error: says.error }
}

describe('servers', AT_ONCE, () => {
  const cases = {
    'with a certificate signed by a trusted authority': [identity, { ca }],
    'with an RSA key': [of('rsa'), { ca }],
    'with an unknown authority': [identity, { ca: undefined }],
    'while no authority is trusted': [identity, { ca: [] }],
    'with an incomplete chain': [leaf, { ca }],
    'with an incomplete chain that `ca` completes': [leaf, { ca: [ca, between] }],
    'whose intermediate certificate alone is trusted': [identity, { ca: between }],
    'whose own certificate, which is not self-signed, is in `ca`': [leaf, { ca: leaf.cert }],
    'that send an unknown root': [{ ...identity, cert: Buffer.concat([identity.cert, ca]) }, { ca: between }],
    'with a self-signed certificate': [of('stranger'), { ca }],
    'with a self-signed certificate that is trusted': [of('stranger'), { ca: pem('stranger-cert.pem') }],
    'with an expired certificate': [expired, { ca }],
    'with an expired certificate that is trusted': [expired, { ca: expired.cert }],
    'with a certificate of version 1': [of('old'), { ca }],
    'with a certificate of version 1, in TLS 1.2': [{ ...of('old'), maxVersion: 'TLSv1.2' }, { ca }],
    'with a certificate of version 1 that is trusted': [of('old'), { ca: pem('old-cert.pem') }],
    'with a certificate for clients only': [of('client'), { ca }],
    'with a certificate for another name': [of('other'), { ca }],
    'with a certificate for the servername that was given': [of('other'), { ca, servername: 'a.wild.example' }],
    'that are named by their address': [identity, { ca, servername: undefined }],
    'with an empty servername': [identity, { ca, servername: '' }],
    'of TLS 1.2': [{ ...identity, maxVersion: 'TLSv1.2' }, { ca }],
    'without a TLS version in common': [
      { ...identity, maxVersion: 'TLSv1.2' },
      { ca, minVersion: 'TLSv1.3' },
    ],
    'without an ALPN protocol in common': [
      { ...identity, ALPNProtocols: ['a'] },
      { ca, ALPNProtocols: ['b'] },
    ],
    'with an ALPN protocol in common': [
      { ...identity, ALPNProtocols: ['a', 'b'] },
      { ca, ALPNProtocols: ['b'] },
    ],
    'that accept the client certificate': [
      { ...identity, requestCert: true, ca },
      { ca, ...of('client') },
    ],
    'that do not accept the client certificate': [
      { ...identity, requestCert: true, ca },
      { ca, ...of('stranger') },
    ],
    'that request a client certificate, but do not require it': [
      { ...identity, requestCert: true, rejectUnauthorized: false, ca },
      { ca },
    ],
    'that require a client certificate': [{ ...identity, requestCert: true, ca }, { ca }],
    'with cipher suites that rustls lacks': [{ ...of('rsa'), ciphers: 'AES256-SHA', maxVersion: 'TLSv1.2' }, { ca }],
    'with a curve that rustls lacks': [{ ...identity, ecdhCurve: 'secp521r1' }, { ca }],
  }
  for (const [name, [server, client]] of Object.entries(cases)) {
    same(name, { key: undefined, cert: undefined, ...server }, hello, async (module, port) => [
      await outcome(module, port, client),
      await outcome(module, port, { ...client, rejectUnauthorized: false }),
    ])
  }

  same('get no request from a client that does not trust them', of('other'), hello, async (module, port, server) => {
    let requests = 0
    server.on('request', () => requests++)
    const plain = []
    server.on('secureConnection', (socket) => socket.on('data', (chunk) => plain.push(chunk)))
    const gone = once(server, 'connection').then(([socket]) => once(socket, 'close'))
    const { error } = await ask(module, port, { method: 'POST' }, 'secret')
    await gone
    return [error.code, requests, plain.length]
  })

  it('with an untrusted certificate of version 1 get one connection only', async () => {
    const server = core.createServer(of('old'), hello)
    let connections = 0
    server.on('connection', () => connections++)
    const { body, says } = await ask(https, await listen(server), { rejectUnauthorized: false })
    server.close()
    assert.deepEqual([body, says.error, says.isOurs, connections], ['hello', 'DEPTH_ZERO_SELF_SIGNED_CERT', true, 1])
  })

  it("that need Node's TLS get it at once after the first attempt", async () => {
    const server = core.createServer({ ...of('rsa'), ciphers: 'AES256-SHA', maxVersion: 'TLSv1.2' }, hello)
    let connections = 0
    server.on('connection', () => connections++).on('tlsClientError', () => {})
    const port = await listen(server)
    const seen = []
    for (let i = 0; i < 3; i++) {
      const agent = new https.Agent({ keepAlive: true })
      for (let j = 0; j < 2; j++) {
        const { body, says, reused } = await ask(https, port, { agent, method: 'POST' }, 'x'.repeat(100_000))
        seen.push([body, reused, says.cipher.name, says.authorized, connections])
      }
      agent.destroy()
    }
    server.close()
    const name = 'AES256-SHA'
    assert.deepEqual(
      seen,
      [2, 2, 3, 3, 4, 4].map((count, at) => ['hello', at % 2 === 1, name, true, count]),
    )
  })
})

describe('a server that', AT_ONCE, () => {
  const answers = {
    'speaks HTTP': 'HTTP/1.1 400 Bad Request\r\n\r\n',
    'speaks SSH': 'SSH-2.0-OpenSSH_9.6\r\n',
    'says nothing': '',
    'refuses every suite': Buffer.from([21, 3, 3, 0, 2, 2, 40]),
    'refuses the authority': Buffer.from([21, 3, 3, 0, 2, 2, 48]),
    'refuses the version': Buffer.from([21, 3, 3, 0, 2, 2, 70]),
  }
  for (const [name, answer] of Object.entries(answers)) {
    it(name, async () => {
      const server = net.createServer((socket) => socket.on('error', () => {}).once('data', () => socket.end(answer)))
      const port = await listen(server)
      const results = []
      for (const module of [core, https]) {
        for (const body of [undefined, 'x']) {
          const events = []
          const req = module.request({ port, ...trusting, agent: false, method: body ? 'POST' : 'GET' })
          req.on('socket', (socket) => {
            for (const event of ['connect', 'ready', 'secureConnect', 'end', 'error', 'close']) {
              socket.on(event, () => events.push(event))
            }
          })
          for (const event of ['finish', 'close']) req.on(event, () => events.push(`request ${event}`))
          req.end(body)
          const closed = once(req, 'socket').then(([socket]) => new Promise((resolve) => socket.on('close', resolve)))
          const [error] = await once(req, 'error')
          await closed
          await new Promise(setImmediate)
          results.push([failure(error), events])
        }
      }
      server.close()
      const [first, second, ...ours] = results
      assert.deepEqual(ours, [first, second])
    })
  }

  same('resets the connection', {}, hello, async (module) => {
    const server = net.createServer((socket) => socket.once('data', () => socket.resetAndDestroy()))
    const port = await listen(server)
    const found = await outcome(module, port)
    server.close()
    return found
  })

  same('does not exist', {}, hello, async (module) => {
    const server = net.createServer()
    const port = await listen(server)
    await new Promise((resolve) => server.close(resolve))
    const { code, syscall, address } = (await ask(module, port)).error
    return { code, syscall, address }
  })
})

describe('sockets', AT_ONCE, () => {
  for (const version of ['TLSv1.2', 'TLSv1.3']) {
    same(`have the properties of TLS: ${version}`, { maxVersion: version }, hello, async (module, port) => {
      const req = module.get({ port, ...trusting, agent: false })
      const [socket] = await once(req, 'socket')
      const before = [socket.authorized, socket.alpnProtocol, socket.secureConnecting, socket.encrypted]
      await once(socket, 'secureConnect')
      const [res] = await once(req, 'response')
      const found = told(res.socket)
      assert.equal(module === core || res.socket.getEphemeralKeyInfo().name, module === core || 'X25519')
      const session = Buffer.isBuffer(res.socket.getSession())
      const exported = res.socket.exportKeyingMaterial(16, 'EXPERIMENTAL').length
      res.resume()
      await once(res, 'close')
      return { before, found, session, exported }
    })
  }

  same('emit their events in order', {}, hello, async (module, port) => {
    const events = []
    const req = module.get({ port, ...trusting, agent: false })
    req.on('socket', (socket) => {
      events.push('socket')
      for (const event of ['connect', 'ready', 'secureConnect', 'end', 'close'])
        socket.on(event, () => events.push(event))
    })
    for (const event of ['finish', 'response']) req.on(event, () => events.push(`request ${event}`))
    const [res] = await once(req, 'response')
    res.resume().on('end', () => events.push('response end'))
    await once(res.socket, 'close')
    return events.filter((event) => event !== 'end')
  })

  same('emit keylog', { maxVersion: 'TLSv1.3' }, hello, async (module, port) => {
    const agent = new module.Agent({ keepAlive: true })
    const labels = []
    agent.on('keylog', (line, socket) => labels.push([String(line).split(' ')[0], socket.encrypted, line.at(-1)]))
    await ask(module, port, { agent })
    await ask(module, port, { agent })
    agent.destroy()
    return labels.sort()
  })

  same('resume sessions', {}, hello, async (module, port) => {
    const found = []
    for (const options of [{}, { maxCachedSessions: 0 }, { maxCachedSessions: 1 }]) {
      for (const maxVersion of ['TLSv1.2', 'TLSv1.3']) {
        const identified = []
        const checkServerIdentity = (name, { subject }) => void identified.push([name, subject.CN])
        const agent = new module.Agent({ ...options, maxVersion, checkServerIdentity })
        for (let i = 0; i < 3; i++) {
          const { says } = await ask(module, port, { agent })
          found.push([says.reused, says.authorized])
        }
        found.push([agent._sessionCache.list.length, identified])
      }
    }
    return found
  })

  same('accept a session that the program stored', { maxVersion: 'TLSv1.2' }, hello, async (module, port) => {
    const first = await ask(module, port)
    const { session } = first.says
    const { says } = await ask(module, port, { session })
    const other = await ask(module, port, { session: Buffer.from(session) })
    return [Buffer.isBuffer(session), says.reused, other.says.reused]
  })

  same('pass the certificate to checkServerIdentity', {}, hello, async (module, port) => {
    const found = []
    for (const checkServerIdentity of [
      (name, certificate) => new Error(`not ${name} ${certificate.subject.CN}`),
      (name) => Object.assign(new Error(name), { code: 'MINE' }),
      () => undefined,
    ]) {
      const agent = new module.Agent({ checkServerIdentity })
      for (const options of [{ checkServerIdentity }, { agent }, { agent, rejectUnauthorized: false }]) {
        found.push(await outcome(module, port, options))
      }
    }
    return found
  })

  it('can carry another TLS connection', async () => {
    const server = core.createServer(identity)
    // TLS in TLS, as a proxy has it.
    server.on('connect', (_req, socket) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      const inner = net.connect(port, '127.0.0.1')
      socket.pipe(inner).pipe(socket)
      inner.on('error', () => {})
      socket.on('error', () => {})
    })
    server.on('request', hello)
    const port = await listen(server)
    const req = https.request({ port, ...trusting, agent: false, method: 'CONNECT', path: 'localhost:443' }).end()
    const [, socket] = await once(req, 'connect')
    const { body } = await ask(https, port, {
      agent: undefined,
      createConnection: () => tls.connect({ socket, ca, servername: 'localhost' }),
    })
    assert.equal(body, 'hello')
    socket.destroy()
    server.closeAllConnections()
    server.close()
  })
})

/** Answers with the length and hash of what has come. */
async function digest(req, res) {
  const chunks = []
  for await (const chunk of req) chunks.push(chunk)
  const body = Buffer.concat(chunks)
  res.end(`${body.length} ${hash(body)}`)
}

describe('requests', AT_ONCE, () => {
  same('can have bodies of any size', {}, digest, async (module, port) => {
    const agent = new module.Agent({ keepAlive: true, maxSockets: 1 })
    const found = []
    for (const size of [0, 1, 16_384, 16_385, 3_000_000]) {
      const body = Buffer.alloc(size, 'ironwire ')
      const { body: answer, reused } = await ask(module, port, { agent, method: 'POST' }, body)
      found.push([answer === `${size} ${hash(body)}`, reused])
    }
    agent.destroy()
    return found
  })

  same('are held back while the server does not read', {}, undefined, async (module, port, server) => {
    const req = module.request({ port, ...trusting, agent: false, method: 'POST' })
    req.flushHeaders()
    const [arrived, res] = await once(server, 'request')
    const sum = createHash('sha256')
    const chunk = randomBytes(1024 * 1024)
    // More than the kernel takes.
    const taken = []
    for (let i = 0; i < 24; i++) {
      sum.update(chunk)
      taken.push(req.write(chunk))
    }
    req.end()
    const waiting = req.writableLength > 0
    digest(arrived, res)
    const [answer] = await once(req, 'response')
    let text = ''
    for await (const part of answer.setEncoding('latin1')) text += part
    return [taken.at(-1), waiting, req.writableFinished, text === `${24 * 1024 * 1024} ${sum.digest('hex')}`]
  })

  same(
    'have responses that wait to be read',
    {},
    (_req, res) => res.end(Buffer.alloc(4_000_000, 'x')),
    async (module, port) => {
      const req = module.get({ port, ...trusting, agent: false })
      const [res] = await once(req, 'response')
      let length = 0
      for await (const chunk of res) {
        length += chunk.length
        await new Promise(setImmediate)
      }
      return length
    },
  )

  same(
    'share connections, in order',
    {},
    (req, res) => res.end(req.url),
    async (module, port) => {
      const agent = new module.Agent({ keepAlive: true, maxSockets: 2 })
      const sockets = new Set()
      const answers = await Promise.all(
        Array.from({ length: 20 }, async (_, at) => {
          const { body, socket } = await ask(module, port, { agent, path: `/${at}` })
          sockets.add(socket)
          return body
        }),
      )
      const pools = [Object.keys(agent.freeSockets), Object.keys(agent.sockets), Object.keys(agent.requests)]
      const name = agent.getName({ port, ...trusting })
      agent.destroy()
      return [answers, sockets.size, pools.map((names) => names.map((each) => each === name))]
    },
  )

  same('refuse an invalid servername', {}, hello, (module, port) =>
    [5, true, {}].map((servername) => {
      try {
        // What Node has begun by then is to come to nothing.
        module.request({ port, ...trusting, host: 'localhost', lookup() {}, agent: false, servername })
        return 'asked'
      } catch (error) {
        return failure(error)
      }
    }),
  )

  same('only use connections with the same options', { keepAliveTimeout: 0 }, hello, async (module, port) => {
    const agent = new module.Agent({ keepAlive: true })
    const found = []
    for (const options of [
      {},
      {},
      { servername: '' },
      { ca: [ca, between] },
      { rejectUnauthorized: false },
      {},
      of('client'),
    ]) {
      const { socket, reused } = await ask(module, port, { agent, ...options })
      found.push([reused, socket.servername])
    }
    const host = { agent, headers: { host: 'localhost:1' }, servername: undefined }
    for (let i = 0; i < 2; i++) {
      const { socket, reused } = await ask(module, port, host)
      found.push([reused, socket.servername])
    }
    agent.destroy()
    return found
  })

  same(
    'can be aborted at any time',
    {},
    (_req, res) => res.write('begun'),
    async (module, port) => {
      const found = []
      for (const event of ['socket', 'connect', 'secureConnect', 'response']) {
        const req = module.get({ port, ...trusting, agent: false })
        let said
        req.on('error', ({ code, message }) => {
          said = [code, message]
        })
        const closed = new Promise((resolve) => req.on('close', resolve))
        if (event === 'socket') req.once(event, () => req.destroy())
        else if (event === 'response') {
          req.once(event, (res) => {
            res.on('error', ({ code }) => found.push(code))
            req.destroy()
          })
        } else req.once('socket', (socket) => socket.once(event, () => req.destroy(new Error('enough'))))
        await closed
        found.push([event, said])
      }
      const controller = new AbortController()
      const req = module.get({ port, ...trusting, agent: false, signal: controller.signal })
      req.once('socket', (socket) => socket.once('secureConnect', () => controller.abort()))
      const [{ name, code }] = await once(req, 'error')
      return [...found, name, code]
    },
  )

  same(
    'time out',
    {},
    () => {},
    async (module, port) => {
      const found = []
      const silent = net.createServer().unref()
      for (const to of [port, await listen(silent)]) {
        const req = module.get({ port: to, ...trusting, agent: false, timeout: 50 })
        await once(req, 'timeout')
        req.destroy()
        const [{ code, message }] = await once(req, 'error')
        found.push([code, message])
      }
      silent.close()
      return found
    },
  )

  same('with a checkServerIdentity of their own share no connection', {}, hello, async (module, port) => {
    const agent = new module.Agent({ keepAlive: true })
    const found = []
    const refuse = () => new Error('no')
    for (const checkServerIdentity of [undefined, refuse, () => undefined, () => undefined, refuse, undefined]) {
      const { error, reused, says } = await ask(module, port, {
        agent,
        ...(checkServerIdentity && { checkServerIdentity }),
      })
      found.push(error ? error.message : [reused, says.reused])
    }
    agent.destroy()
    return found
  })

  same('can be upgraded', {}, hello, async (module, port, server) => {
    server.on('upgrade', (_req, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nfirst')
      socket.pipe(socket)
    })
    const headers = { connection: 'upgrade', upgrade: 'echo' }
    const req = module.get({ port, ...trusting, headers })
    const [res, socket, head] = await once(req, 'upgrade')
    const parts = [String(head)]
    socket.on('data', (chunk) => parts.push(String(chunk)))
    socket.write('second')
    while (parts.join('') !== 'firstsecond') await once(socket, 'data')
    socket.end()
    await once(socket, 'close')
    return [res.statusCode, parts.join(''), socket.authorized]
  })

  same(
    'take URLs and options',
    {},
    (req, res) => res.end(`${req.headers.host} ${req.url}`),
    async (module, port) => {
      const agent = new module.Agent({ ca })
      const found = []
      const get = async (...args) => {
        const [res] = await once(module.get(...args), 'response')
        let text = ''
        for await (const chunk of res) text += chunk
        found.push(text.replace(String(port), 'port'))
      }
      await get(`https://localhost:${port}/a?b`, { agent })
      await get(new URL(`https://localhost:${port}/c`), { agent })
      await get({ host: 'localhost', port, path: '/d', agent })
      await new Promise((resolve) =>
        module.get(`https://localhost:${port}/e`, { agent }, (res) => resolve(res.resume())),
      )
      for (const wrong of ['http://localhost', { protocol: 'http:' }, { path: 'a b' }, { agent: 1 }, 'no url']) {
        assert.throws(
          () => module.get(wrong),
          ({ name, code, message }) => found.push([name, code, message]) > 0,
        )
      }
      return found
    },
  )

  same('throw for invalid options', {}, hello, async (module, port) => {
    const wrong = [
      { ca: 'no certificate' },
      { ca: 1 },
      { cert: 'no certificate' },
      { ...of('client'), cert: pem('other-cert.pem') },
      { minVersion: 'TLSv2' },
      { ciphers: 'none' },
      { ciphers: 1 },
      { checkServerIdentity: 'me' },
      { checkServerIdentity: undefined },
      { minDHSize: 0 },
      { ALPNProtocols: 5 },
    ]
    const found = []
    for (const options of wrong) {
      try {
        found.push(await outcome(module, port, options))
      } catch ({ name, code, message }) {
        found.push([name, code, message])
      }
    }
    return found
  })
})

describe('agents for proxies', AT_ONCE, () => {
  /** What agent-base, on which most of them stand, does to know which protocol a request is of: it looks for Node's module among its callers. */
  class StackAgent extends http.Agent {
    constructor(tunnel, notes) {
      super()
      Object.assign(this, { tunnel, notes })
    }

    get protocol() {
      return this.isSecure() ? 'https:' : 'http:'
    }

    set protocol(_) {}

    isSecure() {
      const { stack } = new Error('where')
      return stack.split('\n').some((line) => line.includes('(https.js:') || line.includes('node:https:'))
    }

    addRequest(req, options) {
      this.notes.push(this.isSecure())
      this.tunnel(options).then(
        (socket) => req.onSocket(socket),
        (error) => req.onSocket(null, error),
      )
    }
  }

  same('that inspect their caller, and connect through a tunnel', {}, hello, async (module, port) => {
    const proxy = http.createServer().on('connect', (_req, near) => {
      const far = net.connect(port, '127.0.0.1', () => near.write('HTTP/1.1 200 OK\r\n\r\n'))
      near.on('error', () => far.destroy()).pipe(far)
      far.on('error', () => near.destroy()).pipe(near)
    })
    const proxyPort = await listen(proxy)
    const client = module === core ? http : ironwire.http
    const connector = module === core ? tls : ironwire.tls
    const tunnel = async () => {
      const req = client.request({ port: proxyPort, host: '127.0.0.1', method: 'CONNECT', path: 'localhost:443' }).end()
      const [, socket] = await once(req, 'connect')
      return connector.connect({ socket, ca, servername: 'localhost' })
    }
    const notes = []
    for (const input of [{ host: 'localhost', port }, `https://localhost:${port}/`]) {
      const agent = new StackAgent(tunnel, notes)
      const req = typeof input === 'string' ? module.get(input, { agent }) : module.get({ ...input, agent })
      const [res] = await once(req, 'response')
      let body = ''
      notes.push(res.socket.authorized, res.socket.encrypted)
      for await (const chunk of res) body += chunk
      notes.push(body)
    }
    proxy.close()
    assert.equal(notes[0], true)
    return notes
  })
})

describe('handled by Node', AT_ONCE, () => {
  const pfx = { pfx: pem('server.pfx'), passphrase: 'secret' }
  const cases = {
    'a store of PKCS #12': pfx,
    'a context that is made': { secureContext: tls.createSecureContext({ ca }) },
    'what is traced': { sigalgs: 'ecdsa_secp256r1_sha256' },
    'old versions': { minVersion: 'TLSv1' },
    'a stapled word': { requestOCSP: true },
    'a connection of the program': { agent: undefined, createConnection: (options) => tls.connect(options) },
  }
  for (const [name, options] of Object.entries(cases)) {
    same(name, { requestCert: options === pfx, rejectUnauthorized: false }, hello, async (module, port) => {
      const { body, says, error } = await ask(module, port, options)
      if (error) return failure(error)
      assert.equal(says.isOurs, false)
      return [body, { ...says, session: undefined }]
    })
  }

  it("Node's agents, and Node's requests on ironwire's agents", async () => {
    const server = core.createServer(identity, hello)
    const port = await listen(server)
    const found = []
    for (const [client, agents] of [
      [https, core],
      [core, https],
    ]) {
      const agent = new agents.Agent({ keepAlive: true })
      for (let i = 0; i < 2; i++) {
        const { body, reused, says } = await ask(client, port, { agent })
        found.push([body, reused, says.isOurs])
      }
      agent.destroy()
    }
    server.close()
    assert.deepEqual(found, [
      ['hello', false, false],
      ['hello', true, false],
      ['hello', false, true],
      ['hello', true, true],
    ])
  })
})

describe('functions that a program replaces are called', () => {
  /** Runs `code` while `object[name]` is `value`. */
  async function replaced(object, name, value, code) {
    const descriptor = Object.getOwnPropertyDescriptor(object, name)
    Object.defineProperty(object, name, { ...descriptor, value })
    try {
      return await code()
    } finally {
      Object.defineProperty(object, name, descriptor)
    }
  }

  it("in Node's modules", async () => {
    const server = core.createServer(identity, hello)
    const port = await listen(server)
    const called = []
    const through = (name, original) =>
      function (...args) {
        called.push(name)
        return Reflect.apply(original, this, args)
      }
    for (const [object, name] of [
      [core, 'request'],
      [tls, 'connect'],
      [tls, 'createSecureContext'],
      [core.Agent.prototype, 'createConnection'],
      [core.Agent.prototype, '_getSession'],
    ]) {
      await replaced(object, name, through(name, object[name]), async () => {
        assert.equal((await ask(https, port)).body, 'hello')
      })
      assert.ok(called.includes(name), name)
      called.length = 0
    }
    server.close()
  })

  it('in agents', async () => {
    const server = core.createServer(identity, hello)
    const port = await listen(server)
    const called = []
    class Mine extends https.Agent {
      createConnection(...args) {
        called.push('createConnection')
        return super.createConnection(...args)
      }
      getName(options) {
        return `mine ${super.getName(options)}`
      }
      keepSocketAlive(socket) {
        called.push('keepSocketAlive')
        return super.keepSocketAlive(socket)
      }
    }
    const agent = new Mine({ keepAlive: true })
    for (let i = 0; i < 2; i++) assert.equal((await ask(https, port, { agent })).body, 'hello')
    assert.ok(agent instanceof https.Agent && agent instanceof core.Agent)
    assert.ok(Object.keys(agent.freeSockets)[0].startsWith('mine '))
    assert.deepEqual(called, ['createConnection', 'keepSocketAlive', 'keepSocketAlive'])
    agent.destroy()
    server.close()
  })

  it('with another global agent', async () => {
    const server = core.createServer(identity, hello)
    const port = await listen(server)
    const { globalAgent } = https
    const mine = new https.Agent({ keepAlive: true })
    https.globalAgent = mine
    try {
      assert.equal(core.globalAgent, mine)
      assert.equal((await ask(https, port, { agent: undefined })).body, 'hello')
      assert.equal(Object.keys(mine.freeSockets).length, 1)
    } finally {
      https.globalAgent = globalAgent
      mine.destroy()
      server.close()
    }
  })
})

describe('the environment variable', AT_ONCE, () => {
  const program = `
    const { https } = require(process.argv[1])
    const get = (port) => new Promise((resolve) => {
      https.get({ port, host: 'localhost' }, (res) => resolve([res.socket.authorized, res.socket.authorizationError, res.resume() && 1]))
        .on('error', ({ code }) => resolve(code))
    })
    get(process.argv[2]).then((found) => {
      console.log(JSON.stringify(found))
      process.exit()
    })`
  const cases = {
    nothing: [{}, 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY'],
    NODE_EXTRA_CA_CERTS: [{ NODE_EXTRA_CA_CERTS: file('ca-cert.pem') }, [true, null, 1]],
    NODE_TLS_REJECT_UNAUTHORIZED: [
      { NODE_TLS_REJECT_UNAUTHORIZED: '0' },
      [false, 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 1],
    ],
  }
  for (const [name, [variables, expected]] of Object.entries(cases)) {
    it(name, async () => {
      const server = core.createServer(identity, hello)
      server.on('tlsClientError', () => {})
      const args = ['-e', program, require.resolve('../..'), await listen(server)]
      const env = { ...process.env, NODE_NO_WARNINGS: '1', ...variables }
      const { stdout } = await promisify(execFile)(process.execPath, args, { env })
      server.closeAllConnections()
      server.close()
      assert.deepEqual(JSON.parse(stdout), expected)
    })
  }
})

it('no connection is left open', async () => {
  https.globalAgent.destroy()
  await emptied()
})
