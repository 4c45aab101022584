'use strict'

// Clients and servers with a secret: the handshake, written by hand for both sides as in docs/rpc-protocol.md, and
// everything that it must refuse.

const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const crypto = require('node:crypto')
const { once } = require('node:events')
const fs = require('node:fs')
const net = require('node:net')
const path = require('node:path')
const test = require('node:test')
const { inspect } = require('node:util')
const { rpc } = require('../../index.js')
const { ServerHandshake } = require('../../lib/rpc/handshake.js')
const { Kind, preface, frame, method, handServer, handClient, listening, pair, until } = require('./tools.js')

const SECRET = 'correct horse battery staple'
const OTHER = Buffer.alloc(32, 7)
const UNAUTHENTICATED = 7

const hello = preface({ version: 2, flags: 1, window: 64 })
const request = (sequence, body) => frame(Kind.REQUEST, sequence, { code: 0, body })
const text = ({ payload }) => payload.toString('latin1', 2)

/** Computed as in the document, without our code. */
function proof(who, { secret = SECRET, prefaces, nonces }) {
  return crypto
    .createHmac('sha256', secret)
    .update(Buffer.concat([Buffer.from(`ironwire rpc ${who}`), ...prefaces, ...nonces]))
    .digest()
}

async function guarded(t, options) {
  const { server, port } = await listening(t, { secret: SECRET, ...options })
  const handled = []
  server.method('echo', (body, callback) => {
    handled.push(String(body))
    callback(null, body)
  })
  return { server, port, handled }
}

/**
 * A hand-written client that has received the server's nonce. `answer(secret)` makes its proof, `check` checks the
 * server's proof.
 */
async function challenged(t, port, greeting = hello) {
  const client = await handClient(t, port, { greeting })
  const { preface: theirs } = await client.next((unit) => unit.preface)
  const { payload } = await client.next((unit) => unit.kind === Kind.AUTH)
  const nonce = crypto.randomBytes(32)
  const transcript = { prefaces: [greeting, theirs], nonces: [Buffer.from(payload), nonce] }
  return {
    ...client,
    theirs,
    transcript,
    answer: (given = {}) =>
      frame(Kind.AUTH, 0, { body: Buffer.concat([nonce, proof('client', { ...transcript, ...given })]) }),
    async check(secret) {
      const unit = await client.next(({ kind }) => kind === Kind.AUTH)
      assert.deepEqual(unit.payload, proof('server', { secret, ...transcript }))
    },
  }
}

/**
 * A hand-written server with a secret. The script can replace its answers to the client's preface, to its proof, and to
 * what follows.
 */
const handGuarded = (t, { greeting = hello, challenge = crypto.randomBytes(32), secret = SECRET, ...script }) =>
  handServer(
    t,
    (unit, socket) => {
      if (unit.preface) {
        socket.client = unit.preface
        if (script.hello !== undefined) script.hello(socket)
        else if (challenge !== null) socket.write(frame(Kind.AUTH, 0, { body: challenge }))
      } else if (unit.kind === Kind.AUTH) {
        const { client } = socket
        const nonce = unit.payload.subarray(0, 32)
        const given = unit.payload.subarray(32)
        script.answer(socket, {
          given,
          nonce,
          client,
          transcript: { secret, prefaces: [client, greeting], nonces: [challenge, nonce] },
        })
      } else script.after?.(unit, socket)
    },
    { greeting },
  )

const answering = (unit, socket) => {
  if (unit.kind === Kind.REQUEST) socket.write(frame(Kind.REPLY, unit.sequence, { body: unit.payload.subarray(6) }))
}

test('the bytes of the document', () => {
  const prefaces = [hello, hello].map((bytes) => Buffer.from(bytes))
  for (const [i, maxCalls] of [0, 4096].entries()) {
    prefaces[i].writeUInt16BE(1024, 6)
    prefaces[i].writeUInt32BE(maxCalls, 12)
  }
  const nonces = [0, 32].map((from) => Buffer.from(Array.from({ length: 32 }, (_, i) => from + i)))
  const document = fs.readFileSync(path.join(__dirname, '../../docs/rpc-protocol.md'), 'utf8').replace(/\s+/g, ' ')
  const spaced = (bytes) => bytes.toString('hex').replace(/..(?!$)/g, '$& ')
  for (const bytes of prefaces)
    assert.ok(document.includes(`${spaced(bytes.subarray(0, 8))} ${spaced(bytes.subarray(8))}`))
  for (const who of ['client', 'server']) assert.ok(document.includes(spaced(proof(who, { prefaces, nonces }))), who)
})

test('calls work when both ends know the secret, also those made before the handshake', async (t) => {
  const key = crypto.createSecretKey(SECRET, 'utf8')
  for (const secret of [SECRET, Buffer.from(SECRET), new Uint8Array(Buffer.from(SECRET)), key]) {
    const { server, port } = await guarded(t)
    server.method('count', { clientStreaming: true }, async (requests) => {
      let size = 0
      for await (const { length } of requests) size += length
      return Buffer.from(String(size))
    })
    const client = rpc.connect(port, { secret })
    t.after(() => client.destroy())
    const early = Array.from({ length: 10 }, (_, i) => client.call('echo', Buffer.from([i])))
    assert.deepEqual(
      (await Promise.all(early)).map(([byte]) => byte),
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    )
    const large = Buffer.alloc(2 ** 20, 'x')
    assert.deepEqual(await client.call('echo', large), large)
    const parts = [large, large]
    const size = client.stream('count', parts, { clientStreaming: true, serverStreaming: false })
    assert.equal(String(await size), String(2 ** 21))
    assert.equal(server.stats.unauthenticated, 0)
  }
})

test('a client by hand, whole and in pieces', async (t) => {
  const { port, handled } = await guarded(t)
  for (const size of [1, 2, 7, 1000]) {
    const greeting = Buffer.alloc(0)
    const client = await handClient(t, port, { greeting })
    const send = async (bytes) => {
      for (let at = 0; at < bytes.length; at += size) {
        client.socket.write(bytes.subarray(at, at + size))
        await new Promise(setImmediate)
      }
    }
    await send(hello)
    const { preface: theirs } = await client.next((unit) => unit.preface)
    assert.equal(theirs[5], 1)
    const challenge = await client.next((unit) => unit.kind === Kind.AUTH)
    assert.deepEqual([challenge.flags, challenge.sequence, challenge.payload.length], [0, 0, 32])
    const nonce = crypto.randomBytes(32)
    const transcript = { prefaces: [hello, theirs], nonces: [Buffer.from(challenge.payload), nonce] }
    // What is sent directly after a correct proof is accepted.
    const auth = frame(Kind.AUTH, 0, { body: Buffer.concat([nonce, proof('client', transcript)]) })
    await send(Buffer.concat([auth, method(0, 'echo'), request(1, `by ${size}`)]))
    const confirmed = await client.next((unit) => unit.kind === Kind.AUTH)
    assert.deepEqual(confirmed.payload, proof('server', transcript))
    const reply = await client.next((unit) => unit.kind === Kind.REPLY)
    assert.equal(String(reply.payload), `by ${size}`)
    client.socket.destroy()
  }
  assert.equal(handled.length, 4)
})

test('a server by hand, whole and in pieces', async (t) => {
  for (const size of [1, 2, 7, 1000]) {
    const challenge = crypto.randomBytes(32)
    const send = async (socket, bytes) => {
      for (let at = 0; at < bytes.length; at += size) {
        socket.write(bytes.subarray(at, at + size))
        await new Promise(setImmediate)
      }
    }
    let said
    const { port } = await handGuarded(t, {
      greeting: null,
      challenge: null,
      hello: (socket) => send(socket, Buffer.concat([hello, frame(Kind.AUTH, 0, { body: challenge })])),
      answer(socket, { given, nonce, client }) {
        const transcript = { prefaces: [client, hello], nonces: [challenge, nonce] }
        assert.deepEqual(given, proof('client', transcript))
        // A server may send anything directly after its proof.
        const ping = frame(Kind.PING, 9)
        said = send(socket, Buffer.concat([frame(Kind.AUTH, 0, { body: proof('server', transcript) }), ping]))
      },
      // The client may be faster than the pieces.
      after: (unit, socket) => said.then(() => answering(unit, socket)),
    })
    const client = rpc.connect(port, { secret: SECRET })
    t.after(() => client.destroy())
    assert.equal(String(await client.call('any', Buffer.from('x'))), 'x', `in pieces of ${size}`)
  }
})

/**
 * Clients that a server with a secret must refuse: what they send after its nonce, or in place of a preface, and the
 * error.
 */
const refused = {
  'no secret': [{ greeting: preface({ version: 2 }) }, /This server requires a secret/],
  'version 1': [{ greeting: preface({ version: 1 }) }, /This server requires a secret/],
  'version 1 with the flag': [{ greeting: preface({ version: 1, flags: 1 }) }, /This server requires a secret/],
  'no secret, and a call at once': [
    { greeting: Buffer.concat([preface({ version: 2 }), method(0, 'echo'), request(1, 'x')]) },
    /This server requires a secret/,
  ],
  'a call ahead of the proof': [
    { send: () => Buffer.concat([method(0, 'echo'), request(1, 'x')]) },
    /a frame of kind Method arrived before the proof/,
  ],
  'a ping ahead of it': [{ send: () => frame(Kind.PING, 1) }, /a frame of kind Ping arrived before the proof/],
  'another secret': [{ send: ({ answer }) => answer({ secret: OTHER }) }, /does not know the secret/],
  'another secret, and a call at once': [
    { send: ({ answer }) => Buffer.concat([answer({ secret: OTHER }), method(0, 'echo'), request(1, 'x')]) },
    /does not know the secret/,
  ],
  'a call, then the proof': [
    { send: ({ answer }) => Buffer.concat([method(0, 'echo'), request(1, 'x'), answer()]) },
    /arrived before the proof/,
  ],
  "the server's own words": [
    {
      send: ({ transcript }) => {
        const [nonce] = transcript.nonces
        return frame(Kind.AUTH, 0, { body: Buffer.concat([nonce, proof('server', transcript)]) })
      },
    },
    /does not know the secret/,
  ],
  'a preface that somebody has changed': [
    { send: ({ answer, theirs }) => answer({ prefaces: [preface({ version: 2, flags: 1, window: 63 }), theirs] }) },
    /does not know the secret/,
  ],
  'a nonce that was another': [
    { send: ({ answer, transcript: { nonces } }) => answer({ nonces: [crypto.randomBytes(32), nonces[1]] }) },
    /does not know the secret/,
  ],
  zeros: [{ send: () => frame(Kind.AUTH, 0, { body: Buffer.alloc(64) }) }, /does not know the secret/],
}
for (const [name, [{ greeting, send }, message]] of Object.entries(refused)) {
  test(`a server with a secret drops a client with ${name}`, async (t) => {
    const { server, port, handled } = await guarded(t)
    const reported = once(server, 'protocolError')
    const client = greeting === undefined ? await challenged(t, port) : await handClient(t, port, { greeting })
    const closed = once(client.socket, 'close')
    if (send !== undefined) client.socket.write(send(client))
    const farewell = await client.next((unit) => unit.kind === Kind.GOAWAY)
    assert.equal(farewell.payload.readUInt16BE(0), UNAUTHENTICATED)
    assert.match(text(farewell), message)
    await closed
    const [error, peer] = await reported
    assert.match(error.message, message)
    assert.equal(peer.address, '127.0.0.1')
    assert.equal(server.stats.unauthenticated, 1)
    assert.deepEqual([handled, server.stats.calls], [[], 0])
  })
}

test('garbage in place of a proof is dropped before it is stored', async (t) => {
  const { server, port, handled } = await guarded(t)
  const garbage = [
    Buffer.from('00000401', 'hex'),
    Buffer.from('00ffffff0200', 'hex'),
    frame(Kind.AUTH, 0, { body: Buffer.alloc(63) }),
    frame(Kind.AUTH, 0, { body: Buffer.alloc(65) }),
    frame(Kind.AUTH, 0, { flags: 1, body: Buffer.alloc(64) }),
    frame(99, 0),
  ]
  for (const bytes of garbage) {
    const { socket, next } = await challenged(t, port)
    const closed = once(socket, 'close')
    socket.write(bytes)
    const farewell = await next((unit) => unit.kind === Kind.GOAWAY)
    assert.ok([1, 2].includes(farewell.payload.readUInt16BE(0)))
    await closed
  }
  const { socket } = await challenged(t, port)
  socket.write(frame(Kind.GOAWAY, 0, { code: 0 }))
  await once(socket, 'close')
  assert.deepEqual([handled, server.sessions.size], [[], 0])
})

test('a recorded handshake cannot be replayed', async (t) => {
  const { server, port, handled } = await guarded(t)
  const sent = []
  const proxy = net.createServer((socket) => {
    const upstream = net.connect(port, '127.0.0.1')
    socket.on('data', (chunk) => sent.push(chunk))
    socket.pipe(upstream).pipe(socket)
    for (const one of [socket, upstream]) one.on('error', () => {})
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  t.after(() => proxy.close())
  const client = rpc.connect(proxy.address().port, { secret: SECRET })
  assert.equal(String(await client.call('echo', Buffer.from('once'))), 'once')
  client.destroy()
  const recorded = Buffer.concat(sent)
  assert.ok(recorded.includes('echo'), 'nothing is hidden: this is no encryption')
  assert.ok(!recorded.includes(SECRET))
  for (const cut of [16, recorded.length]) {
    const { socket, next } = await handClient(t, port, { greeting: recorded.subarray(0, cut) })
    if (cut === 16) {
      await next((unit) => unit.kind === Kind.AUTH)
      socket.write(recorded.subarray(cut))
    }
    const farewell = await next((unit) => unit.kind === Kind.GOAWAY)
    assert.equal(farewell.payload.readUInt16BE(0), UNAUTHENTICATED)
  }
  assert.deepEqual(handled, ['once'])
  assert.equal(server.stats.unauthenticated, 2)
})

test('a step that fails lets nothing pass', async (t) => {
  const { server, port, handled } = await guarded(t)
  const { socket, answer } = await challenged(t, port)
  t.mock.method(ServerHandshake.prototype, 'answer', () => {
    throw new Error('out of entropy')
  })
  const ended = once(server, 'disconnect')
  socket.write(Buffer.concat([answer(), method(0, 'echo'), request(1, 'x')]))
  const [, error] = await ended
  assert.equal(error.message, 'out of entropy')
  assert.deepEqual(handled, [])
})

test('a peer that stalls in the handshake is dropped, by either side', async (t) => {
  // On a slow machine, an earlier step may exceed the time as well; then try again.
  const { server, port } = await guarded(t, { handshakeTimeout: 20 })
  for (let message = ''; !/The client did not prove that it knows the secret within 20 ms/.test(message); ) {
    const dropped = once(server, 'protocolError')
    await handClient(t, port, { greeting: hello })
    const [error] = await dropped
    assert.match(error.message, /within 20 ms$/)
    message = error.message
  }

  const silent = await handGuarded(t, { challenge: null })
  const client = rpc.connect(silent.port, { secret: SECRET, handshakeTimeout: 20, reconnect: { initialDelay: 1 } })
  t.after(() => client.destroy())
  for (let message = ''; !/The server did not prove that it knows the secret within 20 ms/.test(message); ) {
    const [{ error }] = await once(client, 'reconnect')
    assert.equal(error.code, 'IRONWIRE_RPC_PROTOCOL', 'it may be better next time')
    message = error.message
  }
})

test('a client comes back to a server that shut down during the handshake', async (t) => {
  let attempts = 0
  const { port } = await handGuarded(t, {
    after: answering,
    answer(socket, { transcript }) {
      if (attempts++ === 0) socket.write(frame(Kind.GOAWAY, 0, { code: 0 }))
      else socket.write(frame(Kind.AUTH, 0, { body: proof('server', transcript) }))
    },
  })
  const client = rpc.connect(port, { secret: SECRET, reconnect: { initialDelay: 1 } })
  t.after(() => client.destroy())
  assert.equal(String(await client.call('any', Buffer.from('x'))), 'x')

  const { server } = await guarded(t)
  await challenged(t, server.address().port)
  await server.close()
})

/** Servers that a client with a secret must refuse, and its error. */
const distrusted = {
  'has none': [{ greeting: preface({ version: 2 }) }, /has no secret, so nothing shows that it is the right one/],
  'speaks version 1': [{ greeting: preface({ version: 1, flags: 1 }) }, /has no secret/],
  'has another': [{ secret: OTHER, answer: (socket) => socket.end(refusal) }, /does not accept the secret of this/],
  'takes any': [
    {
      answer: (socket, { transcript }) =>
        socket.write(frame(Kind.AUTH, 0, { body: proof('server', { ...transcript, secret: OTHER }) })),
    },
    /does not know the secret of this client: check that both have the same/,
  ],
  'sends the proof back': [
    { answer: (socket, { given }) => socket.write(frame(Kind.AUTH, 0, { body: given })) },
    /does not know the secret/,
  ],
}
const refusal = frame(Kind.GOAWAY, 0, { code: UNAUTHENTICATED, body: 'The client does not know the secret' })
for (const [name, [script, message]] of Object.entries(distrusted)) {
  test(`a client with a secret sends no call to a server that ${name}, and gives up`, async (t) => {
    const units = []
    const { port, server } = await handGuarded(t, { ...script, after: (unit) => units.push(unit.kind) })
    let connections = 0
    server.on('connection', () => connections++)
    const client = rpc.connect(`127.0.0.1:${port}`, { secret: SECRET, reconnect: { initialDelay: 1 } })
    const closed = new Promise((resolve) => client.once('close', resolve))
    const call = client.call('echo')
    const [error] = await once(client, 'error')
    assert.deepEqual([error.code, error.statusName], ['IRONWIRE_RPC_UNAUTHENTICATED', 'UNAUTHENTICATED'])
    assert.match(error.message, message)
    assert.ok(error.message.includes(`127.0.0.1:${port}`))
    await assert.rejects(call, {
      code: 'IRONWIRE_RPC_UNAUTHENTICATED',
      status: rpc.status.UNAUTHENTICATED,
      sent: false,
      cause: error,
    })
    await closed
    assert.equal(connections, 1)
    assert.ok(units.every((kind) => kind === Kind.GOAWAY))
  })
}

test('a client without a secret says that the server wants one', async (t) => {
  const { server, port } = await guarded(t)
  const client = rpc.connect(`127.0.0.1:${port}`)
  const call = client.call('echo')
  const [error] = await once(client, 'error')
  assert.match(error.message, /takes only clients that know its secret: give it as the option 'secret'/)
  await assert.rejects(call, { code: 'IRONWIRE_RPC_UNAUTHENTICATED', sent: false })
  await until(() => server.stats.unauthenticated === 1)
})

test('a server accepts any of its secrets, a client uses its first', async (t) => {
  const { port, server } = await guarded(t, { secret: [OTHER, SECRET] })
  for (const secret of [SECRET, OTHER, [OTHER, SECRET], [SECRET, 'one that nobody has']]) {
    const client = rpc.connect(port, { secret })
    assert.equal(String(await client.call('echo', Buffer.from('x'))), 'x')
    client.destroy()
  }
  for (const secret of [OTHER, SECRET]) {
    const { socket, answer, check } = await challenged(t, port)
    socket.write(answer({ secret }))
    await check(secret)
  }
  const client = rpc.connect(port, { secret: ['one that nobody has', SECRET] })
  const [error] = await once(client, 'error')
  assert.equal(error.code, 'IRONWIRE_RPC_UNAUTHENTICATED')
  assert.equal(server.stats.unauthenticated, 1)
})

test('each connection makes its own proof', async (t) => {
  const { server, client } = await pair(t, { secret: SECRET }, { secret: SECRET, reconnect: { initialDelay: 1 } })
  server.method('echo', (body) => body)
  for (let i = 1; i <= 3; i++) {
    assert.equal(String(await client.call('echo', Buffer.from('x'))), 'x')
    const again = once(client, 'connect')
    server.closeAllConnections()
    await again
    assert.equal(client.stats.connections, i + 1)
  }
  const seen = new Set()
  for (let i = 0; i < 5; i++) {
    const { transcript } = await challenged(t, server.address().port)
    seen.add(transcript.nonces[0].toString('hex'))
  }
  assert.equal(seen.size, 5)
})

test('of several servers, those that know the secret get the calls', async (t) => {
  const right = await guarded(t)
  const wrong = await guarded(t, { secret: OTHER })
  const open = await listening(t)
  const places = [right, wrong, open].map(({ port }) => `127.0.0.1:${port}`)
  const client = rpc.connect(places, { secret: SECRET })
  t.after(() => client.destroy())
  for (let i = 0; i < 10; i++) await client.call('echo')
  assert.equal(right.handled.length, 10)
  const alone = rpc.connect(places.slice(1), { secret: SECRET })
  t.after(() => alone.destroy())
  await assert.rejects(alone.call('echo'), { code: 'IRONWIRE_RPC_UNAUTHENTICATED', sent: false })
  await assert.rejects(alone.call('echo'), { code: 'IRONWIRE_RPC_UNAUTHENTICATED', sent: false })
})

test('an invalid or weak secret is refused without being shown', () => {
  const wrong = [
    [undefined, 'ERR_INVALID_ARG_TYPE', /It is undefined/],
    [null, 'ERR_INVALID_ARG_TYPE', /It is null/],
    [271828182845904, 'ERR_INVALID_ARG_TYPE', /a value of type number/],
    ['', 'ERR_INVALID_ARG_VALUE', /must have at least 16 bytes, but has 0/],
    ['fifteen bytes..', 'ERR_INVALID_ARG_VALUE', /at least 16 bytes, but has 15: a shorter one can be found by trying/],
    [Buffer.from('fifteen bytes..'), 'ERR_INVALID_ARG_VALUE', /but has 15/],
    [[], 'ERR_INVALID_ARG_VALUE', /must have at least one secret/],
    [[SECRET, 'fifteen bytes..'], 'ERR_INVALID_ARG_VALUE', /'options\.secret\[1\]' must have at least 16 bytes/],
    [{ fifteen: 'bytes..' }, 'ERR_INVALID_ARG_TYPE', /a value of type object/],
  ]
  for (const [secret, code, message] of wrong) {
    for (const make of [() => rpc.createServer({ secret }), () => rpc.connect('127.0.0.1:1', { secret })]) {
      assert.throws(make, (error) => {
        assert.equal(error.code, code)
        assert.match(error.message, message)
        assert.doesNotMatch(inspect(error, { depth: 9 }), /fifteen|2718|correct horse/)
        return true
      })
    }
  }
  assert.doesNotThrow(() => rpc.createServer({ secret: 'sixteen bytes...' }))
})

test('a secret never appears in output, but its refusal does', () => {
  const program = `
    const { once } = require('node:events')
    const { inspect } = require('node:util')
    const { rpc } = require(${JSON.stringify(require.resolve('../../index.js'))})
    const secret = ${JSON.stringify(SECRET)}
    async function main() {
      const server = rpc.createServer({ secret })
      server.listen(0)
      await once(server, 'listening')
      const client = rpc.connect(server.address().port, { secret })
      await once(client, 'connect')
      const other = rpc.connect(server.address().port, { secret: secret + '!' })
      const [error] = await once(other, 'error')
      for (const one of [server, client, other, error]) console.log(inspect(one, { depth: 20, showHidden: true }))
      console.log(JSON.stringify([client.options, server.options, error]))
      process.exit()
    }
    main()`
  const env = { ...process.env, NODE_DEBUG: 'ironwire' }
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8', env, timeout: 60_000 })
  assert.match(stdout, /IRONWIRE_RPC_UNAUTHENTICATED/)
  assert.match(stderr, /the connection from 127\.0\.0\.1 port \d+ has ended: The client does not know the secret/)
  assert.match(stderr, /no more attempts at localhost:\d+: The server at \S+ does not accept the secret of this client/)
  assert.doesNotMatch(stdout + stderr, /correct horse/)
})

test('without a secret, nothing of the handshake is on the wire', async (t) => {
  const { server, port } = await listening(t)
  server.method('echo', (body) => body)
  const { socket, next } = await handClient(t, port, { greeting: preface({ version: 2, flags: 255 }) })
  const { preface: theirs } = await next((unit) => unit.preface)
  assert.equal(theirs[5], 0)
  socket.write(Buffer.concat([method(0, 'echo'), request(1, 'x')]))
  assert.equal((await next((unit) => unit.kind)).kind, Kind.REPLY)
  socket.write(frame(Kind.AUTH, 0, { body: Buffer.alloc(64) }))
  assert.match(text(await next((unit) => unit.kind === Kind.GOAWAY)), /the frame kind 12 does not exist/)
  const { port: other } = await handServer(t, answering, { greeting: preface({ version: 2, flags: 254, window: 64 }) })
  const client = rpc.connect(other)
  t.after(() => client.destroy())
  assert.equal(String(await client.call('any', Buffer.from('y'))), 'y')
})

test('a registry accepts clients with its secret, and they accept services with theirs', async (t) => {
  const registry = rpc.createRegistry({ secret: [OTHER, SECRET] })
  registry.listen(0)
  await once(registry, 'listening')
  t.after(() => {
    registry.close(() => {})
    registry.server.closeAllConnections()
  })
  assert.doesNotMatch(inspect(registry, { depth: 20, showHidden: true }), /correct horse/)
  const url = `registry://127.0.0.1:${registry.address().port}`
  const { port } = await guarded(t)
  const { port: open } = await listening(t)
  const known = rpc.connectRegistry(url, { secret: SECRET })
  t.after(() => known.destroy())
  for (const [service, where] of Object.entries({ shut: port, open })) {
    await once(known.register(service, { port: where }), 'registered')
  }

  const client = rpc.connect(`${url}/shut`, { secret: SECRET })
  t.after(() => client.destroy())
  assert.equal(String(await client.call('echo', Buffer.from('x'))), 'x')
  const apart = rpc.connect(`${url}/shut`, { secret: SECRET, registrySecret: OTHER })
  t.after(() => apart.destroy())
  assert.equal(String(await apart.call('echo', Buffer.from('y'))), 'y')
  const toOpen = rpc.connect(`${url}/open`, { registrySecret: SECRET })
  t.after(() => toOpen.destroy())
  await assert.rejects(toOpen.call('echo'), { code: 'IRONWIRE_RPC_UNKNOWN_METHOD' })

  // A client without the secret, or with another one, learns no addresses, even if another client in this process has
  // the right one.
  for (const options of [{ secret: SECRET, registrySecret: null }, { secret: 'one that nobody has' }]) {
    const stranger = rpc.connect(`${url}/shut`, options)
    t.after(() => stranger.destroy())
    const causes = []
    const heard = new Promise((resolve) => {
      stranger.on('resolveError', (error) => causes.push(error) === 2 && resolve())
    })
    // The call fails at once, because there is nothing to wait for.
    await assert.rejects(stranger.call('echo'), { code: 'IRONWIRE_RPC_UNAUTHENTICATED', sent: false })
    await heard
    for (const cause of causes) assert.equal(cause.code, 'IRONWIRE_RPC_UNAUTHENTICATED')
    assert.deepEqual(stranger.addresses, [])
    await assert.rejects(stranger.call('echo'), ({ cause }) => cause === causes.at(-1))
  }
  const stranger = rpc.connectRegistry(url)
  const failed = once(stranger, 'error')
  const registration = stranger.register('shut', { port: 1 })
  const [error] = await once(registration, 'error')
  assert.equal(error.code, 'IRONWIRE_RPC_UNAUTHENTICATED')
  assert.match((await failed)[0].message, /takes only clients that know its secret/)
  assert.throws(() => rpc.connectRegistry(url, { secrets: SECRET }), { code: 'IRONWIRE_UNKNOWN_OPTION' })
  assert.throws(() => rpc.createRegistry({ secret: 'short' }), { code: 'ERR_INVALID_ARG_VALUE' })
})
