'use strict'

// Clients of several addresses: where calls go, and what happens to them when an address disappears.

const assert = require('node:assert')
const { once, getEventListeners } = require('node:events')
const { test } = require('node:test')
const { rpc } = require('../../index.js')
const { named, tally, connectedTo, handServer, frame, preface, until, Kind } = require('./tools')

/** A resolver whose addresses the test sets. */
class Told {
  constructor(addresses) {
    this.addresses = addresses
    this.closed = 0
  }

  resolve(update) {
    this.update = update
    process.nextTick(update, null, this.addresses)
    return { close: () => this.closed++ }
  }

  tell(addresses) {
    this.addresses = addresses
    this.update(null, addresses)
  }
}

function connect(t, target, options) {
  const client = rpc.connect(target, options)
  t.after(() => client.destroy())
  return client
}

const several = (t, count) => Promise.all(Array.from({ length: count }, (_, i) => named(t, `s${i}`)))

/** A server that accepts calls and never answers. It counts them by method. */
async function mute(t) {
  const seen = []
  const { port } = await handServer(t, ({ kind, sequence, payload }, socket) => {
    if (kind === Kind.REQUEST) seen.push({ sequence, payload, socket })
  })
  return { place: `127.0.0.1:${port}`, seen }
}

test('round-robin deals calls out by weight, in turn', async (t) => {
  const [a, b] = await several(t, 2)
  const list = [
    { address: a.place, weight: 3 },
    { address: b.place, weight: 1 },
  ]
  const client = connect(t, list, { balance: { policy: 'round-robin' } })
  await connectedTo(client, 2)
  assert.deepStrictEqual(await tally(client, 80), { s0: 60, s1: 20 })
})

test('a busy server gets fewer calls', async (t) => {
  const servers = await several(t, 2)
  const held = []
  for (const server of servers) server.method('hold', (_request, callback) => void held.push(callback))
  const client = connect(
    t,
    servers.map(({ place }) => place),
  )
  await connectedTo(client, 2)
  // One at a time, so that each call sees the effect of the ones before it.
  for (let i = 0; i < 40; i++) {
    client.call('hold', null, () => {})
    await until(() => held.length === i + 1)
  }
  const pending = client.addresses.map((address) => address.pending)
  assert.ok(Math.abs(pending[0] - pending[1]) <= 1, `${pending}`)
  for (const callback of held) callback(null, null)
})

test('an address of weight 0 gets no calls, and a near one is preferred while it is available', async (t) => {
  const [near, far, drained] = await several(t, 3)
  const list = [
    { address: near.place, zone: 'here' },
    { address: far.place, zone: 'there' },
    { address: drained.place, zone: 'here', weight: 0 },
  ]
  const client = connect(t, list, { balance: { zone: 'here' } })
  await connectedTo(client, 3)
  assert.deepStrictEqual(await tally(client, 20), { s0: 20 })
  near.closeAllConnections()
  near.close(() => {})
  await connectedTo(client, 2)
  assert.deepStrictEqual(await tally(client, 20), { s1: 20 })
})

test('addresses come and go; calls in flight at a removed address are answered', async (t) => {
  const [a, b] = await several(t, 2)
  let answer
  a.method('hold', (_request, callback) => {
    answer = callback
  })
  const told = new Told([{ address: a.place }])
  const client = connect(t, told)
  const held = client.call('hold')
  await until(() => answer !== undefined)
  told.tell([{ address: b.place }, { address: 'nonsense' }, null])
  const wrong = []
  client.on('resolveError', ({ message }) => wrong.push(message))
  await until(() => client.connected && wrong.length >= 2)
  assert.match(wrong[0], /addresses\[1\]' must read like/)
  assert.match(wrong[1], /"addresses\[2\]/)
  assert.strictEqual(wrong.length, 2)
  assert.deepStrictEqual(await tally(client, 10), { s1: 10 })
  answer(null, Buffer.from('still'))
  assert.strictEqual(String(await held), 'still')
  await client.close()
  assert.strictEqual(told.closed, 1)
})

test('a client without addresses keeps its calls, and gives the reason when they time out', async (t) => {
  const [a] = await several(t, 1)
  const told = new Told([])
  const client = connect(t, told)
  const waiting = client.call('who')
  const late = client.call('who', null, { timeout: 50 })
  client.once('resolveError', () => {})
  const reason = new Error('nobody knows')
  await new Promise(setImmediate)
  told.update(reason)
  await assert.rejects(late, { code: 'IRONWIRE_RPC_TIMEOUT', sent: false, cause: reason })
  told.tell([{ address: a.place }])
  assert.strictEqual(String(await waiting), 's0')
})

test('calls that were never sent survive the replacement of a backend, idempotent or not', async (t) => {
  // The old server takes eight calls at a time and answers none; three thousand more wait.
  const { port } = await handServer(t, () => {}, { greeting: preface({ maxCalls: 8 }) })
  const told = new Told([{ host: '127.0.0.1', port }])
  const client = connect(t, told)
  await once(client, 'connect')
  const calls = Array.from({ length: 3008 }, () => client.call('who').then(String, (error) => error))
  const [fresh] = await several(t, 1)
  told.tell([{ address: fresh.place }])
  const answers = await Promise.all(calls.slice(8))
  assert.ok(answers.every((answer) => answer === 's0'))
  client.destroy()
  for (const lost of await Promise.all(calls.slice(0, 8))) {
    assert.deepStrictEqual([lost.code, lost.sent], ['IRONWIRE_RPC_CLOSED', true])
  }
})

test('requests that were written but never taken are sent elsewhere without using the retry budget', async (t) => {
  const { port, sockets } = await handServer(t, () => {}, { greeting: preface({ version: 2 }) })
  const told = new Told([{ host: '127.0.0.1', port }])
  const client = connect(t, told, { retry: false })
  await once(client, 'connect')
  for (const socket of sockets) socket.pause()
  const [link] = client.links
  const calls = []
  while (!link.out.congested) {
    // The connection may have any number of calls in flight.
    for (let i = 0; i < 20; i++) {
      const metadata = i % 2 === 0 ? { at: String(calls.length) } : undefined
      calls.push(client.call('echo', Buffer.alloc(2000, calls.length), { metadata }))
    }
    await new Promise(setImmediate)
  }
  const server = rpc.createServer()
  server.method('echo', (body, callback, call) => callback(null, Buffer.concat([body, at(call)])))
  const at = ({ metadata }) => Buffer.from(metadata.get('at') ?? '')
  server.listen(0)
  await once(server, 'listening')
  t.after(() => {
    server.close(() => {})
    server.closeAllConnections()
  })
  told.tell([
    { host: '127.0.0.1', port },
    { host: '127.0.0.1', port: server.address().port },
  ])
  await connectedTo(client, 2)
  let unsent = 0
  const { ended } = link
  link.ended = (error, accepted) => {
    for (const { position } of link.calls.slots) if (position >= accepted) unsent++
    ended.call(link, error, accepted)
  }
  for (const socket of sockets) socket.destroy()
  let lost = 0
  await Promise.all(
    calls.map(async (call, i) => {
      try {
        assert.deepStrictEqual(
          await call,
          Buffer.concat([Buffer.alloc(2000, i), Buffer.from(i % 2 === 0 ? String(i) : '')]),
        )
      } catch (error) {
        lost++
        assert.deepStrictEqual([error.code, error.sent], ['IRONWIRE_RPC_CONNECTION_LOST', true])
      }
    }),
  )
  assert.deepStrictEqual([client.stats.retries, lost], [unsent, calls.length - unsent])
})

test('a backend that dies takes none of its idempotent calls with it, however many', async (t) => {
  const servers = await Promise.all(Array.from({ length: 2 }, () => named(t, 'slow')))
  const held = new Set()
  for (const server of servers) {
    server.method('slow', (_request, callback, { signal }) => {
      held.add(callback)
      signal.addEventListener('abort', () => held.delete(callback))
    })
  }
  const client = connect(
    t,
    servers.map(({ place }) => place),
  )
  await connectedTo(client, 2)
  const calls = Array.from({ length: 2000 }, () => client.call('slow', null, { idempotent: true }))
  await until(() => held.size === 2000)
  servers[0].closeAllConnections()
  servers[0].close(() => {})
  await until(() => servers[1].stats.calls === 2000)
  for (const callback of held) callback(null, null)
  await Promise.all(calls)
  assert.ok(client.stats.retries > 500)
})

test('a call that a server may have seen is repeated only if it is idempotent', async (t) => {
  const quiet = await mute(t)
  const told = new Told([{ address: quiet.place }])
  const client = connect(t, told)
  const body = Buffer.from('who')
  const marked = client.call('who', body, { idempotent: true })
  const plain = client.call('who', body)
  // The call has copied the body, so the caller may reuse it.
  body.fill(0)
  await until(() => quiet.seen.length === 2)
  const [fresh] = await several(t, 1)
  told.tell([{ address: quiet.place }, { address: fresh.place }])
  await connectedTo(client, 2)
  quiet.seen[0].socket.destroy()
  await assert.rejects(plain, { code: 'IRONWIRE_RPC_CONNECTION_LOST', sent: true })
  assert.strictEqual(String(await marked), 's0')
  assert.strictEqual(client.stats.retries, 1)
})

test('a repeated call has the original body', async (t) => {
  const bodies = [Buffer.alloc(0), Buffer.from('small'), Buffer.alloc(5000, 'large')]
  const { port } = await handServer(t, ({ kind }, socket) => {
    if (kind === Kind.REQUEST) socket.destroy()
  })
  const told = new Told([{ host: '127.0.0.1', port }])
  const client = connect(t, told)
  const calls = bodies.map((body) => {
    const given = Buffer.from(body)
    const call = client.call('echo', given, { idempotent: true })
    given.fill(0)
    return call
  })
  await until(() => client.stats.retries > 0)
  const server = await named(t, 'echo')
  server.method('echo', (request) => Buffer.from(request))
  told.tell([{ address: server.place }])
  const replies = await Promise.all(calls)
  assert.deepStrictEqual(replies, bodies)
})

test('a client of one address repeats idempotent calls, too', async (t) => {
  let first = true
  const { port } = await handServer(t, ({ kind, sequence }, socket) => {
    if (kind !== Kind.REQUEST) return
    if (first) socket.destroy()
    else socket.write(frame(Kind.REPLY, sequence, { body: 'yes' }))
    first = false
  })
  const client = connect(t, `127.0.0.1:${port}`)
  assert.strictEqual(String(await client.call('who', null, { idempotent: true })), 'yes')
  first = true
  await assert.rejects(client.call('who'), { code: 'IRONWIRE_RPC_CONNECTION_LOST', sent: true })
})

test('a call that may have been seen stays so, also if its next attempt is never sent', async (t) => {
  const { port, server, sockets } = await handServer(t, ({ kind }) => {
    if (kind !== Kind.REQUEST) return
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  const client = connect(t, `127.0.0.1:${port}`)
  const outcome = new Promise((resolve) => {
    const call = client.call('who', null, { idempotent: true }, resolve)
    client.once('reconnect', () => call.cancel())
  })
  const { code, sent } = await outcome
  assert.deepStrictEqual([code, sent], ['IRONWIRE_RPC_ABORTED', true])
  assert.strictEqual(client.stats.retries, 1)
})

test('attempts are limited, and have a budget', async (t) => {
  let seen = 0
  const { port } = await handServer(t, ({ kind }, socket) => {
    if (kind !== Kind.REQUEST) return
    seen++
    socket.destroy()
  })
  const lost = { code: 'IRONWIRE_RPC_CONNECTION_LOST', sent: true }
  const options = { reconnect: { initialDelay: 1, maxDelay: 2 } }
  const patient = connect(t, [`127.0.0.1:${port}`], options)
  await assert.rejects(patient.call('who', null, { idempotent: true }), lost)
  assert.strictEqual(seen, 4, 'once, and three times again')
  seen = 0
  const poor = connect(t, [`127.0.0.1:${port}`], { ...options, retry: { ratio: 0, perSecond: 0 } })
  await assert.rejects(poor.call('who', null, { idempotent: true }), lost)
  const never = connect(t, [`127.0.0.1:${port}`], { ...options, retry: false })
  await assert.rejects(never.call('who', null, { idempotent: true }), lost)
  assert.strictEqual(seen, 2)
})

test('an address that does not answer is ejected, probed and restored', async (t) => {
  const probes = []
  let answers = false
  const { port } = await handServer(t, ({ kind, sequence, payload }, socket) => {
    if (kind === Kind.METHOD) socket.names = [...(socket.names ?? []), String(payload.subarray(2))]
    if (kind !== Kind.REQUEST) return
    const method = socket.names[payload.readUInt16BE(0)]
    if (method === '/grpc.health.v1.Health/Check') {
      probes.push(sequence)
      // The first probe says that the server is not well, the next ones that it is.
      answers = probes.length > 1
      socket.write(frame(Kind.REPLY, sequence, { body: Buffer.from([8, answers ? 1 : 2]) }))
    } else if (answers) socket.write(frame(Kind.REPLY, sequence, { body: 'back' }))
  })
  const [good] = await several(t, 1)
  const policy = 'round-robin'
  const client = connect(t, [{ address: `127.0.0.1:${port}` }, { address: good.place }], {
    balance: { policy, ejectAfter: 3 },
  })
  await connectedTo(client, 2)
  const calls = await Promise.allSettled(Array.from({ length: 6 }, () => client.call('who', null, { timeout: 500 })))
  assert.strictEqual(calls.filter(({ status }) => status === 'rejected').length, 3)
  assert.deepStrictEqual(
    client.addresses.map(({ ejected }) => ejected),
    [true, false],
  )
  assert.deepStrictEqual(await tally(client, 10), { s0: 10 })
  await until(() => !client.addresses[0].ejected)
  assert.strictEqual(probes.length, 2)
  assert.strictEqual(client.stats.ejections, 1)
  assert.deepStrictEqual(await tally(client, 10), { back: 5, s0: 5 })
  const { stats } = client
  assert.strictEqual(stats.replies + stats.errors, stats.calls, 'probes are calls as well')
})

test('when all addresses are ejected, all are used', async (t) => {
  const [one, two] = [await mute(t), await mute(t)]
  const client = connect(t, [one.place, two.place], { balance: { policy: 'round-robin', ejectAfter: 1 } })
  await connectedTo(client, 2)
  const call = () => client.call('who', null, { timeout: 20 }).catch(({ code }) => code)
  await Promise.all([call(), call()])
  assert.ok(client.addresses.every(({ ejected }) => ejected))
  await Promise.all([call(), call()])
  // The calls may have ended before their servers read them.
  await until(() => one.seen.length + two.seen.length === 4)
  assert.deepStrictEqual([one.seen.length, two.seen.length], [2, 2])
})

test('a hedged call gets a second attempt when the first one is slow', async (t) => {
  const quiet = await mute(t)
  const [good] = await several(t, 1)
  const client = connect(t, [quiet.place, good.place], { balance: { policy: 'round-robin' } })
  await connectedTo(client, 2)
  const call = () => client.call('who', null, { idempotent: true, hedge: 20 })
  assert.deepStrictEqual((await Promise.all([call(), call()])).map(String), ['s0', 's0'])
  // On a slow machine, both servers may have taken long.
  assert.ok(client.stats.hedges >= 1 && quiet.seen.length >= 1)
  assert.strictEqual(client.pending, 0, 'the one that was slower is cancelled')
  assert.throws(() => client.call('who', null, { hedge: 20 }, () => {}), { message: /idempotent: true/ })
})

test('cancelling a hedged call ends all attempts that are left', async (t) => {
  const quiet = [await mute(t), await mute(t)]
  const client = connect(
    t,
    quiet.map(({ place }) => place),
  )
  await connectedTo(client, 2)
  const twice = { idempotent: true, hedge: 5 }
  const seen = () => quiet[0].seen.length + quiet[1].seen.length
  const ends = []
  const call = client.call('who', null, twice, (error) => ends.push(error.code))
  await until(() => seen() === 2)
  call.cancel()
  await until(() => ends.length === 1)
  const controller = new AbortController()
  const aborted = client.call('who', null, { ...twice, signal: controller.signal })
  await until(() => seen() === 4)
  // One of the attempts loses its connection and is repeated; the call does not end.
  quiet[0].seen[1].socket.destroy()
  await until(() => client.addresses.filter(({ connected }) => connected).length === 1)
  controller.abort()
  await assert.rejects(aborted, { code: 'IRONWIRE_RPC_ABORTED' })
  await until(() => client.pending === 0)
  assert.deepStrictEqual([ends, client.stats.errors, client.stats.pending], [['IRONWIRE_RPC_ABORTED'], 2, 0])
})

test('a hedged call is cancelled, fails and is counted as one call', async (t) => {
  const [one, two] = [await mute(t), await mute(t)]
  const client = connect(t, [one.place, two.place], { retry: { attempts: 0 } })
  await connectedTo(client, 2)
  const both = () => until(() => one.seen.length > 0 && two.seen.length > 0)
  const make = (options) => {
    one.seen.length = two.seen.length = 0
    let call
    const outcome = new Promise((resolve) => {
      call = client.call('who', null, { idempotent: true, hedge: 5, ...options }, resolve)
    })
    return { call, outcome }
  }
  const cancelled = make()
  await both()
  cancelled.call.cancel()
  const { code, sent } = await cancelled.outcome
  assert.deepStrictEqual([code, sent], ['IRONWIRE_RPC_ABORTED', true])
  const controller = new AbortController()
  const aborted = make({ signal: controller.signal })
  await both()
  controller.abort()
  assert.strictEqual((await aborted.outcome).code, 'IRONWIRE_RPC_ABORTED')
  assert.deepStrictEqual(getEventListeners(controller.signal, 'abort'), [])
  const lost = make()
  await both()
  for (const { socket } of [...one.seen, ...two.seen]) socket.destroy()
  assert.strictEqual((await lost.outcome).code, 'IRONWIRE_RPC_CONNECTION_LOST')
  const { calls, errors, hedges } = client.stats
  assert.deepStrictEqual({ calls, errors, hedges }, { calls: 3, errors: 3, hedges: 3 })
  assert.strictEqual(client.pending, 0)
})

test('a second attempt without the first is cancelled, too', async (t) => {
  const [one, two] = [await mute(t), await mute(t)]
  const client = connect(t, [one.place, two.place], { retry: { attempts: 0 } })
  await connectedTo(client, 2)
  let call
  const outcome = new Promise((resolve) => {
    call = client.call('who', null, { idempotent: true, hedge: 5 }, resolve)
  })
  await until(() => one.seen.length + two.seen.length === 2)
  // The server of the first attempt disappears.
  const { link } = [...client.members.values()].find((member) => member.link.calls.find(call.sequence) === call)
  link.destroy(new Error('gone'))
  await until(() => client.pending === 1)
  call.cancel()
  const { code, sent } = await outcome
  assert.deepStrictEqual([code, sent], ['IRONWIRE_RPC_ABORTED', true])
  assert.strictEqual(client.pending, 0)
})

test('health: every server reports its status', async (t) => {
  const [server] = await several(t, 1)
  const client = connect(t, server.place)
  const ask = async () => [...(await client.call('/grpc.health.v1.Health/Check'))]
  assert.deepStrictEqual(await ask(), [8, 1])
  server.healthy = false
  assert.deepStrictEqual(await ask(), [8, 2])
  const own = await named(t, 'own')
  own.method('/grpc.health.v1.Health/Check', () => Buffer.from([8, 3]))
  assert.deepStrictEqual([...(await connect(t, own.place).call('/grpc.health.v1.Health/Check'))], [8, 3])
})

test('options are checked', () => {
  const wrong = [
    [{ balance: { policy: 'random' } }, /least-loaded or round-robin/],
    [{ balance: { zones: 'a' } }, /Did you mean "zone"/],
    [{ balance: { ejectAfter: 0 } }, /options\.balance\.ejectAfter/],
    [{ retry: { ratio: 2 } }, /options\.retry\.ratio/],
    [{ retry: true }, /options\.retry/],
  ]
  for (const [options, message] of wrong) assert.throws(() => rpc.connect(['a:1'], options), { message })
})

test('close() lets calls finish, destroy() does not, and neither keeps the process running', async (t) => {
  const [a, b] = await several(t, 2)
  const client = rpc.connect([a.place, b.place])
  const calls = Array.from({ length: 100 }, () => client.call('who'))
  await client.close()
  assert.ok((await Promise.all(calls)).every((reply) => /^s\d$/.test(String(reply))))
  await assert.rejects(client.call('who'), { code: 'IRONWIRE_RPC_CLOSED' })
  const other = rpc.connect([a.place, b.place])
  const lost = other.call('who')
  other.destroy()
  await assert.rejects(lost, { code: 'IRONWIRE_RPC_CLOSED', sent: false })
})
