'use strict'

// What addressing and balancing cost: calls of one server by its address, and of four by their name through a registry.

const path = require('node:path')
const { withChildren } = require('../lib/child.js')
const { twoCores } = require('../lib/machine.js')
const { interleave } = require('../lib/stats.js')

const BODY_BYTES = 16
const SERVERS = 4

exports.title = 'addressing: 16 bytes there and back, to one server by address and to four through a registry'
exports.metrics = {
  client: { title: 'client µs CPU/call', better: 'lower' },
  servers: { title: 'servers µs CPU/call', better: 'lower' },
  rate: { title: 'calls/s', better: 'higher' },
  p99: { title: 'p99 µs', better: 'lower' },
}

const names = ['by address', 'by name']

exports.run = async ({ rounds, seconds, wants, wantsCase }, notes) => {
  const cores = twoCores(notes)
  const server = [path.join(__dirname, 'server.js'), [], cores?.load]
  const client = [path.join(__dirname, 'client.js'), [], cores?.measured]
  const starts = [server, ...Array(SERVERS).fill(server), client, client]
  return withChildren(starts, async ([registry, ...others]) => {
    const servers = others.slice(0, SERVERS)
    const [direct, named] = others.slice(SERVERS)
    const port = await registry.call('registry')
    const ports = await Promise.all(servers.map((one) => one.call('serve', port)))
    await direct.call('connect', `127.0.0.1:${ports[0]}`)
    await named.call('connect', `registry://127.0.0.1:${port}/echo`, SERVERS)
    const contenders = [
      { name: names[0], client: direct, servers: servers.slice(0, 1) },
      { name: names[1], client: named, servers },
    ].filter(({ name }) => wants(name))
    const cases = []
    for (const inFlight of [1, 64, 1024]) {
      const name = `${inFlight} in flight`
      if (!wantsCase(name)) continue
      for (const { client } of contenders) await client.call('run', inFlight, seconds / 2, BODY_BYTES)
      const results = await interleave({
        contenders,
        rounds,
        async sample({ client, servers }) {
          const used = async () => (await Promise.all(servers.map((one) => one.call('cpu')))).reduce((a, b) => a + b)
          const before = await used()
          const { calls, cpu, rate, p99 } = await client.call('run', inFlight, seconds, BODY_BYTES)
          return { client: cpu / calls, servers: ((await used()) - before) / calls, rate, p99 }
        },
      })
      cases.push({ name, inFlight, results })
    }
    return cases
  })
}
