'use strict'

// gRPC over one connection. Client and server are separate processes on a core each, both of the same implementation.
// Messages have 32 bytes and use each implementation's usual codec. Calls have metadata and a deadline, and handlers
// read the metadata.

const path = require('node:path')
const { metricsOf, sampleCalls } = require('../lib/calls.js')
const { withChildren } = require('../lib/child.js')
const { twoCores } = require('../lib/machine.js')
const { interleave } = require('../lib/stats.js')
const tonic = require('./tonic.js')

exports.title = 'grpc: calls and streams over one connection'
exports.metrics = metricsOf('server')

const names = ['ironwire', '@grpc/grpc-js', 'tonic']

/** For streams the metrics are per message. */
const streamed = {
  client: { title: 'client µs CPU/message', better: 'lower' },
  server: { title: 'server µs CPU/message', better: 'lower' },
  rate: { title: 'messages/s', better: 'higher' },
}

const cases = (seconds) => [
  ...[64, 1].map((inFlight) => ({
    name: `${inFlight} in flight`,
    metrics: exports.metrics,
    sample: (contender) => sampleCalls(contender, 'run', inFlight, seconds),
  })),
  {
    name: 'a stream from the server',
    metrics: streamed,
    async sample({ servers: [server], client }) {
      const before = await server.call('cpu')
      const { messages, cpu, rate } = await client.call('take', seconds)
      return { client: cpu / messages, server: ((await server.call('cpu')) - before) / messages, rate }
    },
  },
]

exports.run = async ({ rounds, seconds, wants, wantsCase }, notes) => {
  const cores = twoCores(notes)
  const missing = wants('tonic') ? tonic.missing() : undefined
  if (missing) notes.push(`tonic is left out: ${missing}`)
  else if (wants('tonic')) notes.push(`tonic is ${tonic.version()}, on one thread`)
  const chosen = names.filter((name) => wants(name) && !(name === 'tonic' && missing))
  const start = (name, core) =>
    name === 'tonic' ? new tonic.Tonic(core) : [path.join(__dirname, 'peer.js'), [name], core]
  const processes = (name) => [start(name, cores?.load), start(name, cores?.measured)]
  return withChildren(chosen.flatMap(processes), async (children) => {
    const contenders = []
    for (const [i, name] of chosen.entries()) {
      const [server, client] = children.slice(2 * i, 2 * i + 2)
      await client.call('connect', await server.call('listen'))
      contenders.push({ name, servers: [server], client })
    }
    const done = []
    for (const { name, metrics, sample } of cases(seconds).filter(({ name }) => wantsCase(name))) {
      for (const one of contenders) await sample(one)
      done.push({ name, metrics, results: await interleave({ contenders, rounds, sample }) })
    }
    return done
  })
}
