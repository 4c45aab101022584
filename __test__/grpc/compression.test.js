'use strict'

// Compressed messages: with @grpc/grpc-js at either end, and as bytes on the wire.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const http2 = require('node:http2')
const { test } = require('node:test')
const zlib = require('node:zlib')
const { grpc, peer, missing, serve, connect, outcome } = require('./support.js')
const { same } = require('./secure.js')

const { gzip, deflate, identity } = grpc.compressionAlgorithms
const using = (algorithm, more) => ({ 'grpc.default_compression_algorithm': algorithm, ...more })

test('algorithms have numbers', { skip: missing }, () => {
  assert.deepEqual(grpc.compressionAlgorithms, peer.compressionAlgorithms)
})

const echo = {
  one: ({ request }, callback) => callback(null, request),
  many(call) {
    for (const word of call.request.split('|')) call.write(word)
    call.end()
  },
  gather(call, callback) {
    const words = []
    call.on('data', (word) => words.push(word))
    call.on('end', () => callback(null, words.join(' ')))
  },
  chat(call) {
    call.pipe(call)
  },
}

const words = ['one', '', 'three '.repeat(10_000), 'four']

/** The results of calls of all kinds. */
async function all(client) {
  const read = async (call) => {
    const read = []
    for await (const message of call) read.push(message)
    return read
  }
  const gathered = outcome((callback) => {
    const call = client.gather(callback)
    for (const word of words) call.write(word)
    call.end()
    return call
  })
  const chat = client.chat()
  for (const word of words) chat.write(word)
  chat.end()
  return Promise.all([
    outcome((callback) => client.one('x'.repeat(100_000), callback)),
    outcome((callback) => client.one('y', callback)),
    read(client.many(words.join('|'))),
    gathered,
    read(chat),
  ])
}

for (const algorithm of [identity, deflate, gzip, 9]) {
  same(`a client compresses by ${algorithm}`, async ({ S, C, t }) => {
    // Both implementations log that there is no such algorithm.
    if (algorithm === 9) for (const module of [S, C]) module.setLogger({ error() {} })
    t.after(() => {
      for (const module of [S, C]) module.setLogger(console)
    })
    const { port } = await serve(t, S, echo)
    return all(connect(t, C, port, using(algorithm)))
  })
}

for (const algorithm of [deflate, gzip]) {
  test(`a server compresses by ${grpc.compressionAlgorithms[algorithm]}, for whom that is to be`, async (t) => {
    const { port } = await serve(t, grpc, echo, using(algorithm))
    const { port: plain } = await serve(t, grpc, echo)
    for (const C of missing ? [grpc] : [grpc, peer]) {
      for (const options of [{}, using(algorithm)]) {
        assert.deepEqual(await all(connect(t, C, port, options)), await all(connect(t, C, plain)))
      }
    }
  })
}

test('a server with interceptors compresses as well', async (t) => {
  const interceptors = [(_method, call) => new grpc.ServerInterceptingCall(call)]
  const { port } = await serve(t, grpc, echo, using(gzip, { interceptors }))
  const { port: plain } = await serve(t, grpc, echo)
  assert.deepEqual(await all(connect(t, grpc, port)), await all(connect(t, grpc, plain)))
})

/** A server that records the requests it gets, and answers as `answer` says. */
async function noting(t, answer = {}) {
  const server = http2.createServer()
  const seen = []
  server.on('stream', (stream, headers) => {
    const chunks = []
    stream.on('data', (chunk) => chunks.push(chunk))
    stream.on('end', () => {
      seen.push([headers['grpc-encoding'], headers['grpc-accept-encoding'], ...messagesIn(Buffer.concat(chunks))])
      stream.respond({ 'content-type': 'application/grpc', ...answer }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
      stream.end(Buffer.alloc(5))
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.after(() => server.close())
  return [server.address().port, seen]
}

/** The flag and the text of each message. */
function messagesIn(bytes, unpack = zlib.unzipSync) {
  const found = []
  while (bytes.length > 0) {
    const end = 5 + bytes.readUInt32BE(1)
    const content = bytes.subarray(5, end)
    found.push([bytes[0], String(bytes[0] === 1 ? unpack(content) : content)])
    bytes = bytes.subarray(end)
  }
  return found
}

const flagged = (C, flags) => (options, nextCall) => {
  const call = nextCall(options)
  const send = call.sendMessageWithContext.bind(call)
  call.sendMessageWithContext = (context, message) => send({ ...context, flags }, message)
  call.sendMessage = (message) => send({ flags }, message)
  return new C.InterceptingCall(call)
}

/** Checks that clients of both implementations send a server the same. */
function sameSent(name, options, run, answer) {
  test(name, { skip: missing }, async (t) => {
    const sent = []
    for (const C of [peer, grpc]) {
      const [port, seen] = await noting(t, answer)
      await run(connect(t, C, port, options), C)
      sent.push(seen)
    }
    assert.deepEqual(sent[1], sent[0])
  })
}

const one = (client, ...rest) => outcome((callback) => client.one('text', ...rest, callback))
const several = (client) =>
  outcome((callback) => {
    const call = client.gather(callback)
    for (const word of ['a', 'b', 'c']) call.write(word)
    call.end()
    return call
  })

sameSent('a message that is compressed', using(gzip), (client) => one(client))
sameSent('messages that are compressed', using(deflate), several)
sameSent('nothing is compressed by default', using(identity), (client) => one(client))
sameSent('a message with the flag NO_COMPRESS', using(gzip), (client, C) =>
  one(client, { interceptors: [flagged(C, 2)] }),
)
sameSent('other flags', using(gzip), (client, C) => one(client, { interceptors: [flagged(C, 1)] }))
const twice = async (client) => {
  await one(client)
  await one(client)
}
sameSent('compression stops when the server does not accept it', using(gzip), twice, {
  'grpc-accept-encoding': 'identity,deflate',
})
sameSent('compression continues when the server accepts it', using(gzip), twice, {
  'grpc-accept-encoding': 'identity,gzip',
})

same('the size limit applies before compression', async ({ S, C, t }) => {
  const { port } = await serve(t, S, echo)
  const client = connect(t, C, port, using(gzip, { 'grpc.max_send_message_length': 1000 }))
  return outcome((callback) => client.one('x'.repeat(1001), callback))
})

/** The response headers and the messages of the response. */
async function asked(port, headers) {
  const session = http2.connect(`http://127.0.0.1:${port}`)
  const path = { ':method': 'POST', ':path': '/test.Texts/One', 'content-type': 'application/grpc', te: 'trailers' }
  const stream = session.request({ ...path, ...headers })
  stream.end(Buffer.from([0, 0, 0, 0, 1, 120]))
  const [head] = await once(stream, 'response')
  const chunks = []
  for await (const chunk of stream) chunks.push(chunk)
  session.close()
  return [head['grpc-encoding'], messagesIn(Buffer.concat(chunks))]
}

test('a server compresses for callers that accept it, except for messages with NO_COMPRESS', async (t) => {
  const flags = [undefined, undefined, undefined, 2]
  const { port } = await serve(
    t,
    grpc,
    { one: ({ request }, callback) => callback(null, request, undefined, flags.shift()) },
    using(gzip),
  )
  assert.deepEqual(await asked(port, {}), [undefined, [[0, 'x']]])
  assert.deepEqual(await asked(port, { 'grpc-accept-encoding': 'identity,deflate' }), [undefined, [[0, 'x']]])
  assert.deepEqual(await asked(port, { 'grpc-accept-encoding': 'identity, gzip' }), ['gzip', [[1, 'x']]])
  assert.deepEqual(await asked(port, { 'grpc-accept-encoding': 'gzip' }), ['gzip', [[0, 'x']]])
})

const retried = { maxAttempts: 3, initialBackoff: '0.001s', maxBackoff: '0.001s', backoffMultiplier: 1 }
for (const [name, policy] of [
  ['retried', { retryPolicy: { ...retried, retryableStatusCodes: ['UNAVAILABLE'] } }],
  ['hedged', { hedgingPolicy: { maxAttempts: 3, hedgingDelay: '1s', nonFatalStatusCodes: ['UNAVAILABLE'] } }],
]) {
  test(`calls that are ${name} are compressed each time`, async (t) => {
    let attempts = 0
    const refusing = (handler) => (call, callback) => {
      if (++attempts % 3 !== 0) callback({ code: 14, details: 'not yet' })
      else handler(call, callback)
    }
    const { port } = await serve(t, grpc, { one: refusing(echo.one), gather: refusing(echo.gather) })
    const methodConfig = [{ name: [{ service: 'test.Texts' }], ...policy }]
    const config = { 'grpc.service_config': JSON.stringify({ loadBalancingConfig: [], methodConfig }) }
    const client = connect(t, grpc, port, using(gzip, config))
    assert.equal(await client.one('x'.repeat(1000)), 'x'.repeat(1000))
    const call = client.gather()
    for (const word of words) call.write(word)
    call.end()
    assert.equal(await call.response, words.join(' '))
    assert.equal(attempts, 6)
  })
}

const again = {
  retryPolicy: {
    initialBackoff: '0.01s',
    maxBackoff: '0.01s',
    backoffMultiplier: 1,
    retryableStatusCodes: ['UNAVAILABLE'],
  },
  hedgingPolicy: { hedgingDelay: '1s', nonFatalStatusCodes: ['UNAVAILABLE'] },
}
for (const [name, policy] of Object.entries(again)) {
  same(`calls that are repeated, by a ${name}`, async ({ S, C, t }) => {
    const asked = []
    /** Every other request fails. */
    const answer = (request, callback) => {
      if (asked.push(request) % 2 === 1) callback({ code: grpc.status.UNAVAILABLE, details: 'no' })
      else callback(null, request)
    }
    const handlers = {
      one: ({ request }, callback) => answer(request, callback),
      gather(call, callback) {
        const read = []
        call.on('data', (word) => read.push(word))
        call.on('end', () => answer(read.join(' '), callback))
      },
    }
    const { port } = await serve(t, S, handlers, using(gzip))
    const config = { methodConfig: [{ name: [{}], [name]: { maxAttempts: 3, ...policy } }] }
    const client = connect(t, C, port, using(gzip, { 'grpc.service_config': JSON.stringify(config) }))
    const calls = [
      (callback) => client.one('x'.repeat(10_000), callback),
      (callback) => {
        const call = client.gather(callback)
        for (const word of words) call.write(word)
        call.end()
        return call
      },
    ]
    const answers = []
    for (const call of calls) answers.push((await outcome(call)).filter(([event]) => event === 'callback'))
    return [answers, asked]
  })
}
