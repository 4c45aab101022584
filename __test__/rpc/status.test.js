'use strict'

// The statuses of gRPC, from handlers to callers.

const assert = require('node:assert/strict')
const test = require('node:test')
const { rpc } = require('../../index.js')
const { pair } = require('./tools.js')

test('the numbers and names are those of gRPC', () => {
  assert.deepEqual(Object.keys(rpc.status), [
    ...['OK', 'CANCELLED', 'UNKNOWN', 'INVALID_ARGUMENT', 'DEADLINE_EXCEEDED', 'NOT_FOUND', 'ALREADY_EXISTS'],
    ...['PERMISSION_DENIED', 'RESOURCE_EXHAUSTED', 'FAILED_PRECONDITION', 'ABORTED', 'OUT_OF_RANGE', 'UNIMPLEMENTED'],
    ...['INTERNAL', 'UNAVAILABLE', 'DATA_LOSS', 'UNAUTHENTICATED'],
  ])
  assert.deepEqual(
    Object.values(rpc.status),
    Array.from({ length: 17 }, (_, i) => i),
  )
})

test('a handler fails its call with any of them, with a code, details and metadata if it likes', async (t) => {
  const { server, client } = await pair(t)
  server.on('handlerError', () => {})
  const details = Buffer.from([8, 5])
  for (const [name, status] of Object.entries(rpc.status)) {
    if (status === 0) continue
    server.method(name, (_request, callback) => callback(new rpc.StatusError(status, `because ${name}`, { details })))
    await assert.rejects(client.call(name), (error) => {
      assert.ok(error instanceof rpc.RpcError)
      assert.deepEqual([error.status, error.statusName, error.message], [status, name, `because ${name}`])
      assert.deepEqual([error.code, error.remote, error.sent], ['IRONWIRE_RPC_REMOTE', true, true])
      assert.deepEqual([...error.details], [8, 5])
      return true
    })
  }
  server.method('thrown', () => {
    throw Object.assign(new Error('gone'), { status: 5, code: 'ENOENT' })
  })
  await assert.rejects(client.call('thrown'), { status: 5, statusName: 'NOT_FOUND', code: 'ENOENT', message: 'gone' })
})

test('an invalid status becomes UNKNOWN', async (t) => {
  const { server, client } = await pair(t)
  for (const status of [undefined, null, 0, -1, 17, 404, 5.5, '5', NaN]) {
    server.method(`status ${status}`, (_request, callback) => callback(Object.assign(new Error('x'), { status })))
    const { status: seen } = await client.call(`status ${status}`).catch((error) => error)
    assert.equal(seen, rpc.status.UNKNOWN, String(status))
  }
  server.method('getters', (_request, callback) => {
    callback({
      message: 'x',
      get status() {
        throw new Error('no')
      },
      details: 'text',
      metadata: { 'a b': '' },
    })
  })
  const error = await client.call('getters').catch((failure) => failure)
  assert.deepEqual([error.status, error.details, error.metadata], [rpc.status.UNKNOWN, undefined, undefined])
  assert.throws(() => new rpc.StatusError(0, 'x'), { code: 'ERR_OUT_OF_RANGE' })
  assert.throws(() => new rpc.StatusError('NOT_FOUND', 'x'), { code: 'ERR_INVALID_ARG_TYPE' })
})

test('details that are too large for the frame are left out, the error stays', async (t) => {
  const { server, client } = await pair(t, {}, { maxFrameBytes: 1024 })
  const fail = (name, fields) =>
    server.method(name, (_request, callback) => callback(new rpc.StatusError(9, 'm'.repeat(2000), fields)))
  fail('details', { details: Buffer.alloc(1100), metadata: { a: 'b' } })
  fail('metadata', { details: Buffer.alloc(100), metadata: { a: 'b'.repeat(1100) } })
  fail('beyond', { details: Buffer.alloc(65536) })
  const outcome = async (name) => {
    const { status, message, details, metadata } = await client.call(name).catch((error) => error)
    return [status, /^m+$/.test(message), details?.length, metadata?.get('a')]
  }
  assert.deepEqual(await outcome('details'), [9, true, undefined, 'b'])
  assert.deepEqual(await outcome('metadata'), [9, true, 100, undefined])
  assert.deepEqual(await outcome('beyond'), [9, true, undefined, undefined])
})

test('the errors of the package have their status', async (t) => {
  const { server, client } = await pair(t)
  server.method('hold', () => {})
  const { UNIMPLEMENTED, DEADLINE_EXCEEDED, CANCELLED, UNAVAILABLE, RESOURCE_EXHAUSTED } = rpc.status
  const outcome = (promise) => promise.then(assert.fail, ({ status }) => status)
  assert.equal(await outcome(client.call('nothing')), UNIMPLEMENTED)
  assert.equal(await outcome(client.call('hold', null, { timeout: 5 })), DEADLINE_EXCEEDED)
  assert.equal(await outcome(client.call('hold', null, { signal: AbortSignal.timeout(5) })), CANCELLED)
  assert.equal(await outcome(client.call('hold', Buffer.alloc(17 << 20))), RESOURCE_EXHAUSTED)
  const held = outcome(client.call('hold'))
  server.closeAllConnections()
  assert.equal(await held, UNAVAILABLE)
  const away = rpc.connect(1, { queue: false })
  t.after(() => away.destroy())
  assert.equal(await outcome(away.call('hold')), UNAVAILABLE)
  away.destroy()
  assert.equal(await outcome(away.call('hold')), CANCELLED)
})
