'use strict'

// Protobuf packages on the same values, interleaved in one process. Time is CPU time of the process, including the
// helper threads of the garbage collector.

const { execFile } = require('node:child_process')
const path = require('node:path')
const { promisify } = require('node:util')
const { installPeers, peerVersion } = require('../lib/peers.js')
const { interleave } = require('../lib/stats.js')
const { timer } = require('../lib/timer.js')
const { names } = require('./contenders.js')
const { buildCases } = require('./operations.js')

exports.title = 'protobuf: time and memory of one operation'
exports.metrics = {
  time: { title: 'ns CPU/op', better: 'lower' },
  rate: { title: 'ops/s', better: 'higher' },
  bytes: { title: 'bytes allocated/op', better: 'lower' },
}

/**
 * A sample takes this share of `--seconds`, because there are many cases and contenders, and no connections to warm up.
 */
const SHARE = 0.1

/** The bytes per operation of every case, measured in a separate process. */
async function memory(only, one) {
  const flags = ['--expose-gc', '--min-semi-space-size=64', '--max-semi-space-size=64']
  const file = path.join(__dirname, 'memory.js')
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, file, only.join('|'), one], {
    maxBuffer: 1 << 20,
  })
  return JSON.parse(stdout)
}

exports.run = async ({ rounds, seconds, wants, wantsCase, oneCase = '' }, notes) => {
  const chosen = names.filter(wants)
  const peers = chosen.filter((name) => !name.startsWith('ironwire'))
  if (peers.length > 0) {
    installPeers()
    const packages = peers.filter((name) => !name.includes(','))
    notes.push(`peers: ${packages.map((name) => `${name} ${peerVersion(name)}`).join(', ')}`)
  }
  const built = await buildCases(wants, wantsCase, notes)
  const allocated = await memory(chosen, oneCase)
  const cases = []
  for (const { name, title, note, operations } of built) {
    const contenders = [...operations].map(([contender, operation]) => ({
      name: contender,
      sample: timer(operation, `${name}, ${contender}`),
    }))
    for (const { sample } of contenders) sample(seconds * SHARE)
    const results = await interleave({ contenders, rounds, sample: ({ sample }) => sample(seconds * SHARE) })
    for (const { contender, metrics } of results) {
      const bytes = allocated[name]?.[contender]
      if (bytes !== undefined) metrics.bytes = { median: bytes, min: bytes, max: bytes, samples: [bytes] }
    }
    cases.push({ name, title, note, results })
  }
  return cases
}
