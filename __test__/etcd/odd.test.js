'use strict'

// Listeners that throw, and answers that no real etcd gives: neither stops other work or ends the process.

const assert = require('node:assert')
const { AsyncLocalStorage } = require('node:async_hooks')
const { once } = require('node:events')
const { test } = require('node:test')
const { etcd, rpc } = require('../../index.js')
const { HEADER, member, entry } = require('./fake.js')
const { until } = require('./tools.js')

const put = (revision, key = 'a') => ({ type: 0, kv: entry(key, `${revision}`, revision) })

function connect(t, { endpoint }, options) {
  const client = etcd.connect(endpoint, options)
  t.after(() => client.close())
  return client
}

/** Collects uncaught exceptions until the test ends. */
function uncaught(t) {
  const thrown = []
  const listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', (error) => thrown.push(error.message))
  t.after(() => {
    process.removeAllListeners('uncaughtException')
    for (const listener of listeners) process.on('uncaughtException', listener)
  })
  return thrown
}

function thrower() {
  throw new Error('mine')
}

/** A member that records the requests of its watches. `say(i, message)` answers request `i`. */
async function watched(t, handlers = {}) {
  const asked = []
  const one = await member(t, {
    'KV/Range': () => ({ kvs: [], count: 0 }),
    ...handlers,
    'Watch/Watch': ({ createRequest }, call) => {
      if (createRequest == null) return
      const watchId = asked.length
      asked.push({ call, say: (message) => call.write({ header: HEADER, watchId, ...message }) })
      asked[watchId].say({ created: true })
    },
  })
  return { one, asked }
}

test('an exception in a listener of a watch loses no change', async (t) => {
  const thrown = uncaught(t)
  const { one, asked } = await watched(t)
  const client = connect(t, one)
  const [first, second] = [client.watch('a'), client.watch('b')]
  const seen = []
  for (const event of ['events', 'disconnect', 'compacted', 'reset']) first.on(event, thrower)
  first.on('put', (entry) => {
    seen.push(String(entry.value))
    thrower()
  })
  second.on('put', (entry) => seen.push(String(entry.value)))
  await until(() => asked.length === 2)
  asked[0].say({ events: [put(11), put(12)] })
  asked[0].call.end()
  await until(() => asked.length === 4)
  asked[2].say({ canceled: true, compactRevision: 13 })
  await until(() => asked.length === 5)
  asked[4].say({ events: [put(14)] })
  asked[3].say({ events: [put(15, 'b')] })
  await until(() => seen.length === 4)
  assert.deepStrictEqual(seen, ['11', '12', '14', '15'])
  assert.deepStrictEqual(thrown, Array(8).fill('mine'))
})

test('an error of a watch without a listener is uncaught, and other watches continue', async (t) => {
  const thrown = uncaught(t)
  const refused = Object.assign(new Error(), {
    code: 3,
    details: 'etcdserver: authentication failed, invalid user ID or password',
  })
  const one = await member(t, {
    'Auth/Authenticate': () => {
      throw refused
    },
  })
  const client = connect(t, one, { username: 'me', password: 'wrong' })
  const [, ...others] = ['a', 'b', 'c'].map((key) => client.watch(key))
  const errors = await Promise.all(others.map(async (watcher) => (await once(watcher, 'error'))[0].code))
  assert.deepStrictEqual(errors, ['IRONWIRE_ETCD_UNAUTHENTICATED', 'IRONWIRE_ETCD_UNAUTHENTICATED'])
  await until(() => thrown.length === 1)
})

test('an exception in a listener of a lease does not end the lease', async (t) => {
  const thrown = uncaught(t)
  let granted = 0
  const one = await member(t, {
    'Lease/LeaseGrant': ({ ttl }) => ({ id: ++granted, ttl }),
    'Lease/LeaseKeepAlive': ({ id }, call) => call.write({ header: HEADER, id, ttl: id === 1 ? 0 : 5 }),
  })
  const lease = await connect(t, one).lease(5)
  lease.on('lost', thrower).on('granted', thrower)
  await until(() => lease.id === 2)
  await until(() => thrown.length === 2)
})

test('listeners run in the async context in which their watch or lease was made', async (t) => {
  const storage = new AsyncLocalStorage()
  const { one, asked } = await watched(t, {
    'Lease/LeaseGrant': ({ ttl }) => ({ id: ttl, ttl }),
    'Lease/LeaseKeepAlive': ({ id }, call) => call.write({ header: HEADER, id, ttl: 0 }),
  })
  const client = connect(t, one)
  const seen = []
  const see = () => seen.push(storage.getStore())
  for (const key of ['a', 'b']) storage.run(key, () => client.watch(key).on('put', see))
  await until(() => asked.length === 2)
  asked[0].say({ events: [put(11)] })
  asked[1].say({ events: [put(12, 'b')] })
  await until(() => seen.length === 2)
  for (const ttl of [5, 6]) await storage.run(ttl, async () => (await client.lease(ttl)).once('lost', see))
  await until(() => seen.length === 4)
  assert.deepStrictEqual(seen, ['a', 'b', 5, 6])
})

test('a lease that is lost each time is granted again with pauses', async (t) => {
  let granted = 0
  let gone = 0
  const one = await member(t, {
    'Lease/LeaseGrant': ({ ttl }) => ({ id: ++granted, ttl }),
    'Lease/LeaseKeepAlive': ({ id }, call) => {
      gone++
      call.write({ header: HEADER, id, ttl: 0 })
    },
  })
  const lease = await connect(t, one).lease(5)
  await until(() => gone === 4)
  assert.ok(lease.failures >= 3, `${lease.failures}`)
})

test('a lease of many years is kept alive, too', async (t) => {
  const asked = []
  const warnings = []
  const warned = (warning) => warnings.push(warning.name)
  process.on('warning', warned)
  t.after(() => process.off('warning', warned))
  const one = await member(t, {
    'Lease/LeaseGrant': ({ ttl }) => ({ id: 1, ttl }),
    'Lease/LeaseKeepAlive': ({ id }) => asked.push(id),
  })
  const client = connect(t, one)
  await client.lease(9_000_000_000)
  await until(() => asked.length === 1)
  // Longer than a timer of one millisecond would have taken.
  await new Promise((resolve) => setTimeout(resolve, 5))
  assert.deepStrictEqual([asked, warnings], [[1], []])
})

test('a key that could not be written again with the next lease is retried', async (t) => {
  let granted = 0
  let puts = 0
  const one = await member(t, {
    'Lease/LeaseGrant': ({ ttl }) => ({ id: ++granted, ttl }),
    'Lease/LeaseKeepAlive': ({ id }, call) => id > 1 && call.write({ header: HEADER, id, ttl: 5 }),
    'KV/Put': () => {
      if (++puts === 2) throw Object.assign(new Error(), { code: 9, details: 'not now' })
      return {}
    },
  })
  const lease = await connect(t, one).lease(5)
  await lease.put('a', '1')
  const retried = once(lease, 'retry')
  lease.onLost()
  assert.strictEqual((await retried)[0].details, 'not now')
  await until(() => puts === 3)
  const [, message] = one.seen.filter(([name]) => name === 'KV/Put').at(-1)
  assert.deepStrictEqual([String(message.key), message.lease], ['a', 2])
})

test('a key whose put() failed is not written later', async (t) => {
  let granted = 0
  const refused = Object.assign(new Error(), { code: 7, details: 'etcdserver: permission denied' })
  const one = await member(t, {
    'Lease/LeaseGrant': ({ ttl }) => ({ id: ++granted, ttl }),
    'Lease/LeaseKeepAlive': ({ id }, call) => call.write({ header: HEADER, id, ttl: 5 }),
    'KV/Put': ({ key }) => {
      if (String(key) === 'refused') throw refused
      return {}
    },
  })
  const lease = await connect(t, one).lease(5)
  await assert.rejects(lease.put('refused', '1'), { code: 'IRONWIRE_ETCD_DENIED', sent: false })
  await lease.put('a', '1')
  lease.onLost()
  await once(lease, 'granted')
  await until(() => one.times('KV/Put') === 3)
  const keys = one.seen.filter(([name]) => name === 'KV/Put').map(([, { key }]) => String(key))
  assert.deepStrictEqual(keys, ['refused', 'a', 'a'])
})

test('invalid answers fail their requests', async (t) => {
  const replies = {
    'KV/Txn': { succeeded: true, responses: [{}] },
    'Lease/LeaseGrant': { id: 5, ttl: 0 },
  }
  const one = await member(t, {
    'KV/Txn': () => replies['KV/Txn'],
    'Lease/LeaseGrant': () => replies['Lease/LeaseGrant'],
  })
  const client = connect(t, one)
  const senseless = (name) => ({
    code: 'IRONWIRE_ETCD_UNAVAILABLE',
    message: `etcd's ${name} returned an answer that is not valid`,
  })
  await assert.rejects(client.txn({ success: [{ get: 'a' }] }), senseless('KV/Txn'))
  for (const reply of [
    { id: 5, ttl: -1 },
    { id: 0, ttl: 5 },
    { id: 0, ttl: 0, error: 'no' },
  ]) {
    replies['Lease/LeaseGrant'] = reply
    await assert.rejects(client.lease(5), senseless('Lease/LeaseGrant'))
  }
})

test('a watch continues at a member with valid answers', async (t) => {
  const huge = 2n ** 62n
  const created = { created: true }
  const senseless = [
    [{ header: undefined, ...created }],
    [{ header: { ...HEADER, revision: huge }, ...created }],
    [created, { header: undefined, events: [put(11)] }],
    [created, { events: [{ type: 0 }] }],
    [created, { events: [{ type: 0 }], fragment: true }],
    [created, { events: [put(huge)] }],
    [created, { header: { ...HEADER, revision: huge } }],
  ]
  const one = await member(t, {
    'Watch/Watch': ({ createRequest }, call) => {
      if (createRequest == null) return
      const messages = senseless.shift() ?? [created, { events: [put(11)] }]
      for (const message of messages) call.write({ header: HEADER, watchId: 1, ...message })
    },
  })
  const watcher = connect(t, one).watch('a', { revision: 11 })
  const lost = []
  watcher.on('disconnect', (error) => lost.push(error.details))
  const [{ value }] = await once(watcher, 'put')
  assert.strictEqual(String(value), '11')
  assert.deepStrictEqual(lost, Array(7).fill('the stream returned a message that is not valid'))
})

test('a range is read again after an invalid answer', async (t) => {
  const senseless = [
    { header: undefined, kvs: [] },
    { header: { ...HEADER, revision: 2n ** 62n }, kvs: [] },
    { kvs: [], more: true },
    { kvs: [entry('0')], more: true },
  ]
  const { one } = await watched(t, { 'KV/Range': () => senseless.shift() ?? { kvs: [entry('a')] } })
  const watcher = connect(t, one).watch({ prefix: 'a' }, { initial: true })
  let retries = 0
  watcher.on('retry', () => retries++)
  const [entries] = await once(watcher, 'reset')
  assert.deepStrictEqual([retries, entries.map(({ key }) => String(key))], [4, ['a']])
})

test('a list continues after keys that are not text', async (t) => {
  const last = Buffer.from([255, 254])
  const instance = (key) => ({ ...entry(''), key: Buffer.from(key), value: Buffer.from('{"Addr":"a:1"}') })
  const pages = [
    { kvs: [instance('s/1'), { ...entry(''), key: last }], more: true },
    { kvs: [], more: true },
  ]
  const one = await member(t, { 'KV/Range': () => pages.shift() })
  const registry = rpc.connectRegistry(`etcd://${one.endpoint}`)
  t.after(() => registry.destroy())
  assert.deepStrictEqual(await registry.list(), [{ name: 's', instances: 1 }])
  const [, second] = one.seen.map(([, request]) => request.key)
  assert.deepStrictEqual(Buffer.from(second), Buffer.from([255, 254, 0]))
})

test('a registration replaces an older one with its id, also if its first request was not answered', async (t) => {
  const seen = []
  const one = await member(t, {
    'Lease/LeaseGrant': ({ ttl }) => ({ id: 7, ttl }),
    'Lease/LeaseRevoke': () => ({}),
    'Lease/LeaseKeepAlive': ({ id }, call) => call.write({ header: HEADER, id, ttl: 5 }),
    'KV/Txn': ({ compare }) => {
      seen.push(compare.length)
      if (seen.length === 1) throw Object.assign(new Error(), { code: 8, details: 'not now' })
      return { succeeded: true, responses: [{ responsePut: {} }] }
    },
  })
  const registry = rpc.connectRegistry(`etcd://${one.endpoint}`)
  t.after(() => registry.destroy())
  const registration = registry.register('s', { id: 'i', host: '127.0.0.1', port: 1 })
  await once(registration, 'registered')
  assert.deepStrictEqual(seen, [0, 0])
})
