'use strict'

// The server's cost of a TLS connection with a single request: CPU time of its process per connection. It is driven by
// a client of ours, because wrk decides by itself when to resume sessions.

const path = require('node:path')
const { withChildren } = require('../../lib/child.js')
const { interleave } = require('../../lib/stats.js')
const { serverOf } = require('./served.js')

const driver = path.join(__dirname, '..', 'drivers', 'handshakes.js')

const handshakeCase = (name, title, resumes) => ({
  name,
  title,
  contenders: ['ironwire', 'node:https', 'nginx'],
  metrics: { cpu: { title: 'µs CPU/connection', better: 'lower' }, rate: { title: 'connections/s', better: 'higher' } },
  run: ({ names, cores, rounds, seconds }) =>
    withChildren(
      [[driver, [], cores?.load], ...names.map((name) => serverOf('secure hello', name, cores?.measured))],
      async ([client, ...servers]) => {
        const contenders = []
        for (const [i, name] of names.entries()) {
          const port = await servers[i].call('listen')
          await client.call('run', port, resumes, seconds / 2)
          contenders.push({ name, server: servers[i], port })
        }
        return interleave({
          contenders,
          rounds,
          async sample({ server, port }) {
            const before = await server.call('cpu')
            const { requests, rate } = await client.call('run', port, resumes, seconds)
            return { cpu: ((await server.call('cpu')) - before) / requests, rate }
          },
        })
      },
    ),
})

module.exports = [
  handshakeCase('https connections', 'hello over TLS 1.3, a connection each: full handshakes (ECDSA, P-256)', false),
  handshakeCase('https resumed', 'hello over TLS 1.3, a connection each: sessions are resumed', true),
]
