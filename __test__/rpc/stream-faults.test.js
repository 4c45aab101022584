'use strict'

// Hand-written peers that speak version 2 and break it.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const test = require('node:test')
const { rpc } = require('../../index.js')
const { Kind, Flag, preface, frame, handServer, handClient, sleep, until, method } = require('./tools.js')

const KiB = 1024
const request = (sequence, code, flags, body = '') => frame(Kind.REQUEST, sequence, { code, flags, body })
const message = (sequence, body = '') => frame(Kind.MESSAGE, sequence, { body })
const end = (sequence) => frame(Kind.END, sequence)
const credit = (sequence, amount) => {
  const body = Buffer.alloc(4)
  body.writeUInt32BE(amount)
  return frame(Kind.CREDIT, sequence, { body })
}
const { STREAMS, TAKES_STREAM, ONE_WAY, METADATA } = Flag
const BOTH = STREAMS | TAKES_STREAM

/** Our server with methods of all kinds, and a hand-written client that has declared their numbers. */
async function byHand(t, options, greeting = preface({ version: 2, window: 64 })) {
  const server = rpc.createServer({ streamWindow: 4 * KiB, ...options })
  server.method('unary', (body) => body)
  server.method('down', { serverStreaming: true }, () => Array.from({ length: 10 }, (_, i) => Buffer.from([i])))
  server.method('echo', { clientStreaming: true, serverStreaming: true }, async function* (requests) {
    for await (const body of requests) yield body
  })
  server.method('hold', { clientStreaming: true }, () => {})
  server.method('flood', { serverStreaming: true }, async function* () {
    for (;;) yield Buffer.alloc(100)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close(() => {}))
  t.after(() => server.closeAllConnections())
  const hand = await handClient(t, server.address().port, { greeting })
  const names = ['unary', 'down', 'echo', 'hold', 'flood']
  hand.socket.write(Buffer.concat(names.map((name, i) => method(i, name))))
  const broken = async () => {
    const { payload } = await hand.next((unit) => unit.kind === Kind.GOAWAY)
    assert.equal(payload.readUInt16BE(0), 1)
    return payload.toString('latin1', 2)
  }
  return { server, broken, ...hand }
}

test('a hand-written stream, byte by byte', async (t) => {
  const { socket, next } = await byHand(t)
  const bytes = Buffer.concat([
    request(1, 2, BOTH),
    message(1, 'ab'),
    message(1),
    credit(1, 100),
    message(1, 'c'),
    end(1),
  ])
  for (const byte of bytes) {
    socket.write(Buffer.from([byte]))
    await new Promise(setImmediate)
  }
  const answers = []
  for (let i = 0; i < 4; i++) {
    const { kind, flags, payload } = await next((unit) => unit.sequence === 1)
    answers.push([kind, flags, String(payload)])
  }
  assert.deepEqual(answers, [
    [Kind.MESSAGE, 0, 'ab'],
    [Kind.MESSAGE, 0, ''],
    [Kind.MESSAGE, 0, 'c'],
    [Kind.REPLY, 0, ''],
  ])
})

test('a server sends as much as its credit allows, and one message more', async (t) => {
  const { socket, next, units } = await byHand(t, {}, preface({ version: 2, window: 0 }))
  socket.write(request(1, 4, TAKES_STREAM))
  await sleep(20)
  assert.equal(units.filter(({ kind }) => kind === Kind.MESSAGE).length, 0, 'no credit, no message')
  socket.write(credit(1, 1))
  await next((unit) => unit.kind === Kind.MESSAGE)
  // That message cost 164 bytes, so 163 are still owed.
  socket.write(credit(1, 163))
  await sleep(20)
  assert.equal(units.filter(({ kind }) => kind === Kind.MESSAGE).length, 0)
  socket.write(credit(1, 3 * 164))
  for (let i = 0; i < 3; i++) await next((unit) => unit.kind === Kind.MESSAGE)
  await sleep(20)
  assert.equal(units.filter(({ kind }) => kind === Kind.MESSAGE).length, 0)
  socket.write(frame(Kind.CANCEL, 1))
  const { payload } = await next((unit) => unit.kind === Kind.ERROR)
  assert.deepEqual([...payload], [1, 5, 0, 0])
})

test('a server grants in steps, so that a stream never needs more than its window', async (t) => {
  const { socket, next } = await byHand(t)
  socket.write(request(1, 2, BOTH))
  let left = 4 * KiB
  for (let sent = 0; sent < 200; sent++) {
    while (left <= 0) {
      const { payload } = await next((unit) => unit.kind === Kind.CREDIT)
      const amount = payload.readUInt32BE(0)
      assert.ok(amount >= 2 * KiB, `${amount}`)
      left += amount
    }
    socket.write(message(1, Buffer.alloc(200)))
    left -= 264
  }
  socket.write(end(1))
  await next((unit) => unit.kind === Kind.REPLY)
})

test('breaking the protocol of streams ends the connection with the reason', async (t) => {
  const broken = {
    'a message beyond the credit': [
      [request(1, 3, STREAMS), ...Array.from({ length: 66 }, () => message(1))],
      /beyond its credit/,
    ],
    'a message after the end': [[request(1, 3, STREAMS), end(1), message(1)], /after the end of its stream/],
    'a second end': [[request(1, 3, STREAMS), end(1), end(1)], /ended the stream of call 1, which has none/],
    'a message to a call that streams no request': [[request(1, 4, TAKES_STREAM), message(1)], /after the end/],
    'an end of one': [[request(1, 4, TAKES_STREAM), end(1)], /ended the stream/],
    'a number in flight': [[request(1, 3, STREAMS), request(1, 3, STREAMS)], /in flight already/],
    'a body beside a stream': [[request(1, 3, STREAMS, 'x')], /malformed frame of kind Request/],
    'one way and a stream': [[request(1, 3, ONE_WAY | STREAMS)], /flags 0x14/],
    'unknown flags': [[request(1, 0, 32)], /flags 0x20/],
    'flags on a message': [[frame(Kind.MESSAGE, 1, { flags: 1 })], /flags 0x01/],
    'an unknown kind': [[frame(12, 1)], /frame kind 12 does not exist/],
    'metadata cut short': [[request(1, 0, METADATA, '\0\x05a')], /malformed/],
    'a credit without its amount': [[frame(Kind.CREDIT, 1)], /only 6 bytes/],
    'a reply': [[frame(Kind.REPLY, 1)], /not allowed from this side/],
  }
  for (const [name, [frames, reason]] of Object.entries(broken)) {
    const { server, socket, broken: goaway } = await byHand(t)
    socket.write(Buffer.concat(frames))
    assert.match(await goaway(), reason, name)
    await until(() => server.sessions.size === 0 && server.running === 0)
  }
})

test('messages, ends and credits of ended or unknown calls are ignored', async (t) => {
  const { server, socket, next } = await byHand(t)
  socket.write(Buffer.concat([message(5, 'x'), end(6), credit(7, 100), frame(Kind.CANCEL, 8)]))
  socket.write(Buffer.concat([request(1, 1, TAKES_STREAM)]))
  await next((unit) => unit.kind === Kind.REPLY)
  socket.write(
    Buffer.concat([
      message(1, 'late'),
      end(1),
      credit(1, 0xffffffff),
      frame(Kind.CANCEL, 1),
      request(1, 0, 0, 'again'),
    ]),
  )
  const reply = await next((unit) => unit.kind === Kind.REPLY)
  assert.deepEqual([String(reply.payload), server.running], ['again', 0])
  // Numbers wrap around and can be reused when they are free.
  for (const sequence of [0xffffffff, 0, 0xffffffff]) {
    socket.write(Buffer.concat([request(sequence, 2, BOTH), message(sequence, 'x'), end(sequence)]))
    await next((unit) => unit.kind === Kind.REPLY && unit.sequence === sequence)
  }
})

test('calls that are cancelled at once start no more handlers than may be left over', async (t) => {
  const { server, socket, next } = await byHand(t, { maxStraysPerConnection: 5 })
  const frames = []
  for (let i = 0; i < 300; i++) frames.push(request(i, 3, STREAMS), message(i, 'x'), frame(Kind.CANCEL, i))
  socket.write(Buffer.concat(frames))
  for (let i = 0; i < 300; i++) await next((unit) => unit.kind === Kind.ERROR && unit.sequence === i)
  const [session] = server.sessions
  assert.deepEqual([server.running, session.strays, session.calls.size], [0, 5, 0])
  assert.ok(session.pendingBytes < 100_000)
})

test('a client that opens streams and reads nothing holds a bounded amount of memory', async (t) => {
  const { server, socket } = await byHand(t, { maxOutgoingBytes: 1 << 20 }, preface({ version: 2, window: 65535 }))
  socket.pause()
  const frames = []
  for (let i = 0; i < 50; i++) frames.push(request(i, 4, TAKES_STREAM))
  socket.write(Buffer.concat(frames))
  await until(() => server.sessions.size === 1)
  const [session] = server.sessions
  await until(() => session.out.congested)
  await sleep(50)
  assert.ok(session.wire.queued <= 1 << 20, `${session.wire.queued} bytes`)
  socket.destroy()
  await until(() => server.running === 0)
})

test('a client reports a server that breaks the protocol of streams', async (t) => {
  const cases = {
    'a message of a unary call': [(client) => client.call('x'), (sequence) => message(sequence), /which has no stream/],
    'a message beyond the credit': [
      (client) => client.stream('x'),
      (sequence) => Buffer.concat(Array.from({ length: 20 }, () => message(sequence))),
      /beyond its credit/,
    ],
    'a message of an upload': [
      (client) => client.stream('x', null, { clientStreaming: true, serverStreaming: false }).reply,
      (sequence) => message(sequence),
      /after the end of its stream/,
    ],
    'an end': [(client) => client.stream('x'), (sequence) => end(sequence), /not allowed from this side/],
    'metadata cut short': [
      (client) => client.call('x'),
      (sequence) => frame(Kind.REPLY, sequence, { flags: METADATA, body: '\0\x09' }),
      /malformed frame of kind Reply/,
    ],
    'details cut short': [
      (client) => client.call('x'),
      (sequence) => frame(Kind.ERROR, sequence, { code: 0x501, flags: Flag.DETAILS, body: '\0\x09\0\0' }),
      /malformed frame of kind Error/,
    ],
  }
  for (const [name, [call, answer, reason]] of Object.entries(cases)) {
    let told
    const { port } = await handServer(
      t,
      (unit, socket) => {
        if (unit.kind === Kind.REQUEST) socket.write(answer(unit.sequence))
        if (unit.kind === Kind.GOAWAY) told = unit.payload.toString('latin1', 2)
      },
      { greeting: preface({ version: 2, window: 64 }) },
    )
    const client = rpc.connect(port, { streamWindow: KiB, reconnect: false })
    client.on('error', () => {})
    const made = call(client)
    const outcome = made.then
      ? made
      : (async () => {
          await sleep(20)
          for await (const _ of made);
        })()
    await assert.rejects(outcome, { code: 'IRONWIRE_RPC_CONNECTION_LOST' }, name)
    await until(() => told !== undefined)
    assert.match(told, reason, name)
  }
})

test('statuses that gRPC does not have, and late messages, harm no client', async (t) => {
  const { port } = await handServer(
    t,
    (unit, socket) => {
      if (unit.kind === Kind.REQUEST) {
        socket.write(
          Buffer.concat([message(12345, 'unknown'), frame(Kind.ERROR, unit.sequence, { code: 0xc801, body: '\0\0m' })]),
        )
      }
      if (unit.kind === Kind.CANCEL) {
        socket.write(
          Buffer.concat([
            message(unit.sequence, 'late'),
            frame(Kind.ERROR, unit.sequence, { code: 0x105, body: '\0\0' }),
          ]),
        )
      }
    },
    { greeting: preface({ version: 2, window: 64 }) },
  )
  const client = rpc.connect(port)
  t.after(() => client.destroy())
  await assert.rejects(client.call('x'), { status: rpc.status.UNKNOWN, message: 'm' })
  const stream = client.stream('x')
  stream.on('error', () => {})
  const [error] = await once(stream, 'error')
  assert.equal(error.status, rpc.status.UNKNOWN)
  const left = client.stream('x')
  await until(() => left.link !== null)
  left.destroy()
  await until(() => client.stats.lateAnswers === 1 || client.stats.unknownAnswers > 2)
  assert.equal(client.stats.connections, 1)
})
