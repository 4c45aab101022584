'use strict'

// Watches and leases that are closed or restarted while etcd is still answering an earlier request for them.

const assert = require('node:assert')
const { once } = require('node:events')
const { test } = require('node:test')
const { etcd, rpc } = require('../../index.js')
const { status } = require('../../lib/grpc')
const { HEADER, LEADER_LOST, member, entry, found } = require('./fake.js')
const { until } = require('./tools.js')

const put = (revision) => ({ type: 0, kv: entry('a', `${revision}`, revision) })
const lose = (call, error = LEADER_LOST) => call.emit('error', Object.assign(new Error('lost'), error))

function connect(t, one, options) {
  const client = etcd.connect(one.endpoint, options)
  t.after(() => client.close())
  return client
}

/**
 * An etcd member whose watches stay silent until the test answers. `asked` records the create requests, `cancelled` the
 * ids of cancelled watches.
 */
async function watched(t, handlers) {
  const state = { asked: [], cancelled: [] }
  const handler = ({ createRequest, cancelRequest }, call) => {
    if (createRequest != null) state.asked.push({ createRequest, call })
    if (cancelRequest != null) state.cancelled.push(cancelRequest.watchId)
  }
  return Object.assign(await member(t, { 'Watch/Watch': handler, ...handlers }), state)
}

const create = ({ call }, watchId, header = HEADER) => call.write({ header, watchId, created: true })

test('a watch that was closed before etcd created it is cancelled afterwards', async (t) => {
  const one = await watched(t)
  const client = connect(t, one)
  const [kept, closed] = [client.watch('kept'), client.watch('closed')]
  await until(() => one.asked.length === 2)
  closed.close()
  create(one.asked[0], 5)
  create(one.asked[1], 6)
  one.asked[0].call.write({ header: HEADER, watchId: 6, events: [put(11)] })
  one.asked[0].call.write({ header: HEADER, watchId: 5, events: [put(11)] })
  closed.on('put', () => assert.fail('it is closed'))
  await once(kept, 'put')
  await until(() => one.cancelled.length > 0)
  assert.deepStrictEqual(one.cancelled, [6])
})

test('watch ids belong to their stream', async (t) => {
  const one = await watched(t)
  const client = connect(t, one)
  const [closed, kept] = [client.watch('closed'), client.watch('kept')]
  await until(() => one.asked.length === 2)
  create(one.asked[0], 1)
  create(one.asked[1], 2)
  one.asked[0].call.write({ header: HEADER, watchId: 2, events: [put(11)] })
  await once(kept, 'put')
  lose(one.asked[0].call)
  await until(() => one.asked.length === 4)
  // On this stream, id 1 belongs to the other watch.
  closed.close()
  create(one.asked[2], 2)
  create(one.asked[3], 1)
  await until(() => one.cancelled.length > 0)
  assert.deepStrictEqual(one.cancelled, [2])
})

test('watch ids are not mixed up when an expired token replaces the stream', async (t) => {
  const one = await watched(t, { 'Auth/Authenticate': () => ({ token: 'x' }) })
  const client = connect(t, one, { username: 'me', password: 'x' })
  const [closed, kept] = [client.watch('closed'), client.watch('kept')]
  await until(() => one.asked.length === 2)
  const [{ call }] = one.asked
  create(one.asked[0], 1)
  call.write({ header: HEADER, watchId: 1, events: [put(11)] })
  await once(closed, 'put')
  call.write({ header: HEADER, created: true, canceled: true, cancelReason: 'etcdserver: permission denied' })
  await until(() => one.asked.length === 4)
  closed.close()
  create(one.asked[2], 2)
  create(one.asked[3], 1)
  one.asked[3].call.write({ header: HEADER, watchId: 1, events: [put(12)] })
  await once(kept, 'put')
  await until(() => one.cancelled.length > 0)
  assert.deepStrictEqual(one.cancelled, [2])
})

test('after a range is read again, the earlier watch is cancelled', async (t) => {
  const lost = { ...HEADER, clusterId: 2, revision: 3 }
  const range = ({ countOnly }) => ({ header: lost, kvs: countOnly ? [] : [entry('a')] })
  const one = await watched(t, { 'KV/Range': range })
  const watcher = connect(t, one).watch('a')
  await until(() => one.asked.length === 1)
  create(one.asked[0], 1)
  one.asked[0].call.write({ header: HEADER, watchId: 1, events: [put(10)] })
  await once(watcher, 'put')
  lose(one.asked[0].call)
  await until(() => one.asked.length === 2)
  create(one.asked[1], 7, lost)
  await once(watcher, 'reset')
  await until(() => one.asked.length === 3)
  assert.deepStrictEqual(one.cancelled, [7])
  assert.strictEqual(one.asked[2].createRequest.startRevision, 4)
})

test('a stream whose token has expired continues with a new one', async (t) => {
  let tokens = 0
  const one = await watched(t, { 'Auth/Authenticate': () => ({ token: `${++tokens}` }) })
  const watcher = connect(t, one, { username: 'me', password: 'x' }).watch('a')
  await until(() => one.asked.length === 1)
  lose(one.asked[0].call, { code: status.UNAUTHENTICATED, details: 'etcdserver: invalid auth token' })
  await until(() => one.asked.length === 2)
  create(one.asked[1], 1)
  one.asked[1].call.write({ header: HEADER, watchId: 1, events: [put(11)] })
  await once(watcher, 'put')
  assert.deepStrictEqual(
    one.seen.filter(([name]) => name === 'Watch/Watch').map(([, , { token }]) => token),
    ['1', '2'],
  )
})

test('a lease that is granted after its registration ended is revoked', async (t) => {
  const revoked = []
  let grant
  const one = await member(t, {
    'Lease/LeaseGrant': () => new Promise((resolve) => (grant = () => resolve({ id: 5, ttl: 10 }))),
    'Lease/LeaseRevoke': ({ id }) => {
      revoked.push(id)
      return {}
    },
    'KV/Txn': () => assert.fail('nothing is registered'),
    'KV/Range': found('a'),
  })
  const registry = rpc.connectRegistry(`etcd://${one.endpoint}`)
  t.after(() => registry.destroy())
  const registration = registry.register('echo', { port: 1 })
  registration.on('registered', () => assert.fail('it is closed'))
  await until(() => grant !== undefined)
  await registration.close()
  grant()
  await until(() => revoked.length > 0)
  assert.deepStrictEqual(revoked, [5])
})
