'use strict'

// The client of the interop tests, for either implementation: the test cases by name, as in
// doc/interop-test-descriptions.md of grpc/grpc. Each makes its assertions. `other` is a client of a service that
// servers do not have.

const assert = require('node:assert/strict')
const { INITIAL, TRAILING } = require('./service.js')

const OK = 0
const CANCELLED = 1
const UNKNOWN = 2
const DEADLINE_EXCEEDED = 4
const UNIMPLEMENTED = 12

const REQUEST = 271_828
const RESPONSE = 314_159

const zeros = (size) => ({ body: Buffer.alloc(size) })
const large = () => ({ response_size: RESPONSE, payload: zeros(REQUEST) })

/** Resolves when a call has ended, with everything that it emitted. */
function follow(call, seen = { responses: [] }) {
  if (call.read !== undefined) call.on('data', (response) => seen.responses.push(response))
  call.on('metadata', (metadata) => {
    seen.initial = metadata
  })
  call.on('error', () => {})
  return new Promise((resolve) => {
    call.on('status', (status) => {
      seen.status = status
      setImmediate(resolve, seen)
    })
  })
}

/** A call with one response. */
function single(begin) {
  const seen = { responses: [] }
  const call = begin((error, response) => {
    if (error === null) seen.responses.push(response)
    else seen.error = error
  })
  return follow(call, seen)
}

const next = (call) => new Promise((resolve) => call.once('data', resolve))

function sizes({ responses }) {
  return responses.map(({ payload }) => {
    assert.ok(Buffer.alloc(payload.body.length).equals(payload.body))
    return payload.body.length
  })
}

function succeeded({ status }) {
  assert.equal(status.code, OK, status.details)
}

async function largeUnary(client, ...rest) {
  const call = await single((callback) => client.unaryCall(large(), ...rest, callback))
  succeeded(call)
  assert.deepEqual(sizes(call), [RESPONSE])
  return call
}

function echoing(module) {
  const metadata = new module.Metadata()
  metadata.set(INITIAL, 'test_initial_metadata_value')
  metadata.set(TRAILING, Buffer.from([0xab, 0xab, 0xab]))
  return metadata
}

function echoed({ initial, status }) {
  assert.deepEqual(initial.get(INITIAL), ['test_initial_metadata_value'])
  assert.deepEqual(status.metadata.get(TRAILING).map(Buffer.from), [Buffer.from([0xab, 0xab, 0xab])])
}

const stated = { code: UNKNOWN, message: 'test status message' }
const special = { code: UNKNOWN, message: '\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n' }

async function says(client, wanted) {
  const unary = await single((callback) => client.unaryCall({ response_status: wanted }, callback))
  assert.deepEqual([unary.error.code, unary.error.details], [wanted.code, wanted.message])
  const call = client.fullDuplexCall()
  call.end({ response_status: wanted })
  const { status } = await follow(call)
  assert.deepEqual([status.code, status.details], [wanted.code, wanted.message])
}

const cases = {
  async empty_unary({ client }) {
    const call = await single((callback) => client.emptyCall({}, callback))
    succeeded(call)
    assert.equal(call.responses.length, 1)
  },

  large_unary: ({ client }) => largeUnary(client),

  async client_streaming({ client }) {
    const call = await single((callback) => {
      const call = client.streamingInputCall(callback)
      for (const size of [27182, 8, 1828, 45904]) call.write({ payload: zeros(size) })
      call.end()
      return call
    })
    succeeded(call)
    assert.equal(call.responses[0].aggregated_payload_size, 74922)
  },

  async server_streaming({ client }) {
    const wanted = [31415, 9, 2653, 58979]
    const call = await follow(client.streamingOutputCall({ response_parameters: wanted.map((size) => ({ size })) }))
    succeeded(call)
    assert.deepEqual(sizes(call), wanted)
  },

  async ping_pong({ client }) {
    const call = client.fullDuplexCall()
    const done = follow(call)
    const wanted = [31415, 9, 2653, 58979]
    for (const [i, size] of [27182, 8, 1828, 45904].entries()) {
      const answer = next(call)
      call.write({ response_parameters: [{ size: wanted[i] }], payload: zeros(size) })
      await answer
    }
    call.end()
    succeeded(await done)
    assert.deepEqual(sizes(await done), wanted)
  },

  async half_duplex({ client }) {
    const call = client.halfDuplexCall()
    const done = follow(call)
    for (const size of [5, 50, 500]) call.write({ response_parameters: [{ size }, { size: size + 1 }] })
    call.end()
    succeeded(await done)
    assert.deepEqual(sizes(await done), [5, 6, 50, 51, 500, 501])
  },

  async empty_stream({ client }) {
    const call = client.fullDuplexCall()
    call.end()
    const done = await follow(call)
    succeeded(done)
    assert.equal(done.responses.length, 0)
  },

  async custom_metadata({ client, module }) {
    echoed(await largeUnary(client, echoing(module)))
    const call = client.fullDuplexCall(echoing(module))
    const done = follow(call)
    call.end({ response_parameters: [{ size: RESPONSE }], payload: zeros(REQUEST) })
    succeeded(await done)
    assert.deepEqual(sizes(await done), [RESPONSE])
    echoed(await done)
  },

  status_code_and_message: ({ client }) => says(client, stated),

  special_status_message: ({ client }) => says(client, special),

  async unimplemented_method({ client }) {
    const { error } = await single((callback) => client.unimplementedCall({}, callback))
    assert.equal(error.code, UNIMPLEMENTED)
  },

  async unimplemented_service({ other }) {
    const { error } = await single((callback) => other.unimplementedCall({}, callback))
    assert.equal(error.code, UNIMPLEMENTED)
  },

  async cancel_after_begin({ client }) {
    const { error } = await single((callback) => {
      const call = client.streamingInputCall(callback)
      setImmediate(() => call.cancel())
      return call
    })
    assert.equal(error.code, CANCELLED)
  },

  async cancel_after_first_response({ client }) {
    const call = client.fullDuplexCall()
    const done = follow(call)
    call.write({ response_parameters: [{ size: 31415 }], payload: zeros(27182) })
    await next(call)
    call.cancel()
    const { status, responses } = await done
    assert.deepEqual([status.code, responses.length], [CANCELLED, 1])
  },

  async timeout_on_sleeping_server({ client }) {
    const call = client.fullDuplexCall({ deadline: Date.now() + 1 })
    const done = follow(call)
    call.write({ payload: zeros(27182) })
    const { status } = await done
    assert.equal(status.code, DEADLINE_EXCEEDED)
  },

  async concurrent_large_unary({ client }) {
    await Promise.all(Array.from({ length: 20 }, () => largeUnary(client)))
  },

  /** Calls one after the other, over one channel. */
  async rpc_soak({ client }) {
    for (let i = 0; i < 10; i++) await largeUnary(client)
  },

  /** The same, with a channel for each call. */
  async channel_soak({ connect }) {
    for (let i = 0; i < 5; i++) {
      const client = connect()
      await largeUnary(client)
      client.close()
    }
  },
}

module.exports = { cases, large, largeUnary, single, RESPONSE }
