'use strict'

// One contender's client: `node client.js NAME`, with TLS if `tls` follows. Keeps a number of calls in flight on one
// connection for a while, or receives a stream.

const { expose } = require('../lib/child.js')
const { echoInFlight, keepInFlight } = require('../lib/in-flight.js')
const { course } = require('./course.js')
const [, , name, secure] = process.argv
const contender = require('./contenders/index.js')[name]

/** Reading the clock for each message would be most of the work. */
const TIMED_EVERY = 1024

let client
/** Idle connections. */
const kept = []

expose({
  async connect(port) {
    client = await contender.connect(port, secure !== undefined)
  },
  /** Opens `count` more connections with one call each, and keeps them open. */
  async open(port, count) {
    const body = Buffer.from('ironwire')
    while (count-- > 0) {
      const one = await contender.connect(port, secure !== undefined)
      kept.push(one)
      await new Promise((resolve, reject) => one.call(body, (error) => (error ? reject(error) : resolve())))
    }
  },
  run: (...how) => echoInFlight((body, callback) => client.call(body, callback), ...how),
  runTyped(inFlight, seconds) {
    return keepInFlight({
      call: (callback) => client.typed(course, callback),
      accept: ({ id, title }) =>
        id === course.id && title === course.title ? undefined : `a reply of ${id}, ${title}, not what was sent`,
      inFlight,
      seconds,
    })
  },
  /** Receives a stream for `seconds`, through `iterate` (for await) or `listen` ('data'). */
  async take(how, seconds) {
    const before = process.cpuUsage()
    const started = performance.now()
    const end = started + seconds * 1000
    let messages = 0
    await client[how]((message) => {
      if (message.id !== course.id) throw new Error(`a message of ${message.id}, not ${course.id}`)
      return ++messages % TIMED_EVERY !== 0 || performance.now() < end
    })
    const { user, system } = process.cpuUsage(before)
    return { messages, cpu: user + system, rate: messages / ((performance.now() - started) / 1000) }
  },
  /** Checks that each reply is the body of its own call. */
  check: () =>
    Promise.all(
      Array.from({ length: 100 }, (_, i) => {
        const body = Buffer.alloc(i, i)
        return new Promise((resolve, reject) => {
          client.call(body, (error, reply) => {
            if (error) reject(error)
            else if (!body.equals(reply)) reject(new Error(`call ${i} got ${reply.toString('hex')}`))
            else resolve()
          })
        })
      }),
    ).then(() => true),
})
