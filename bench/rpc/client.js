'use strict'

// One contender's client: `node client.js NAME`. Keeps a number of calls in flight on one connection for a while.

const { expose } = require('../lib/child.js')
const { keepInFlight } = require('../lib/in-flight.js')
const contender = require('./contenders/index.js')[process.argv[2]]

let call

expose({
  async connect(port) {
    call = await contender.connect(port)
  },
  run(inFlight, seconds, bytes) {
    const body = Buffer.alloc(bytes, 'ironwire')
    return keepInFlight({
      call: (callback) => call(body, callback),
      accept: (reply) => (reply.length === bytes ? undefined : `a reply of ${reply.length} bytes, not ${bytes}`),
      inFlight,
      seconds,
    })
  },
  /** Whether a reply is the body of its own call, not of a neighbour's. */
  check: () =>
    Promise.all(
      Array.from({ length: 100 }, (_, i) => {
        const body = Buffer.alloc(i, i)
        return new Promise((resolve, reject) => {
          call(body, (error, reply) => {
            if (error) reject(error)
            else if (!body.equals(reply)) reject(new Error(`call ${i} got ${reply.toString('hex')}`))
            else resolve()
          })
        })
      }),
    ).then(() => true),
})
