'use strict'

// Measures round trips: what a client and its servers, which are separate processes, use per call.

const { interleave } = require('./stats.js')

/** The metrics of a sample. `whose` names the servers in the titles. */
const metricsOf = (whose) => ({
  client: { title: 'client µs CPU/call', better: 'lower' },
  server: { title: `${whose} µs CPU/call`, better: 'lower' },
  rate: { title: 'calls/s', better: 'higher' },
  p99: { title: 'p99 µs', better: 'lower' },
})

async function cpuOf(servers) {
  const used = await Promise.all(servers.map((server) => server.call('cpu')))
  return used.reduce((sum, cpu) => sum + cpu, 0)
}

/** Takes one sample. `run` is a function exposed by the client, which returns the result of `keepInFlight`. */
async function sampleCalls({ client, servers }, run, ...args) {
  const before = await cpuOf(servers)
  const { calls, cpu, rate, p99 } = await client.call(run, ...args)
  return { client: cpu / calls, server: ((await cpuOf(servers)) - before) / calls, rate, p99 }
}

/** A case of calls with bodies of `bytes`, with `inFlight` of them in flight. */
async function callsCase(name, inFlight, bytes, { contenders, rounds, seconds }) {
  for (const { client } of contenders) await client.call('run', inFlight, seconds / 2, bytes)
  const sample = (contender) => sampleCalls(contender, 'run', inFlight, seconds, bytes)
  return { name, inFlight, results: await interleave({ contenders, rounds, sample }) }
}

module.exports = { callsCase, metricsOf, sampleCalls }
