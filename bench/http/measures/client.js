'use strict'

// HTTP clients: CPU time of the client process per request, with 64 in flight over a pool of kept connections. All
// clients use the same server: ours, because it is the cheapest one that is always available, so that it does not limit
// the clients.

const path = require('node:path')
const { withChildren } = require('../../lib/child.js')
const { interleave } = require('../../lib/stats.js')
const { server } = require('./served.js')

const client = path.join(__dirname, '..', 'drivers', 'client.js')

const metrics = {
  cpu: { title: 'client µs CPU/request', better: 'lower' },
  rate: { title: 'requests/s', better: 'higher' },
  p99: { title: 'p99 µs', better: 'lower' },
}

/** A case with the server of a given program. */
const clientCase = (program, given) => ({
  ...given,
  metrics,
  run: ({ names, cores, rounds, seconds }) =>
    withChildren(
      [[server, [program, 'ironwire'], cores?.load], ...names.map((name) => [client, [name], cores?.measured])],
      async ([server, ...clients]) => {
        const port = await server.call('listen')
        const contenders = names.map((name, i) => ({ name, client: clients[i] }))
        for (const { client } of contenders) await client.call('connect', port, program === 'secure patient')
        for (const { client } of contenders) await client.call('run', seconds)
        return interleave({
          contenders,
          rounds,
          async sample({ client }) {
            const { calls, cpu, rate, p99 } = await client.call('run', seconds)
            return { cpu: cpu / calls, rate, p99 }
          },
        })
      },
    ),
})

module.exports = [
  clientCase('patient', {
    name: 'client',
    title: 'client: GET hello, 64 in flight, keep-alive',
    contenders: ['ironwire', 'node:http', 'undici'],
  }),
  clientCase('secure patient', {
    name: 'https client',
    title: 'client: GET hello over TLS 1.3, 64 in flight, keep-alive',
    contenders: ['ironwire', 'node:https', 'undici'],
  }),
]
