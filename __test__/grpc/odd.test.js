'use strict'

// Unusual programs: credentials that return no metadata, parents of many calls, infinite times, passwords in targets.

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { setTimeout: pause } = require('node:timers/promises')
const { grpc, bind, connect, serve, service } = require('./support.js')
const { until } = require('../etcd/tools.js')
const fake = require('../etcd/fake.js')

const { connectivityState, credentials, status } = grpc

const echo = { one: ({ request }, callback) => callback(null, request) }

test('credentials that return no metadata fail only their own call', async (t) => {
  const { port } = await serve(t, grpc, echo)
  const client = connect(t, grpc, port)
  class Own extends grpc.CallCredentials {
    compose() {
      return this
    }
    generateMetadata() {
      throw new Error('not now')
    }
  }
  const giving = (value) => credentials.createFromMetadataGenerator((_, callback) => callback(null, value))
  const callWith = (credentials) => client.one('x', new grpc.Metadata(), { credentials })
  const failure = (reason) => ({
    code: status.UNKNOWN,
    details: `Getting metadata from plugin failed with error: ${reason}`,
  })
  const noMetadata = (type) => `Call credentials must give a Metadata object, but gave a value of type ${type}`
  // The first calls wait for the connection, the second ones do not.
  for (let i = 0; i < 2; i++) {
    const calls = [giving({ authorization: 'x' }), giving('x'), new Own()].map(callWith)
    const good = client.one('y')
    await assert.rejects(calls[0], failure(noMetadata('object')))
    await assert.rejects(calls[1], failure(noMetadata('string')))
    await assert.rejects(calls[2], failure('not now'))
    assert.equal(await good, 'y')
    assert.equal(await callWith(giving(null)), 'x')
  }
})

test('a repeated call asks its credentials again, also if it was never sent', {
  timeout: 60_000,
}, async (t) => {
  const shown = { one: ({ metadata }, callback) => callback(null, String(metadata.get('authorization'))) }
  const { port, server } = await serve(t, grpc, shown)
  const retryPolicy = {
    maxAttempts: 5,
    initialBackoff: '0.1s',
    maxBackoff: '0.5s',
    backoffMultiplier: 2,
    retryableStatusCodes: ['UNAVAILABLE'],
  }
  const client = connect(t, grpc, port, {
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 100,
    'grpc.service_config': JSON.stringify({ methodConfig: [{ name: [{}], retryPolicy }] }),
  })
  const channel = client.getChannel()
  let asked = 0
  const slow = credentials.createFromMetadataGenerator(async (_, callback) => {
    if (++asked === 1) {
      server.forceShutdown()
      const fails = () => channel.getConnectivityState(true) === connectivityState.TRANSIENT_FAILURE
      await until(fails)
      const next = new grpc.Server()
      next.addService(service, shown)
      t.after(() => next.forceShutdown())
      await bind(grpc, next, `127.0.0.1:${port}`)
    }
    const metadata = new grpc.Metadata()
    metadata.set('authorization', 'me')
    callback(null, metadata)
  })
  assert.equal(await client.one('x', new grpc.Metadata(), { credentials: slow }), 'me')
})

test('a call can have any number of child calls', async (t) => {
  const warnings = []
  const warned = ({ name }) => warnings.push(name)
  process.on('warning', warned)
  t.after(() => process.off('warning', warned))
  const { port } = await serve(t, grpc, { ...echo, many() {} })
  const inner = connect(t, grpc, port)
  const seen = {}
  const outer = await serve(t, grpc, {
    chat: async (call) => {
      const before = call.listenerCount('cancelled')
      for (let i = 0; i < 20; i++) await inner.one('x', new grpc.Metadata(), { parent: call })
      seen.listeners = call.listenerCount('cancelled') - before
      const calls = Array.from({ length: 20 }, () => inner.many('x', new grpc.Metadata(), { parent: call }))
      const ended = calls.map((one) => new Promise((resolve) => one.on('error', resolve)))
      call.write('ready')
      seen.codes = new Set((await Promise.all(ended)).map(({ code }) => code))
      seen.done = true
    },
  })
  const call = connect(t, grpc, outer.port).chat()
  call.on('error', () => {})
  call.once('data', () => call.cancel())
  await until(() => seen.done)
  await pause(0)
  assert.deepEqual([seen.listeners, [...seen.codes], warnings], [1, [status.CANCELLED], []])
})

test('very long and infinite times', async (t) => {
  const warnings = []
  const warned = ({ name }) => warnings.push(name)
  process.on('warning', warned)
  t.after(() => process.off('warning', warned))
  const { port } = await serve(t, grpc, echo)
  for (const time of [2 ** 31, Infinity]) {
    const client = connect(t, grpc, port, {
      'grpc.client_idle_timeout_ms': time,
      'grpc.keepalive_time_ms': 1,
      'grpc.keepalive_timeout_ms': time,
      'grpc.keepalive_permit_without_calls': 1,
      'grpc.initial_reconnect_backoff_ms': time,
    })
    assert.equal(await client.one('x'), 'x')
    await pause(20)
    assert.equal(client.getChannel().getConnectivityState(false), connectivityState.READY)
  }
  assert.deepEqual(warnings, [])
})

test('no error, nor the name of a peer, shows a password', async () => {
  const secret = /hidden/
  const shown = []
  for (const target of [
    'ETCD://me:hidden@127.0.0.1:1/a',
    'etcds://me:hid@hidden@127.0.0.1:1/a',
    'etcd://me:hidden/x@127.0.0.1/a',
  ]) {
    try {
      connectTo(target)
    } catch (error) {
      shown.push(error.message)
    }
  }
  const client = connectTo('etcd://me:hidden@127.0.0.1:1/a')
  const call = client.one('x', () => {})
  shown.push(call.getPeer(), client.getChannel().getTarget())
  call.cancel()
  client.close()
  assert.equal(shown.length, 5)
  for (const text of shown) assert.doesNotMatch(text, secret)
  assert.equal(shown[4], 'etcd://***@127.0.0.1:1/a')
})

const connectTo = (target) => new (grpc.makeClientConstructor(service, 'Texts'))(target, credentials.createInsecure())

test('a call to an etcd service without instances fails, and the next one uses a new instance', {
  timeout: 60_000,
}, async (t) => {
  const { port } = await serve(t, grpc, echo)
  const streams = []
  const member = await fake.member(t, {
    'KV/Range': () => ({ kvs: [], count: 0 }),
    'Watch/Watch': ({ createRequest }, call) => {
      if (createRequest == null) return
      call.write({ header: fake.HEADER, watchId: 1, created: true })
      streams.push(call)
    },
  })
  const client = connectTo(`etcd://${member.endpoint}/nobody`)
  t.after(() => client.close())
  await assert.rejects(client.one('x'), {
    code: status.UNAVAILABLE,
    details: /No addresses resolved.*etcd has no address for this service/,
  })
  await until(() => streams.length === 1)
  const metadata = new grpc.Metadata({ waitForReady: true })
  const waiting = client.one('y', metadata)
  const kv = fake.entry('nobody/1', JSON.stringify({ Addr: `127.0.0.1:${port}` }), 11)
  streams[0].write({ header: fake.HEADER, watchId: 1, events: [{ type: 0, kv }] })
  assert.equal(await waiting, 'y')
})

test('a finished connection is closed even if the server does not read', async (t) => {
  const { port } = await serve(t, grpc, { ...echo, chat() {} })
  const client = connect(t, grpc, port)
  assert.equal(await client.one('x'), 'x')
  const link = client.getChannel().picker.pick()
  const call = client.chat()
  call.on('error', () => {})
  for (let i = 0; i < 100; i++) call.write('x'.repeat(100_000))
  call.cancel()
  client.close()
  // Nothing can have been read in this turn.
  assert.notEqual(link.lingering, undefined)
  await until(() => link.closing)
})

test('every channel to an address that cannot be reached reports why', async (t) => {
  const target = '127.0.0.1:1'
  const options = { 'grpc.primary_user_agent': 'told why' }
  const clients = [1, 2].map(
    () => new (grpc.makeClientConstructor(service, 'Texts'))(target, credentials.createInsecure(), options),
  )
  t.after(() => {
    for (const client of clients) client.close()
  })
  for (const client of clients)
    await assert.rejects(client.one('x'), { details: /Last error: Error: connect ECONNREFUSED/ })
})

test('resolvers that misbehave', { timeout: 120_000 }, async (t) => {
  const { port } = await serve(t, grpc, echo)
  const good = { ok: true, value: [{ addresses: [{ host: '127.0.0.1', port }] }] }
  const wrong = (value) => (listener) => listener(value, {}, null, '')
  const noList = 'The resolver returned something that is not a list of endpoints'
  const ways = [
    [wrong(good), 'x'],
    [thrower, 'The resolver failed: mine'],
    [wrong(undefined), noList],
    [wrong({ ok: false }), noList],
    [wrong({ ok: true }), noList],
    [wrong({ ok: true, value: [null] }), noList],
    [wrong({ ok: true, value: [{}] }), noList],
    [wrong({ ok: true, value: [{ addresses: [null] }] }), noList],
  ]
  let way
  const made = []
  class Own {
    constructor(_target, listener) {
      this.listener = listener
      made.push(this)
    }
    updateResolution() {
      way(this.listener)
    }
    destroy() {
      thrower()
    }
    static getDefaultAuthority() {
      return 'own'
    }
  }
  grpc.experimental.registerResolver('odd', Own)
  for (const [does, expected] of ways) {
    way = does
    const client = connectTo('odd:x')
    const answer = await client.one('x').catch(({ code, details }) => {
      assert.equal(code, status.UNAVAILABLE)
      return details
    })
    assert.equal(answer, expected)
    const channel = client.getChannel()
    assert.equal(channel.active, 0)
    assert.throws(() => client.close(), { message: 'mine' })
    // The client is closed, so the result is ignored.
    made.at(-1).listener(good, {}, null, '')
    assert.equal(channel.balancer.policies.current, null)
  }
})

function thrower() {
  throw new Error('mine')
}
