'use strict'

// Peers that speak HTTP/2 but not quite gRPC: our client makes the same of their answers, and our server of their
// requests, as those of @grpc/grpc-js.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const http2 = require('node:http2')
const { after, before, test } = require('node:test')
const zlib = require('node:zlib')
const { early } = require('../http2/early.js')
const { grpc, peer, missing, serve, connect, outcome } = require('./support.js')

/** A message as it is sent. */
function framed(text, flag = 0) {
  const body = Buffer.from(text)
  const head = Buffer.from([flag, 0, 0, 0, 0])
  head.writeUInt32BE(body.length, 1)
  return Buffer.concat([head, body])
}

const OK = { ':status': 200, 'content-type': 'application/grpc' }
const DONE = { 'grpc-status': '0', 'grpc-message': 'OK' }

/** Responds with headers, parts of a body, and trailers. */
const respond =
  (head, parts, trailers = DONE) =>
  (stream) => {
    stream.respond(head, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers(trailers))
    for (const part of parts) stream.write(part)
    stream.end()
  }

const only = (headers) => (stream) => stream.respond(headers, { endStream: true })
const gzip = { ...OK, 'grpc-encoding': 'gzip' }

/** Possible answers of a server to a call with one message. */
const answers = {
  'one message': respond(OK, [framed('a')]),
  'one message in pieces': respond(
    OK,
    [...framed('abc')].map((octet) => Buffer.from([octet])),
  ),
  'no message': respond(OK, []),
  'half a message': respond(OK, [framed('abc').subarray(0, 7)]),
  'a message and an error': respond(OK, [framed('a')], { 'grpc-status': '5', 'grpc-message': 'no %C3%A4' }),
  'an error only': only({ ...OK, 'grpc-status': '7', 'grpc-message': 'a%20b', extra: 'x' }),
  'an error whose words are not encoded well': only({ ...OK, 'grpc-status': '7', 'grpc-message': '100 % sure' }),
  'a status without words': only({ ...OK, 'grpc-status': '16' }),
  'a status that is beyond all': only({ ...OK, 'grpc-status': '99', 'grpc-message': 'x' }),
  'no status': only(OK),
  'trailers without a status': respond(OK, [framed('a')], { other: 'x' }),
  gzip: respond(gzip, [framed(zlib.gzipSync('packed'), 1)]),
  'gzip that is none': respond(gzip, [framed('not packed', 1)]),
  'gzip of no message': respond(gzip, [framed('plain')]),
  deflate: respond({ ...OK, 'grpc-encoding': 'deflate' }, [framed(zlib.deflateSync('packed'), 1)]),
  'a message above the limit': respond(OK, [Buffer.from([0, 0, 0x10, 0, 0])]),
  'a page': respond({ ':status': 200, 'content-type': 'text/html' }, ['<html>A page</html>'], {}),
  'a page that is not found': respond({ ':status': 404, 'content-type': 'text/html' }, ['<html>A page</html>'], {}),
}
for (const status of [400, 401, 403, 404, 418, 429, 500, 502, 503, 504]) {
  answers[`HTTP ${status}`] = only({ ':status': status })
}
for (const code of [1, 2, 3, 5, 7, 8, 11, 12, 13]) {
  answers[`a stream reset with ${code}`] = (stream) => stream.close(code)
  answers[`a stream reset with ${code} behind its header`] = (stream) => {
    stream.respond(OK)
    stream.write(framed('a'))
    setImmediate(() => stream.close(code))
  }
}

let server
const names = Object.keys(answers)
const method = (name) => `/test.Texts/${names.indexOf(name)}`

before(async () => {
  server = http2.createServer()
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    stream.resume()
    answers[names[Number(headers[':path'].split('/')[2])]](stream)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
})
after(() => server.close())

const asked = async (client, name, limit) => {
  const call = client.makeUnaryRequest.bind(client, method(name), Buffer.from, String, 'x')
  return outcome((callback) => call(limit ?? {}, callback))
}

for (const name of names) {
  test(`a server answers with ${name}`, { skip: missing }, async (t) => {
    const { port } = server.address()
    const seen = []
    for (const module of [peer, grpc]) {
      const client = connect(t, module, port)
      seen.push(await asked(client, name))
      client.close()
    }
    assert.deepEqual(seen[1], seen[0])
  })
}

/** Possible requests of a client: headers besides the usual ones, and parts of the body. */
const requests = {
  'one message': [{}, [framed('a')]],
  'one message in pieces': [{}, [...framed('abc')].map((octet) => Buffer.from([octet]))],
  'no message': [{}, []],
  'two messages': [{}, [framed('a'), framed('b')]],
  'another type': [{ 'content-type': 'application/json' }, [framed('a')]],
  'a type with a suffix': [{ 'content-type': 'application/grpc+proto' }, [framed('a')]],
  'no such method': [{ ':path': '/test.Texts/Nothing' }, [framed('a')]],
  'a path that is none': [{ ':path': '/' }, [framed('a')]],
  'a timeout that is none': [{ 'grpc-timeout': 'soon' }, [framed('a')]],
  'a timeout of nothing': [{ ':path': '/test.Texts/Gather', 'grpc-timeout': '0m' }, []],
  gzip: [{ 'grpc-encoding': 'gzip' }, [framed(zlib.gzipSync('packed'), 1)]],
  'gzip that is none': [{ 'grpc-encoding': 'gzip' }, [framed('not packed', 1)]],
  'gzip that is too large': [{ 'grpc-encoding': 'gzip' }, [framed(zlib.gzipSync(Buffer.alloc(2000)), 1)]],
  deflate: [{ 'grpc-encoding': 'deflate' }, [framed(zlib.deflateSync('packed'), 1)]],
  'an unknown encoding': [{ 'grpc-encoding': 'zip' }, [framed('a', 1)]],
  'a message above the limit': [{}, [Buffer.from([0, 0, 0, 0x10, 0])]],
  'cookies in fields of their own': [{ cookie: ['a=1', 'b=2'] }, [framed('a')]],
  'metadata of two bytes': [{ 'x-bin': 'AAE' }, [framed('a')]],
}

/** Sends a request on a connection of its own, and returns the server's answer. */
function ask(port, [headers, parts]) {
  return new Promise((resolve, reject) => {
    const session = http2.connect(`http://127.0.0.1:${port}`)
    session.on('error', reject)
    const seen = {}
    const stream = session.request({
      ':method': 'POST',
      ':path': '/test.Texts/One',
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    })
    stream.on('response', ({ date, [http2.sensitiveHeaders]: _, ...head }) => {
      seen.head = head
    })
    stream.on('trailers', ({ [http2.sensitiveHeaders]: _, ...trailers }) => {
      seen.trailers = trailers
    })
    const body = []
    stream.on('data', (chunk) => body.push(chunk))
    stream.on('error', () => {})
    stream.on('close', () => {
      session.close()
      resolve({ ...seen, body: Buffer.concat(body).toString('latin1') })
    })
    for (const part of parts) stream.write(part)
    stream.end()
  })
}

const handlers = {
  one(call, callback) {
    const { 'x-bin': bytes, cookie } = call.metadata.getMap()
    callback(null, `${call.request}${bytes === undefined ? '' : bytes.length}${cookie ?? ''}`)
  },
  gather(call) {
    call.resume()
  },
}

for (const [name, request] of Object.entries(requests)) {
  test(`a client asks with ${name}`, { skip: missing }, async (t) => {
    const seen = []
    for (const module of [peer, grpc]) {
      const { port } = await serve(t, module, handlers, { 'grpc.max_receive_message_length': 1000 })
      seen.push(await ask(port, request))
    }
    assert.deepEqual(readable(seen[1]), readable(seen[0]))
  })
}

/**
 * Removes differences that do not matter: the encoding of messages, and fields that say the same as if they were
 * missing.
 */
function readable(seen) {
  if (seen.head?.['grpc-encoding'] === 'identity') delete seen.head['grpc-encoding']
  for (const fields of [seen.head, seen.trailers]) {
    if (fields?.['grpc-message'] !== undefined) fields['grpc-message'] = decodeURIComponent(fields['grpc-message'])
  }
  return seen
}

test('cases for which @grpc/grpc-js reports no status', async (t) => {
  const server = http2.createServer()
  const replies = [
    respond(OK, [framed('a'), framed('b')]),
    respond({ ...OK, 'grpc-encoding': 'zip' }, [framed('a', 1)]),
    respond(OK, [framed('a', 1)]),
    respond({ ...OK, 'grpc-encoding': 'identity' }, [framed('a', 1)]),
  ]
  server.on('stream', (stream) => {
    stream.on('error', () => {})
    stream.resume()
    replies.shift()(stream)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const client = connect(t, grpc, server.address().port)
  for (const [code, details] of [
    [12, 'Too many responses received'],
    [12, 'Received message compressed with unsupported encoding "zip"'],
    [13, 'Received compressed message but "grpc-encoding" header was missing'],
    [13, 'Received compressed message but "grpc-encoding" header was identity'],
  ]) {
    const seen = await outcome((callback) => client.one('x', callback))
    const [, error] = seen.find(([event]) => event === 'callback')
    assert.deepEqual([error.code, error.details], [code, details])
  }
})

test('a compressed message without an encoding fails the call', async (t) => {
  const { port } = await serve(t, grpc, handlers)
  const { head } = await ask(port, [{}, [framed('a', 1)]])
  assert.equal(head['grpc-status'], '13')
})

test('an incomplete message fails the call', async (t) => {
  const { port } = await serve(t, grpc, handlers)
  const { head } = await ask(port, [{}, [framed('abc').subarray(0, 6)]])
  assert.equal(head['grpc-status'], '13')
})

test('after its answer, a call does not wait for the end of the request', async (t) => {
  const { port, server } = await serve(t, grpc, { gather: (_call, callback) => callback(null, 'enough') })
  const session = http2.connect(`http://127.0.0.1:${port}`)
  t.after(() => session.destroy())
  const stream = session.request({
    ':method': 'POST',
    ':path': '/test.Texts/Gather',
    'content-type': 'application/grpc',
  })
  stream.resume()
  stream.write(framed('x'))
  await new Promise((resolve) => stream.on('close', resolve))
  assert.equal(stream.rstCode, 0)
  await new Promise((resolve) => server.tryShutdown(resolve))
})

test('a response that has arrived is delivered although the request ends before it is read', async (t) => {
  const { port, hold } = await early(t, {
    fields: { 'content-type': 'application/grpc' },
    trailers: { 'grpc-status': '5', 'grpc-message': 'nothing' },
  })
  const client = connect(t, grpc, port)
  await new Promise((resolve) => client.waitForReady(Infinity, resolve))
  for (let round = 0; round < 10; round++) {
    const call = client.chat()
    call.resume()
    call.write('x')
    const over = assert.rejects(once(call, 'status'), { code: grpc.status.NOT_FOUND, details: 'nothing' })
    await hold(() => call.end())
    await over
  }
})
