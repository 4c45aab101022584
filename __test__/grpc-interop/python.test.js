'use strict'

// The interop tests with Python's gRPC, which is that of C++: our client with its server, its client with our server, and its clients of health and
// reflection services with ours.

const assert = require('node:assert/strict')
const path = require('node:path')
const { after, before, describe, test } = require('node:test')
const { grpc, protobuf } = require('../..')
const { bind } = require('../grpc/support.js')
const { cases } = require('../grpc/interop/cases.js')
const { service } = require('../grpc/interop/service.js')
const { ca, identity, pairs } = require('../grpc/secure.js')
const { missing, ask, serve } = require('./python.js')
const { secure } = require('./tls.js')

const { TestService, UnimplementedService } = protobuf.loadSync(
  path.join(__dirname, '..', 'grpc', 'interop', 'test.proto'),
).grpc.testing

/** A server of ours until the test ends. */
async function start(t, add, credentials, options = {}) {
  const server = new grpc.Server(options)
  add(server)
  t.after(() => server.forceShutdown())
  return bind(grpc, server, 'localhost:0', credentials)
}

for (const [how, prepare, mine, yours, options = {}] of [
  ['plain', () => ({}), grpc.ServerCredentials.createInsecure(), grpc.credentials.createInsecure()],
  [
    'over TLS',
    (t) => secure(t, { ca, ...identity }),
    grpc.ServerCredentials.createSsl(null, pairs(identity)),
    grpc.credentials.createSsl(ca),
  ],
  [
    'compressed',
    () => ({ IRONWIRE_GZIP: '1' }),
    grpc.ServerCredentials.createInsecure(),
    grpc.credentials.createInsecure(),
    { 'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip },
  ],
]) {
  describe(`our client, their server, ${how}`, { skip: missing }, () => {
    const cleanups = []
    let port
    before(async () => {
      const lasting = { after: (cleanup) => cleanups.push(cleanup) }
      port = await serve(lasting, prepare(lasting))
    })
    after(async () => {
      for (const cleanup of cleanups.reverse()) await cleanup()
    })
    const make = (t, definition) => {
      const client = new (grpc.makeClientConstructor(definition))(`localhost:${port}`, yours, options)
      t.after(() => client.close())
      return client
    }

    for (const [name, run] of Object.entries(cases)) {
      test(name, async (t) => {
        const client = make(t, TestService)
        const other = make(t, UnimplementedService)
        await run({ module: grpc, client, other, connect: () => make(t, TestService) })
      })
    }

    test('health', async (t) => {
      const client = make(t, grpc.health.service)
      assert.deepEqual(await client.check({}), { status: 'SERVING' })
      assert.deepEqual(await client.check({ service: 'down' }), { status: 'NOT_SERVING' })
      await assert.rejects(client.check({ service: 'unknown' }), { code: grpc.status.NOT_FOUND })
      for await (const { status } of client.watch({ service: 'unknown' })) {
        assert.equal(status, 'SERVICE_UNKNOWN')
        break
      }
    })
  })

  test(`their client, our server, ${how}`, { skip: missing }, async (t) => {
    const port = await start(t, (server) => server.addService(TestService, service(grpc)), mine, options)
    const results = await ask(t, prepare(t), 'client', port)
    assert.deepEqual(
      results,
      Object.keys(cases).map((name) => [name, null]),
    )
  })
}

test('their client, our health service', { skip: missing }, async (t) => {
  const health = new grpc.health.HealthImplementation({ '': 'SERVING', down: 'NOT_SERVING' })
  const port = await start(t, (server) => health.addToServer(server))
  const [answers] = await ask(t, {}, 'health', port)
  assert.deepEqual(answers, [
    'SERVING',
    'NOT_SERVING',
    'NOT_FOUND',
    'SERVICE_UNKNOWN',
    { '': 'SERVING', down: 'NOT_SERVING' },
  ])
})

const protos = path.join(__dirname, '..', 'grpc', 'protos')
const thing = 'goods.Thing'
const fields = { at: 'google.protobuf.Timestamp', thing, name: null, kind: null }

for (const [name, load] of [
  ["our 'protobuf'", () => protobuf.loadSync('shop.proto', { includePaths: [protos] })],
  ['@grpc/proto-loader', () => require('@grpc/proto-loader').loadSync('shop.proto', { includeDirs: [protos] })],
]) {
  test(`their client, our reflection of what ${name} has loaded`, { skip: missing }, async (t) => {
    const reflection = new grpc.reflection.ReflectionService([load(), grpc.health.schema])
    const port = await start(t, (server) => reflection.addToServer(server))
    const [services, shop] = await ask(t, {}, 'reflection', port, 'shop.Shop')
    assert.deepEqual(services, ['grpc.health.v1.Health', 'shop.Cellar', 'shop.Shop'])
    assert.deepEqual(shop, [
      'shop.Shop',
      [
        ['Buy', 'shop.Order', thing, fields],
        ['Look', 'shop.Order', thing, fields],
      ],
    ])
  })
}
