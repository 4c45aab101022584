'use strict'

// Metadata: valid entries, both directions, and limits.

const assert = require('node:assert/strict')
const { inspect } = require('node:util')
const test = require('node:test')
const { rpc } = require('../../index.js')
const { pair } = require('./tools.js')

const { Metadata } = rpc

test('keys are in lower case and have one value or more; those that end in -bin have bytes', () => {
  const metadata = new Metadata({ Trace: 'a', list: ['b', 'c'], 'key-bin': new Uint8Array([1, 255]), none: undefined })
  assert.equal(metadata.get('TRACE'), 'a')
  assert.equal(metadata.get('list'), 'c')
  assert.deepEqual(metadata.getAll('list'), ['b', 'c'])
  assert.deepEqual([...metadata.get('key-bin')], [1, 255])
  assert.deepEqual([metadata.size, metadata.has('none'), metadata.get('nothing')], [4, false, undefined])
  metadata.append('trace', 'd').set('list', 'e')
  assert.deepEqual(metadata.getAll('trace'), ['a', 'd'])
  assert.deepEqual([metadata.delete('trace'), metadata.delete('trace')], [true, false])
  assert.deepEqual(
    [...metadata].map(([key]) => key),
    ['list', 'key-bin'],
  )
  assert.equal(inspect(new Metadata({ a: 'b' })), "Metadata { a: [ 'b' ] }")
  assert.deepEqual([...new Metadata(new Map([['a', 'b']]))], [['a', 'b']])
  assert.deepEqual([...new Metadata(metadata)].length, 2)
  assert.equal(new Metadata(JSON.parse('{"__proto__": "x"}')).get('__proto__'), 'x')
})

test('invalid metadata is refused, with what would be valid', () => {
  const wrong = [
    [() => new Metadata({ 'a b': 'x' }), /letters, digits/],
    [() => new Metadata({ '': 'x' }), /1 to 255/],
    [() => new Metadata({ ['k'.repeat(256)]: 'x' }), /1 to 255/],
    [() => new Metadata({ ä: 'x' }), /letters, digits/],
    [() => new Metadata({ a: 5 }), /of type string for a/],
    [() => new Metadata({ a: Buffer.alloc(1) }), /only keys that end in "-bin" have bytes/],
    [() => new Metadata({ 'a-bin': 'x' }), /Buffer or Uint8Array for a-bin/],
    [() => new Metadata({ a: '\ud800' }), /lone surrogate/],
    [() => new Metadata('text'), /of type object/],
    [() => new Metadata().get(5), /of type string/],
  ]
  for (const [run, message] of wrong) assert.throws(run, { message })
})

test('metadata goes both ways, of unary calls and of streams', async (t) => {
  const { server, client } = await pair(t)
  server.method('echo', (request, callback, call) => callback(null, request, call.metadata))
  server.method('field', async (request, _callback, call) => {
    call.trailers = { size: String(request.length) }
    return request
  })
  server.method('stream', { serverStreaming: true }, async function* (_request, call) {
    call.trailers = call.metadata
    yield Buffer.from('x')
  })
  server.method('fails', (_request, callback, call) => {
    call.trailers = { left: 'none' }
    callback(new Error('no'))
  })
  const call = (method, options) =>
    new Promise((resolve, reject) => {
      client.call(method, Buffer.from('body'), options, (error, reply, metadata) => {
        if (error) reject(error)
        else resolve([String(reply), metadata === undefined ? undefined : metadata.toJSON()])
      })
    })
  const metadata = { token: 'secret', 'raw-bin': Buffer.from([0, 200]), many: ['1', '', 'ä'] }
  const expected = { token: ['secret'], 'raw-bin': [Buffer.from([0, 200])], many: ['1', '', 'ä'] }
  assert.deepEqual(await call('echo', { metadata }), ['body', expected])
  assert.deepEqual(await call('echo', { metadata: new Metadata(metadata) }), ['body', expected])
  assert.deepEqual(await call('echo'), ['body', undefined])
  assert.deepEqual(await call('echo', { metadata: {} }), ['body', undefined])
  assert.deepEqual(await call('field'), ['body', { size: ['4'] }])
  const stream = client.stream('stream', null, { metadata })
  for await (const _ of stream);
  assert.deepEqual(stream.trailers.toJSON(), expected)
  await assert.rejects(call('fails'), (error) => error.metadata.get('left') === 'none')
  // Large bodies, and the largest metadata allowed.
  const large = { a: 'x'.repeat(8000) }
  const body = Buffer.alloc(200_000, 7)
  await new Promise((resolve) => {
    client.call('echo', body, { metadata: large }, (error, reply, back) => {
      assert.equal(error, null)
      assert.ok(reply.equals(body))
      assert.equal(back.get('a').length, 8000)
      resolve()
    })
  })
})

test('metadata above the limits is refused: the call fails, the connection stays', async (t) => {
  const { server, client } = await pair(
    t,
    { maxMetadataBytes: 100, maxMetadataEntries: 3 },
    { maxMetadataBytes: 50, maxMetadataEntries: 2 },
  )
  let handled = 0
  server.method('any', (_request, callback, call) => {
    handled++
    callback(null, null, call.metadata)
  })
  server.method('fails', (_request, callback, call) => {
    callback(new rpc.StatusError(rpc.status.NOT_FOUND, 'gone', { metadata: call.metadata }))
  })
  const refused = { code: 'IRONWIRE_RPC_METADATA_TOO_LARGE', status: rpc.status.RESOURCE_EXHAUSTED }
  // An entry takes 3 bytes in addition to its key and value.
  await client.call('any', null, { metadata: { a: 'x'.repeat(46) } })
  await assert.rejects(client.call('any', null, { metadata: { a: 'x'.repeat(97) } }), {
    ...refused,
    message: /refused .* metadata of 101 bytes is above the limit of 100/,
  })
  await assert.rejects(client.call('any', null, { metadata: { a: ['', '', '', ''] } }), {
    ...refused,
    message: /more entries than the limit of 3/,
  })
  assert.equal(handled, 1)
  await assert.rejects(client.call('any', null, { metadata: { a: 'x'.repeat(47) } }), {
    ...refused,
    message: /answer's metadata of 51 bytes is above the limit of 50/,
  })
  await assert.rejects(client.call('any', null, { metadata: { a: ['', '', ''] } }), refused)
  await assert.rejects(
    client.call('fails', null, { metadata: { a: 'x'.repeat(60) } }),
    (error) => error.status === rpc.status.NOT_FOUND && error.metadata === undefined,
    'the error itself still arrives',
  )
  assert.throws(() => client.call('any', null, { metadata: { a: 'x'.repeat(65533) } }, () => {}), {
    code: 'ERR_INVALID_ARG_VALUE',
    message: /no more than 65535 bytes/,
  })
  assert.throws(() => client.call('any', null, { metadata: { 'a b': '' } }, () => {}), {
    code: 'ERR_INVALID_ARG_VALUE',
  })
  assert.deepEqual([client.stats.connections, client.pending], [1, 0])
  const failures = []
  server.on('handlerError', (error) => failures.push(error.code))
  server.method('bad', (_request, callback) => callback(null, null, { 'a b': '' }))
  await assert.rejects(client.call('bad'), { remote: true, code: 'ERR_INVALID_ARG_VALUE' })
  assert.deepEqual(failures, ['ERR_INVALID_ARG_VALUE'])
})
