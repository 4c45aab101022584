'use strict'

// gRPC's negative interop tests: servers that use HTTP/2 in unusual ways, as in doc/http2-interop-test-descriptions.md
// of grpc/grpc.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const http2 = require('node:http2')
const path = require('node:path')
const { test } = require('node:test')
const { protobuf } = require('ironwire')
const { grpc, peer, missing } = require('./support.js')
const { largeUnary, large, single, RESPONSE } = require('./interop/cases.js')

const { TestService, SimpleResponse } = protobuf.loadSync(path.join(__dirname, 'interop', 'test.proto')).grpc.testing
const { service: definition } = grpc.makeClientConstructor(TestService)

const HEAD = { ':status': 200, 'content-type': 'application/grpc' }
const DONE = { 'grpc-status': '0' }

/** The response as it is sent. */
function framed(size) {
  const bytes = SimpleResponse.encode({ payload: { body: Buffer.alloc(size) } })
  const head = Buffer.alloc(5)
  head.writeUInt32BE(bytes.length, 1)
  return Buffer.concat([head, bytes])
}

/** A server that calls `answer(stream, session)` for each stream when its request has arrived. */
async function serve(t, answer, options = {}) {
  const server = http2.createServer(options)
  const sessions = []
  server.on('session', (session) => {
    sessions.push(session)
    session.on('error', () => {})
  })
  server.on('stream', (stream) => {
    stream.on('error', () => {})
    stream.resume()
    stream.on('end', () => answer(stream, stream.session))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const session of sessions) session.destroy()
    server.close()
  })
  return { port: server.address().port, sessions }
}

function respond(stream, parts) {
  stream.respond(HEAD, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers(DONE))
  for (const part of parts) stream.write(part)
  stream.end()
}

/** Runs `run(client, server)` with our client and with that of @grpc/grpc-js. */
function both(name, answer, run, options) {
  for (const [who, module] of [
    ['ours', grpc],
    ['theirs', peer],
  ]) {
    test(`${name}: ${who}`, { skip: module === peer && missing }, async (t) => {
      const server = await serve(t, answer, options)
      const Client = module.makeClientConstructor(definition, 'Test')
      const client = new Client(`127.0.0.1:${server.port}`, module.credentials.createInsecure(), {
        'grpc.use_local_subchannel_pool': 1,
      })
      t.after(() => client.close())
      await run(client, server)
    })
  }
}

/** The call fails with the status and text of @grpc/grpc-js. */
async function fails(client) {
  const { error } = await single((callback) => client.unaryCall(large(), callback))
  assert.deepEqual(
    [error.code, error.details],
    [grpc.status.INTERNAL, 'Received RST_STREAM with code 0 (Call ended without gRPC status)'],
  )
}

both(
  'goaway',
  (stream, session) => {
    respond(stream, [framed(RESPONSE)])
    session.goaway()
  },
  async (client, { sessions }) => {
    await largeUnary(client)
    await largeUnary(client)
    assert.equal(sessions.length, 2)
  },
)

both(
  'rst_after_header',
  (stream) => {
    stream.respond(HEAD)
    stream.close(0)
  },
  fails,
)

both(
  'rst_during_data',
  (stream) => {
    stream.respond(HEAD)
    stream.write(framed(RESPONSE).subarray(0, 1000), () => stream.close(0))
  },
  fails,
)

both(
  'rst_after_data',
  (stream) => {
    stream.respond(HEAD)
    stream.write(framed(5), () => stream.close(0))
  },
  fails,
)

const pings = []
const ping = (session) => pings.push(new Promise((resolve) => session.ping((error) => resolve(error))))

both(
  'ping',
  (stream, session) => {
    ping(session)
    stream.respond(HEAD, { waitForTrailers: true })
    stream.on('wantTrailers', () => {
      ping(session)
      stream.sendTrailers(DONE)
    })
    ping(session)
    const bytes = framed(RESPONSE)
    stream.write(bytes.subarray(0, 1000))
    ping(session)
    stream.end(bytes.subarray(1000))
  },
  async (client) => {
    await largeUnary(client)
    for (const error of await Promise.all(pings.splice(0))) assert.equal(error, null)
  },
)

let open = 0
both(
  'max_streams',
  (stream) => {
    open++
    setImmediate(() => {
      assert.equal(open, 1)
      open--
      respond(stream, [framed(RESPONSE)])
    })
  },
  async (client) => {
    await largeUnary(client)
    await Promise.all(Array.from({ length: 10 }, () => largeUnary(client)))
  },
  { settings: { maxConcurrentStreams: 1 } },
)

const pieces = (bytes) =>
  Array.from({ length: Math.ceil(bytes.length / 5) }, (_, i) => bytes.subarray(5 * i, 5 * i + 5))
const SMALL = 10_000

for (const [name, paddingStrategy] of [
  ['data_frame_padding', http2.constants.PADDING_STRATEGY_MAX],
  ['no_df_padding_sanity_test', http2.constants.PADDING_STRATEGY_NONE],
]) {
  both(
    name,
    (stream) => {
      stream.respond(HEAD, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers(DONE))
      const parts = pieces(framed(SMALL))
      // One write after the other; otherwise Node would combine them into few frames.
      const write = (i) => (i === parts.length ? stream.end() : stream.write(parts[i], () => write(i + 1)))
      write(0)
    },
    async (client) => {
      const { responses } = await single((callback) => client.unaryCall(large(), callback))
      assert.equal(responses[0].payload.body.length, SMALL)
    },
    { paddingStrategy },
  )
}
