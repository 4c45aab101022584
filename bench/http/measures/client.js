'use strict'

// The other end: CPU time of a client's process per request, 64 in flight over a pool of kept connections. All clients talk to
// one and the same server: ours, because it is the cheapest that is always there, and so waits for the client, not the other
// way round.

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

/** A case against the server of a program. */
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
