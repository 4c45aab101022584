'use strict'

// Datagrams echoed over the loopback. Client and server are separate processes on a core each. CPU time is per round
// trip: each side has received and sent one datagram.

const path = require('node:path')
const { withChildren } = require('../lib/child.js')
const { twoCores } = require('../lib/machine.js')
const { interleave } = require('../lib/stats.js')

exports.title = 'dgram: datagrams there and back'
exports.metrics = {
  both: { title: 'µs CPU/datagram', better: 'lower' },
  server: { title: 'of the server', better: 'lower' },
  client: { title: 'of the client', better: 'lower' },
  rate: { title: 'datagrams/s', better: 'higher' },
  p99: { title: 'p99 µs', better: 'lower' },
}

const names = ['ironwire', 'node:dgram']

/** `peer` names the contender whose client drives both servers, instead of each one's own. */
const loads = [
  { name: '64 bytes, 32 in flight', bytes: 64, inFlight: 32 },
  { name: '64 bytes, 1 in flight', bytes: 64, inFlight: 1 },
  { name: '1,200 bytes, 32 in flight', bytes: 1200, inFlight: 32 },
  { name: '64 bytes, 32 in flight, from 32 sockets', bytes: 64, inFlight: 32, sockets: 32 },
  { name: "64 bytes, 32 in flight, from node:dgram's client", bytes: 64, inFlight: 32, peer: 'node:dgram' },
]

exports.run = async ({ rounds, seconds, wants, wantsCase }, notes) => {
  const cores = twoCores(notes)
  const chosen = names.filter(wants)
  const cases = []
  for (const { name, bytes, inFlight, sockets = 1, peer } of loads.filter((load) => wantsCase(load.name))) {
    const starts = chosen.flatMap((name) => [
      [path.join(__dirname, 'server.js'), [name], cores?.load],
      [path.join(__dirname, 'client.js'), [peer ?? name], cores?.measured],
    ])
    const results = await withChildren(starts, async (children) => {
      const contenders = []
      for (const [i, name] of chosen.entries()) {
        const [server, client] = children.slice(2 * i, 2 * i + 2)
        await client.call('connect', await server.call('listen'), sockets)
        await client.call('check')
        await client.call('run', inFlight, seconds / 2, bytes)
        contenders.push({ name, server, client })
      }
      return interleave({
        contenders,
        rounds,
        async sample({ server, client }) {
          const before = await server.call('cpu')
          const { calls, cpu, rate, p99 } = await client.call('run', inFlight, seconds, bytes)
          const served = (await server.call('cpu')) - before
          return { both: (cpu + served) / calls, server: served / calls, client: cpu / calls, rate, p99 }
        },
      })
    })
    cases.push({ name, results })
  }
  return cases
}
