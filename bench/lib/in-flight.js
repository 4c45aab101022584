'use strict'

// A client's loop: keeps a number of calls in flight, and starts a new one whenever one ends.

/**
 * Only one call in this many is timed, because reading the clock costs as much as a whole call of the fastest
 * contender.
 */
const TIMED_EVERY = 64

/**
 * Keeps `inFlight` calls going for `seconds`, then waits for the last ones. `call(callback)` starts a call;
 * `accept(reply)` returns what is wrong with a reply, if anything. Resolves to `{calls, cpu, rate, p99}`: CPU time of
 * this process in microseconds, calls per second, and microseconds.
 */
function keepInFlight({ call, accept, inFlight, seconds }) {
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
      const wrong = accept(reply)
      if (wrong) return reject(new Error(wrong))
      calls++
      open--
      if (running) start()
      else if (open === 0) finish()
    }
    function start() {
      open++
      if (calls % TIMED_EVERY !== 0) return call(ended)
      const at = performance.now()
      call((error, reply) => {
        const now = performance.now()
        latencies.push(now - at)
        if (now >= end) running = false
        ended(error, reply)
      })
    }
    for (let i = 0; i < inFlight; i++) start()
  })
}

/** The same with bodies of `bytes` that are echoed: `call(body, callback)`. */
function echoInFlight(call, inFlight, seconds, bytes) {
  const body = Buffer.alloc(bytes, 'ironwire')
  return keepInFlight({
    call: (callback) => call(body, callback),
    accept: (reply) => (reply.length === bytes ? undefined : `a reply of ${reply.length} bytes, not ${bytes}`),
    inFlight,
    seconds,
  })
}

module.exports = { echoInFlight, keepInFlight }
