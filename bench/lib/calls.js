'use strict'

// Calls there and back: what a client and its servers, processes of their own, use for each.

const { interleave } = require('./stats.js')

/** The metrics of a sample; `whose` has served. */
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

/** One sample: `run` is a function that the client exposes, and gives what `keepInFlight` does. */
async function sampleCalls({ client, servers }, run, ...args) {
  const before = await cpuOf(servers)
  const { calls, cpu, rate, p99 } = await client.call(run, ...args)
  return { client: cpu / calls, server: ((await cpuOf(servers)) - before) / calls, rate, p99 }
}

/** A case of calls with a body of `bytes`, of which so many are in flight. */
async function callsCase(name, inFlight, bytes, { contenders, rounds, seconds }) {
  for (const { client } of contenders) await client.call('run', inFlight, seconds / 2, bytes)
  const sample = (contender) => sampleCalls(contender, 'run', inFlight, seconds, bytes)
  return { name, inFlight, results: await interleave({ contenders, rounds, sample }) }
}

module.exports = { callsCase, metricsOf, sampleCalls }
