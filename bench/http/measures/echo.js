'use strict'

// The layer below `http`: an echo server of `net`. 64 connections each send a message of 64 bytes whenever the previous
// one is back.

const path = require('node:path')
const { withChildren } = require('../../lib/child.js')
const { interleave } = require('../../lib/stats.js')
const { server } = require('./served.js')

const driver = path.join(__dirname, '..', 'drivers', 'echo.js')

module.exports = {
  name: 'net',
  title: '`net`: echo of 64-byte messages, 64 connections',
  contenders: ['ironwire', 'node:net'],
  metrics: {
    cpu: { title: 'µs CPU/message', better: 'lower' },
    rate: { title: 'messages/s', better: 'higher' },
    p99: { title: 'p99 µs', better: 'lower' },
  },
  run: ({ names, cores, rounds, seconds }) =>
    withChildren(
      names.flatMap((name) => [
        [server, ['echo', name], cores?.measured],
        [driver, [], cores?.load],
      ]),
      async (children) => {
        const contenders = names.map((name, i) => ({ name, server: children[2 * i], driver: children[2 * i + 1] }))
        for (const { server, driver } of contenders) await driver.call('connect', await server.call('listen'))
        for (const { driver } of contenders) await driver.call('run', seconds / 2)
        return interleave({
          contenders,
          rounds,
          async sample({ server, driver }) {
            const before = await server.call('cpu')
            const { calls, rate, p99 } = await driver.call('run', seconds)
            return { cpu: ((await server.call('cpu')) - before) / calls, rate, p99 }
          },
        })
      },
    ),
}
