'use strict'

// Watches and leases with fake members: what happens to them when their stream breaks.

const assert = require('node:assert')
const { spawn } = require('node:child_process')
const { once } = require('node:events')
const { test } = require('node:test')
const { etcd } = require('../../index.js')
const { status } = require('../../lib/grpc')
const { HEADER, LEADER_LOST, member, refuse, entry } = require('./fake.js')

function connect(t, members, options) {
  const client = etcd.connect(
    members.map(({ endpoint }) => endpoint),
    options,
  )
  client.pool.at = 0
  t.after(() => client.close())
  return client
}

const put = (revision, key = 'a') => ({ type: 0, kv: entry(key, `${revision}`, revision) })

/** A member whose watches follow the test: one function of `script` is called for each watch request, in order. */
async function watched(t, handlers, ...script) {
  let id = 0
  const create = (request, call) => {
    const step = script.shift()
    const watchId = ++id
    const say = (response) => call.write({ header: HEADER, watchId, ...response })
    step?.({ request, call, say, watchId, created: (more) => say({ created: true, ...more }) })
  }
  const handler = ({ createRequest }, call) => createRequest != null && create(createRequest, call)
  return member(t, { ...handlers, 'Watch/Watch': handler })
}

/** Collects the events of a watcher until there are `count`. */
function told(watcher, count) {
  const seen = []
  return new Promise((resolve, reject) => {
    const see = (...what) => seen.push(what) === count && resolve(seen)
    watcher.on('events', (events, revision) =>
      see('events', revision, ...events.map(({ entry }) => String(entry.value))),
    )
    watcher.on('reset', (entries, revision) => see('reset', revision, ...entries.map(({ key }) => String(key))))
    watcher.on('compacted', (what) => see('compacted', what))
    watcher.on('disconnect', () => see('disconnect'))
    watcher.on('error', reject)
  })
}

test('a watch continues after its last revision at another member', async (t) => {
  const lost = ({ call }) => call.emit('error', Object.assign(new Error('x'), LEADER_LOST))
  const first = ({ request, call, created, say }) => {
    assert.deepStrictEqual([request.startRevision, request.prevKv, String(request.rangeEnd)], [5, true, 'b'])
    created()
    say({ events: [put(5), put(6)] })
    say({ events: [], header: { ...HEADER, revision: 9 } })
    lost({ call })
  }
  // It may be asked again before there is a connection to the other.
  const one = await watched(t, {}, first, ...Array(100).fill(lost))
  const other = await watched(t, {}, ({ request, created, say }) => {
    // A progress notification also moves the revision on.
    assert.strictEqual(request.startRevision, 10)
    created()
    say({ events: [put(10)] })
  })
  const watcher = connect(t, [one, other]).watch({ prefix: 'a' }, { revision: 5, previous: true })
  const seen = await told(watcher, 2)
  while (seen.at(-1)[0] === 'disconnect') await new Promise(setImmediate)
  const isRepeated = ([what], i) => what === 'disconnect' && seen[i - 1][0] === what
  assert.deepStrictEqual(
    seen.filter((what, i) => !isRepeated(what, i)),
    [['events', 6, '5', '6'], ['disconnect'], ['events', 10, '10']],
  )
  const [, , { hasleader }] = one.seen[0]
  assert.strictEqual(hasleader, 'true')
})

test('a watch without a start revision misses nothing, also if its stream is lost before any change', async (t) => {
  const one = await watched(
    t,
    {},
    ({ request, call, created }) => {
      assert.strictEqual(request.startRevision, 0)
      created({ header: { ...HEADER, revision: 7 } })
      setImmediate(() => call.emit('error', Object.assign(new Error('x'), LEADER_LOST)))
    },
    ({ request, created, say }) => {
      assert.strictEqual(request.startRevision, 8)
      created()
      say({ events: [put(8)] })
    },
  )
  assert.deepStrictEqual(await told(connect(t, [one]).watch('a'), 2), [['disconnect'], ['events', 8, '8']])
})

test('a revision that arrives in parts is reported only when complete, and only once', async (t) => {
  const one = await watched(
    t,
    {},
    ({ request, call, created, say }) => {
      assert.strictEqual(request.fragment, true)
      created()
      say({ fragment: true, events: [put(5), put(6, 'a')] })
      say({ fragment: true, events: [put(6, 'b')] })
      setImmediate(() => call.emit('error', Object.assign(new Error('x'), LEADER_LOST)))
    },
    ({ request, created, say }) => {
      assert.strictEqual(request.startRevision, 6)
      created()
      say({ fragment: true, events: [put(6, 'a')] })
      say({ fragment: true, events: [put(6, 'b')] })
      say({ events: [put(6, 'c'), put(7)] })
    },
  )
  assert.deepStrictEqual(await told(connect(t, [one]).watch({ prefix: '' }, { revision: 5 }), 3), [
    ['events', 5, '5'],
    ['disconnect'],
    ['events', 7, '6', '6', '6', '7'],
  ])
})

test('after a compaction, a watch reads its range again', async (t) => {
  const range = ({ revision, key }) => {
    if (revision === 0) return { header: { ...HEADER, revision: 20 }, kvs: [entry('a')], more: true, count: 2 }
    assert.deepStrictEqual([revision, String(key)], [20, 'a\0'])
    return { header: { ...HEADER, revision: 25 }, kvs: [entry('b')], count: 2 }
  }
  const one = await watched(
    t,
    { 'KV/Range': range },
    ({ created, say }) => {
      created()
      say({ canceled: true, compactRevision: 15 })
    },
    ({ request, created, say }) => {
      assert.strictEqual(request.startRevision, 21)
      created()
      say({ events: [put(21)] })
    },
  )
  assert.deepStrictEqual(await told(connect(t, [one]).watch({ prefix: '' }, { revision: 5 }), 3), [
    ['compacted', { revision: 5, compactRevision: 15 }],
    ['reset', 20, 'a', 'b'],
    ['events', 21, '21'],
  ])
})

test('a cluster that lost its data is noticed, and a member that lags is waited for', async (t) => {
  for (const [revision, clusterId, expected] of [
    [3, 2, ['reset', 3, 'new']],
    [3, 1, ['reset', 3, 'new']],
    [30, 1, ['events', 31, '31']],
  ]) {
    const kvs = [entry('new')]
    const header = { ...HEADER, revision, clusterId }
    const one = await watched(
      t,
      { 'KV/Range': ({ countOnly }) => ({ header, kvs: countOnly ? [] : kvs }) },
      ({ call, created }) => {
        created()
        setImmediate(() => call.emit('error', Object.assign(new Error('x'), LEADER_LOST)))
      },
      ({ created, say }) => {
        created({ header: { ...HEADER, clusterId, revision: 3 } })
        if (revision === 30) setImmediate(() => say({ events: [put(31)] }))
      },
    )
    const seen = await told(connect(t, [one]).watch({ prefix: '' }, { revision: 31 }), revision === 30 ? 2 : 3)
    assert.deepStrictEqual(seen.at(-1), expected)
  }
})

test('a watch may start at a future revision', async (t) => {
  const one = await watched(t, { 'KV/Range': refuse(LEADER_LOST) }, ({ request, created, say }) => {
    assert.strictEqual(request.startRevision, 31)
    created()
    say({ events: [put(31)] })
  })
  assert.deepStrictEqual(await told(connect(t, [one]).watch('a', { revision: 31 }), 1), [['events', 31, '31']])
  assert.strictEqual(one.times('KV/Range'), 0)
})

test('several watches share a stream, and each can end alone', async (t) => {
  const asked = []
  const cancelled = []
  let id = 0
  const one = await member(t, {
    'Watch/Watch': ({ createRequest, cancelRequest }, call) => {
      if (cancelRequest != null) return cancelled.push(cancelRequest.watchId)
      const watchId = id++
      asked.push(String(createRequest.key))
      call.write({ header: HEADER, watchId, created: true })
      call.write({ header: HEADER, watchId, events: [put(11, String(createRequest.key))] })
    },
  })
  const client = connect(t, [one])
  const [a, b] = [client.watch('a'), client.watch('b')]
  const seen = await Promise.all([a, b].map((watcher) => once(watcher, 'put')))
  assert.deepStrictEqual(
    seen.map(([{ key }]) => String(key)),
    ['a', 'b'],
  )
  assert.deepStrictEqual([one.streams.size, asked], [1, ['a', 'b']])
  const [stream] = one.streams
  a.close()
  await once(a, 'close')
  while (cancelled.length === 0) await new Promise(setImmediate)
  assert.deepStrictEqual([cancelled, stream.cancelled], [[0], false])
  b.close()
  await once(stream, 'cancelled')
})

test('a watch that is not allowed ends with an error, after another token was tried', async (t) => {
  let tokens = 0
  const deny = ({ say }) => say({ created: true, canceled: true, cancelReason: 'etcdserver: permission denied' })
  const handlers = { 'Auth/Authenticate': () => ({ token: `${++tokens}` }) }
  const one = await watched(t, handlers, deny, deny)
  const client = connect(t, [one], { username: 'me', password: 'x' })
  const [error] = await once(client.watch('a'), 'error')
  assert.deepStrictEqual(
    [error.code, error.details, tokens],
    ['IRONWIRE_ETCD_DENIED', 'etcdserver: permission denied', 2],
  )
  // A watch that was denied only because its token had expired continues.
  const other = await watched(t, handlers, deny, ({ created, say }) => {
    created()
    say({ events: [put(11)] })
  })
  await once(connect(t, [other], { username: 'me', password: 'x' }).watch('a'), 'put')
})

test('a range that does not fit into a message is read in smaller parts', async (t) => {
  const limits = []
  const one = await watched(
    t,
    {
      'KV/Range': ({ limit, revision }) => {
        limits.push(limit)
        const count = Math.min(limit, 100)
        const kvs = Array.from({ length: count }, (_, i) => entry(`${revision} ${i}`, 'x'.repeat(50)))
        return { kvs, more: revision === 0, count }
      },
    },
    ({ created }) => created(),
  )
  const watcher = connect(t, [one], { maxMessageBytes: 4096 }).watch({ prefix: '' }, { initial: true })
  const [entries] = await once(watcher, 'reset')
  assert.deepStrictEqual(limits, [1000, 250, 63, 16, 16])
  assert.strictEqual(entries.length, 32)
})

test('what a watch reads, or buffers of a revision, is limited', async (t) => {
  const endless = ({ key }) => ({ kvs: [entry(`${key}x`, 'x'.repeat(1000))], more: true, count: 2 ** 40 })
  const one = await watched(t, { 'KV/Range': endless }, ({ created, say }) => {
    created()
    for (let i = 0; i < 100; i++) say({ fragment: true, events: [put(11, `${i}`)] })
  })
  const client = connect(t, [one], { maxWatchBytes: 10_000 })
  const [read] = await once(client.watch({ prefix: '' }, { initial: true }), 'error')
  assert.strictEqual(read.code, 'IRONWIRE_ETCD_EXHAUSTED')
  assert.ok(one.times('KV/Range') < 10)
  const [held] = await once(client.watch({ prefix: '' }), 'error')
  assert.strictEqual(held.code, 'IRONWIRE_ETCD_EXHAUSTED')
})

// ---- leases

/** A member that grants leases and keeps each alive until the test says otherwise. */
async function lessor(t, first, handlers = {}) {
  const put = new Map()
  const lives = new Set()
  let id = first
  const one = await member(t, {
    'Lease/LeaseGrant': ({ ttl }) => {
      lives.add(id)
      return { id: id++, ttl: Math.max(ttl, 1) }
    },
    'Lease/LeaseRevoke': ({ id: which }) =>
      lives.delete(which) ? {} : refuse({ code: status.NOT_FOUND, details: 'etcdserver: requested lease not found' })(),
    'Lease/LeaseKeepAlive': ({ id: which }, call) =>
      call.write({ header: HEADER, id: which, ttl: lives.has(which) ? 1 : 0 }),
    'KV/Put': ({ key, value, lease }) => {
      if (!lives.has(lease)) refuse({ code: status.NOT_FOUND, details: 'etcdserver: requested lease not found' })()
      put.set(String(key), [String(value), lease])
      return {}
    },
    'KV/DeleteRange': ({ key }) => ({ deleted: put.delete(String(key)) ? 1 : 0 }),
    ...handlers,
  })
  return Object.assign(one, { put, lives })
}

test('an expired lease is granted again, and its keys are written again', async (t) => {
  const one = await lessor(t, 7)
  const lease = await connect(t, [one]).lease(1)
  assert.deepStrictEqual([lease.id, lease.ttl], [7, 1])
  await Promise.all([lease.put('a', '1'), lease.put('b', '2'), lease.put('c', '3')])
  await lease.put('b', '22')
  await lease.delete('c')
  one.put.clear()
  one.lives.clear()
  await once(lease, 'lost')
  await once(lease, 'granted')
  while (one.put.size < 2) await new Promise(setImmediate)
  assert.deepStrictEqual([...one.put].sort(), [
    ['a', ['1', 8]],
    ['b', ['22', 8]],
  ])
  await lease.revoke()
  assert.strictEqual(one.lives.size, 0)
  await assert.rejects(lease.put('d', ''), { code: 'IRONWIRE_ETCD_CLOSED', sent: false })
})

test('a key written with an expired lease is written with the next one', async (t) => {
  const one = await lessor(t, 2n ** 60n)
  const lease = await connect(t, [one]).lease(60)
  one.lives.clear()
  await lease.put('a', '1')
  assert.deepStrictEqual(one.put.get('a'), ['1', 2n ** 60n + 1n])
  one.lives.clear()
  await lease.revoke()
})

test('a lease is kept alive at another member if one is silent', async (t) => {
  const silent = await lessor(t, 5, { 'Lease/LeaseKeepAlive': () => {} })
  const other = await lessor(t, 5)
  other.lives.add(5)
  const lease = await connect(t, [silent, other]).lease(1)
  while (other.times('Lease/LeaseKeepAlive') === 0) await new Promise(setImmediate)
  assert.deepStrictEqual([lease.id, other.times('Lease/LeaseGrant')], [5, 0])
})

test('a lease that cannot be granted is an error', async (t) => {
  const details = 'etcdserver: too large lease TTL'
  const one = await member(t, { 'Lease/LeaseGrant': refuse({ code: status.OUT_OF_RANGE, details }) })
  await assert.rejects(connect(t, [one]).lease(9_000_000_000), { code: 'IRONWIRE_ETCD_REFUSED', details })
})

// ---- what keeps the process running

test('watches and leases keep the process running, unless the client is unref’d', async (t) => {
  const one = await lessor(t, 1, {
    'Watch/Watch': (_, call) => call.write({ header: HEADER, created: true }),
    'KV/Range': () => ({ kvs: [] }),
  })
  const program = (more) => `
    const { etcd } = require(${JSON.stringify(require.resolve('../../index.js'))})
    const client = etcd.connect('${one.endpoint}')
    client.watch('a')
    client.lease(1).then(async () => {
      await client.get('a')
      process.stdout.write('here\\n')
      ${more}
    })`
  const run = (more) => spawn(process.execPath, ['-e', program(more)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const kept = run('')
  t.after(() => kept.kill('SIGKILL'))
  const others = ['client.unref()', 'client.close()'].map((more) => once(run(more), 'exit'))
  await once(kept.stdout, 'data')
  for (const [code] of await Promise.all(others)) assert.strictEqual(code, 0)
  const beats = one.times('Lease/LeaseKeepAlive')
  while (one.times('Lease/LeaseKeepAlive') === beats) await new Promise(setImmediate)
  assert.strictEqual(kept.exitCode, null)
})
