'use strict'

// The cost of an idle connection: resident memory of a server per kept connection that has had one answer.

const path = require('node:path')
const { setTimeout } = require('node:timers/promises')
const { withChildren } = require('../../lib/child.js')
const { interleave } = require('../../lib/stats.js')
const { server } = require('./served.js')

const driver = path.join(__dirname, '..', 'drivers', 'idle.js')

const WANTED = 10_000

/** File descriptors that a process needs besides its connections, with a reserve. */
const OTHER_DESCRIPTORS = 200

/**
 * Connections before the first measurement, so that one-time allocations are not counted. Few, because the memory that
 * they leave behind is reused.
 */
const WARM_UP = 64

/**
 * The number of connections that one process may have on this machine, up to the wanted number. Node raises its soft
 * limit by itself.
 */
function possible(notes) {
  const { soft } = process.report.getReport().userLimits?.open_files ?? {}
  if (!(soft - OTHER_DESCRIPTORS < WANTED)) return WANTED
  const connections = soft - OTHER_DESCRIPTORS
  if (connections < 100) throw new Error(`ulimit -n is ${soft}: too low to keep idle connections`)
  notes.push(`idle: ${connections} connections, not ${WANTED}, because ulimit -n is ${soft}`)
  return connections
}

/** Starts a new server for every sample, because memory is rarely given back. */
function sample(name, cores, connections) {
  const starts = [
    [server, ['patient', name], cores?.measured],
    [driver, [], cores?.load],
  ]
  return withChildren(starts, async ([server, driver]) => {
    const port = await server.call('listen')
    const open = async (count) => {
      await driver.call('open', port, count)
      const there = await server.call('connections')
      if (there !== count) throw new Error(`idle: ${name} counts ${there} connections, not ${count}`)
    }
    await open(Math.min(WARM_UP, connections))
    await driver.call('close')
    while ((await server.call('connections')) > 0) await setTimeout(10)
    const before = await server.call('rss')
    await open(connections)
    return { rss: ((await server.call('rss')) - before) / connections }
  })
}

module.exports = {
  possible,
  name: 'idle',
  title: '10,000 idle keep-alive connections',
  contenders: ['ironwire', 'node:http'],
  metrics: { rss: { title: 'bytes RSS/connection', better: 'lower' } },
  /** `connections` is passed by the test of this measure, which has less time. */
  run({ names, cores, rounds, notes, connections = possible(notes) }) {
    const contenders = names.map((name) => ({ name }))
    return interleave({ contenders, rounds, sample: ({ name }) => sample(name, cores, connections) })
  },
}
