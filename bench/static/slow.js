'use strict'

// The cost of clients that do not read: resident memory of a server with many of them in the middle of a large file.

const path = require('node:path')
const { withChildren } = require('../lib/child.js')
const { interleave } = require('../lib/stats.js')
const { possible } = require('../http/measures/idle.js')
const { withFolder } = require('./folder.js')
const { withServers } = require('./measure.js')

const driver = path.join(__dirname, 'drivers', 'slow.js')

/** Readers before the first measurement, so that one-time allocations are not counted. */
const WARM_UP = 64

function sample(one, name, cores, readers) {
  return withFolder((root) =>
    withServers(one, [name], root, cores?.measured, ([{ child, port }]) =>
      withChildren([[driver, [], cores?.load]], async ([driver]) => {
        await driver.call('open', port, '/10m.bin', Math.min(WARM_UP, readers))
        const before = await child.call('rss')
        await driver.call('open', port, '/10m.bin', readers)
        return { rss: ((await child.call('rss')) - before) / 1e6 }
      }),
    ),
  )
}

module.exports = {
  name: 'slow',
  title: '10,000 readers of 10 MB that stopped reading',
  contenders: ['ironwire', 'nginx'],
  metrics: { rss: { title: 'MB RSS more', better: 'lower' } },
  run({ one, names, cores, rounds, notes, readers = possible(notes) }) {
    const contenders = names.map((name) => ({ name }))
    return interleave({ contenders, rounds, sample: ({ name }) => sample(one, name, cores, readers) })
  },
}
