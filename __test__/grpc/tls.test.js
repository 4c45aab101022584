'use strict'

// gRPC over TLS, with @grpc/grpc-js at either end: which servers clients trust, which clients servers accept, and what
// is refused.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const fs = require('node:fs')
const http2 = require('node:http2')
const net = require('node:net')
const os = require('node:os')
const path = require('node:path')
const { Duplex } = require('node:stream')
const { test } = require('node:test')
const core = require('node:tls')
const { tls } = require('../..')
const { grpc, peer, missing, connect, serve, service, outcome } = require('./support.js')
const { ca, identity, of, pairs, same, serveTls, connectTls, listen, ending } = require('./secure.js')

const echo = { one: ({ request }, callback) => callback(null, request) }
const stranger = of('stranger')

/** Answers with what a server knows of its caller. */
const caller = {
  one(call, callback) {
    const { transportSecurityType: type, sslPeerCertificate: certificate } = call.getAuthContext()
    const peer = call.getPeer().replace(/\d+$/, '')
    callback(null, JSON.stringify([type, certificate?.subject.CN, peer, call.getHost().replace(/\d+$/, '')]))
  },
}

same('calls of all kinds', async ({ S, C, t }) => {
  const port = await serveTls(t, S, {
    ...echo,
    many(call) {
      for (let i = 0; i < 40; i++) call.write(call.request.repeat(20_000))
      call.end()
    },
    gather(call, callback) {
      let length = 0
      call.on('data', (message) => {
        length += message.length
      })
      call.on('end', () => callback(null, String(length)))
    },
    chat(call) {
      call.pipe(call)
    },
  })
  const client = connectTls(t, C, port)
  const unary = await outcome((callback) => client.one('höi'.repeat(100_000), callback))
  let many = 0
  for await (const message of client.many('ab')) many += message.length
  const gathered = await new Promise((resolve, reject) => {
    const call = client.gather((error, value) => (error ? reject(error) : resolve(value)))
    for (let i = 0; i < 40; i++) call.write('x'.repeat(20_000))
    call.end()
  })
  const chat = client.chat()
  const words = []
  for (const word of ['one', 'two', 'three']) chat.write(word)
  chat.end()
  for await (const word of chat) words.push(word)
  return [unary, many, gathered, words]
})

same('what each end knows about the other', async ({ S, C, t }) => {
  const port = await serveTls(t, S, caller)
  const client = connectTls(t, C, port)
  let call
  const seen = await outcome((callback) => {
    call = client.one('x', callback)
    assert.equal(call.getAuthContext(), null)
    return call
  })
  const { transportSecurityType: type, sslPeerCertificate: certificate } = call.getAuthContext()
  const unverified = connectTls(
    t,
    C,
    port,
    C.credentials.createSsl(stranger.cert, null, null, { rejectUnauthorized: false }),
  )
  const unverifiedCall = await new Promise((resolve) => {
    const call = unverified.one('x', (error) => resolve([error, call.getAuthContext()]))
  })
  return [seen, type, certificate.subject.CN, certificate.fingerprint256, unverifiedCall]
})

test('without TLS there is no auth context', async (t) => {
  const { port } = await serve(t, grpc, caller)
  const client = connect(t, grpc, port)
  const [[, seen], context] = await new Promise((resolve) => {
    const call = client.one('x', (...args) => resolve([args, call.getAuthContext()]))
  })
  assert.deepEqual(JSON.parse(seen).slice(0, 2), [null, null])
  assert.deepEqual(context, {})
})

const believed = {
  'an authority that it does not know': (C) => [C.credentials.createSsl(stranger.cert)],
  "the world's authorities, which do not know it": (C) => [C.credentials.createSsl()],
  'a name that the certificate does not have': (C) => [
    C.credentials.createSsl(ca),
    { 'grpc.ssl_target_name_override': 'other.test' },
  ],
  'a name in the place of the one that it is reached by': (C) => [
    C.credentials.createSsl(ca),
    { 'grpc.ssl_target_name_override': 'localhost' },
    '127.0.0.1',
  ],
  'another authority in its calls': (C) => [C.credentials.createSsl(ca), { 'grpc.default_authority': 'other.test:9' }],
  'an objection': (C) => [
    C.credentials.createSsl(ca, null, null, {
      checkServerIdentity: (host, { subject }) => new Error(`${subject.CN} is not ${host}`),
    }),
  ],
  'an objection, to a name in the place of its own': (C) => [
    C.credentials.createSsl(ca, null, null, { checkServerIdentity: (host) => new Error(`not ${host}`) }),
    { 'grpc.ssl_target_name_override': 'other.test' },
  ],
  'no objection to a name that the certificate does not have': (C) => [
    C.credentials.createSsl(ca, null, null, { checkServerIdentity: () => undefined }),
    { 'grpc.ssl_target_name_override': 'other.test' },
  ],
  'whoever it is': (C) => [C.credentials.createSsl(stranger.cert, null, null, { rejectUnauthorized: false })],
}
for (const [name, make] of Object.entries(believed)) {
  same(`a client takes: ${name}`, async ({ S, C, t }) => {
    const port = await serveTls(t, S, caller)
    const [credentials, options, host = 'localhost'] = make(C)
    return ending(connectTls(t, C, `${host}:${port}`, credentials, options))
  })
}

// With current versions of Node's TLS, @grpc/grpc-js cannot connect to these.
test('a client accepts: an address that the certificate has', async (t) => {
  const port = await serveTls(t, grpc, caller)
  assert.equal(JSON.parse(await ending(connectTls(t, grpc, `127.0.0.1:${port}`)))[3], '127.0.0.1:')
})

test('an exception in checkServerIdentity refuses the certificate', async (t) => {
  const port = await serveTls(t, grpc, echo)
  const thrower = () => {
    throw new Error('cannot tell')
  }
  const credentials = grpc.credentials.createSsl(ca, null, null, { checkServerIdentity: thrower })
  assert.deepEqual(await ending(connectTls(t, grpc, port, credentials)), [14, 'cannot tell'])
})

for (const [name, key, cert] of [
  ['of its authority', of('client').key, of('client').cert],
  ['of another', stranger.key, stranger.cert],
  ['at all', null, null],
]) {
  same(`a server asks for certificates, and a client has one ${name}`, async ({ S, C, t }) => {
    const port = await serveTls(t, S, caller, { roots: ca, asks: true })
    const seen = await ending(connectTls(t, C, port, C.credentials.createSsl(ca, key, cert)))
    // Clients that are refused may see different errors.
    return Array.isArray(seen) ? seen[0] : seen
  })
}

same('only one end has TLS', async ({ S, C, t }) => {
  const secure = await serveTls(t, S, echo)
  const { port: plain } = await serve(t, S, echo)
  const [first] = await ending(connectTls(t, C, secure, C.credentials.createInsecure()))
  const [second, words] = await ending(connectTls(t, C, plain))
  return [first, second, words.includes('wrong version number')]
})

same('invalid arguments of credentials', async ({ S, C }) => {
  const seen = []
  const attempt = (code) => {
    try {
      code()
      seen.push('fine')
    } catch ({ name, message }) {
      seen.push([name, message])
    }
  }
  const server = S.ServerCredentials
  const { key, cert } = identity
  attempt(() => server.createSsl('x', []))
  attempt(() => server.createSsl(undefined, []))
  attempt(() => server.createSsl(null, {}))
  attempt(() => server.createSsl(null, [null]))
  attempt(() => server.createSsl(null, [{}]))
  attempt(() => server.createSsl(null, [...pairs(identity), { private_key: key }]))
  attempt(() => server.createSsl(null, [], 1))
  attempt(() => server.createSsl(null, [{ private_key: Buffer.from('x'), cert_chain: Buffer.from('y') }]))
  const client = C.credentials
  attempt(() => client.createSsl('x'))
  attempt(() => client.createSsl(null, 'x'))
  attempt(() => client.createSsl(null, null, 'x'))
  attempt(() => client.createSsl(null, key))
  attempt(() => client.createSsl(null, null, cert))
  attempt(() => client.createSsl(null, Buffer.from('x'), Buffer.from('y')))
  attempt(() => client.createSsl(null, of('other').key, cert))
  attempt(() => client.createInsecure().compose(client.createEmpty()))
  return seen
})

same('a server with an invalid key, or one of another certificate, cannot be bound', async ({ S, t }) => {
  const seen = []
  const { cert } = identity
  for (const key of [Buffer.from('x'), of('other').key]) {
    await serveTls(t, S, echo, { shown: { key, cert } }).catch(({ message }) => seen.push(message))
  }
  return seen
})

same('a port has credentials', async ({ S, t }) => {
  const { createSsl, createInsecure } = S.ServerCredentials
  const server = new S.Server()
  t.after(() => server.forceShutdown())
  const port = await listen(server, createSsl(null, pairs(identity)))
  const bind = (credentials) =>
    new Promise((resolve) => {
      server.bindAsync(`127.0.0.1:${port}`, credentials, (error, number) =>
        resolve(error ? error.message.replace(port, 'PORT') : number === port),
      )
    })
  return [
    await bind(createSsl(null, pairs(identity))),
    await bind(createSsl(ca, pairs(identity))),
    await bind(createSsl(null, pairs(identity), true)),
    await bind(createSsl(null, pairs(of('other')))),
    await bind(createInsecure()),
  ]
})

test('credentials made from the same parts are equal', () => {
  const { createFromMetadataGenerator, createSsl, createInsecure } = grpc.credentials
  const [one, other] = [createSsl(ca), createSsl(ca)]
  assert.ok(one._equals(one))
  assert.ok(!one._equals(other))
  assert.ok(!one._equals(createInsecure()))
  assert.ok(createInsecure()._equals(createInsecure()))
  const generate = () => {}
  const calls = () => createFromMetadataGenerator(generate)
  assert.ok(one.compose(calls())._equals(one.compose(calls())))
  assert.ok(!one.compose(calls())._equals(one.compose(createFromMetadataGenerator(() => {}))))
  assert.ok(!one.compose(calls())._equals(other.compose(calls())))
  assert.ok(!one.compose(calls().compose(calls()))._equals(one.compose(calls())))
})

test('our secure contexts work, and Node’s own are refused', async (t) => {
  const port = await serveTls(t, grpc, caller, { roots: ca, asks: true })
  const { createFromSecureContext } = grpc.credentials
  const credentials = createFromSecureContext(tls.createSecureContext({ ca, ...of('client') }))
  const seen = await ending(connectTls(t, grpc, port, credentials))
  assert.equal(JSON.parse(seen)[1], 'client')
  assert.throws(() => createFromSecureContext(core.createSecureContext({ ca })), {
    code: 'IRONWIRE_GRPC_UNSUPPORTED',
    message: /secure context .* createSsl/,
  })
})

test('what rustls cannot use is refused by name', async (t) => {
  const { createSsl } = grpc.credentials
  assert.throws(() => createSsl(Buffer.from('x')), { code: 'IRONWIRE_GRPC_UNSUPPORTED', message: /'ca' must be/ })
  await withEnvironment('GRPC_SSL_CIPHER_SUITES', 'ECDHE-RSA-AES128-SHA', async () => {
    assert.throws(() => createSsl(ca), { code: 'IRONWIRE_GRPC_UNSUPPORTED', message: /'ciphers' must name/ })
    await assert.rejects(serveTls(t, grpc, echo), { message: /'ciphers' must name/ })
  })
})

async function withEnvironment(name, value, code) {
  const { [name]: before } = process.env
  process.env[name] = value
  try {
    await code()
  } finally {
    if (before === undefined) delete process.env[name]
    else process.env[name] = before
  }
}

test('the environment sets the cipher suites', async (t) => {
  await withEnvironment('GRPC_SSL_CIPHER_SUITES', 'TLS_AES_128_GCM_SHA256', async () => {
    const port = await serveTls(t, grpc, echo)
    const socket = core.connect({ port, ca, servername: 'localhost', ALPNProtocols: ['h2'] })
    await once(socket, 'secureConnect')
    assert.equal(socket.getCipher().name, 'TLS_AES_128_GCM_SHA256')
    socket.destroy()
  })
})

test('the environment names a file of root certificates', async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-grpc-'))
  t.after(() => fs.rmSync(folder, { recursive: true }))
  const file = path.join(folder, 'roots.pem')
  fs.writeFileSync(file, ca)
  const port = await serveTls(t, grpc, echo)
  await withEnvironment('GRPC_DEFAULT_SSL_ROOTS_FILE_PATH', file, async () => {
    assert.equal(await ending(connectTls(t, grpc, port, grpc.credentials.createSsl())), 'x')
  })
})

test('a server has certificates with several key types', async (t) => {
  const server = new grpc.Server()
  server.addService(service, echo)
  t.after(() => server.forceShutdown())
  const both = [...pairs(identity), ...pairs(of('rsa'))]
  const port = await listen(server, grpc.ServerCredentials.createSsl(null, both))
  const kinds = []
  for (const sigalgs of ['ECDSA+SHA256', 'rsa_pss_rsae_sha256']) {
    const socket = core.connect({ port, rejectUnauthorized: false, sigalgs, ALPNProtocols: ['h2'] })
    await once(socket, 'secureConnect')
    kinds.push(socket.getPeerX509Certificate().publicKey.asymmetricKeyType)
    socket.destroy()
  }
  assert.deepEqual(kinds, ['ec', 'rsa'])
})

/** Answers a call with an error status. */
function refuse(stream) {
  stream.resume()
  stream.respond({ 'content-type': 'application/grpc', 'grpc-status': '5', 'grpc-message': 'x' }, { endStream: true })
}

test('a client resumes its session when it connects again', async (t) => {
  const server = http2.createSecureServer(identity)
  const resumed = []
  server.on('secureConnection', (socket) => resumed.push(socket.isSessionReused()))
  let session
  server.on('session', (last) => {
    session = last
  })
  server.on('stream', refuse)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.after(() => server.close())
  const client = connectTls(t, grpc, server.address().port)
  for (let i = 0; i < 3; i++) {
    assert.deepEqual(await ending(client), [5, 'x'])
    // Close the connection, so that the next call needs another one.
    const closed = once(session, 'close')
    session.close()
    await closed
  }
  assert.deepEqual(resumed, [false, true, true])
})

test('a server lets clients resume sessions', async (t) => {
  const port = await serveTls(t, grpc, echo)
  let session
  const reused = []
  for (let i = 0; i < 2; i++) {
    const client = http2.connect(`https://localhost:${port}`, { ca, session })
    client.socket.on('session', (given) => {
      session = given
    })
    const headers = { ':method': 'POST', ':path': '/test.Texts/One', 'content-type': 'application/grpc' }
    const stream = client.request(headers)
    stream.end(Buffer.from([0, 0, 0, 0, 1, 120]))
    stream.resume()
    await once(stream, 'close')
    reused.push(client.socket.isSessionReused())
    const closed = once(client, 'close')
    client.close()
    await closed
  }
  assert.deepEqual(reused, [false, true])
})

/** Everything that a server sends to a TLS client. */
async function told(port, options, text = '') {
  const socket = core.connect({ port, ca, servername: 'localhost', ...options })
  let heard = ''
  socket.on('error', () => {})
  socket.setEncoding('latin1').on('data', (chunk) => {
    heard += chunk
  })
  socket.on('secureConnect', () => socket.write(text))
  await new Promise((resolve) => socket.on('close', resolve))
  return heard
}

test('a client without ALPN gets an answer, and one with another protocol is refused', async (t) => {
  const port = await serveTls(t, grpc, echo)
  assert.match(await told(port, {}, 'GET / HTTP/1.1\r\n\r\n'), /^HTTP\/1\.0 403 Forbidden\r\n.*ALPN/s)
  assert.equal(await told(port, { ALPNProtocols: ['http/1.1'] }), '')
  assert.equal(await ending(connectTls(t, grpc, port)), 'x')
})

test('a server without ALPN may speak HTTP/2', async (t) => {
  const server = core.createServer(identity)
  const speaker = http2.createServer()
  speaker.on('stream', refuse)
  // A plain stream, because the HTTP/2 server would look for a negotiated protocol if it saw a TLS socket.
  server.on('secureConnection', (socket) => {
    speaker.emit('connection', Duplex.from({ readable: socket, writable: socket }))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.after(() => server.close())
  assert.deepEqual(await ending(connectTls(t, grpc, server.address().port)), [5, 'x'])
})

test('a client that sends nothing, or garbage, does not delay the shutdown', async (t) => {
  const server = new grpc.Server()
  server.addService(service, echo)
  const port = await listen(server, grpc.ServerCredentials.createSsl(null, pairs(identity)))
  const silent = net.connect(port, '127.0.0.1')
  const garbled = net.connect(port, '127.0.0.1')
  for (const socket of [silent, garbled]) {
    socket.on('error', () => {})
    t.after(() => socket.destroy())
  }
  garbled.write('GET / HTTP/1.1\r\n\r\n')
  garbled.resume()
  await once(garbled, 'close')
  assert.equal(await ending(connectTls(t, grpc, port)), 'x')
  const gone = once(silent.resume(), 'close')
  server.forceShutdown()
  await Promise.all([gone, new Promise((resolve) => server.tryShutdown(resolve))])
})

test('a server with TLS on a Unix socket', { skip: process.platform === 'win32' }, async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-grpc-'))
  const place = `unix:${path.join(folder, 's')}`
  const server = new grpc.Server()
  server.addService(service, echo)
  t.after(() => {
    server.forceShutdown()
    fs.rmSync(folder, { recursive: true })
  })
  await new Promise((resolve, reject) => {
    const credentials = grpc.ServerCredentials.createSsl(null, pairs(identity))
    server.bindAsync(place, credentials, (error) => (error ? reject(error) : resolve()))
  })
  for (const C of [grpc, peer]) if (!missing) assert.equal(await ending(connectTls(t, C, place)), 'x')
})
