'use strict'

// RPC over one connection, many calls in flight: client and server are processes of their own, on a core each.
// Every call sends 16 bytes and gets them back.

const path = require('node:path')
const { withChildren } = require('../lib/child.js')
const { twoCores } = require('../lib/machine.js')
const { interleave } = require('../lib/stats.js')

const BODY_BYTES = 16

exports.title = 'rpc: 16 bytes there and back over one connection'
exports.metrics = {
  client: { title: 'client µs CPU/call', better: 'lower' },
  server: { title: 'server µs CPU/call', better: 'lower' },
  rate: { title: 'calls/s', better: 'higher' },
  p99: { title: 'p99 µs', better: 'lower' },
}

const names = ['ironwire', 'node:net', 'node:net, corked']

exports.run = async ({ rounds, seconds, wants, wantsCase }, notes) => {
  const cores = twoCores(notes)
  const chosen = names.filter(wants)
  const starts = chosen.flatMap((name) => [
    [path.join(__dirname, 'server.js'), [name], cores?.load],
    [path.join(__dirname, 'client.js'), [name], cores?.measured],
  ])
  return withChildren(starts, async (children) => {
    const contenders = []
    for (const [i, name] of chosen.entries()) {
      const [server, client] = children.slice(2 * i, 2 * i + 2)
      await client.call('connect', await server.call('listen'))
      await client.call('check')
      contenders.push({ name, server, client })
    }
    const cases = []
    for (const inFlight of [1, 64, 1024]) {
      const name = `${inFlight} in flight`
      if (!wantsCase(name)) continue
      for (const { client } of contenders) await client.call('run', inFlight, seconds / 2, BODY_BYTES)
      const results = await interleave({
        contenders,
        rounds,
        async sample({ server, client }) {
          const before = await server.call('cpu')
          const { calls, cpu, rate, p99 } = await client.call('run', inFlight, seconds, BODY_BYTES)
          const served = (await server.call('cpu')) - before
          return { client: cpu / calls, server: served / calls, rate, p99 }
        },
      })
      cases.push({ name, inFlight, results })
    }
    return cases
  })
}
