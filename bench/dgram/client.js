'use strict'

// One contender's client: `node client.js NAME`. Keeps a number of datagrams in flight for a while.

const { expose } = require('../lib/child.js')
const { echoInFlight } = require('../lib/in-flight.js')
const dgram = require('./modules.js')[process.argv[2]]

/**
 * In milliseconds. A datagram without an answer after this time is lost: the loopback drops what does not fit into a
 * receive buffer, and the client would wait forever.
 */
const LOST = 5_000

/** Returns `call(body, callback)` over a socket. Answers arrive in the order of the datagrams. */
function open(port) {
  return new Promise((resolve, reject) => {
    const waiting = []
    let next = 0
    const socket = dgram.createSocket('udp4', (message) => {
      const callback = waiting[next]
      waiting[next++] = undefined
      if (next === waiting.length) waiting.length = next = 0
      callback(null, message)
    })
    socket.on('error', reject)
    socket.bind(0, '127.0.0.1', () =>
      resolve((body, callback) => {
        waiting.push(callback)
        socket.send(body, port, '127.0.0.1')
      }),
    )
  })
}

let calls
let turn = 0

function call(body, callback) {
  turn = (turn + 1) % calls.length
  calls[turn](body, callback)
}

expose({
  async connect(port, sockets) {
    calls = await Promise.all(Array.from({ length: sockets }, () => open(port)))
  },
  run(inFlight, seconds, bytes) {
    const lost = setTimeout(
      () => {
        throw new Error('a datagram was lost')
      },
      seconds * 1000 + LOST,
    )
    return echoInFlight(call, inFlight, seconds, bytes).finally(() => clearTimeout(lost))
  },
  /** Checks that the answers are equal to what was sent. */
  check: () =>
    Promise.all(
      Array.from({ length: 100 }, (_, i) => {
        const body = Buffer.alloc(i, i)
        return new Promise((resolve, reject) => {
          call(body, (_, reply) => {
            if (body.equals(reply)) resolve()
            else reject(new Error(`datagram ${i} came back as ${reply.toString('hex')}`))
          })
        })
      }),
    ).then(() => true),
})
