'use strict'

// Service configs: timeouts, limits, retries and hedging. Compared with @grpc/grpc-js where it does the same.

const assert = require('node:assert/strict')
const http2 = require('node:http2')
const { test } = require('node:test')
const { grpc, peer, missing, service, serve, connect, outcome } = require('./support.js')
const { same } = require('./secure.js')
const { kLinks } = require('../../lib/grpc/symbols.js')

const { status } = grpc
const PREVIOUS = 'grpc-previous-rpc-attempts'

const one = (client, ...args) =>
  new Promise((resolve, reject) =>
    client.one(...args, (error, value) => (error === null ? resolve(value) : reject(error))),
  )

const configured = (config, options) => ({ 'grpc.service_config': JSON.stringify(config), ...options })

/** A config for all methods of all services. */
const forAll = (methodConfig, more = {}) => ({ methodConfig: [{ name: [{}], ...methodConfig }], ...more })

const retryPolicy = {
  maxAttempts: 4,
  initialBackoff: '0.001s',
  maxBackoff: '0.002s',
  backoffMultiplier: 1.5,
  retryableStatusCodes: ['UNAVAILABLE', 'aborted', 8],
}

// ---- valid and invalid configs

const wrong = {
  'no object': 5,
  'a policy that is no text': { loadBalancingPolicy: 5 },
  'policies that are no list': { loadBalancingConfig: {} },
  'a policy that is none': { loadBalancingConfig: [5] },
  'a policy of nothing': { loadBalancingConfig: [null] },
  'a policy without a name': { loadBalancingConfig: [{}] },
  'two policies in one': { loadBalancingConfig: [{ a: {}, b: {} }] },
  'no names': { methodConfig: [{}] },
  'names that are no list': { methodConfig: [{ name: 'x' }] },
  'a service that is no text': { methodConfig: [{ name: [{ service: 5 }] }] },
  'a method without a service': { methodConfig: [{ name: [{ method: 'x' }] }] },
  'a name twice': {
    methodConfig: [{ name: [{ service: 'a', method: 'b' }] }, { name: [{ service: 'a', method: 'b' }] }],
  },
  waitForReady: forAll({ waitForReady: 1 }),
  'a timeout that is a number': forAll({ timeout: 1 }),
  'a timeout without its unit': forAll({ timeout: '1' }),
  'a timeout without seconds': forAll({ timeout: { nanos: 1 } }),
  'a timeout without nanos': forAll({ timeout: { seconds: 1 } }),
  'a timeout of ten digits': forAll({ timeout: '1.0000000000s' }),
  'the size of a request': forAll({ maxRequestBytes: 'x' }),
  'both policies': forAll({ retryPolicy, hedgingPolicy: { maxAttempts: 2 } }),
  'no retries': forAll({ retryPolicy: {} }),
  'one attempt': forAll({ retryPolicy: { ...retryPolicy, maxAttempts: 1 } }),
  'half an attempt': forAll({ retryPolicy: { ...retryPolicy, maxAttempts: 2.5 } }),
  'the first pause': forAll({ retryPolicy: { ...retryPolicy, initialBackoff: '-1s' } }),
  'the longest pause': forAll({ retryPolicy: { ...retryPolicy, maxBackoff: 1 } }),
  'the factor': forAll({ retryPolicy: { ...retryPolicy, backoffMultiplier: 0 } }),
  'no codes': forAll({ retryPolicy: { ...retryPolicy, retryableStatusCodes: undefined } }),
  'an empty list of codes': forAll({ retryPolicy: { ...retryPolicy, retryableStatusCodes: [] } }),
  'a code that there is not': forAll({ retryPolicy: { ...retryPolicy, retryableStatusCodes: [17] } }),
  'the name of a code': forAll({ retryPolicy: { ...retryPolicy, retryableStatusCodes: ['X'] } }),
  'a code that is an object': forAll({ retryPolicy: { ...retryPolicy, retryableStatusCodes: [{}] } }),
  'one hedge': forAll({ hedgingPolicy: { maxAttempts: 1 } }),
  'the delay': forAll({ hedgingPolicy: { maxAttempts: 2, hedgingDelay: 1 } }),
  'a code of hedging': forAll({ hedgingPolicy: { maxAttempts: 2, nonFatalStatusCodes: [77] } }),
  'the name of a code of hedging': forAll({ hedgingPolicy: { maxAttempts: 2, nonFatalStatusCodes: ['x'] } }),
  'no tokens': { retryThrottling: {} },
  'too many tokens': { retryThrottling: { maxTokens: 1001, tokenRatio: 1 } },
  'no ratio': { retryThrottling: { maxTokens: 10 } },
  'a ratio of nothing': { retryThrottling: { maxTokens: 10, tokenRatio: 0 } },
}

const right = {
  nothing: {},
  'names of all kinds': {
    methodConfig: [{ name: [{}, { service: 'a' }, { service: 'a', method: 'b' }], timeout: '1.5s' }],
  },
  'what nobody knows': { unheardOf: 1, methodConfig: [{ name: [{ service: '' }], unheardOf: 1 }] },
  retries: forAll({ retryPolicy, timeout: { seconds: 1, nanos: 5 }, waitForReady: true }),
  hedging: forAll({ hedgingPolicy: { maxAttempts: 2, hedgingDelay: '0.1s', nonFatalStatusCodes: ['unavailable', 2] } }),
  throttling: { retryThrottling: { maxTokens: 10, tokenRatio: 0.1 } },
}

test('valid and invalid service configs', { skip: missing }, () => {
  const refused = (module, config) => {
    const text = JSON.stringify(config)
    try {
      new module.Client('localhost:1', module.credentials.createInsecure(), { 'grpc.service_config': text }).close()
    } catch ({ message }) {
      return message
    }
  }
  for (const [name, config] of Object.entries(wrong)) {
    // The message of @grpc/grpc-js.
    const expected = refused(peer, config)
    assert.ok(expected !== undefined || name === 'no object', name)
    if (name !== 'no object') assert.equal(refused(grpc, config), expected, name)
  }
  for (const [name, config] of Object.entries(right)) {
    assert.deepEqual([refused(grpc, config), refused(peer, config)], [undefined, undefined], name)
  }
  assert.throws(() => connect(null, grpc, 1, { 'grpc.service_config': '{' }), SyntaxError)
})

test('the most specific method config applies', async (t) => {
  const methodConfig = [
    { name: [{ service: 'test.Texts', method: 'One' }], maxRequestMessageBytes: 3 },
    { name: [{ service: 'test.Texts' }], maxRequestMessageBytes: 2 },
    { name: [{}], maxRequestBytes: 1 },
  ]
  const { port } = await serve(t, grpc, { one: ({ request }, callback) => callback(null, request) })
  const client = connect(t, grpc, port, configured({ methodConfig }))
  const other = { path: '/other.Service/One', requestStream: false, responseStream: false }
  const elsewhere = connect(t, grpc, port, configured({ methodConfig }), { one: { ...service.one, ...other } })
  for (const length of [4, 2]) {
    // Before the config is known, and after.
    const refused = { code: status.RESOURCE_EXHAUSTED }
    if (length > 3) await assert.rejects(one(client, 'x'.repeat(length)), refused)
    else assert.equal(await one(client, 'xx'), 'xx')
    await assert.rejects(one(elsewhere, 'xx'), { ...refused, details: /larger than 1$/ })
    const stream = client.gather(() => {})
    const ended = new Promise((resolve) => stream.on('status', resolve))
    stream.write('xx')
    stream.write('xxx')
    assert.equal((await ended).code, status.RESOURCE_EXHAUSTED)
  }
})

test('a response above the limit of its method config', async (t) => {
  const { port } = await serve(t, grpc, { one: ({ request }, callback) => callback(null, request) })
  const client = connect(t, grpc, port, configured(forAll({ maxResponseMessageBytes: '3' })))
  assert.equal(await one(client, 'xxx'), 'xxx')
  const details = 'Received message larger than max (4 vs 3)'
  await assert.rejects(one(client, 'xxxx'), { code: status.RESOURCE_EXHAUSTED, details })
})

same('a timeout', async ({ S, C, t }) => {
  const { port } = await serve(t, S, { one: (call, callback) => call.request === 'x' && callback(null, 'y') })
  const client = connect(t, C, port, configured(forAll({ timeout: '0.05s' })))
  const codes = []
  for (const options of [{}, {}, { deadline: Date.now() + 100_000 }]) {
    codes.push(await one(client, 'no answer', options).catch(({ code }) => code))
  }
  const long = connect(t, C, port, configured(forAll({ timeout: '100s' })))
  codes.push(await one(long, 'no answer', { deadline: Date.now() + 20 }).catch(({ code }) => code))
  codes.push(await one(long, 'x'))
  return codes
})

test('waitForReady, unless the call says otherwise', async (t) => {
  const { port, server } = await serve(t, grpc, {})
  server.forceShutdown()
  const options = { 'grpc.initial_reconnect_backoff_ms': 10 }
  const client = connect(t, grpc, port, configured(forAll({ waitForReady: true }), options))
  const [waits] = await Promise.allSettled([one(client, 'x', { deadline: Date.now() + 50 })])
  assert.equal(waits.reason.code, status.DEADLINE_EXCEEDED)
  await assert.rejects(one(client, 'x', new grpc.Metadata({ waitForReady: false })), { code: status.UNAVAILABLE })
})

// ---- retries

/** Handlers of all kinds that fail `times` times. `asked` records each request and its number of earlier attempts. */
function refusing(S, times, error = { code: status.UNAVAILABLE, details: 'not now' }) {
  const asked = []
  const answer = (call, request, yes, no) => {
    asked.push([request, call.metadata.get(PREVIOUS)[0]])
    if (asked.length > times) yes()
    else no({ ...error, metadata: error.metadata?.(S, asked.length) })
  }
  const whole = (call, done) => {
    const messages = []
    call.on('data', (message) => messages.push(message))
    call.on('end', () => done(messages.join()))
  }
  const handlers = {
    one: (call, callback) => answer(call, call.request, () => callback(null, `re ${call.request}`), callback),
    gather: (call, callback) =>
      whole(call, (request) => answer(call, request, () => callback(null, `re ${request}`), callback)),
    many: (call) => {
      const yes = () => {
        call.write('a')
        call.write('b')
        call.end()
      }
      answer(call, call.request, yes, (error) => call.emit('error', error))
    },
    chat: (call) =>
      whole(call, (request) => {
        const yes = () => {
          call.write(request)
          call.end()
        }
        answer(call, request, yes, (error) => call.emit('error', error))
      }),
  }
  return { handlers, asked }
}

const kinds = {
  one: (client, callback) => client.one('x', callback),
  many: (client) => client.many('x'),
  gather(client, callback) {
    const call = client.gather(callback)
    call.write('x')
    call.write('y')
    call.end()
    return call
  },
  chat(client) {
    const call = client.chat()
    call.write('x')
    call.end('y')
    return call
  },
}

/** What callers see, without the metadata that only one implementation sends. */
const ends = (client, kind) =>
  outcome((callback) => kinds[kind](client, callback)).then((seen) => seen.filter(([event]) => event !== 'metadata'))

for (const kind of Object.keys(kinds)) {
  for (const times of [1, 3, 4]) {
    same(`${kind}: ${times} failures`, async ({ S, C, t }) => {
      const { handlers, asked } = refusing(S, times)
      const { port } = await serve(t, S, handlers)
      const client = connect(t, C, port, configured(forAll({ retryPolicy })))
      return [await ends(client, kind), asked]
    })
  }
}

same('statuses that are retried and those that are not', async ({ S, C, t }) => {
  const seen = []
  for (const code of [status.UNAVAILABLE, status.ABORTED, status.RESOURCE_EXHAUSTED, status.INTERNAL]) {
    const { handlers, asked } = refusing(S, 1, { code, details: 'no' })
    const { port } = await serve(t, S, handlers)
    const client = connect(t, C, port, configured(forAll({ retryPolicy })))
    seen.push(await ends(client, 'one'), asked.length)
  }
  return seen
})

same('a server that delays or forbids the next attempt', async ({ S, C, t }) => {
  const seen = []
  for (const value of ['0', '5', '-1']) {
    const metadata = (S) => {
      const metadata = new S.Metadata()
      metadata.set('grpc-retry-pushback-ms', value)
      return metadata
    }
    const { handlers, asked } = refusing(S, 2, { code: status.UNAVAILABLE, details: 'no', metadata })
    const { port } = await serve(t, S, handlers)
    // Without pushback, the pause would be an hour.
    const slow = { ...retryPolicy, initialBackoff: '3600s', maxBackoff: '3600s' }
    const client = connect(t, C, port, configured(forAll({ retryPolicy: slow })))
    seen.push(await ends(client, 'one'), asked.length)
  }
  return seen
})

same('a call whose response has begun is not retried', async ({ S, C, t }) => {
  let asked = 0
  const handlers = {
    many(call) {
      asked++
      call.write('a')
      call.emit('error', { code: status.UNAVAILABLE, details: 'no' })
    },
    one(call, callback) {
      asked++
      call.sendMetadata(new S.Metadata())
      callback({ code: status.UNAVAILABLE, details: 'no' })
    },
  }
  const { port } = await serve(t, S, handlers)
  const client = connect(t, C, port, configured(forAll({ retryPolicy })))
  return [await ends(client, 'many'), await ends(client, 'one'), asked]
})

same('a channel with retries switched off', async ({ S, C, t }) => {
  const { handlers, asked } = refusing(S, 1)
  const { port } = await serve(t, S, handlers)
  const client = connect(t, C, port, configured(forAll({ retryPolicy }), { 'grpc.enable_retries': 0 }))
  return [await ends(client, 'one'), asked.length]
})

same('more attempts than the channel allows', async ({ S, C, t }) => {
  const seen = []
  for (const options of [{}, { 'grpc-node.retry_max_attempts_limit': 7 }]) {
    const { handlers, asked } = refusing(S, 100)
    const { port } = await serve(t, S, handlers)
    const policy = { ...retryPolicy, maxAttempts: 20 }
    await ends(connect(t, C, port, configured(forAll({ retryPolicy: policy }), options)), 'one')
    seen.push(asked.length)
  }
  return seen
})

same('deadlines and cancellation between two attempts', async ({ S, C, t }) => {
  const { handlers, asked } = refusing(S, 100)
  const { port } = await serve(t, S, handlers)
  const slow = { ...retryPolicy, initialBackoff: '3600s', maxBackoff: '3600s' }
  const client = connect(t, C, port, configured(forAll({ retryPolicy: slow })))
  const codes = [await one(client, 'x', { deadline: Date.now() + 30 }).catch(({ code }) => code)]
  const before = asked.length
  const call = outcome((callback) => {
    const call = client.one('x', callback)
    const look = () => (asked.length === before ? setTimeout(look, 1) : setTimeout(() => call.cancel(), 5))
    look()
    return call
  })
  codes.push((await call).find(([event]) => event === 'status')[1])
  return codes
})

test('a connection that is lost before the response', async (t) => {
  let asked = 0
  const handlers = {
    one({ request }, callback) {
      if (++asked > 2) return callback(null, request)
      for (const link of server[kLinks]) link.destroy()
    },
  }
  const { port, server } = await serve(t, grpc, handlers)
  const client = connect(t, grpc, port, configured(forAll({ retryPolicy })))
  assert.equal(await one(client, 'x'), 'x')
  assert.equal(asked, 3)
})

test('a request that is too large to be kept is sent once', async (t) => {
  const retained = (client) => client.getChannel().retained
  const options = { 'grpc.per_rpc_retry_buffer_size': 10_000, 'grpc.retry_buffer_size': 15_000 }
  const { handlers, asked } = refusing(grpc, 100)
  const { port } = await serve(t, grpc, handlers)
  const client = connect(t, grpc, port, configured(forAll({ retryPolicy }), options))
  const refused = { code: status.UNAVAILABLE, details: 'not now' }
  await assert.rejects(one(client, 'x'.repeat(9000)), refused)
  assert.equal(asked.length, 4)
  await assert.rejects(one(client, 'x'.repeat(11_000)), refused)
  assert.equal(asked.length, 5)
  // The second request exceeds the buffer of all calls together.
  await Promise.allSettled([one(client, 'x'.repeat(9000)), one(client, 'x'.repeat(9000))])
  assert.equal(asked.length, 10)
  for (const count of [5, 20]) {
    asked.length = 0
    const stream = client.gather()
    for (let i = 0; i < count; i++) {
      stream.write('x'.repeat(1000))
      await new Promise((resolve) => setImmediate(resolve))
    }
    stream.end()
    await assert.rejects(stream.response, refused)
    assert.equal(asked.length, count === 5 ? 4 : 1)
    assert.equal(asked[0][0].length, count * 1001 - 1)
  }
  assert.equal(retained(client), 0)
})

test('many failures stop all retries to a target, until calls succeed', async (t) => {
  const { handlers, asked } = refusing(grpc, 100)
  let ok = false
  const { port } = await serve(t, grpc, {
    one: (call, callback) => (ok ? callback(null, 'x') : handlers.one(call, callback)),
  })
  const config = forAll(
    { retryPolicy: { ...retryPolicy, maxAttempts: 5 } },
    { retryThrottling: { maxTokens: 6, tokenRatio: 2 } },
  )
  const clients = [connect(t, grpc, port, configured(config)), connect(t, grpc, port, configured(config))]
  const fail = async (client) => {
    asked.length = 0
    await assert.rejects(one(client, 'x'), { code: status.UNAVAILABLE })
    return asked.length
  }
  // 6 tokens: failed calls are retried while there are more than 3, so two are.
  assert.deepEqual([await fail(clients[0]), await fail(clients[0]), await fail(clients[1])], [3, 1, 1])
  ok = true
  for (let i = 0; i < 10; i++) await one(clients[1], 'x')
  ok = false
  assert.equal(await fail(clients[0]), 3)
})

// ---- calls that no server has seen

test('calls that no server has seen are repeated, whatever their kind', async (t) => {
  const seen = []
  const server = http2.createServer()
  server.on('sessionError', () => {})
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    seen.push(headers[PREVIOUS])
    if (seen.length % 2 === 1) return stream.close(http2.constants.NGHTTP2_REFUSED_STREAM)
    let bytes = 0
    stream.on('data', (data) => {
      bytes += data.length
    })
    stream.on('end', () => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
      stream.end(Buffer.from([0, 0, 0, 0, 2, ...Buffer.from(String(bytes).padStart(2))]))
    })
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const client = connect(t, grpc, server.address().port)
  const answers = []
  for (const kind of Object.keys(kinds)) {
    const found = await ends(client, kind)
    answers.push(found.find(([event]) => event === 'callback' || event === 'data')[1])
  }
  assert.deepEqual(answers, [' 6', ' 6', '12', '12'])
  assert.deepEqual(seen, new Array(8).fill(undefined), 'they do not count as attempts')
})

// ---- hedging

const hedgingPolicy = { maxAttempts: 3, hedgingDelay: '0.02s', nonFatalStatusCodes: ['UNAVAILABLE'] }

/** Handlers that treat each attempt as `behave(number, answer)` says. `asked` records the requests. */
function hedged(behave) {
  const asked = []
  let cancelled = 0
  const handle = (call, request, yes, no) => {
    const number = asked.push([request, call.metadata.get(PREVIOUS)[0]])
    call.on('cancelled', () => cancelled++)
    behave(number, {
      yes: () => yes(`answer ${number}`),
      no: (code, details = `no ${number}`) => no({ code, details }),
    })
  }
  const handlers = {
    one: (call, callback) => handle(call, call.request, (value) => callback(null, value), callback),
    gather(call, callback) {
      const messages = []
      call.on('data', (message) => messages.push(message))
      call.on('end', () => handle(call, messages.join(), (value) => callback(null, value), callback))
    },
    many(call) {
      const yes = (value) => {
        call.write(value)
        call.end()
      }
      handle(call, call.request, yes, (error) => call.emit('error', error))
    },
    chat(call) {
      const yes = (value) => {
        call.write(value)
        call.end()
      }
      const messages = []
      call.on('data', (message) => messages.push(message))
      call.on('end', () => handle(call, messages.join(), yes, (error) => call.emit('error', error)))
    },
  }
  return { handlers, asked, cancelled: () => cancelled }
}

for (const kind of Object.keys(kinds)) {
  same(`hedging, ${kind}: the second attempt answers`, async ({ S, C, t }) => {
    const { handlers, asked } = hedged((number, { yes }) => number === 2 && yes())
    const { port } = await serve(t, S, handlers)
    const client = connect(t, C, port, configured(forAll({ hedgingPolicy: { ...hedgingPolicy, maxAttempts: 2 } })))
    return [await ends(client, kind), asked]
  })

  same(`hedging, ${kind}: all attempts fail`, async ({ S, C, t }) => {
    const { handlers, asked } = hedged((_number, { no }) => no(status.UNAVAILABLE, 'no'))
    const { port } = await serve(t, S, handlers)
    const client = connect(t, C, port, configured(forAll({ hedgingPolicy })))
    // The status is that of the attempt that ends last, and its metadata shows which one that is.
    const seen = await ends(client, kind)
    return [seen.map(([event, what]) => [event, what?.message ?? what]), asked]
  })

  same(`hedging, ${kind}: one attempt fails with a fatal status`, async ({ S, C, t }) => {
    const { handlers, asked } = hedged((number, { no }) => number === 2 && no(status.INTERNAL))
    const { port } = await serve(t, S, handlers)
    const client = connect(t, C, port, configured(forAll({ hedgingPolicy: { ...hedgingPolicy, maxAttempts: 2 } })))
    return [await ends(client, kind), asked]
  })
}

test('hedging: the other attempts are cancelled, and a failure starts the next one at once', async (t) => {
  const { handlers, asked, cancelled } = hedged((number, { yes, no }) => {
    if (number === 1) no(status.UNAVAILABLE)
    if (number === 3) yes()
  })
  const { port, server } = await serve(t, grpc, handlers)
  // The failure makes the second attempt start at once; only the third waits for this delay.
  const delays = { ...hedgingPolicy, hedgingDelay: '0.05s' }
  const client = connect(t, grpc, port, configured(forAll({ hedgingPolicy: delays })))
  assert.equal(await one(client, 'x'), 'answer 3')
  while (cancelled() < 2) await new Promise((resolve) => setTimeout(resolve, 1))
  assert.deepEqual(
    asked.map(([, previous]) => previous),
    [undefined, '1', '2'],
  )
  const [link] = server[kLinks]
  while (link.calls.size > 0) await new Promise((resolve) => setTimeout(resolve, 1))
  const channel = client.getChannel()
  assert.deepEqual([channel.active, channel.retained, channel.pending.size], [0, 0, 0])
})

test('hedging: deadlines, cancellation, and channels that close', async (t) => {
  const { handlers, asked } = hedged(() => {})
  const { port, server } = await serve(t, grpc, handlers)
  const client = connect(t, grpc, port, configured(forAll({ hedgingPolicy: { ...hedgingPolicy, hedgingDelay: '0s' } })))
  await assert.rejects(one(client, 'x', { deadline: Date.now() + 50 }), { code: status.DEADLINE_EXCEEDED })
  const before = asked.length
  const seen = await outcome((callback) => {
    const call = client.one('x', callback)
    const look = () => (asked.length < before + 3 ? setTimeout(look, 1) : call.cancel())
    look()
    return call
  })
  assert.equal(seen.find(([event]) => event === 'status')[1], status.CANCELLED)
  const [link] = server[kLinks]
  while (link.calls.size > 0) await new Promise((resolve) => setTimeout(resolve, 1))
  server.forceShutdown()
  const { reason } = (await Promise.allSettled([one(client, 'x')]))[0]
  assert.equal(reason.code, status.UNAVAILABLE)
  assert.equal(client.getChannel().active, 0)
})

test('hedging: a writer of more than may be kept stays with one attempt, with backpressure', async (t) => {
  let asked = 0
  const handlers = {
    gather(call, callback) {
      asked++
      let length = 0
      call.on('data', (message) => {
        length += message.length
      })
      call.on('end', () => callback(null, String(length)))
      call.on('error', () => {})
    },
  }
  const { port } = await serve(t, grpc, handlers)
  const options = { 'grpc.per_rpc_retry_buffer_size': 100_000 }
  const client = connect(
    t,
    grpc,
    port,
    configured(forAll({ hedgingPolicy: { ...hedgingPolicy, hedgingDelay: '0s' } }), options),
  )
  const call = client.gather()
  for (let i = 0; i < 100; i++) {
    if (!call.write('x'.repeat(10_000))) await new Promise((resolve) => call.once('drain', resolve))
  }
  call.end()
  assert.equal(await call.response, '1000000')
  assert.ok(asked >= 1 && asked <= 3)
  assert.equal(client.getChannel().retained, 0)
})

test('the response metadata of a retried call has the number of earlier attempts', async (t) => {
  const { handlers } = refusing(grpc, 2)
  const { port } = await serve(t, grpc, {
    one(call, callback) {
      handlers.one(call, (error, value) => {
        if (error === null) call.sendMetadata(new grpc.Metadata())
        callback(error, value)
      })
    },
  })
  const client = connect(t, grpc, port, configured(forAll({ retryPolicy })))
  const metadata = await new Promise((resolve) => client.one('x', () => {}).on('metadata', resolve))
  assert.deepEqual(metadata.get(PREVIOUS), ['2'])
})
