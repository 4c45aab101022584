'use strict'

// How handlers answer: it depends on what they return or call, not on how the function is declared.

const test = require('node:test')
const assert = require('node:assert/strict')
const vm = require('node:vm')
const { Readable } = require('node:stream')
const { spawnSync } = require('node:child_process')
const { rpc } = require('../../index.js')
const { pair, sleep, until } = require('./tools.js')

const reply = Buffer.from('the reply')

/** An object with a `then`. */
const thenable = (then) => Object.defineProperty({}, 'then', { value: then })

/** Wrappers around a handler, as libraries for tracing, logging and decorating make them. */
const wrappers = {
  none: (handler) => handler,
  'rest parameters':
    (handler) =>
    (...args) => {
      handler(...args)
    },
  'rest parameters, result passed on':
    (handler) =>
    (...args) =>
      handler(...args),
  'an async function': (handler) => async (request, callback) => {
    handler(request, callback)
  },
  'an async function with rest parameters':
    (handler) =>
    async (...args) => {
      handler(...args)
    },
  'an async function, result passed on':
    (handler) =>
    async (...args) =>
      handler(...args),
  'a default':
    (handler) =>
    async (request, callback = () => {}) => {
      handler(request, callback)
    },
  arguments: (handler) =>
    function () {
      // biome-ignore lint/complexity/noArguments: this is how older libraries do it
      return handler.apply(this, arguments)
    },
  bind: (handler) => handler.bind(null),
  'a proxy': (handler) => new Proxy(handler, {}),
  'another realm': (handler) => vm.runInNewContext('(handler) => async (...args) => { handler(...args) }')(handler),
}

const handlers = {
  'at once': (_request, callback) => callback(null, reply),
  'by a timer whose object it returns': (_request, callback) => setTimeout(callback, 20, null, reply),
  'by a timer': (_request, callback) => {
    setTimeout(callback, 20, null, reply)
  },
}

test('a handler that calls back does so through any wrapper', async (t) => {
  const { server, client } = await pair(t)
  for (const [wrapper, wrap] of Object.entries(wrappers)) {
    for (const [how, handler] of Object.entries(handlers)) server.method(`${wrapper}, ${how}`, wrap(handler))
  }
  for (const name of server.handlers.keys()) {
    const replies = await Promise.all([client.call(name), client.call(name), client.call(name)])
    assert.deepEqual(replies, [reply, reply, reply], name)
    assert.deepEqual(await client.call(name), reply, name)
  }
  assert.equal(server.stats.handlerErrors, 0)
  assert.equal(server.stats.extraAnswers, 0)
})

test('bytes and null are answers, returned or promised', async (t) => {
  const { server, client } = await pair(t)
  const answers = {
    bytes: [() => reply, reply],
    'the request': [(request) => request, Buffer.from('request')],
    'an array of another realm': [() => vm.runInNewContext('new Uint8Array([1, 2])'), Buffer.from([1, 2])],
    null: [() => null, Buffer.alloc(0)],
    'a promise': [async () => reply, reply],
    'a promise of another realm': [vm.runInNewContext('async (request) => request'), Buffer.from('request')],
    'a promise of null': [async () => null, Buffer.alloc(0)],
    'a promise of undefined': [async () => {}, Buffer.alloc(0)],
    'a promise of undefined, later': [async () => sleep(5), Buffer.alloc(0)],
    'a thenable': [() => thenable((resolve) => resolve(reply)), reply],
    'a thenable of a thenable': [
      () => thenable((resolve) => resolve(thenable((resolve) => setTimeout(resolve, 1, reply)))),
      reply,
    ],
  }
  for (const [name, [handler]] of Object.entries(answers)) server.method(name, handler)
  for (const [name, [, expected]] of Object.entries(answers)) {
    assert.deepEqual(await client.call(name, Buffer.from('request')), expected, name)
  }
  assert.equal(server.stats.handlerErrors, 0)
})

test('an invalid answer is an error for the caller, and a handlerError', async (t) => {
  const { server, client } = await pair(t)
  const seen = []
  server.on('handlerError', (error, call) => seen.push([call.method, error.code]))
  const values = {
    string: 'text',
    number: 5,
    zero: 0,
    false: false,
    bigint: 5n,
    symbol: Symbol('x'),
    object: { a: 1 },
    array: [1, 2],
    'no thenable': thenable(5),
    ArrayBuffer: new ArrayBuffer(3),
    'other views': new Uint16Array(3),
    'a look-alike': Object.create(Buffer.prototype),
    stream: Readable.from(['x']),
    generator: (function* () {})(),
    function: () => {},
  }
  const names = []
  const add = (name, handler) => {
    server.method(name, handler)
    names.push(name)
  }
  for (const [name, value] of Object.entries(values)) {
    add(`${name}, returned`, () => value)
    add(`${name}, promised`, async () => value)
    add(`${name}, called back`, (_request, callback) => callback(null, value))
  }
  const results = await Promise.allSettled(names.map((name) => client.call(name)))
  for (const [i, { status, reason }] of results.entries()) {
    assert.equal(status, 'rejected', names[i])
    assert.deepEqual([reason.code, reason.remote], ['ERR_INVALID_ARG_TYPE', true], names[i])
    assert.match(reason.message, /"reply".*Received/)
  }
  assert.deepEqual(seen.sort(), names.map((name) => [name, 'ERR_INVALID_ARG_TYPE']).sort())
})

test('errors of another realm, and of a then that throws, are errors', async (t) => {
  const { server, client } = await pair(t)
  server.on('handlerError', () => {})
  const foreign = () => vm.runInNewContext("Object.assign(new RangeError('foreign'), { code: 'E_FOREIGN' })")
  server.method('calls back', (_request, callback) => callback(foreign()))
  server.method('throws', () => {
    throw foreign()
  })
  server.method('rejects', async () => Promise.reject(foreign()))
  server.method('then throws', () =>
    thenable(() => {
      throw foreign()
    }),
  )
  for (const name of server.handlers.keys()) {
    await assert.rejects(client.call(name), { code: 'E_FOREIGN', message: 'foreign', remote: true })
  }
})

test('a callback after an empty answer is reported, and from then on the handler’s callback is waited for', async (t) => {
  const { server, client } = await pair(t)
  const errors = []
  server.on('handlerError', (error) => errors.push(error))
  const held = []
  server.method('slow', async (...args) => {
    held.push(args[1])
  })
  assert.equal((await client.call('slow')).length, 0)
  held.pop()(null, reply)
  await until(() => errors.length === 1)
  assert.equal(errors[0].code, 'IRONWIRE_RPC_LATE_CALLBACK')
  assert.match(errors[0].message, /"slow"/)
  const second = client.call('slow')
  await until(() => held.length === 1)
  await sleep(600)
  held.pop()(null, reply)
  assert.deepEqual(await second, reply)
})

test('a handler that ends and never calls back is reported when its call ends', async (t) => {
  const { server, client } = await pair(t)
  const errors = []
  server.on('handlerError', (error) => errors.push(error))
  server.method('declared', async (_request, _callback) => {})
  await assert.rejects(client.call('declared', null, { timeout: 30 }), { code: 'IRONWIRE_RPC_TIMEOUT' })
  await until(() => errors.length === 1)
  assert.equal(errors[0].code, 'IRONWIRE_RPC_NO_ANSWER')
})

test('without a deadline, a handler that drops its callback fails its call', () => {
  const script = `
    const { rpc } = require(${JSON.stringify(require.resolve('../../index.js'))})
    const server = rpc.createServer()
    const kept = []
    const events = []
    server.on('handlerError', (error, call) => events.push(call.method + ' ' + error.code))
    server.method('nothing', () => {})
    server.method('takes it', (request, callback) => {})
    server.method('never settles', () => new Promise(() => {}))
    server.method('settles late', () => new Promise((resolve) => setTimeout(resolve, 150, Buffer.from('late'))))
    server.method('promises nothing', async (request, callback) => {})
    server.method('keeps it', (request, callback) => { kept.push(callback) })
    server.listen(0, '127.0.0.1', async () => {
      const client = rpc.connect(server.address().port, { timeout: 0 })
      const outcome = (name) => client.call(name).then((reply) => 'reply ' + reply, (error) => error.code)
      const names = ['nothing', 'takes it', 'never settles', 'settles late', 'promises nothing']
      const calls = names.map(outcome)
      const last = outcome('keeps it')
      const collecting = setInterval(() => gc(), 10)
      const outcomes = await Promise.all(calls)
      kept.pop()(null, Buffer.from('kept'))
      console.log(JSON.stringify([outcomes, await last, events.sort(), server.running]))
      process.exit()
    })`
  const { stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', '-e', script], {
    encoding: 'utf8',
    timeout: 120_000,
  })
  assert.equal(stderr, '')
  const no = 'IRONWIRE_RPC_NO_ANSWER'
  assert.deepEqual(JSON.parse(stdout), [
    [no, no, no, 'reply late', 'reply '],
    'reply kept',
    ['never settles', 'nothing', 'takes it'].map((name) => `${name} ${no}`),
    0,
  ])
})

test('an unknown option is refused by name, with a suggestion', async (t) => {
  const refused = (...words) => ({
    name: 'TypeError',
    code: 'IRONWIRE_UNKNOWN_OPTION',
    message: new RegExp(words.join('.*')),
  })
  assert.throws(() => rpc.createServer({ encryption: true }), refused('"options.encryption"'))
  assert.throws(() => rpc.createServer({ maxConcurency: 5 }), refused('maxConcurency', 'maxConcurrency'))
  assert.throws(() => new rpc.Server({ timeout: 5 }), refused('options.timeout'))
  assert.throws(() => rpc.connect(1, { timeOut: 5 }), refused('timeOut', 'timeout'))
  assert.throws(() => rpc.connect(1, { reconnect: { maxdelay: 5 } }), refused('options.reconnect.maxdelay', 'maxDelay'))
  assert.throws(() => rpc.connect({ hostname: 'x', port: 1 }), refused('target.hostname', 'host'))
  assert.throws(() => rpc.connect({ port: 1, encrypted: true }), refused('target.encrypted'))
  const { server, client } = await pair(t, { maxMethods: undefined, encryption: undefined })
  server.method('echo', (request) => request)
  assert.throws(() => client.call('echo', null, { timout: 5 }, () => {}), refused('timout', 'timeout'))
  await assert.rejects(client.call('echo', null, { sginal: null }), refused('sginal', 'signal'))
  assert.equal(client.pending, 0)
})

test('names that are not valid text are refused', async (t) => {
  const { server, client } = await pair(t)
  server.method('\ufffd', () => reply)
  for (const name of ['\ud800', 'a\udc00b', '\udc00\ud800']) {
    const expected = { code: 'ERR_INVALID_ARG_VALUE', message: /lone surrogate/ }
    assert.throws(() => server.method(name, () => reply), expected)
    await assert.rejects(client.call(name), expected)
  }
  server.method('\ud83d\ude00', () => reply)
  assert.deepEqual(await client.call('\ud83d\ude00'), reply)
})

test('detached bytes are an error, not an empty body; a false length exposes no other memory', async (t) => {
  const { server, client } = await pair(t)
  const gone = () => {
    const bytes = new Uint8Array(5)
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
    return bytes
  }
  server.on('handlerError', () => {})
  server.method('echo', (request) => request)
  server.method('gone', () => gone())
  server.method('gone later', (_request, callback) => setImmediate(callback, null, gone()))
  server.method('liar', () => Object.defineProperty(Buffer.from('abc'), 'length', { value: 1000 }))
  assert.throws(() => client.call('echo', gone(), () => {}), { code: 'ERR_INVALID_ARG_VALUE', message: /"body"/ })
  for (const name of ['gone', 'gone later']) {
    await assert.rejects(client.call(name), { code: 'ERR_INVALID_ARG_VALUE', message: /"reply".*detached/ })
  }
  assert.equal(String(await client.call('liar')), 'abc')
  class Liar extends Uint8Array {
    get length() {
      return 1000
    }
  }
  assert.equal((await client.call('echo', new Liar(3))).length, 3)
})

test('a Date of another realm is a Date', async (t) => {
  const { server, client } = await pair(t)
  server.method('remaining', (_request, callback, call) => callback(null, Buffer.from(String(call.remaining))))
  const deadline = vm.runInNewContext('new Date(Date.now() + 60000)')
  assert.ok(Number(await client.call('remaining', null, { deadline })) > 50_000)
})
