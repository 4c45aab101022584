'use strict'

// Requests to etcd with fake members: which member is asked, and what happens if a member does not answer properly.

const assert = require('node:assert')
const { AsyncLocalStorage } = require('node:async_hooks')
const { test } = require('node:test')
const { etcd } = require('../../index.js')
const { status } = require('../../lib/grpc')
const { freePort } = require('../ports.js')
const { LEADER_LOST, member, refuse, entry, found } = require('./fake.js')

const gone = { code: status.UNAVAILABLE, details: 'etcdserver: request timed out' }

function connect(t, members, options) {
  const client = etcd.connect(
    members.map(({ endpoint }) => endpoint),
    options,
  )
  t.after(() => client.close())
  return client
}

/** A client that asks the first member first. */
function connectInOrder(t, members, options) {
  const client = connect(t, members, options)
  client.pool.at = 0
  return client
}

/** An address where nobody listens. */
const nobody = async () => ({ endpoint: `127.0.0.1:${await freePort()}` })

test('keys, values and answers are bytes, whatever they were given as', async (t) => {
  const one = await member(t, {
    'KV/Range': found('a', 'x'),
    'KV/Put': ({ key }) => ({ prevKv: entry(String(key), 'old') }),
    'KV/DeleteRange': () => ({ deleted: 2, prevKvs: [entry('a'), entry('b')] }),
  })
  const client = connect(t, [one])
  const got = await client.get('a')
  assert.deepStrictEqual(got, { ...entry('a', 'x'), lease: 0 })
  const put = await client.put(Buffer.from('a'), new Uint8Array([1]), { previous: true, lease: 2n ** 60n })
  assert.strictEqual(String(put.previous.value), 'old')
  assert.strictEqual(put.revision, 10)
  const removed = await client.delete({ prefix: 'a' }, { previous: true })
  assert.deepStrictEqual([removed.deleted, removed.previous.length, removed.revision], [2, 2, 10])
  const [, [, putRequest], [, deleteRequest]] = one.seen
  assert.deepStrictEqual([putRequest.value, putRequest.lease], [Buffer.from([1]), 2n ** 60n])
  assert.deepStrictEqual([String(deleteRequest.key), String(deleteRequest.rangeEnd)], ['a', 'b'])
})

test('callbacks are called, and never synchronously', async (t) => {
  const one = await member(t, { 'KV/Range': found('a') })
  const client = connect(t, [one])
  const seen = []
  await new Promise((resolve) => {
    client.get('a', (error, value) => {
      seen.push([error, String(value.key)])
      resolve()
    })
    seen.push('later')
  })
  assert.deepStrictEqual(seen, ['later', [null, 'a']])
  client.close()
  const closed = []
  client.get('a', {}, (error) => closed.push(error.code))
  assert.deepStrictEqual(closed, [])
  await new Promise(setImmediate)
  assert.deepStrictEqual(closed, ['IRONWIRE_ETCD_CLOSED'])
})

test('a callback runs in the async context of its caller', async (t) => {
  let failures = 0
  const range = () => (failures++ < 4 ? refuse(gone)() : { kvs: [entry('a')] })
  const one = await member(t, { 'KV/Range': range, 'Auth/Authenticate': () => ({ token: 'x' }) })
  const client = connect(t, [one], { username: 'me', password: 'x' })
  const storage = new AsyncLocalStorage()
  // The calls wait for the same connection and the same token, and are sent again.
  const ask = (who) =>
    storage.run(who, () => new Promise((resolve) => client.get('a', (error) => resolve([error, storage.getStore()]))))
  assert.deepStrictEqual(await Promise.all(['one', 'two', 'three'].map(ask)), [
    [null, 'one'],
    [null, 'two'],
    [null, 'three'],
  ])
})

test('the ends of ranges', async (t) => {
  const one = await member(t, { 'KV/Range': () => ({ kvs: [] }) })
  const client = connect(t, [one])
  const ends = [
    [{ prefix: 'ab' }, 'ab', 'ac'],
    [{ prefix: 'a\u007f' }, 'a\u007f', 'a\u0080', 'latin1'],
    [{ prefix: Buffer.from([97, 255, 255]) }, 'a\u00ff\u00ff', 'b', 'latin1'],
    [{ prefix: Buffer.from([255]) }, '\u00ff', '\0', 'latin1'],
    [{ prefix: '' }, '\0', '\0'],
    [{ from: 'a', to: 'c' }, 'a', 'c'],
    [{ from: 'a' }, 'a', '\0'],
  ]
  for (const [range] of ends) await client.range(range)
  for (const [i, [, key, end, encoding]] of ends.entries()) {
    const [, request] = one.seen[i]
    assert.deepStrictEqual([request.key.toString(encoding), request.rangeEnd.toString(encoding)], [key, end])
  }
})

test('a read requires a leader, unless it is serializable', async (t) => {
  const one = await member(t, { 'KV/Range': found('a'), 'Maintenance/Status': () => ({ version: '3.4' }) })
  const client = connect(t, [one])
  await client.get('a')
  await client.get('a', { serializable: true })
  assert.strictEqual((await client.call('Maintenance/Status')).version, '3.4')
  assert.deepStrictEqual(
    one.seen.map(([, , { hasleader }]) => hasleader),
    ['true', undefined, undefined],
  )
})

test('a read that a member cannot answer is answered by another', async (t) => {
  for (const trouble of [gone, LEADER_LOST, { code: status.CANCELLED, details: 'context canceled' }]) {
    const [sick, well] = [await member(t, { 'KV/Range': refuse(trouble) }), await member(t, { 'KV/Range': found('a') })]
    const client = connectInOrder(t, [sick, well])
    assert.strictEqual(String((await client.get('a')).key), 'a')
    assert.ok(sick.times('KV/Range') >= 1)
    // From then on, the other member is asked.
    const before = sick.times('KV/Range')
    await client.get('a')
    assert.strictEqual(sick.times('KV/Range'), before)
  }
})

test('a member that is not reachable is skipped, also if it was the only one at first', async (t) => {
  const [away, well] = [await nobody(), await member(t, { 'KV/Range': found('a'), 'KV/Put': () => ({}) })]
  const client = connectInOrder(t, [away, well])
  await client.get('a')
  await client.put('a', 'x')
  assert.deepStrictEqual(
    client.endpoints.map(({ connected }) => connected),
    [false, true],
  )
})

test('a write that may have been executed is repeated only if it is idempotent', async (t) => {
  const [sick, well] = [await member(t, { 'KV/Put': refuse(gone) }), await member(t, { 'KV/Put': () => ({}) })]
  const client = connectInOrder(t, [sick, well])
  await assert.rejects(client.put('a', 'x'), {
    name: 'EtcdError',
    code: 'IRONWIRE_ETCD_UNAVAILABLE',
    sent: true,
    status: status.UNAVAILABLE,
    details: 'etcdserver: request timed out',
    message: `etcd's KV/Put failed at ${sick.endpoint}: etcdserver: request timed out`,
  })
  assert.strictEqual(well.times('KV/Put'), 0)
  client.pool.at = 0
  await client.put('a', 'x', { idempotent: true })
  assert.strictEqual(well.times('KV/Put'), 1)
})

test('a write that was certainly not executed is sent to another member', async (t) => {
  for (const details of ['etcdserver: no leader', 'etcdserver: not capable', 'etcdserver: too many requests']) {
    const code = details.includes('many') ? status.RESOURCE_EXHAUSTED : status.UNAVAILABLE
    const [sick, well] = [
      await member(t, { 'KV/Put': refuse({ code, details }) }),
      await member(t, { 'KV/Put': () => ({}) }),
    ]
    await connectInOrder(t, [sick, well]).put('a', 'x')
    assert.strictEqual(well.times('KV/Put'), 1)
  }
})

test('a write on a lost connection may have been executed', async (t) => {
  const one = await member(t, { 'KV/Put': () => one.close() })
  await assert.rejects(connect(t, [one]).put('a', 'x'), { code: 'IRONWIRE_ETCD_UNAVAILABLE', sent: true })
})

test('a request that etcd refuses was not executed and is not repeated', async (t) => {
  const refusal = { code: status.FAILED_PRECONDITION, details: 'etcdserver: duplicate key given in txn request' }
  const one = await member(t, { 'KV/Txn': refuse(refusal) })
  await assert.rejects(connect(t, [one]).txn({}), { code: 'IRONWIRE_ETCD_REFUSED', sent: false })
  assert.strictEqual(one.times('KV/Txn'), 1)
})

test('a read at a silent member moves to another one in time', async (t) => {
  const [silent, well] = [await member(t, { 'KV/Range': () => {} }), await member(t, { 'KV/Range': found('a') })]
  const client = connectInOrder(t, [silent, well], { timeout: 2400 })
  assert.strictEqual(String((await client.get('a')).key), 'a')
})

test('the timeout of a request applies wherever it waits', async (t) => {
  const code = 'IRONWIRE_ETCD_TIMEOUT'
  const away = connect(t, [await nobody()])
  // The system decides when a refused connection is reported.
  let error
  do error = await away.get('a', { timeout: 20 }).catch((error) => error)
  while (error.cause === undefined)
  assert.deepStrictEqual([error.code, error.sent], [code, false])
  assert.match(error.message, /no answer within 20 ms. The last failure: There is no .* ECONNREFUSED/)

  const silent = await member(t, { 'KV/Range': () => {}, 'Maintenance/Status': () => ({}) })
  const client = connect(t, [silent])
  await client.call('Maintenance/Status')
  const message = /no answer within 20 ms. The last failure: .* at \S+: Deadline/
  await assert.rejects(client.get('a', { timeout: 20 }), { code, sent: true, message })
})

test('a request can be aborted, wherever it waits', async (t) => {
  const away = await nobody()
  const enough = new Error('enough')
  const silent = await member(t, { 'KV/Range': () => controller.abort(enough) })
  let controller = new AbortController()
  const waiting = connect(t, [away]).get('a', { signal: controller.signal })
  controller.abort(enough)
  const expected = { name: 'AbortError', code: 'IRONWIRE_ETCD_ABORTED', cause: enough }
  await assert.rejects(waiting, { ...expected, sent: false })
  await assert.rejects(connect(t, [silent]).get('a', { signal: controller.signal }), { ...expected, sent: false })
  controller = new AbortController()
  await assert.rejects(connect(t, [silent]).get('a', { signal: controller.signal }), { ...expected, sent: true })
})

test('when the client closes, waiting requests fail and sent ones are answered', async (t) => {
  let answer
  const one = await member(t, { 'KV/Range': () => new Promise((resolve) => (answer = resolve)) })
  const client = connect(t, [one])
  const under = client.get('a')
  while (answer === undefined) await new Promise(setImmediate)
  client.close()
  answer({ kvs: [entry('a')] })
  assert.strictEqual(String((await under).key), 'a')
  const waiting = connect(t, [await nobody()])
  const request = waiting.get('a')
  waiting.close()
  await assert.rejects(request, { code: 'IRONWIRE_ETCD_CLOSED', sent: false })
})

test('requests share one token, which is renewed when it is refused', async (t) => {
  let tokens = 0
  let good = 'token 1'
  const one = await member(t, {
    'Auth/Authenticate': ({ name, password }) => {
      assert.deepStrictEqual([name, password], ['me', 'p@ss'])
      return { token: `token ${++tokens}` }
    },
    'KV/Range': (_, { token }) =>
      token === good
        ? { kvs: [entry('a')] }
        : refuse({ code: status.UNAUTHENTICATED, details: 'etcdserver: invalid auth token' })(),
    'KV/Put': (_, { token }) =>
      token === good
        ? {}
        : refuse({ code: status.INVALID_ARGUMENT, details: 'etcdserver: revision of auth store is old' })(),
  })
  const client = etcd.connect(`etcd://me:p%40ss@${one.endpoint}`)
  t.after(() => client.close())
  await Promise.all([client.get('a'), client.get('b'), client.put('c', '')])
  assert.strictEqual(tokens, 1)
  const [, , asked] = one.seen.find(([name]) => name === 'Auth/Authenticate')
  assert.deepStrictEqual([asked.token, asked.hasleader], [undefined, 'true'])
  good = 'token 2'
  // Writes are repeated, too: a refused write was not executed.
  await Promise.all([client.put('c', ''), client.get('a'), client.get('b')])
  assert.strictEqual(tokens, 2)
  good = 'none'
  await assert.rejects(client.get('a'), { code: 'IRONWIRE_ETCD_UNAUTHENTICATED' })
  assert.ok(tokens < 8, 'not for ever')
})

test('a wrong password is an error, and one that is not required is ignored', async (t) => {
  const details = 'etcdserver: authentication failed, invalid user ID or password'
  const one = await member(t, { 'Auth/Authenticate': refuse({ code: status.INVALID_ARGUMENT, details }) })
  const options = { username: 'me', password: 'wrong' }
  await assert.rejects(connect(t, [one], options).get('a'), { code: 'IRONWIRE_ETCD_UNAUTHENTICATED', details })
  const open = await member(t, {
    'Auth/Authenticate': refuse({
      code: status.FAILED_PRECONDITION,
      details: 'etcdserver: authentication is not enabled',
    }),
    'KV/Range': found('a'),
  })
  assert.strictEqual(String((await connect(t, [open], options).get('a')).key), 'a')
})

test('the size of an answer is limited', async (t) => {
  const one = await member(t, { 'KV/Range': found('a', 'x'.repeat(2000)) })
  const client = connect(t, [one], { maxMessageBytes: 1024 })
  await assert.rejects(client.get('a'), { code: 'IRONWIRE_ETCD_EXHAUSTED' })
})

test('requests and results of transactions', async (t) => {
  const one = await member(t, {
    'KV/Txn': () => ({
      succeeded: true,
      responses: [
        { responsePut: { prevKv: entry('a') } },
        { responseRange: { kvs: [entry('a')], count: 1 } },
        { responseDeleteRange: { deleted: 3 } },
        { responseTxn: { succeeded: false, responses: [] } },
      ],
    }),
  })
  const reply = await connect(t, [one]).txn({
    compare: [
      { key: 'a', version: 0 },
      { key: { prefix: 'a' }, value: 'x', is: '!=' },
      { key: 'a', lease: 5n, is: '<' },
    ],
    success: [{ put: 'a', value: 'x', lease: 7 }, { get: { prefix: 'a' }, limit: 3 }, { delete: 'a' }],
    failure: [{ txn: { compare: [{ key: 'b', modRevision: 3, is: '>' }], success: [{ get: 'b' }] } }],
  })
  const [[, request]] = one.seen
  assert.deepStrictEqual(
    request.compare.map(({ result, target, version, value, lease }) => [result, target, version ?? value ?? lease]),
    [
      [0, 0, 0],
      [3, 3, Buffer.from('x')],
      [2, 4, 5],
    ],
  )
  assert.deepStrictEqual([request.success[0].requestPut.lease, request.success[1].requestRange.limit], [7, 3])
  assert.strictEqual(request.failure[0].requestTxn.compare[0].modRevision, 3)
  assert.deepStrictEqual(
    reply.results.map(
      ({ previous, entries, deleted, succeeded }) => previous?.key ?? entries?.length ?? deleted ?? succeeded,
    ),
    [Buffer.from('a'), 1, 3, false],
  )
})

test('invalid arguments throw before anything is sent', async (t) => {
  const client = etcd.connect()
  t.after(() => client.close())
  const wrong = [
    [() => client.get(''), 'ERR_INVALID_ARG_VALUE', /must not be empty/],
    [() => client.get(5), 'ERR_INVALID_ARG_TYPE', /"key" argument must be of type string or an instance of Buffer/],
    [() => client.put('a', 5), 'ERR_INVALID_ARG_TYPE', /"value"/],
    [() => client.put('a', 'b', { leese: 1 }), 'IRONWIRE_UNKNOWN_OPTION', /Did you mean "lease"\?/],
    [() => client.put('a', 'b', { lease: -1 }), 'ERR_OUT_OF_RANGE', /options.lease/],
    [() => client.put('a', 'b', { keepValue: true }), 'ERR_INVALID_ARG_VALUE', /must be null/],
    [() => client.range({ prefix: 'a', to: 'b' }), 'ERR_INVALID_ARG_VALUE', /'prefix', or 'from' and 'to'/],
    [() => client.range('a', { sort: { by: 'size' } }), 'ERR_INVALID_ARG_VALUE', /options.sort.by/],
    [() => client.txn({ compare: [{ key: 'a' }] }), 'ERR_INVALID_ARG_VALUE', /must compare one of version/],
    [() => client.txn({ success: [{}] }), 'ERR_INVALID_ARG_VALUE', /must have one of 'get', 'put'/],
    [() => client.txn({ success: {} }), 'ERR_INVALID_ARG_TYPE', /txn.success/],
    [() => client.get('a', { timeout: 'x' }), 'ERR_INVALID_ARG_TYPE', /timeout/],
    [() => client.get('a', { signal: {} }), 'ERR_INVALID_ARG_TYPE', /AbortSignal/],
    [() => client.lease(0), 'ERR_OUT_OF_RANGE', /ttl/],
    [() => client.compact('x'), 'ERR_INVALID_ARG_TYPE', /revision/],
  ]
  for (const [ask, code, message] of wrong) {
    await assert.rejects(ask, { code, message })
  }
  for (const [ask, code] of [
    [() => client.call('KV/Nix'), 'ERR_INVALID_ARG_VALUE'],
    [() => client.call('Watch/Watch'), 'ERR_INVALID_ARG_VALUE'],
    [() => client.watch(''), 'ERR_INVALID_ARG_VALUE'],
    [() => client.watch('a', { from: 1 }), 'IRONWIRE_UNKNOWN_OPTION'],
    [() => client.get('a', {}, 'callback'), 'ERR_INVALID_ARG_TYPE'],
    [() => etcd.connect('http://a/b'), 'ERR_INVALID_ARG_VALUE'],
    [() => etcd.connect([]), 'ERR_INVALID_ARG_VALUE'],
    [() => etcd.connect('a', { username: 'me' }), 'ERR_INVALID_ARG_VALUE'],
    [() => etcd.connect('a', { usernam: 'me' }), 'IRONWIRE_UNKNOWN_OPTION'],
  ]) {
    assert.throws(ask, { code })
  }
  assert.throws(
    () => etcd.connect('etcd://me:secret@host:x'),
    (error) => error.code === 'ERR_INVALID_ARG_VALUE' && !error.message.includes('secret'),
  )
})
