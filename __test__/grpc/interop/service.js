'use strict'

// The server of the interop tests, for either implementation (`module`), as in doc/interop-test-descriptions.md of
// grpc/grpc.

const INITIAL = 'x-grpc-test-echo-initial'
const TRAILING = 'x-grpc-test-echo-trailing-bin'

const payload = (size) => ({ type: 0, body: Buffer.alloc(size) })

/** Metadata that a caller wants to have echoed: the first field at once, the second in the trailers. */
function echo(module, call) {
  const metadata = [INITIAL, TRAILING].map((key) => {
    const copy = new module.Metadata()
    for (const value of call.metadata.get(key)) copy.add(key, value)
    return copy
  })
  if (call.metadata.get(INITIAL).length > 0) call.sendMetadata(metadata[0])
  return metadata[1]
}

const statusOf = ({ response_status: wanted }) => wanted?.code && { code: wanted.code, details: wanted.message }

const pause = (time) => new Promise((resolve) => setTimeout(resolve, time / 1000))

/** Sends the responses that a request of a stream asks for. */
async function answer(call, { response_parameters: parameters }) {
  for (const { size, interval_us: interval } of parameters) {
    if (interval > 0) await pause(interval)
    if (call.cancelled) return
    if (!call.write({ payload: payload(size) })) await new Promise((resolve) => call.once('drain', resolve))
  }
}

function service(module) {
  return {
    emptyCall: (call, callback) => callback(null, {}, echo(module, call)),

    unaryCall(call, callback) {
      const trailers = echo(module, call)
      const status = statusOf(call.request)
      if (status) return callback({ ...status, metadata: trailers })
      callback(null, { payload: payload(call.request.response_size) }, trailers)
    },

    streamingInputCall(call, callback) {
      const trailers = echo(module, call)
      let size = 0
      call.on('data', ({ payload }) => {
        size += payload.body.length
      })
      call.on('end', () => callback(null, { aggregated_payload_size: size }, trailers))
    },

    async streamingOutputCall(call) {
      const trailers = echo(module, call)
      const status = statusOf(call.request)
      if (status) return call.emit('error', { ...status, metadata: trailers })
      await answer(call, call.request)
      call.end(trailers)
    },

    fullDuplexCall(call) {
      const trailers = echo(module, call)
      let done = Promise.resolve()
      call.on('data', (request) => {
        const status = statusOf(request)
        if (status) call.emit('error', { ...status, metadata: trailers })
        else done = done.then(() => answer(call, request))
      })
      call.on('end', () => done.then(() => call.end(trailers)))
    },

    halfDuplexCall(call) {
      const trailers = echo(module, call)
      const requests = []
      call.on('data', (request) => requests.push(request))
      call.on('end', async () => {
        for (const request of requests) await answer(call, request)
        call.end(trailers)
      })
    },
  }
}

module.exports = { service, INITIAL, TRAILING }
