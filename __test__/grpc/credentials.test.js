'use strict'

// Call credentials: what they add, when they are asked, and how they fail, with @grpc/grpc-js at either end.

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { grpc, connect, serve } = require('./support.js')
const { ca, same, serveTls, connectTls, ending } = require('./secure.js')

/** Answers with the caller's metadata, without the user agent, which differs. */
const shown = {
  one(call, callback) {
    const { 'user-agent': _, ...metadata } = call.metadata.getMap()
    callback(null, JSON.stringify(metadata, Object.keys(metadata).sort()))
  },
}

/** Credentials that add one field. Its value shows what they were asked. */
const adding = (C, key = 'authorization', value) =>
  C.credentials.createFromMetadataGenerator((options, callback) => {
    const metadata = new C.Metadata()
    metadata.set(key, value ?? JSON.stringify(options))
    callback(null, metadata)
  })

const failing = (C, error) => C.credentials.createFromMetadataGenerator((_options, callback) => callback(error))

/**
 * Makes a call over TLS with all pairs of implementations and compares the results. `make(C)` returns the options of
 * the call, its metadata, and how the channel credentials are made.
 */
function sameCall(name, make) {
  same(name, async ({ S, C, t }) => {
    const port = await serveTls(t, S, shown)
    const { call = {}, channel = (credentials) => credentials, metadata = {} } = make(C)
    const client = connectTls(t, C, port, channel(C.credentials.createSsl(ca)))
    const given = new C.Metadata()
    for (const [key, value] of Object.entries(metadata)) given.set(key, value)
    return ending(client, given, call)
  })
}

sameCall('a call has credentials', (C) => ({ call: { credentials: adding(C) }, metadata: { mine: 'too' } }))
sameCall('a channel has credentials', (C) => ({ channel: (credentials) => credentials.compose(adding(C)) }))
sameCall('a call and its channel have credentials', (C) => ({
  call: { credentials: adding(C, 'one', '1') },
  channel: (credentials) => credentials.compose(adding(C, 'two', '2')).compose(adding(C, 'three', '3')),
}))
sameCall('channel credentials are combined with several call credentials', (C) => ({
  channel: (credentials) =>
    C.credentials.combineChannelCredentials(credentials, adding(C, 'one', '1'), adding(C, 'two', '2')),
}))
sameCall('several call credentials are combined', (C) => {
  const { combineCallCredentials, createEmpty } = C.credentials
  const all = combineCallCredentials(createEmpty(), adding(C, 'one', '1'), createEmpty(), adding(C, 'two', '2'))
  return { call: { credentials: all } }
})
sameCall('two credentials add to the same key', (C) => ({
  call: { credentials: adding(C, 'key', '1').compose(adding(C, 'key', '2')) },
  metadata: { key: '0' },
}))
sameCall('empty credentials', (C) => ({ call: { credentials: C.credentials.createEmpty() } }))
sameCall('two credentials set authorization', (C) => ({
  call: { credentials: adding(C) },
  channel: (credentials) => credentials.compose(adding(C)),
}))
sameCall('credentials and the caller both set authorization', (C) => ({
  call: { credentials: adding(C) },
  metadata: { authorization: 'mine' },
}))
sameCall('the call names a host', (C) => ({ call: { credentials: adding(C), host: 'other.test:444' } }))
sameCall('credentials fail', (C) => ({ call: { credentials: failing(C, new Error('no')) } }))
for (const code of [0, 5, 14, 16]) {
  sameCall(`they fail with the status ${code}`, (C) => ({
    call: { credentials: failing(C, Object.assign(new Error('no'), { code })) },
  }))
}
sameCall('credentials throw', (C) => ({
  call: {
    credentials: C.credentials.createFromMetadataGenerator(() => {
      throw new Error('thrown')
    }),
  },
}))
sameCall('one of several fails', (C) => ({
  call: { credentials: adding(C).compose(failing(C, new Error('no'))) },
}))
sameCall("a client of Google's", (C) => ({
  call: {
    credentials: C.credentials.createFromGoogleCredential({
      getRequestHeaders: async (url) => ({ Authorization: url, 'x-goog-user-project': 'p' }),
    }),
  },
}))
sameCall("an old client of Google's", (C) => ({
  call: {
    credentials: C.credentials.createFromGoogleCredential({
      getRequestMetadata: (url, callback) => callback(null, { authorization: url }),
    }),
  },
}))
sameCall("a client of Google's that fails", (C) => ({
  call: {
    credentials: C.credentials.createFromGoogleCredential({
      getRequestHeaders: async () => {
        throw Object.assign(new Error('no account'), { code: 16 })
      },
    }),
  },
}))
for (const headers of [null, undefined]) {
  sameCall(`an old client of Google's that gives ${headers}`, (C) => ({
    call: {
      credentials: C.credentials.createFromGoogleCredential({
        getRequestMetadata: (_url, callback) => callback(null, headers),
      }),
    },
  }))
}

same('call credentials without TLS', async ({ S, C, t }) => {
  const { port } = await serve(t, S, shown)
  return ending(connect(t, C, port), { credentials: adding(C, 'key') })
})

same('streams have call credentials', async ({ S, C, t }) => {
  const port = await serveTls(t, S, {
    chat(call) {
      call.write(call.metadata.get('key')[0])
      call.pipe(call)
    },
  })
  const late = C.credentials.createFromMetadataGenerator((_options, callback) => {
    const metadata = new C.Metadata()
    metadata.set('key', 'value')
    setImmediate(callback, null, metadata)
  })
  const call = connectTls(t, C, port).chat({ credentials: late })
  for (const word of ['one', 'two']) call.write(word)
  call.end()
  const words = []
  for await (const word of call) words.push(word)
  return words
})

test("a newer client of Google's gives headers as fetch has them", async (t) => {
  const port = await serveTls(t, grpc, shown)
  const credentials = grpc.credentials.createFromGoogleCredential({
    getRequestHeaders: async () => new Headers({ authorization: 'me' }),
  })
  assert.equal(await ending(connectTls(t, grpc, port), { credentials }), '{"authorization":"me"}')
})

/** Credentials that answer when the test says so, and a promise that they were asked. */
function held() {
  let answer
  let asked
  const begun = new Promise((resolve) => {
    asked = resolve
  })
  const credentials = grpc.credentials.createFromMetadataGenerator((_options, callback) => {
    answer = callback
    asked()
  })
  return { credentials, begun, answer: (...args) => answer(...args) }
}

test('deadlines, cancellation and closing the channel do not wait for credentials', async (t) => {
  const port = await serveTls(t, grpc, shown)
  const client = connectTls(t, grpc, port)
  assert.equal(await ending(client), '{}')
  const late = held()
  assert.equal((await ending(client, { credentials: late.credentials, deadline: Date.now() + 50 }))[0], 4)
  // The call has ended, so the answer comes too late.
  await late.begun
  late.answer(null, new grpc.Metadata())

  const cancelled = held()
  const ended = new Promise((resolve) => {
    const call = client.one('x', { credentials: cancelled.credentials }, resolve)
    cancelled.begun.then(() => call.cancel())
  })
  assert.equal((await ended).code, 1)
  cancelled.answer(new Error('too late'))

  const closed = held()
  const last = ending(client, { credentials: closed.credentials })
  await closed.begun
  client.close()
  closed.answer(null, new grpc.Metadata())
  assert.deepEqual(await last, [14, 'Channel closed before call started'])
})

test('credentials are asked for each call, and only when there is a connection', async (t) => {
  let asked = 0
  const credentials = grpc.credentials.createFromMetadataGenerator((_options, callback) => {
    asked++
    callback(null, new grpc.Metadata())
  })
  const { port, server } = await serve(t, grpc, shown)
  const client = connect(t, grpc, port)
  assert.equal(await ending(client, { credentials }), '{}')
  assert.equal(await ending(client, { credentials }), '{}')
  assert.equal(asked, 2)
  server.forceShutdown()
  const nowhere = connect(t, grpc, port)
  assert.equal((await ending(nowhere, { credentials }))[0], 14)
  assert.equal(asked, 2)
})
