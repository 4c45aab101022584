'use strict'

// Peers that speak version 1 of the protocol: unary calls work, and features that it lacks give a clear error.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const test = require('node:test')
const { rpc } = require('../../index.js')
const { Kind, Flag, preface, frame, handServer, handClient, method } = require('./tools.js')

test('a client sends a server of version 1 nothing newer', async (t) => {
  const units = []
  const { port } = await handServer(t, (unit, socket) => {
    units.push(unit)
    if (unit.kind !== Kind.REQUEST) return
    if (unit.payload.length > 6) socket.write(frame(Kind.REPLY, unit.sequence, { body: 'reply' }))
    else socket.write(frame(Kind.ERROR, unit.sequence, { code: 3, body: '\0\0' }))
  })
  const client = rpc.connect(port)
  t.after(() => client.destroy())
  assert.equal(String(await client.call('any', Buffer.from('body'))), 'reply')
  const beyond = {
    streams: () => client.stream('any'),
    metadata: () => client.call('any', null, { metadata: { a: 'b' } }),
    'one-way calls': () => client.call('any', null, { oneWay: true }),
  }
  for (const [what, call] of Object.entries(beyond)) {
    const made = call()
    const outcome = made.then ? made : once(made, 'end')
    await assert.rejects(outcome, {
      code: 'IRONWIRE_RPC_UNSUPPORTED',
      status: rpc.status.UNIMPLEMENTED,
      sent: false,
      message: new RegExp(`speaks version 1 of the protocol, which has no ${what}`),
    })
  }
  const upload = client.stream('any', [Buffer.from('x')], { clientStreaming: true, serverStreaming: false })
  await assert.rejects(upload, { code: 'IRONWIRE_RPC_UNSUPPORTED', sent: false })
  await assert.rejects(client.call('any'), { code: 'IRONWIRE_RPC_TIMEOUT', status: rpc.status.DEADLINE_EXCEEDED })
  for (const { kind, flags } of units.filter((unit) => unit.kind)) {
    assert.ok(kind <= Kind.GOAWAY && flags <= Flag.DEADLINE, `kind ${kind}, flags ${flags}`)
  }
  assert.equal(client.stats.connections, 1)
})

test('a server answers a client of version 1 in its version', async (t) => {
  const server = rpc.createServer()
  server.on('handlerError', () => {})
  server.method('fails', (_request, callback, call) => {
    call.trailers = { a: 'b' }
    callback(new rpc.StatusError(rpc.status.NOT_FOUND, 'gone', { code: 'GONE', details: Buffer.alloc(3) }))
  })
  server.method('trailers', (request, callback) => callback(null, request, { a: 'b' }))
  server.method('stream', { serverStreaming: true }, () => [])
  server.method('hold', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close(() => {}))
  t.after(() => server.closeAllConnections())
  const { socket, next } = await handClient(t, server.address().port, { greeting: preface({ version: 1 }) })
  const names = ['fails', 'trailers', 'stream', 'hold', 'nothing']
  socket.write(Buffer.concat(names.map((name, i) => method(i, name))))
  const answer = async (number, remaining) => {
    socket.write(frame(Kind.REQUEST, number, { code: number, remaining, body: 'body' }))
    const { kind, flags, payload } = await next((unit) => unit.sequence === number && unit.kind)
    return [kind, flags, payload.toString('latin1')]
  }
  assert.deepEqual(await answer(0), [Kind.ERROR, 0, '\0\x01\0\x04GONEgone'])
  assert.deepEqual(await answer(1), [Kind.REPLY, 0, 'body'])
  const [kind, flags, text] = await answer(2)
  assert.deepEqual([kind, flags], [Kind.ERROR, 0])
  assert.ok(text.startsWith('\0\x07\0\x18IRONWIRE_RPC_UNSUPPORTEDthe method streams its answer'), text)
  assert.deepEqual(await answer(3, 5), [Kind.ERROR, 0, '\0\x03\0\0'])
  assert.deepEqual(await answer(4), [Kind.ERROR, 0, '\0\x02\0\0'])
  // A feature that version 1 lacks is a protocol error.
  socket.write(frame(Kind.REQUEST, 9, { code: 1, flags: Flag.METADATA, body: '\0\0' }))
  const { payload } = await next((unit) => unit.kind === Kind.GOAWAY)
  assert.match(payload.toString('latin1', 2), /a frame of kind Request has the unknown flags 0x02/)
})

test('a peer of a future version is addressed in the current one', async (t) => {
  const server = rpc.createServer()
  server.method('up', { clientStreaming: true }, async (requests) => {
    const parts = []
    for await (const request of requests) parts.push(request)
    return Buffer.concat(parts)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close(() => {}))
  t.after(() => server.closeAllConnections())
  const { socket, next } = await handClient(t, server.address().port, { greeting: preface({ version: 255 }) })
  socket.write(
    Buffer.concat([
      method(0, 'up'),
      frame(Kind.REQUEST, 1, { code: 0, flags: Flag.STREAMS }),
      frame(Kind.MESSAGE, 1, { body: 'a' }),
      frame(Kind.MESSAGE, 1, { body: 'b' }),
      frame(Kind.END, 1),
    ]),
  )
  const reply = await next((unit) => unit.kind === Kind.REPLY)
  assert.equal(String(reply.payload), 'ab')
})
