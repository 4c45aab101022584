'use strict'

// The cost of addressing and balancing: calls to one server by its address, and to four servers by their name through a
// registry.

const path = require('node:path')
const { callsCase, metricsOf } = require('../lib/calls.js')
const { withChildren } = require('../lib/child.js')
const { twoCores } = require('../lib/machine.js')

const BODY_BYTES = 16
const SERVERS = 4

exports.title = 'addressing: 16 bytes there and back, to one server by address and to four through a registry'
exports.metrics = metricsOf('servers')

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
      cases.push(await callsCase(name, inFlight, BODY_BYTES, { contenders, rounds, seconds }))
    }
    return cases
  })
}
