'use strict'

// Interceptors of clients and servers.

const assert = require('node:assert/strict')
const test = require('node:test')
const { protobuf, rpc } = require('../../index.js')
const { pair, sleep, until } = require('./tools.js')

const messages = protobuf(`
  message Id { optional int32 id = 1; }
  service S { rpc Get (Id) returns (Id); rpc Watch (Id) returns (stream Id); rpc Sum (stream Id) returns (Id); }
`)

test('server interceptors run around handlers, the first one outermost, and see request, metadata and reply', async (t) => {
  const { server, client } = await pair(t)
  const seen = []
  const trace = (name) => async (call, next) => {
    seen.push(`${name} ${call.method} ${call.metadata.get('k')} ${call.request.id}`)
    const reply = await next()
    seen.push(`${name} ${reply.id}`)
    return reply
  }
  server.use(trace('outer')).use(trace('inner'))
  server.addService(messages.S, { get: ({ id }, callback) => void setTimeout(callback, 1, null, { id: id + 1 }) })
  const { get } = client.service(messages.S)
  assert.deepEqual(await get({ id: 1 }, { metadata: { k: 'v' } }), { id: 2 })
  assert.deepEqual(seen, ['outer /S/Get v 1', 'inner /S/Get v 1', 'inner 2', 'outer 2'])
})

test('a server interceptor may refuse, answer itself, change the request and the reply, and mend errors', async (t) => {
  const { server, client } = await pair(t)
  let handled = 0
  server.method('echo', (request, callback) => {
    handled++
    callback(String(request) === 'bad' ? new Error('bad') : null, request)
  })
  server.use(async (call, next) => {
    const text = String(call.request)
    if (call.metadata.get('token') !== 'open') throw new rpc.StatusError(rpc.status.UNAUTHENTICATED, 'no token')
    if (text === 'cached') return Buffer.from('from the cache')
    if (text === 'change') call.request = Buffer.from('changed')
    if (text === 'nothing') return undefined
    if (text === 'twice') await next().then(next)
    try {
      const reply = await next()
      return text === 'wrap' ? Buffer.concat([reply, reply]) : undefined
    } catch (error) {
      if (text === 'bad') return Buffer.from(`mended ${error.message}`)
      throw error
    }
  })
  const call = (text, token = 'open') => client.call('echo', Buffer.from(text), { metadata: { token } }).then(String)
  await assert.rejects(call('x', 'shut'), { status: rpc.status.UNAUTHENTICATED, message: 'no token' })
  assert.equal(handled, 0)
  assert.equal(await call('cached'), 'from the cache')
  assert.equal(handled, 0)
  assert.equal(await call('change'), 'changed')
  assert.equal(await call('wrap'), 'wrapwrap')
  assert.equal(await call('plain'), 'plain')
  assert.equal(await call('bad'), 'mended bad')
  await assert.rejects(call('nothing'), { code: 'IRONWIRE_RPC_NO_ANSWER' })
  await assert.rejects(call('twice'), { message: /next\(\) runs it once/ })
  await until(() => server.running === 0)
})

test('second answers within interceptors are counted, not sent', async (t) => {
  const { server, client } = await pair(t)
  server.use((_call, next) => next())
  server.method('twice', (request, callback) => {
    callback(null, request)
    callback(null, Buffer.from('again'))
    setImmediate(callback, null, Buffer.from('later'))
  })
  assert.equal(String(await client.call('twice', Buffer.from('once'))), 'once')
  await until(() => server.stats.extraAnswers === 2)
})

test('server interceptors see the end of streams', async (t) => {
  const { server, client } = await pair(t)
  const seen = []
  server.use(async (call, next) => {
    try {
      await next()
      seen.push(`${call.method} ended`)
    } catch (error) {
      seen.push(`${call.method} ${error.message}`)
      throw error
    }
  })
  server.on('handlerError', () => {})
  server.addService(messages.S, {
    async *watch({ id }) {
      yield { id }
      if (id === 13) throw new Error('unlucky')
    },
    async sum(requests) {
      let sum = 0
      for await (const { id } of requests) sum += id
      return { id: sum }
    },
  })
  const { watch, sum } = client.service(messages.S)
  for await (const { id } of watch({ id: 1 })) assert.equal(id, 1)
  await assert.rejects(async () => {
    for await (const _ of watch({ id: 13 }));
  }, /unlucky/)
  assert.deepEqual(await sum([{ id: 1 }, { id: 2 }]), { id: 3 })
  assert.deepEqual(seen, ['/S/Watch ended', '/S/Watch unlucky', '/S/Sum ended'])
})

test('server interceptors are notified of calls that end without their handler', async (t) => {
  const { server, client } = await pair(t)
  const seen = []
  server.use(async (call, next) => {
    try {
      await next()
    } catch (error) {
      seen.push([call.method, error.statusName])
      throw error
    }
  })
  const handlerFailures = []
  server.on('handlerError', (error) => handlerFailures.push(error))
  server.method('hold', (_request, callback, call) => call.signal.addEventListener('abort', () => callback()))
  server.method('ticks', { serverStreaming: true }, async function* () {
    for (;;) {
      yield Buffer.from('tick')
      await sleep(1)
    }
  })
  server.addService(messages.S, {
    async sum(requests) {
      for await (const _ of requests);
    },
  })
  client.call('hold', null, () => {}).cancel()
  await until(() => seen.length === 1)
  await assert.rejects(client.call('hold', null, { timeout: 10 }))
  await until(() => seen.length === 2)
  for await (const _ of client.stream('ticks')) break
  await until(() => seen.length === 3)
  const upload = client.stream('/S/Sum', null, { clientStreaming: true, serverStreaming: false })
  upload.end(Buffer.from([0xff]))
  await assert.rejects(upload.reply, { code: 'IRONWIRE_RPC_BAD_MESSAGE', status: rpc.status.INTERNAL })
  assert.deepEqual(seen, [
    ['hold', 'CANCELLED'],
    ['hold', 'DEADLINE_EXCEEDED'],
    ['ticks', 'CANCELLED'],
    ['/S/Sum', 'INTERNAL'],
  ])
  await until(() => server.strays.size === 0 && server.running === 0)
  assert.deepEqual(handlerFailures, [])
})

test('client interceptors see metadata, the request, the reply and errors, and can retry', async (t) => {
  const { server, client } = await pair(t)
  let attempts = 0
  server.addService(messages.S, {
    get({ id }, callback, call) {
      attempts++
      if (id === 7 && attempts < 3) return callback(new rpc.StatusError(rpc.status.UNAVAILABLE, 'not yet'))
      callback(null, { id: Number(call.metadata.get('add')) + id }, { served: String(attempts) })
    },
    watch: (_request, call) => void call.end({ id: Number(call.metadata.get('add')) }),
  })
  const { get, watch } = client.service(messages.S)
  const seen = []
  client.use(async (call, next) => {
    for (;;) {
      try {
        const reply = await next()
        seen.push([call.method, call.trailers?.get('served')])
        return reply
      } catch (error) {
        if (error.status !== rpc.status.UNAVAILABLE) throw error
      }
    }
  })
  client.use((call, next) => {
    call.metadata.set('add', '10')
    if (call.request.id === 1) call.request = { id: 2 }
    return next()
  })
  assert.deepEqual(await get({ id: 1 }), { id: 12 })
  attempts = 0
  const got = await new Promise((resolve, reject) => {
    get({ id: 7 }, (error, reply, trailers) => (error ? reject(error) : resolve([reply, trailers.get('served')])))
  })
  assert.deepEqual(got, [{ id: 17 }, '3'])
  for await (const { id } of watch({ id: 5 })) assert.equal(id, 10)
  assert.deepEqual(seen, [
    ['/S/Get', '1'],
    ['/S/Get', '3'],
    ['/S/Watch', undefined],
  ])
  client.use(() => {
    throw new Error('shut')
  })
  await assert.rejects(get({ id: 1 }), { message: 'shut' })
  await assert.rejects(async () => {
    for await (const _ of watch({ id: 5 }));
  }, /shut/)
  assert.throws(() => client.use('text'), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.throws(() => server.use(), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.equal(client.pending, 0)
})

test('a call can be cancelled within interceptors, before it is made and after', async (t) => {
  const { server, client } = await pair(t)
  let aborted = 0
  server.method('hold', (_request, _callback, call) => call.signal.addEventListener('abort', () => aborted++))
  let open
  client.use(async (_call, next) => {
    await new Promise((resolve) => {
      open = resolve
    })
    return next()
  })
  const outcome = (when) =>
    new Promise((resolve) => {
      const call = client.call('hold', null, (error) => resolve(error))
      when(call)
    })
  const before = await outcome((call) => {
    call.cancel()
    open()
  })
  assert.deepEqual([before.code, before.sent], ['IRONWIRE_RPC_ABORTED', false])
  const after = await outcome((call) => {
    open()
    setTimeout(() => call.cancel(new Error('changed my mind')), 20)
  })
  assert.deepEqual([after.code, after.sent, after.cause.message], ['IRONWIRE_RPC_ABORTED', true, 'changed my mind'])
  await until(() => aborted === 1)
})

test('a call is cancelled, also if its interceptor has continued at once', async (t) => {
  const { server, client } = await pair(t)
  const aborted = new Promise((resolve) => {
    server.method('hold', (_request, _callback, call) => call.signal.addEventListener('abort', resolve))
  })
  client.use((_call, next) => next())
  const outcome = new Promise((resolve) => {
    const call = client.call('hold', null, resolve)
    until(() => server.running === 1).then(() => call.cancel())
  })
  const { code, sent } = await outcome
  assert.deepEqual([code, sent], ['IRONWIRE_RPC_ABORTED', true])
  await aborted
})
