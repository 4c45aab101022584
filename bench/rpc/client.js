'use strict'

// One contender's client: `node client.js NAME`. Keeps a number of calls in flight on one connection for a while.

const { expose } = require('../lib/child.js')
const contender = require('./contenders/index.js')[process.argv[2]]

/** Reading the clock costs as much as a whole call of the fastest contender: only one call in so many is timed. */
const TIMED_EVERY = 64

let call

/** Starts a call whenever one ends, `inFlight` at a time, for `seconds`; then lets the last ones end. */
function run(inFlight, seconds, bytes) {
  const body = Buffer.alloc(bytes, 'ironwire')
  const end = performance.now() + seconds * 1000
  const before = process.cpuUsage()
  const started = performance.now()
  const latencies = []
  let calls = 0
  let open = 0
  let running = true
  return new Promise((resolve, reject) => {
    function finish() {
      const { user, system } = process.cpuUsage(before)
      const elapsed = (performance.now() - started) / 1000
      latencies.sort((a, b) => a - b)
      const p99 = latencies[Math.floor(latencies.length * 0.99)] * 1000
      resolve({ calls, cpu: user + system, rate: calls / elapsed, p99 })
    }
    function ended(error, reply) {
      if (error) return reject(error)
      if (reply.length !== bytes) return reject(new Error(`a reply of ${reply.length} bytes, not ${bytes}`))
      calls++
      open--
      if (running) start()
      else if (open === 0) finish()
    }
    function start() {
      open++
      if (calls % TIMED_EVERY !== 0) return call(body, ended)
      const at = performance.now()
      call(body, (error, reply) => {
        const now = performance.now()
        latencies.push(now - at)
        if (now >= end) running = false
        ended(error, reply)
      })
    }
    for (let i = 0; i < inFlight; i++) start()
  })
}

expose({
  async connect(port) {
    call = await contender.connect(port)
  },
  run,
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
