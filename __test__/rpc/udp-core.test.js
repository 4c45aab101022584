'use strict'

// How both ends of calls over UDP handle everything that a network may do to a datagram, in a simulated world.

const assert = require('node:assert')
const { test } = require('node:test')
const { World, SimServer, SimClient, PLACE, HOME } = require('./udp-world')
const datagram = require('../../lib/rpc/udp/datagram.js')
const { Tokens, LIFETIME } = require('../../lib/rpc/udp/tokens.js')
const { Pace } = require('../../lib/rpc/udp/pace.js')
const { Replay } = require('../../lib/rpc/udp/replay.js')

const { Kind } = datagram
const SEEDS = Number(process.env.SEEDS ?? 25)

/** Answers half of the calls at once, the others after a second. */
const echo = (world) => (text, answer) => {
  if (text.charCodeAt(0) % 2 === 0) answer(`re ${text}`)
  else world.later(1000, () => answer(`re ${text}`))
}

/** A client of a server; `fate` decides what happens to their datagrams. */
function pair({ fate, seed, udp, clientUdp } = {}) {
  const world = new World({ seed, fate })
  const server = new SimServer(world, PLACE, (text, answer) => echo(world)(text, answer), udp)
  const client = new SimClient(world, HOME, PLACE, clientUdp)
  return { world, server, client }
}

function eachRanOnce(server) {
  for (const [call, times] of server.runs) assert.strictEqual(times, 1, `call ${call} ran ${times} times`)
}

/** Makes ten calls, two at a time, and returns how they ended. */
function tenCalls({ world, client }) {
  for (let i = 0; i < 10; i++) world.later(i >> 1, () => client.call(`${i}`, 60_000))
  world.pass(60_000)
  return client.ends
}

function assertAnswered(ends, count = 10) {
  assert.deepStrictEqual(
    ends.map(({ text, error, reply }) => [text, error, reply]).sort(),
    Array.from({ length: count }, (_, i) => [`${i}`, null, `re ${i}`]),
  )
}

test('without losses, nothing is sent twice, except the question about slow handlers', () => {
  const all = pair()
  assertAnswered(tenCalls(all))
  assert.strictEqual(all.server.runs.size, 10)
  eachRanOnce(all.server)
  // For the slow calls, the client asks once, is told that they are being worked on, and does not ask again before the
  // answer.
  assert.strictEqual(all.client.counts.resends, 5)
  // None of this counted as loss.
  assert.ok(all.client.core.pace.window >= 10)
  assert.strictEqual(all.client.core.pace.threshold, Infinity)
  assert.strictEqual(all.server.counts.duplicates, 5)
})

test('every single datagram is lost, doubled, or comes late', () => {
  const usual = pair()
  tenCalls(usual)
  const { datagrams } = usual.world
  assert.ok(datagrams > 20)
  const fates = {
    lost: [],
    doubled: [1, 1],
    doubledLate: [1, 900],
    late: [700],
    veryLate: [5000],
    tripled: [1, 400, 9000],
  }
  for (const [name, delays] of Object.entries(fates)) {
    for (let unlucky = 0; unlucky < datagrams; unlucky++) {
      const all = pair({ fate: (_, index) => (index === unlucky ? delays : [1]) })
      const what = `${name}, datagram ${unlucky}`
      try {
        assertAnswered(tenCalls(all))
        eachRanOnce(all.server)
        assert.strictEqual(all.server.runs.size, 10)
      } catch (error) {
        error.message = `${what}: ${error.message}`
        throw error
      }
    }
  }
})

test('with datagrams lost, doubled and delayed at once, each call ends once, with its answer', () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const fate = (_, __, world) => {
      if (world.calm) return [1]
      if (world.random() < 0.3) return []
      const delay = () => world.below(world.random() < 0.1 ? 3000 : 100)
      return world.random() < 0.2 ? [delay(), delay()] : [delay()]
    }
    const { world, server, client } = pair({ seed, fate })
    const count = 100
    for (let i = 0; i < count; i++) world.later(world.below(5000), () => client.call(`${i}`, 600_000))
    world.pass(20_000)
    world.calm = true
    world.pass(580_000)
    assert.deepStrictEqual(
      client.ends.map(({ text, error, reply }) => [text, error, reply]).sort(),
      Array.from({ length: count }, (_, i) => [`${i}`, null, `re ${i}`]).sort(),
      `seed ${seed}`,
    )
    eachRanOnce(server)
    // When time has passed, nothing is kept.
    assert.deepStrictEqual(
      [server.core.connections.size, server.core.entries, server.core.bytes, server.core.answered.size],
      [0, 0, 0, 0],
    )
  }
})

test('servers that restart: each call ends once, and runs at most once in each of them', () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const fate = (_, __, world) => (!world.calm && world.random() < 0.1 ? [] : [1 + world.below(20)])
    const { world, server, client } = pair({ seed, fate })
    const servers = [server]
    const count = 200
    for (let i = 0; i < count; i++) world.later(world.below(20_000), () => client.call(`${i}`, 600_000))
    for (let i = 0; i < 4; i++) {
      world.later(world.below(20_000), () => {
        servers.at(-1).die()
        world.later(world.below(i === 3 ? 15_000 : 500), () => {
          servers.push(new SimServer(world, PLACE, (text, answer) => echo(world)(text, answer)))
        })
      })
    }
    world.later(40_000, () => {
      world.calm = true
    })
    world.pass(600_000)
    assert.strictEqual(client.ends.length, count, `seed ${seed}`)
    for (const { text, error, reply } of client.ends) assert.deepStrictEqual([error, reply], [null, `re ${text}`])
    for (const each of servers) eachRanOnce(each)
    assert.ok(client.restarts >= 1 || client.lostWhy.length >= 1)
  }
})

test('a client that gets another address keeps its calls, and they do not run twice', () => {
  const { world, server, client } = pair()
  world.pass(100)
  client.call('1', 10_000)
  world.pass(10)
  client.move({ ...HOME, port: 6000 })
  // The server does not trust the new address until the client has proved it.
  world.pass(5000)
  assert.deepStrictEqual(client.ends, [{ text: '1', error: null, reply: 're 1' }])
  eachRanOnce(server)
  assert.strictEqual(server.opens, 1)
  assert.strictEqual(client.restarts, 0)
})

test('a client that was silent for long is unknown, and says hello again', () => {
  const { world, server, client } = pair()
  client.call('0', 1000)
  world.pass(100_000)
  assert.strictEqual(server.core.connections.size, 0)
  client.call('2', 1000)
  world.pass(1000)
  assert.deepStrictEqual(
    client.ends.map(({ error, reply }) => [error, reply]),
    [
      [null, 're 0'],
      [null, 're 2'],
    ],
  )
  assert.deepStrictEqual([server.opens, client.restarts, client.lostWhy], [2, 0, []])
})

test('a server with lower limits than the previous one gets its calls over a new connection', () => {
  for (const [udp, maxCalls] of [
    [{ maxDatagramBytes: 600 }, 4096],
    [{}, 1],
  ]) {
    const { world, server, client } = pair()
    client.call('1', 60_000)
    client.call('3', 60_000)
    world.pass(100)
    server.die()
    const next = new SimServer(world, PLACE, (text, answer) => echo(world)(text, answer), udp, maxCalls)
    world.pass(60_000)
    assert.deepStrictEqual(client.ends.map(({ reply }) => reply).sort(), ['re 1', 're 3'])
    assert.deepStrictEqual(
      [client.lostWhy, client.restarts],
      [['The server now accepts smaller or fewer calls than before'], 0],
    )
    eachRanOnce(next)
  }
})

test('a server that rejects all tokens for a while is not asked faster and faster', () => {
  // As if several processes shared a port, and each got a part of the datagrams.
  const { world, server, client } = pair()
  world.pass(100)
  let unknown = 0
  const { check } = server.core.tokens
  server.core.tokens.check = () => {
    unknown++
    return false
  }
  client.call('0', 60_000)
  world.pass(30_000)
  assert.ok(unknown < 40, `${unknown}`)
  server.core.tokens.check = check
  world.pass(20_000)
  assert.strictEqual(client.ends[0].reply, 're 0')
})

test('a server that never answers: the call ends at its deadline, and is repeated at sensible intervals', () => {
  const times = []
  const world = new World({
    fate(bytes, _, { time }) {
      if (bytes[5] === Kind.REQUEST) times.push(time)
      return bytes[5] === Kind.REQUEST ? [] : [1]
    },
  })
  new SimServer(world, PLACE, () => {})
  const client = new SimClient(world, HOME, PLACE)
  world.pass(100)
  let end
  client.call('0', 8000, (error) => {
    end = [error, world.time]
  })
  world.pass(20_000)
  assert.deepStrictEqual(end, ['timeout', 1000 + 100 + 8000])
  assert.strictEqual(client.core.sent.size, 0)
  assert.ok(times.length >= 5 && times.length <= 10, `${times}`)
  const pauses = times.slice(1).map((time, i) => time - times[i])
  // The pauses double, based on the round trip of the welcome, up to 4 s plus jitter.
  for (let i = 1; i < pauses.length; i++) assert.ok(pauses[i] > pauses[i - 1] || pauses[i] >= 3000, `${pauses}`)
  assert.ok(Math.max(...pauses) <= 4000 * 1.25)
})

test('a silent server is given up, one that reports that it is working is not', () => {
  let gone = false
  const { world, server, client } = pair({ fate: () => (gone ? [] : [1]) })
  server.handle = () => {}
  world.pass(100)
  client.call('1', 100_000)
  world.pass(60_000)
  assert.deepStrictEqual(client.lostWhy, [])
  assert.ok(server.counts.duplicates >= 12 && server.counts.duplicates <= 25, `${server.counts.duplicates}`)
  gone = true
  world.pass(15_000)
  assert.deepStrictEqual(client.lostWhy, ['The server said nothing within 10000 ms'])
  world.pass(30_000)
  assert.ok(client.lostWhy.length >= 3)
})

test('cancellation: the server gets it, or else learns of it by the next call in the slot', () => {
  let deaf = false
  const { world, server, client } = pair({ fate: (bytes) => (deaf && bytes[5] === Kind.CANCEL ? [] : [1]) })
  server.handle = (text, answer) => text === 'quick' && answer('x')
  world.pass(100)
  const first = client.call('1', 100_000)
  world.pass(100)
  client.cancel(first)
  world.pass(100)
  assert.deepStrictEqual(server.cancels, [first.sequence])
  deaf = true
  const second = client.call('3', 100_000)
  world.pass(100)
  client.cancel(second)
  world.pass(100)
  assert.strictEqual(server.cancels.length, 1)
  client.call('quick', 1000)
  world.pass(100)
  assert.deepStrictEqual(server.cancels, [first.sequence, second.sequence])
  assert.deepStrictEqual(
    client.ends.map(({ error, reply }) => error ?? reply),
    ['cancelled', 'cancelled', 'x'],
  )
  assert.strictEqual(server.core.connections.values().next().value.running, 0)
})

// ---- accepted clients

/** Sends hand-written datagrams and keeps the answers. */
function byHand(world, place = HOME) {
  const got = []
  world.places.set(`${place.address} ${place.port}`, { receive: (bytes) => got.push(bytes) })
  return { got, send: (bytes) => world.send(bytes, place, PLACE) }
}

const CONNECTION = Buffer.from('connect!')

function request(number, token, body = 'x', { connection = CONNECTION, limit = 1200, flags = 0 } = {}) {
  const call = { name: Buffer.from('echo'), metadata: null, body: Buffer.from(body), flags }
  const bytes = datagram.request(connection, number, limit, call)
  datagram.stamp(bytes, token, 1000)
  return bytes
}

function welcomed(world, hand, connection = CONNECTION) {
  hand.send(datagram.hello(connection, 1200))
  world.pass(10)
  return Buffer.from(datagram.readWelcome(datagram.readHead(hand.got.pop())).token)
}

function handServer(udp) {
  const world = new World()
  const server = new SimServer(world, PLACE, (text, answer) => answer(`re ${text}`), udp)
  return { world, server, hand: byHand(world) }
}

test('before its address is proved, a client gets no more bytes than it sent, and no state is kept for it', () => {
  const { world, server, hand } = handServer()
  for (let i = 0; i < 5000; i++) {
    const connection = Buffer.alloc(8)
    connection.writeUInt32BE(i)
    hand.send(datagram.hello(connection, 512 + (i % 700)))
  }
  world.pass(10)
  assert.strictEqual(hand.got.length, 5000)
  assert.ok(hand.got.every(({ length }) => length < 64))
  // Too short: the answer would be longer than the datagram.
  hand.got.length = 0
  for (const size of [15, 42, 43, 511]) hand.send(datagram.hello(CONNECTION, 1200).subarray(0, size))
  world.pass(10)
  assert.strictEqual(hand.got.length, 0)
  assert.strictEqual(server.counts.ignored, 4)
  // An invalid token, that of another connection, or that of another address.
  const token = welcomed(world, hand)
  const wrong = Buffer.from(token)
  wrong[15] ^= 1
  const other = byHand(world, { address: '10.6.6.6', family: 'IPv4', port: 1 })
  const tries = [
    [hand, request(0, wrong)],
    [hand, request(0, token, 'x', { connection: Buffer.from('another!') })],
    [other, request(0, token)],
  ]
  for (const [from, bytes] of tries) {
    from.got.length = 0
    from.send(bytes)
    world.pass(10)
    assert.strictEqual(from.got.length, 1)
    const head = datagram.readHead(from.got[0])
    assert.strictEqual(head.kind, Kind.UNKNOWN)
    assert.ok(from.got[0].length < bytes.length)
  }
  // Datagrams that ask for no answer get none.
  hand.got.length = 0
  hand.send(datagram.control(Kind.BYE, CONNECTION, token))
  hand.send(datagram.control(Kind.CANCEL, CONNECTION, token, 0))
  world.pass(10)
  assert.strictEqual(hand.got.length, 0)
  assert.deepStrictEqual([server.runs.size, server.core.connections.size, server.core.bytes], [0, 0, 0])
  // With the right token, the call runs.
  hand.send(request(0, token))
  world.pass(10)
  assert.strictEqual(server.runs.size, 1)
})

test('tokens expire, and no call runs twice after its connection was removed', () => {
  const { world, server, hand } = handServer()
  const token = welcomed(world, hand)
  const bytes = request(0, token)
  hand.send(bytes)
  for (let i = 0; i < 300; i++) {
    world.pass(1000)
    if (server.core.connections.size === 0) {
      hand.got.length = 0
      hand.send(bytes)
      world.pass(10)
      assert.strictEqual(datagram.readHead(hand.got[0]).kind, Kind.UNKNOWN)
    }
  }
  eachRanOnce(server)
  assert.strictEqual(server.core.connections.size, 0)
  const tokens = new Tokens()
  const made = tokens.make(CONNECTION, HOME, 0)
  assert.ok(tokens.check(made, CONNECTION, HOME, LIFETIME - 1))
  assert.ok(!tokens.check(made, CONNECTION, HOME, LIFETIME))
})

test('a truncated or invalid datagram changes nothing', () => {
  const { world, server, hand } = handServer()
  const token = welcomed(world, hand)
  const metadata = Buffer.from([0, 5, 1, 97, 0, 1, 98])
  const call = { name: Buffer.from('echo'), metadata, body: Buffer.alloc(0), flags: 2 }
  const whole = datagram.request(CONNECTION, 0, 1200, call)
  datagram.stamp(whole, token, 1000)
  for (let end = 0; end < whole.length; end++) hand.send(whole.subarray(0, end))
  world.pass(10)
  assert.strictEqual(server.runs.size, 0)
  const cancel = datagram.control(Kind.CANCEL, CONNECTION, token, 0)
  for (let end = 0; end < cancel.length; end++) hand.send(cancel.subarray(0, end))
  const bye = datagram.control(Kind.BYE, CONNECTION, token)
  for (let end = 0; end < bye.length; end++) hand.send(bye.subarray(0, end))
  for (let at = 0; at < whole.length; at++) {
    // Magic, version, kind, flags, connection, token, limit, time, metadata: all fields in which not every value is
    // valid.
    const changed = Buffer.from(whole)
    changed[at] ^= 0xff
    hand.send(changed)
  }
  const longer = request(datagram.numberOf(99, 0), token, Buffer.alloc(1201 - 48))
  const impatient = request(datagram.numberOf(98, 0), token)
  impatient.writeUInt32BE(0, 39)
  for (const bytes of [longer, impatient, request(datagram.numberOf(97, 0), token, 'x', { limit: 511 })])
    hand.send(bytes)
  world.pass(10)
  const names = new Set([...server.runs.keys()])
  // A changed datagram is a valid call only if its number changed (6 bytes), or if its limit became larger (2 bytes).
  assert.ok([...names].every((name) => name.startsWith(CONNECTION.toString('hex'))))
  assert.ok(names.size <= 7, `${names.size}`)
  for (const slot of [97, 98, 99]) assert.ok(!names.has(`${CONNECTION.toString('hex')} ${slot} false`))
  hand.send(longer.subarray(0, 1200))
  world.pass(10)
  assert.ok(server.runs.has(`${CONNECTION.toString('hex')} 99 false`))
})

test('a truncated answer is ignored, unless only the message, which may have any length, is cut', () => {
  const { world, client, server } = pair()
  server.handle = () => {}
  world.pass(100)
  const call = client.call('1', 60_000)
  world.pass(10)
  const { connection } = client.core
  // Status and origin, metadata, details, code.
  const parts = [
    Buffer.from([5, 1]),
    Buffer.from([0, 5, 1, 97, 0, 1, 98]),
    Buffer.from([0, 2, 1, 2]),
    Buffer.from([0, 3, 69, 69, 69]),
  ]
  const error = datagram.answer(Kind.ERROR, 6, connection, call.sequence, parts)
  for (let end = 0; end < error.length; end++) client.receive(error.subarray(0, end), PLACE)
  const reply = datagram.answer(Kind.REPLY, 2, connection, call.sequence, [parts[1]])
  for (let end = 0; end < reply.length; end++) client.receive(reply.subarray(0, end), PLACE)
  const goaway = datagram.goaway(connection, call.sequence, 0, Buffer.alloc(0))
  for (let end = 0; end < goaway.length; end++) client.receive(goaway.subarray(0, end), PLACE)
  const newer = Buffer.from(error)
  newer[4] = 2
  client.receive(newer, PLACE)
  assert.deepStrictEqual([client.ends, client.farewells], [[], []])
  assert.strictEqual(client.counts.ignored, error.length + reply.length + goaway.length + 1)
  client.receive(error, PLACE)
  assert.strictEqual(client.ends[0].error.code, (5 << 8) | 1)
})

test('random bytes, and datagrams with random changes, do no harm to either end', () => {
  const { world, server, client } = pair({ seed: 7 })
  const random = () => world.random()
  const noise = (base) => {
    const bytes = base === undefined ? Buffer.alloc(world.below(100)) : Buffer.from(base)
    const changes = base === undefined ? bytes.length : 1 + world.below(4)
    for (let i = 0; i < changes; i++) bytes[world.below(bytes.length)] = world.below(256)
    return random() < 0.2 ? bytes.subarray(0, world.below(bytes.length + 1)) : bytes
  }
  const seen = { client: [], server: [] }
  world.fate = (bytes) => {
    const to = bytes[5] === Kind.REQUEST || bytes[5] === Kind.CANCEL || bytes[5] === Kind.HELLO ? 'server' : 'client'
    if (seen[to].length < 200) seen[to].push(bytes)
    return [1]
  }
  for (let i = 0; i < 2000; i++) {
    if (i % 20 === 0) client.call(`${i}`, 60_000)
    const list = seen[i % 2 === 0 ? 'server' : 'client']
    const base = random() < 0.3 ? undefined : list[world.below(list.length)]
    if (i % 2 === 0) server.receive(noise(base), HOME)
    else client.receive(noise(base), PLACE)
    world.pass(world.below(20))
  }
  world.pass(60_000)
  // Datagrams assembled from real ones may have answered or cancelled some calls, but each call ended exactly once.
  assert.strictEqual(client.ends.length, 100)
  assert.strictEqual(new Set(client.ends.map(({ text }) => text)).size, 100)
  assert.ok(server.core.connections.size <= 20)
})

test('answers of another connection, an old number or another server are ignored', () => {
  const { world, client, server } = pair()
  server.handle = () => {}
  world.pass(100)
  const call = client.call('1', 5000)
  world.pass(100)
  const { connection } = client.core
  const answer = (id, number) => datagram.answer(Kind.REPLY, 0, id, number, [Buffer.from('forged')])
  const otherNumber = datagram.numberOf(datagram.slotOf(call.sequence), datagram.countOf(call.sequence) + 1)
  client.receive(answer(Buffer.from('8 letter'), call.sequence), PLACE)
  client.receive(answer(connection, otherNumber), PLACE)
  client.receive(answer(connection, call.sequence), { ...PLACE, port: 1 })
  assert.deepStrictEqual(client.ends, [])
  assert.deepStrictEqual([client.counts.ignored, client.unknownAnswers], [1, 1])
  client.receive(answer(connection, call.sequence), PLACE)
  assert.strictEqual(client.ends[0].reply, 'forged')
})

// ---- limits

test('connections are limited: a new client is told so, before and after it gets a token', () => {
  const { world, server, hand } = handServer({ maxConnections: 2 })
  const id = (i) => Buffer.from(`client ${i}`)
  const tokens = [0, 1, 2].map((i) => welcomed(world, hand, id(i)))
  for (const i of [0, 1, 2]) hand.send(request(0, tokens[i], 'x', { connection: id(i) }))
  world.pass(10)
  const kinds = hand.got.map((bytes) => datagram.readHead(bytes).kind)
  assert.deepStrictEqual(kinds, [Kind.REPLY, Kind.REPLY, Kind.GOAWAY])
  const goaway = datagram.readAnswer(datagram.readHead(hand.got[2]))
  assert.deepStrictEqual([goaway.code, String(goaway.payload)], [datagram.FULL, 'The server has 2 connections already'])
  hand.got.length = 0
  hand.send(datagram.hello(id(3), 1200))
  world.pass(10)
  assert.strictEqual(datagram.readHead(hand.got[0]).kind, Kind.GOAWAY)
  // When the others have been silent long enough, there is room.
  world.pass(40_000)
  welcomed(world, hand, id(3))
  assert.strictEqual(server.core.connections.size, 0)
})

test('stored answers are limited in number and bytes: a call whose answer could not be stored is refused, not run', () => {
  const { world, server, hand } = handServer({ maxAnswers: 3 })
  const token = welcomed(world, hand)
  for (let slot = 0; slot < 5; slot++) hand.send(request(slot, token))
  world.pass(10)
  const read = (bytes) => {
    const head = datagram.readHead(bytes)
    return [head.kind, datagram.readAnswer(head).code, String(datagram.readAnswer(head).payload)]
  }
  assert.deepStrictEqual(hand.got.map(read), [
    [Kind.REPLY, 0, 're x'],
    [Kind.REPLY, 0, 're x'],
    [Kind.REPLY, 0, 're x'],
    [Kind.ERROR, (8 << 8) | 4, '\0\x003 answers are kept already'],
    [Kind.ERROR, (8 << 8) | 4, '\0\x003 answers are kept already'],
  ])
  assert.strictEqual(server.runs.size, 3)
  // A slot that exists takes the next call.
  hand.send(request(datagram.numberOf(1, 1), token))
  world.pass(10)
  assert.strictEqual(server.runs.size, 4)

  const small = handServer({ maxAnswerBytes: 2600 })
  small.server.handle = () => {}
  const second = welcomed(small.world, small.hand)
  for (let slot = 0; slot < 5; slot++) small.hand.send(request(slot, second))
  small.world.pass(10)
  assert.strictEqual(small.server.runs.size, 2)
  assert.ok(small.server.core.bytes <= 2600)
  assert.match(read(small.hand.got[0])[2], /more than 2600 bytes of answers would be kept/)
})

test('a slot beyond the announced limit, or a connection with too much waiting, takes no call', () => {
  const { world, server, hand } = handServer()
  const token = welcomed(world, hand)
  hand.send(request(4096, token))
  world.pass(10)
  server.full = true
  hand.send(request(0, token))
  hand.send(request(7, token, 'x', { flags: 16 }))
  world.pass(10)
  assert.strictEqual(server.runs.size, 0)
  assert.deepStrictEqual(
    hand.got.map((bytes) => String(datagram.readAnswer(datagram.readHead(bytes)).payload.subarray(2))),
    ['4096 calls of this connection may be unanswered', 'too much of this connection waits already'],
  )
})

test('an answer is kept for its time, and after that its call still does not run again', () => {
  const { world, server, hand } = handServer({ answerLifetime: 1000 })
  const token = welcomed(world, hand)
  const bytes = request(0, token, 'y')
  hand.send(bytes)
  world.pass(500)
  hand.send(bytes)
  world.pass(10)
  assert.deepStrictEqual(hand.got[0], hand.got[1])
  world.pass(2000)
  assert.strictEqual(server.core.bytes, 0)
  hand.send(bytes)
  world.pass(10)
  const head = datagram.readHead(hand.got[2])
  assert.deepStrictEqual([head.kind, datagram.readAnswer(head).code], [Kind.ERROR, (14 << 8) | 8])
  eachRanOnce(server)
})

test('the counts of a slot wrap around', () => {
  const { world, server, hand } = handServer()
  const token = welcomed(world, hand)
  for (const count of [2 ** 32 - 2, 2 ** 32 - 1, 0, 2 ** 32 - 1, 1, 2 ** 31]) {
    hand.send(request(datagram.numberOf(3, count), token))
    world.pass(10)
  }
  const ran = [...server.runs.keys()].map((key) => datagram.countOf(Number(key.split(' ')[1])))
  assert.deepStrictEqual(ran, [2 ** 32 - 2, 2 ** 32 - 1, 0, 1, 2 ** 31])
})

test('a late answer that an old token is unknown is ignored', () => {
  const { world, client } = pair()
  world.pass(100)
  client.receive(datagram.unknown(client.core.connection, Buffer.alloc(16)), PLACE)
  assert.strictEqual(client.core.ready, true)
  client.receive(datagram.unknown(client.core.connection, client.core.token), PLACE)
  assert.strictEqual(client.core.ready, false)
  world.pass(100)
  assert.strictEqual(client.core.ready, true)
})

test('retransmission times, and how much is sent at once', () => {
  const pace = new Pace({ resendAfter: 250, maxResendAfter: 4000 }, () => 0.5)
  assert.deepStrictEqual(
    [1, 2, 3, 4, 5, 6].map((tries) => pace.wait(tries)),
    [250, 500, 1000, 2000, 4000, 4000],
  )
  // As in RFC 6298: the first measurement, then the others.
  pace.measured(100)
  assert.strictEqual(pace.delay, 100 + 4 * 50)
  pace.measured(100)
  assert.strictEqual(pace.delay, 100 + 4 * 37.5)
  for (let i = 0; i < 100; i++) pace.measured(0)
  assert.strictEqual(pace.delay, 50)
  pace.measured(10_000)
  assert.strictEqual(pace.delay, 4000)
  for (let i = 0; i < 300; i++) pace.arrived(128)
  assert.strictEqual(pace.window, 128)
  // Datagrams lost together count as one loss.
  pace.lost(10_000)
  pace.lost(10_001)
  assert.strictEqual(pace.window, 64)
  for (let i = 0; i < 64; i++) pace.arrived(128)
  assert.ok(pace.window > 64 && pace.window < 66)
  for (let time = 20_000; time < 200_000; time += 5000) pace.lost(time)
  assert.strictEqual(pace.window, 4)
  const world = new World({ seed: 3 })
  const chance = new Pace({ resendAfter: 100, maxResendAfter: 100 }, world.random)
  const waits = Array.from({ length: 1000 }, () => chance.wait(1))
  assert.ok(
    Math.min(...waits) >= 75 && Math.min(...waits) < 80 && Math.max(...waits) <= 125 && Math.max(...waits) > 120,
  )
})

test('round trips are measured only with datagrams that were sent once', () => {
  let delay = 1
  const { world, client } = pair({ fate: () => [delay] })
  world.pass(100)
  const before = client.core.pace.delay
  delay = 400
  client.call('0', 10_000)
  world.pass(5000)
  assert.strictEqual(client.ends[0].reply, 're 0')
  assert.strictEqual(client.core.pace.delay, before)
})

test('one-way calls run once, in any order, and too old ones not at all', () => {
  const { world, server, hand } = handServer()
  const token = welcomed(world, hand)
  for (const number of [5, 3, 5, 2000, 3, 4, 1999, 1999, 977, 976, 2 ** 40]) {
    hand.send(request(number, token, 'x', { flags: 16 }))
  }
  world.pass(10)
  const ran = [...server.runs.keys()].map((key) => Number(key.split(' ')[1]))
  assert.deepStrictEqual(ran, [5, 3, 2000, 1999, 977, 2 ** 40])
  eachRanOnce(server)
  assert.strictEqual(hand.got.length, 0)
})

test('the window of numbers agrees with a set', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const world = new World({ seed })
    const replay = new Replay()
    const seen = new Set()
    let highest = -1
    for (let i = 0; i < 3000; i++) {
      const number = Math.max(0, highest - 1100) + world.below(world.random() < 0.02 ? 5000 : 1120)
      const expected = number > highest - 1024 && !seen.has(number)
      assert.strictEqual(replay.accept(number), expected, `seed ${seed}, number ${number} after ${highest}`)
      seen.add(number)
      if (expected) highest = Math.max(highest, number)
    }
  }
})

test('a closing server answers its calls, returns those it has not begun, and ends when nobody asks any more', () => {
  const { world, server, client } = pair()
  world.pass(100)
  client.call('1', 60_000)
  client.call('0', 60_000)
  world.pass(100)
  server.alarm.add(server.core.close(world.time))
  client.call('4', 60_000)
  world.pass(100)
  assert.deepStrictEqual(client.farewells, [0])
  assert.deepStrictEqual(
    client.ends.map(({ text }) => text),
    ['0'],
  )
  assert.deepStrictEqual(
    client.waiting.map(({ text }) => text),
    ['4'],
  )
  assert.strictEqual(server.core.connections.size, 1)
  world.pass(900)
  assert.deepStrictEqual(client.ends[1], { text: '1', error: null, reply: 're 1' })
  // In the meantime, repeated requests are answered again.
  world.pass(3000)
  assert.strictEqual(server.core.connections.size, 0)
  // A new hello is not answered: another server may be about to use the address.
  const hand = byHand(world)
  hand.send(datagram.hello(CONNECTION, 1200))
  world.pass(100)
  assert.strictEqual(hand.got.length, 0)
})
