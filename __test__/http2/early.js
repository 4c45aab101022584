'use strict'

// A server that answers before its client has ended the request, and a client that ends it when the answer has come and was not heard of: the answer lies
// with the system, and so does what has the program end the request, until one turn of the loop brings both.

const http2 = require('node:http2')
const { isMainThread, parentPort, Worker, workerData } = require('node:worker_threads')
const { once } = require('node:events')
const { setImmediate: turn } = require('node:timers/promises')

if (!isMainThread) {
  const { ended, fields, trailers } = workerData
  const server = http2.createServer()
  server.on('stream', (stream) => {
    stream.once('data', () => {
      stream.respond({ ':status': 200, ...fields }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers(trailers))
      stream.end()
      // It has left by then.
      setTimeout(() => {
        parentPort.postMessage('end')
        Atomics.add(ended, 0, 1)
        Atomics.notify(ended, 0)
      }, 10)
    })
    stream.resume()
  })
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))
}

/** Such a server until the test ends: its port, and `hold(end)`, which stops this thread until there is an answer to what was written, and has `end` called then. */
async function early(t, { fields = {}, trailers = {} } = {}) {
  const ended = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(__filename, { workerData: { ended, fields, trailers } })
  t.after(() => worker.terminate())
  const [port] = await once(worker, 'message')
  let round = 0
  const hold = async (end) => {
    const told = once(worker, 'message').then(end)
    // What was written leaves before the loop waits: the second turn is behind that.
    await turn()
    await turn()
    Atomics.wait(ended, 0, round++)
    await told
  }
  return { port, hold }
}

module.exports = { early }
