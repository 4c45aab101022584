'use strict'

// Typed services: methods of a schema, called and handled as functions.

const assert = require('node:assert/strict')
const test = require('node:test')
const { protobuf, rpc } = require('../../index.js')
const { pair } = require('./tools.js')

const messages = protobuf(`
  syntax = "proto3";
  package school;
  message Id { uint32 id = 1; }
  message Course { uint32 id = 1; string title = 2; }
  message Nothing {}
  service Catalog {
    rpc Title (Id) returns (Course);
    rpc Watch (Id) returns (stream Course);
    rpc Sum (stream Id) returns (Id);
    rpc Chat (stream Id) returns (stream Course);
    rpc get_all (Nothing) returns (Nothing);
  }
`)
const { Catalog } = messages

/** A server with the service, and its client's functions. */
async function school(t, handlers, options) {
  const { server, client } = await pair(t, options)
  server.addService(Catalog, handlers)
  return { server, client, catalog: client.service(Catalog) }
}

async function all(iterable) {
  const found = []
  for await (const item of iterable) found.push(item)
  return found
}

test('services of a schema are beside its messages, but not enumerable', () => {
  assert.equal(Catalog, protobuf.service(messages, 'school.Catalog'))
  assert.deepEqual(Object.keys(messages), ['Id', 'Course', 'Nothing'])
  const files = {
    'root.proto': 'package b; import "other.proto"; service A { rpc B (a.A) returns (a.A); }',
    'other.proto': 'package a; message A { optional int32 a = 1; }',
  }
  const clash = protobuf(null, { filename: 'root.proto', resolveImport: (name) => files[name] })
  assert.equal(clash.A.message, true, 'a message of the name comes first')
  assert.equal(protobuf('package a; message M {} service S { rpc X (M) returns (M); }').S.fullName, 'a.S')
})

test('a unary method, by callback and by promise', async (t) => {
  const { catalog } = await school(t, {
    title: ({ id }, callback) => callback(null, { id, title: `course ${id}` }),
  })
  assert.deepEqual(await catalog.title({ id: 1000 }), { id: 1000, title: 'course 1000' })
  const reply = await new Promise((resolve, reject) => {
    const call = catalog.title({ id: 7 }, (error, course) => (error ? reject(error) : resolve(course)))
    assert.equal(typeof call.cancel, 'function')
  })
  assert.deepEqual(reply, { id: 7, title: 'course 7' })
  assert.deepEqual(await catalog.title({ id: 8 }, { timeout: 5000 }), { id: 8, title: 'course 8' })
})

test('typed handlers answer in every way that untyped ones do', async (t) => {
  const course = { id: 1, title: 'java' }
  const ways = {
    callback: (_request, callback) => callback(null, course),
    late: (_request, callback) => setTimeout(callback, 5, null, course),
    'late by other names': (...args) => void setTimeout(args[1], 5, null, course),
    returned: () => course,
    promised: async () => course,
  }
  for (const [name, title] of Object.entries(ways)) {
    const { catalog } = await school(t, { title })
    assert.deepEqual(await catalog.title({ id: 1 }), course, name)
  }
  const empty = { nothing: (_request, callback) => callback(), nil: () => null }
  for (const [name, title] of Object.entries(empty)) {
    const { catalog } = await school(t, { title })
    assert.deepEqual(await catalog.title(), { id: 0, title: '' }, name)
  }
})

test('handlers keep their `this`, and names of all styles are found', async (t) => {
  class Handlers {
    titles = new Map([[1, 'java']])
    title({ id }) {
      return { id, title: this.titles.get(id) }
    }
    get_all() {
      return {}
    }
  }
  const { catalog } = await school(t, new Handlers())
  assert.equal((await catalog.title({ id: 1 })).title, 'java')
  assert.deepEqual(await catalog.get_all(), {})
  assert.deepEqual(Object.keys(catalog), ['title', 'watch', 'sum', 'chat', 'get_all'])
  const { catalog: original } = await school(t, { Title: () => ({ title: 'by its name in the schema' }) })
  assert.equal((await original.title({})).title, 'by its name in the schema')
})

test('streams of the server, of the client, and both ways', async (t) => {
  const { catalog } = await school(t, {
    async *watch({ id }) {
      for (let i = 0; i < id; i++) yield { id: i, title: `t${i}` }
    },
    async sum(requests) {
      let sum = 0
      for await (const { id } of requests) sum += id
      return { id: sum }
    },
    async *chat(requests) {
      for await (const { id } of requests) yield { id, title: 'again' }
    },
  })
  const watched = await all(catalog.watch({ id: 3 }))
  assert.deepEqual(
    watched.map(({ title }) => title),
    ['t0', 't1', 't2'],
  )
  assert.deepEqual(await catalog.sum([{ id: 1 }, { id: 2 }, { id: 3 }]), { id: 6 })
  const call = catalog.sum()
  call.write({ id: 20 })
  call.end({ id: 22 })
  assert.deepEqual(await call.reply, { id: 42 })
  const counted = await new Promise((resolve, reject) => {
    const stream = catalog.sum(null, (error, reply) => (error ? reject(error) : resolve(reply)))
    stream.end({ id: 5 })
  })
  assert.deepEqual(counted, { id: 5 })
  const chatted = await all(catalog.chat([{ id: 1 }, { id: 2 }]))
  assert.deepEqual(
    chatted.map(({ id }) => id),
    [1, 2],
  )
})

test('a message that cannot be encoded or decoded fails its call with the reason', async (t) => {
  const { server, client, catalog } = await school(t, {
    title: ({ id }, callback) => callback(null, id === 1 ? 'text' : { title: 5n }),
    watch: async function* () {
      yield 'text'
    },
    async *chat(requests) {
      for await (const request of requests) yield request
    },
  })
  const failures = []
  server.on('handlerError', (error) => failures.push(error))
  assert.throws(() => catalog.title('text', () => {}), TypeError)
  await assert.rejects(catalog.title('text'), TypeError)
  await assert.rejects(catalog.title({ id: 1 }), { remote: true, status: rpc.status.UNKNOWN })
  assert.equal(failures.length, 1)
  await assert.rejects(all(catalog.watch({ id: 1 })), { remote: true })
  assert.equal(failures.length, 2)
  const call = client.call(Catalog.methods.Title.path, Buffer.from([0xff]))
  await assert.rejects(call, {
    code: 'IRONWIRE_RPC_BAD_MESSAGE',
    status: rpc.status.INTERNAL,
    message: /refused .* the request cannot be decoded/,
  })
  server.method('/school.Other/Title', () => Buffer.from([0xff]))
  server.method('/school.Other/Watch', { serverStreaming: true }, () => [Buffer.from([0xff]), Buffer.alloc(0)])
  const other = protobuf(`package school; message M { optional int32 m = 1; }
    service Other { rpc Title (M) returns (M); rpc Watch (M) returns (stream M); }`)
  const client2 = client.service(other.Other)
  await assert.rejects(client2.title({}), { code: 'IRONWIRE_RPC_BAD_MESSAGE', status: rpc.status.INTERNAL, sent: true })
  await assert.rejects(all(client2.watch({})), { code: 'IRONWIRE_RPC_BAD_MESSAGE' })
  // The same for what the client streams.
  const bad = client.stream(Catalog.methods.Chat.path, null, { clientStreaming: true })
  bad.write(Buffer.from([0xff]))
  await assert.rejects(all(bad), { code: 'IRONWIRE_RPC_BAD_MESSAGE', message: /request cannot be decoded/ })
})

test('methods without a handler are unknown methods; handlers without a method are an error', async (t) => {
  const { server, client, catalog } = await school(t, { title: () => ({}) })
  await assert.rejects(all(catalog.watch({})), {
    code: 'IRONWIRE_RPC_UNKNOWN_METHOD',
    status: rpc.status.UNIMPLEMENTED,
  })
  const wrong = [
    [() => server.addService(Catalog, { titel: () => {} }), /school\.Catalog has title, watch.*titel/],
    [() => server.addService(Catalog, { title: 5 }), /"handlers\.title" property must be of type function/],
    [() => server.addService(Catalog, null), /"handlers" argument/],
    [() => server.addService(Catalog, { title: () => {} }), /must not be used twice/],
    [() => server.addService(messages.Id, {}), /"service" argument must be a service of a schema/],
    [() => client.service({}), /"service" argument must be a service of a schema/],
    [() => catalog.watch({}, () => {}), /"?callback'? must be left out/],
    [() => catalog.sum({ id: 1 }), /"request" argument must be an iterable/],
    [() => catalog.watch({}, { oneWay: true }), /There is no option/],
  ]
  for (const [run, message] of wrong) assert.throws(run, { message })
})

test('a call of the wrong kind is refused with the reason', async (t) => {
  const { client } = await school(t, { title: () => ({}), watch: () => [], sum: () => ({}), chat: () => [] })
  const { Title, Watch, Sum } = Catalog.methods
  const refused = { code: 'IRONWIRE_RPC_UNSUPPORTED', status: rpc.status.UNIMPLEMENTED }
  await assert.rejects(client.call(Watch.path), { ...refused, message: /streams its answer.*has no streams/ })
  await assert.rejects(client.call(Sum.path), { ...refused, message: /streams its request.*has no streams/ })
  await assert.rejects(all(client.stream(Title.path)), {
    ...refused,
    message: /the method has no streams, and the call streams its answer/,
  })
  await assert.rejects(all(client.stream(Sum.path)), { ...refused, message: /streams its request.*streams its answer/ })
})

test('several calls at once: results in order, and the first error cancels the rest', async (t) => {
  const aborted = []
  const { client, catalog } = await school(t, {
    title({ id }, callback, call) {
      if (id === 13) return callback(Object.assign(new Error('unlucky'), { code: 'THIRTEEN' }))
      if (id === 99) return call.signal.addEventListener('abort', () => aborted.push(id))
      setTimeout(callback, 30 - id, null, { id })
    },
  })
  const courses = await client.all([1, 20, 10].map((id) => [catalog.title, { id }]))
  assert.deepEqual(
    courses.map(({ id }) => id),
    [1, 20, 10],
  )
  const mixed = await new Promise((resolve, reject) => {
    const calls = [
      [catalog.title, { id: 3 }, { timeout: 5000 }],
      [Catalog.methods.Title.path, messages.Id.encode({ id: 4 })],
    ]
    client.all(calls, (error, results) => (error ? reject(error) : resolve(results)))
  })
  assert.equal(mixed[0].id, 3)
  assert.equal(messages.Course.decode(mixed[1]).id, 4)
  let calledBack = 0
  const failed = await new Promise((resolve) => {
    client.all(
      [
        [catalog.title, { id: 99 }],
        [catalog.title, { id: 13 }],
        [catalog.title, { id: 1 }],
      ],
      (...args) => {
        calledBack++
        resolve(args)
      },
    )
  })
  assert.deepEqual([failed[0].code, failed[1]], ['THIRTEEN', undefined])
  await client.call(Catalog.methods.Title.path)
  assert.deepEqual([calledBack, aborted], [1, [99]])
  assert.deepEqual(await client.all([]), [])
  await new Promise((resolve) =>
    client.all(new Set(), (error, results) => resolve(assert.deepEqual([error, results], [null, []]))),
  )
  assert.throws(() => client.all(5, () => {}), { message: /"calls" argument/ })
  // The mistake in the last call ends those before it.
  assert.throws(() => client.all([[catalog.title, { id: 99 }], 'title'], () => assert.fail()), {
    code: 'ERR_INVALID_ARG_TYPE',
    message: /calls\[1\]/,
  })
  await client.call(Catalog.methods.Title.path)
  assert.deepEqual([client.pending, aborted], [0, [99, 99]])
})
