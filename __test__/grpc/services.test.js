'use strict'

// Health checking and reflection: our services on our server and on that of @grpc/grpc-js, with both clients. The
// packages that they replace and Python's client are tested in __test__/grpc-interop.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const path = require('node:path')
const { PassThrough } = require('node:stream')
const { describe, test } = require('node:test')
const { protobuf } = require('ironwire')
const { grpc, peer, loader, missing, bind } = require('./support.js')

const { HealthImplementation } = grpc.health
const { ReflectionService } = grpc.reflection
const { File } = (() => {
  const source = 'syntax = "proto3"; import "google/protobuf/descriptor.proto";'
  return { File: protobuf.parse(source).google.protobuf.FileDescriptorProto }
})()

/** Every server with every client. `start(service)` adds a service and returns a client for `definition`. */
function everyway(name, run) {
  for (const [S, C, who] of [
    [grpc, grpc, 'ours, both'],
    [grpc, peer, 'their client'],
    [peer, grpc, 'their server'],
  ]) {
    test(`${name}: ${who}`, { skip: who !== 'ours, both' && missing }, async (t) => {
      const start = async (service, definition, options) => {
        const server = new S.Server()
        service.addToServer(server)
        t.after(() => server.forceShutdown())
        const address = `127.0.0.1:${await bind(S, server)}`
        const client = new (C.makeClientConstructor(definition))(address, C.credentials.createInsecure(), options)
        t.after(() => client.close())
        return client
      }
      await run(start, t)
    })
  }
}

const ask = (client, method, request) =>
  new Promise((resolve) => {
    client[method](request, (error, value) => resolve(error ? [error.code, error.details] : value))
  })

const health = (start, statuses) => {
  const implementation = new HealthImplementation(statuses)
  return { implementation, client: start(implementation, grpc.health.service) }
}

describe('health', () => {
  everyway('known and unknown services', async (start) => {
    const { implementation, client: starting } = health(start, { '': 'SERVING', a: 'NOT_SERVING', b: 'UNKNOWN' })
    const client = await starting
    assert.deepEqual(await ask(client, 'check', { service: '' }), { status: 'SERVING' })
    assert.deepEqual(await ask(client, 'check', {}), { status: 'SERVING' })
    assert.deepEqual(await ask(client, 'check', { service: 'a' }), { status: 'NOT_SERVING' })
    assert.deepEqual(await ask(client, 'check', { service: 'b' }), { status: 'UNKNOWN' })
    assert.deepEqual(await ask(client, 'check', { service: 'c' }), [5, 'Health status unknown for service c'])
    implementation.setStatus('c', 'SERVING')
    implementation.setStatus('a', 'SERVING')
    assert.deepEqual(await ask(client, 'check', { service: 'c' }), { status: 'SERVING' })
    const { statuses } = await ask(client, 'list', {})
    const serving = { status: 'SERVING' }
    assert.deepEqual({ ...statuses }, { '': serving, a: serving, b: { status: 'UNKNOWN' }, c: serving })
  })

  everyway('at most a hundred are listed', async (start) => {
    const { implementation, client: starting } = health(start)
    const client = await starting
    for (let i = 0; i < 100; i++) implementation.setStatus(`service ${i}`, 'SERVING')
    assert.equal(Object.keys((await ask(client, 'list', {})).statuses).length, 100)
    implementation.setStatus('__proto__', 'SERVING')
    assert.deepEqual(await ask(client, 'list', {}), [8, 'Too many services to list.'])
  })

  everyway('watching', async (start) => {
    const { implementation, client: starting } = health(start)
    const client = await starting
    const call = client.watch({ service: 'x' })
    const next = async () => (await once(call, 'data'))[0].status
    assert.equal(await next(), 'SERVICE_UNKNOWN')
    for (const status of ['SERVING', 'SERVING', 'NOT_SERVING', 'UNKNOWN']) {
      implementation.setStatus('y', 'SERVING')
      implementation.setStatus('x', status)
      assert.equal(await next(), status)
    }
    call.on('error', () => {})
    call.cancel()
    await new Promise((resolve) => call.once('status', resolve))
    implementation.setStatus('x', 'SERVING')
    assert.deepEqual(await ask(client, 'check', { service: 'x' }), { status: 'SERVING' })
  })

  test('a watcher that does not read gets only the last change', async (t) => {
    const calls = []
    const server = { addService: (_service, handlers) => Object.assign(server, handlers) }
    const implementation = new HealthImplementation({ x: 'SERVING' })
    implementation.addToServer(server)
    const call = new PassThrough({ objectMode: true, highWaterMark: 4 })
    t.after(() => call.destroy())
    call.request = { service: 'x' }
    server.watch(call)
    for (let i = 0; i < 1000; i++) implementation.setStatus('x', i % 2 ? 'SERVING' : 'NOT_SERVING')
    implementation.setStatus('x', 'UNKNOWN')
    assert.ok(call.readableLength + call.writableLength <= 8)
    const last = new Promise((resolve) => {
      call.on('data', ({ status }) => {
        calls.push(status)
        if (status === 'UNKNOWN') resolve()
      })
    })
    await last
    assert.ok(calls.length <= 9)
    call.emit('cancelled')
    implementation.setStatus('x', 'SERVING')
    assert.equal(call.readableLength + call.writableLength, 0)
  })

  test('invalid arguments throw', () => {
    const implementation = new HealthImplementation()
    assert.throws(() => implementation.setStatus('a', 'OK'), {
      code: 'ERR_INVALID_ARG_VALUE',
      message: "The argument 'status' must be one of UNKNOWN, SERVING, NOT_SERVING. Received 'OK'",
    })
    assert.throws(() => implementation.setStatus(5, 'SERVING'), { code: 'ERR_INVALID_ARG_TYPE' })
    assert.throws(() => new HealthImplementation({ a: true }), { code: 'ERR_INVALID_ARG_VALUE' })
    assert.throws(() => new HealthImplementation('a'), { code: 'ERR_INVALID_ARG_TYPE' })
  })
})

const REFLECTION = `syntax = "proto3";
  package grpc.reflection.VERSION;
  service ServerReflection { rpc ServerReflectionInfo (stream Request) returns (stream Response); }
  message Request {
    string host = 1;
    oneof message_request {
      string file_by_filename = 3; string file_containing_symbol = 4; Extension file_containing_extension = 5;
      string all_extension_numbers_of_type = 6; string list_services = 7;
    }
  }
  message Extension { string containing_type = 1; int32 extension_number = 2; }
  message Response {
    string valid_host = 1;
    Request original_request = 2;
    oneof message_response {
      Files file_descriptor_response = 4; Numbers all_extension_numbers_response = 5; Services list_services_response = 6;
      Failure error_response = 7;
    }
  }
  message Files { repeated bytes file_descriptor_proto = 1; }
  message Numbers { string base_type_name = 1; repeated int32 extension_number = 2; }
  message Services { repeated Service service = 1; }
  message Service { string name = 1; }
  message Failure { int32 error_code = 1; string error_message = 2; }`

const definitions = ['v1', 'v1alpha'].map((version) => {
  const { ServerReflection } = protobuf.parse(REFLECTION.replace('VERSION', version), { oneofs: true })
  return grpc.makeClientConstructor(ServerReflection).service
})

/** Sends the requests over one stream and returns the answers in short form. */
async function reflect(client, requests) {
  const call = client.serverReflectionInfo()
  for (const request of requests) {
    const [name] = Object.keys(request)
    call.write({ host: 'h', ...request, message_request: name })
  }
  call.end()
  const answers = []
  for await (const { valid_host, original_request, message_response, ...response } of call) {
    const { message_request: name, host } = original_request
    assert.deepEqual([valid_host, host], ['h', 'h'])
    assert.deepEqual(original_request[name], requests[answers.length][name])
    answers.push(short(response[message_response]))
  }
  return answers
}

function short({ file_descriptor_proto: files, service, extension_number, base_type_name, error_code, error_message }) {
  if (files !== undefined) return files.map((bytes) => File.decode(bytes).name)
  if (service !== undefined) return service.map(({ name }) => name)
  if (extension_number !== undefined) return { [base_type_name]: extension_number }
  return `${error_code} ${error_message}`
}

const protos = path.join(__dirname, 'protos')
const shop = protobuf.loadSync('shop.proto', { includePaths: [protos] })

const all = ['shop.proto', 'goods.proto', 'google/protobuf/timestamp.proto', 'extra.proto']

describe('reflection', () => {
  everyway("a schema of our 'protobuf'", async (start) => {
    for (const definition of definitions) {
      const client = await start(new ReflectionService(shop), definition)
      const symbols = [
        'shop.Shop',
        'shop.Shop.Buy',
        'shop.Order',
        'shop.Order.Part',
        'shop.Order.name',
        'shop.Order.what',
      ]
      symbols.push('shop.Order.Kind', 'shop.Order.BEST', 'shop.Order.Kind.BEST', '.shop.Order')
      for (const files of await reflect(
        client,
        symbols.map((name) => ({ file_containing_symbol: name })),
      )) {
        assert.deepEqual(files, all)
      }
      assert.deepEqual(
        await reflect(client, [
          { list_services: '*' },
          { file_by_filename: 'shop.proto' },
          { file_by_filename: 'extra.proto' },
          { file_containing_symbol: 'goods.weight' },
          { file_containing_extension: { containing_type: 'goods.Thing', extension_number: 100 } },
          { all_extension_numbers_of_type: 'goods.Thing' },
          { file_by_filename: 'shop' },
          { file_containing_symbol: 'toString' },
          { file_containing_extension: { containing_type: 'goods.Thing', extension_number: 101 } },
          { all_extension_numbers_of_type: 'shop.Order' },
        ]),
        [
          ['shop.Shop', 'shop.Cellar'],
          all,
          ['extra.proto'],
          ['goods.proto', 'extra.proto'],
          ['goods.proto', 'extra.proto'],
          { 'goods.Thing': [100] },
          '5 Proto file not found: shop',
          '5 Symbol not found: toString',
          '5 Extension not found for symbol goods.Thing at field 101',
          '5 Extensions not found for symbol shop.Order',
        ],
      )
    }
  })

  everyway('an empty request, and answers that are not read', async (start) => {
    const client = await start(new ReflectionService(shop), definitions[0])
    const call = client.serverReflectionInfo()
    call.write({ host: 'h' })
    const [{ error_response: failure }] = await once(call, 'data')
    assert.deepEqual({ ...failure }, { error_code: 12, error_message: 'Unimplemented method for request: undefined' })
    call.pause()
    for (let i = 0; i < 300; i++) {
      call.write({ host: 'h', file_by_filename: 'shop.proto', message_request: 'file_by_filename' })
    }
    call.end()
    let count = 0
    for await (const _ of call) count++
    assert.equal(count, 300)
  })

  test('some services, one service, several sources, and the bytes of descriptors', async (t) => {
    const listed = async (...given) => {
      const server = new grpc.Server()
      new ReflectionService(...given).addToServer(server)
      t.after(() => server.forceShutdown())
      const address = `127.0.0.1:${await bind(grpc, server)}`
      const client = new (grpc.makeClientConstructor(definitions[0]))(address, grpc.credentials.createInsecure())
      t.after(() => client.close())
      return [...(await reflect(client, [{ list_services: '' }, { file_containing_symbol: 'shop.Order' }])), client]
    }
    const [names, found] = await listed(shop, { services: ['shop.Cellar'] })
    assert.deepEqual([names, found], [['shop.Cellar'], all])
    assert.deepEqual((await listed(shop.Shop))[0], ['shop.Shop'])
    const set = protobuf.toDescriptorSet(shop)
    assert.deepEqual((await listed(set)).slice(0, 2), [['shop.Shop', 'shop.Cellar'], all])
    assert.deepEqual((await listed({})).slice(0, 2), [[], '5 Symbol not found: shop.Order'])
    // Sources whose files have the same name, or no name.
    const others = ['A', 'B', 'C'].map((name) =>
      protobuf(`syntax = "proto3"; message M${name} {} service ${name} { rpc Do (M${name}) returns (M${name}); }`),
    )
    const [services, , client] = await listed([shop.Cellar, ...others, others[0], grpc.health.schema])
    assert.deepEqual(services, ['shop.Cellar', 'A', 'B', 'C', 'grpc.health.v1.Health'])
    const asked = ['A', 'B', 'C', 'MC'].map((name) => ({ file_containing_symbol: name }))
    assert.deepEqual(await reflect(client, asked), [
      ['schema.proto'],
      ['schema.2.proto'],
      ['schema.3.proto'],
      ['schema.3.proto'],
    ])
  })

  test("what '@grpc/proto-loader' has loaded can be built again", { skip: missing }, async (t) => {
    const pkg = loader.loadSync('shop.proto', { includeDirs: [protos] })
    const server = new grpc.Server()
    new ReflectionService(pkg).addToServer(server)
    t.after(() => server.forceShutdown())
    const address = `127.0.0.1:${await bind(grpc, server)}`
    const client = new (grpc.makeClientConstructor(definitions[0]))(address, grpc.credentials.createInsecure())
    t.after(() => client.close())
    const [services] = await reflect(client, [{ list_services: '' }])
    assert.deepEqual(services, ['shop.Shop', 'shop.Cellar'])
    const call = client.serverReflectionInfo()
    call.end({ file_containing_symbol: 'shop.Shop', message_request: 'file_containing_symbol' })
    const [{ file_descriptor_response: response }] = await once(call, 'data')
    // In a descriptor set, imports come first.
    const { Files } = protobuf.parse('syntax = "proto3"; message Files { repeated bytes file = 1; }')
    const built = protobuf.parseDescriptorSet(Files.encode({ file: response.file_descriptor_proto.reverse() }))
    const { Shop } = built.shop
    assert.deepEqual(Object.keys(Shop.methods), ['Buy', 'Look'])
    assert.equal(Shop.methods.Buy.output.fullName, 'goods.Thing')
    const { Order } = built.shop
    const order = { at: { seconds: 5 }, thing: { name: 'x' }, kind: 1 }
    assert.deepEqual(shop.Order.decode(Order.encode(order)), shop.Order.decode(shop.Order.encode(order)))
  })

  test('invalid arguments throw', () => {
    for (const pkg of [undefined, null, 'shop.proto', 5]) {
      assert.throws(() => new ReflectionService(pkg), { code: 'ERR_INVALID_ARG_TYPE' })
    }
    assert.throws(() => new ReflectionService(shop, { services: 'shop.Shop' }), { code: 'ERR_INVALID_ARG_TYPE' })
    assert.throws(() => new ReflectionService(Buffer.from('x')))
  })
})
