'use strict'

// Layouts against code written by hand with Buffer's methods, and against other packages, interleaved in one process.

const { installPeers, peerVersion } = require('../lib/peers.js')
const { interleave } = require('../lib/stats.js')
const { timer } = require('../lib/timer.js')
const { names } = require('./contenders.js')
const { buildCases } = require('./operations.js')

exports.title = 'codec: time of one operation'
exports.metrics = {
  time: { title: 'ns CPU/op', better: 'lower' },
  rate: { title: 'ops/s', better: 'higher' },
}

/** A sample takes this share of `--seconds`, because there are many cases and contenders. */
const SHARE = 0.1

exports.run = async ({ rounds, seconds, wants, wantsCase }, notes) => {
  const peers = names.filter((name) => name !== 'ironwire' && !name.includes(' ') && wants(name))
  if (peers.length > 0) {
    installPeers()
    notes.push(`peers: ${peers.map((name) => `${name} ${peerVersion(name)}`).join(', ')}`)
  }
  const cases = []
  for (const { name, title, note, operations } of buildCases(wants, wantsCase, notes)) {
    const contenders = [...operations].map(([contender, operation]) => ({
      name: contender,
      sample: timer(operation, `${name}, ${contender}`),
    }))
    for (const { sample } of contenders) sample(seconds * SHARE)
    const results = await interleave({ contenders, rounds, sample: ({ sample }) => sample(seconds * SHARE) })
    cases.push({ name, title, note, results })
  }
  return cases
}
