'use strict'

// RPC over one connection: many calls in flight, and streams. Client and server are separate processes on a core each.
// Every call sends a body of at least 16 bytes, or a message of 32 bytes, which the server echoes. Streams consist of
// such messages, which are encoded and decoded.

const path = require('node:path')
const { callsCase, metricsOf, sampleCalls } = require('../lib/calls.js')
const { withChildren } = require('../lib/child.js')
const { twoCores } = require('../lib/machine.js')
const { interleave } = require('../lib/stats.js')

/** The name of a case, the calls in flight, and the size of a body in bytes. */
const CALLS = [
  ['1 in flight', 1, 16],
  ['64 in flight', 64, 16],
  ['1024 in flight', 1024, 16],
  ['64 in flight of 1 KiB', 64, 1024],
  ['64 in flight of 64 KiB', 64, 64 * 1024],
]

/** The cases that are also measured over TLS. */
const SECURE = ['1 in flight', '64 in flight', '64 in flight of 64 KiB']
const OVER_TLS = ', over TLS'
const IDLE_CASE = '1,000 idle connections'

/** The number of idle connections. */
const IDLE = 1000
/** Connections opened before, so that one-time allocations are not counted. */
const WARM_UP = 64

exports.title = 'rpc: calls and streams over one connection'
exports.metrics = metricsOf('server')

const names = ['ironwire', 'node:net', 'node:net, corked', '@grpc/grpc-js']
const secureNames = ['ironwire', 'node:tls', 'node:tls, corked', '@grpc/grpc-js']

/** Cases with a typed message in both directions. */
function typed(seconds) {
  return [1, 64, 1024].map((inFlight) => ({
    name: `a message of 32 bytes, ${inFlight} in flight`,
    metrics: exports.metrics,
    sample: (contender) => sampleCalls(contender, 'runTyped', inFlight, seconds),
  }))
}

/** Cases with a stream from the server. */
function streams(seconds) {
  const ways = { 'for await': 'iterate', "'data'": 'listen' }
  return Object.entries(ways).map(([way, how]) => ({
    name: `a stream of such messages, by ${way}`,
    metrics: {
      client: { title: 'client µs CPU/message', better: 'lower' },
      server: { title: 'server µs CPU/message', better: 'lower' },
      rate: { title: 'messages/s', better: 'higher' },
    },
    async sample({ servers: [server], client }) {
      const before = await server.call('cpu')
      const { messages, cpu, rate } = await client.call('take', how, seconds)
      const served = (await server.call('cpu')) - before
      return { client: cpu / messages, server: served / messages, rate }
    },
  }))
}

/** Starts a new server for every sample, because memory is rarely given back. */
function idle(chosen, rounds, processes) {
  const sample = ({ name }) =>
    withChildren(processes(name), async ([server, client]) => {
      const port = await server.call('listen')
      await client.call('open', port, WARM_UP)
      const before = await server.call('memory')
      await client.call('open', port, IDLE)
      const { rss, heap } = await server.call('memory')
      return { rss: (rss - before.rss) / IDLE, heap: (heap - before.heap) / IDLE }
    })
  return interleave({ contenders: chosen.map((name) => ({ name })), rounds, sample })
}

/** Starts the contenders, each with a connected client, for `run(contenders, processes)`. */
function withContenders(chosen, cores, more, run) {
  const processes = (name) => [
    [path.join(__dirname, 'server.js'), [name, ...more], cores?.load],
    [path.join(__dirname, 'client.js'), [name, ...more], cores?.measured],
  ]
  return withChildren(chosen.flatMap(processes), async (children) => {
    const contenders = []
    for (const [i, name] of chosen.entries()) {
      const [server, client] = children.slice(2 * i, 2 * i + 2)
      await client.call('connect', await server.call('listen'))
      await client.call('check')
      contenders.push({ name, servers: [server], client })
    }
    return run(contenders, processes)
  })
}

exports.run = async ({ rounds, seconds, wants, wantsCase }, notes) => {
  const cores = twoCores(notes)
  const cases = []
  const idleCase = async (name, chosen, processes) => {
    if (!wantsCase(name)) return
    const metrics = {
      rss: { title: 'server bytes RSS/connection', better: 'lower' },
      // RSS includes whole steps by which the heap grows, so the heap is shown separately.
      heap: { title: 'JavaScript bytes/connection', better: 'lower' },
    }
    cases.push({ name, metrics, results: await idle(chosen, rounds, processes) })
  }
  const chosen = names.filter(wants)
  await withContenders(chosen, cores, [], async (contenders, processes) => {
    for (const [name, inFlight, bytes] of CALLS) {
      if (!wantsCase(name)) continue
      cases.push(await callsCase(name, inFlight, bytes, { contenders, rounds, seconds }))
    }
    for (const { name, metrics, sample } of [...typed(seconds), ...streams(seconds)]) {
      if (!wantsCase(name)) continue
      for (const one of contenders) await sample(one)
      cases.push({ name, metrics, results: await interleave({ contenders, rounds, sample }) })
    }
    await idleCase(IDLE_CASE, chosen, processes)
  })
  const wanted = [...SECURE, IDLE_CASE].filter((name) => wantsCase(name + OVER_TLS))
  const secure = secureNames.filter(wants)
  if (wanted.length === 0 || secure.length === 0) return cases
  await withContenders(secure, cores, ['tls'], async (contenders, processes) => {
    for (const [name, inFlight, bytes] of CALLS.filter(([name]) => SECURE.includes(name))) {
      if (!wanted.includes(name)) continue
      cases.push(await callsCase(name + OVER_TLS, inFlight, bytes, { contenders, rounds, seconds }))
    }
    await idleCase(IDLE_CASE + OVER_TLS, secure, processes)
  })
  return cases
}
