'use strict'

// Our health and reflection services answer what npm `grpc-health-check` and `@grpc/reflection` answer, on a server of @grpc/grpc-js.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const path = require('node:path')
const { test } = require('node:test')
const peer = require('@grpc/grpc-js')
const loader = require('@grpc/proto-loader')
const { ReflectionService } = require('@grpc/reflection')
const { HealthImplementation, service } = require('grpc-health-check')
const { grpc, protobuf } = require('../..')
const { bind } = require('../grpc/support.js')

const protos = path.join(__dirname, '..', 'grpc', 'protos')

/** `run(client)` for what each adds; what it gives is the same. */
async function same(t, adders, definition, run) {
  const seen = []
  for (const { target, Server } of adders) {
    const server = new Server()
    target.addToServer(server)
    t.after(() => server.forceShutdown())
    const port = await bind(Server === grpc.Server ? grpc : peer, server)
    const client = new (grpc.makeClientConstructor(definition))(`127.0.0.1:${port}`, grpc.credentials.createInsecure())
    t.after(() => client.close())
    seen.push(await run(client, target))
  }
  const [expected, ...rest] = seen
  for (const each of rest) assert.deepEqual(each, expected)
  return expected
}

const settled = (promise) => promise.catch(({ code, details }) => ({ code, details }))

test('health', async (t) => {
  const statuses = { '': 'SERVING', a: 'NOT_SERVING', b: 'UNKNOWN' }
  const adders = [
    { target: new HealthImplementation(statuses), Server: peer.Server },
    { target: new grpc.health.HealthImplementation(statuses), Server: peer.Server },
    { target: new grpc.health.HealthImplementation(statuses), Server: grpc.Server },
    { target: new HealthImplementation(statuses), Server: grpc.Server },
  ]
  await same(t, adders, service, async (client, health) => {
    const answers = []
    for (const name of ['', 'a', 'b', 'c']) answers.push(await settled(client.check({ service: name })))
    answers.push((await client.list({})).statuses)
    const call = client.watch({ service: 'c' })
    call.on('error', () => {})
    answers.push(await once(call, 'data'))
    for (const status of ['SERVING', 'SERVING', 'NOT_SERVING', 'UNKNOWN']) {
      health.setStatus('c', status)
      answers.push(await once(call, 'data'))
    }
    call.cancel()
    for (let i = 0; i < 97; i++) health.setStatus(`service ${i}`, 'SERVING')
    answers.push(await settled(client.list({})))
    return answers
  })
})

const { File } = (() => {
  const source = 'syntax = "proto3"; import "google/protobuf/descriptor.proto";'
  return { File: protobuf.parse(source).google.protobuf.FileDescriptorProto }
})()

test('reflection', async (t) => {
  const pkg = loader.loadSync('shop.proto', { includeDirs: [protos] })
  const definitions = loader.loadSync(
    require.resolve('@grpc/reflection').replace(/src.index\.js$/, 'proto/grpc/reflection/v1/reflection.proto'),
    { keepCase: true, oneofs: true },
  )
  for (const options of [undefined, { services: ['shop.Cellar'] }]) {
    const adders = [
      { target: new ReflectionService(pkg, options), Server: peer.Server },
      { target: new grpc.reflection.ReflectionService(pkg, options), Server: peer.Server },
      { target: new grpc.reflection.ReflectionService(pkg, options), Server: grpc.Server },
    ]
    await same(t, adders, definitions['grpc.reflection.v1.ServerReflection'], async (client) => {
      const call = client.serverReflectionInfo()
      for (const request of [
        { list_services: '*' },
        ...['shop.proto', 'goods.proto', 'nothing.proto'].map((name) => ({ file_by_filename: name })),
        ...[
          'shop.Shop',
          'shop.Shop.Buy',
          'shop.Order',
          'shop.Order.what',
          'shop.Order.Kind.BEST',
          'goods.weight',
          'x',
        ].map((name) => ({ file_containing_symbol: name })),
        // There, what is extended is asked for with a dot.
        ...[100, 101].map((number) => ({
          file_containing_extension: { containing_type: '.goods.Thing', extension_number: number },
        })),
        { all_extension_numbers_of_type: '.goods.Thing' },
        { all_extension_numbers_of_type: 'shop.Order' },
        {},
      ]) {
        call.write({ host: 'here', ...request })
      }
      call.end()
      const answers = []
      for await (const { file_descriptor_response: files, ...answer } of call) {
        answers.push(answer)
        if (files) answer.files = files.file_descriptor_proto.map((bytes) => File.decode(bytes).name).sort()
      }
      return answers
    })
  }
})
