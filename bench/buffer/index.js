'use strict'

// Functions on whole buffers: those of `codec` against Buffer's own methods, at several sizes, interleaved in one
// process. The thresholds in lib/codec/bulk.js come from this table.

const { interleave } = require('../lib/stats.js')
const { timer } = require('../lib/timer.js')
const { operations, arrays } = require('./operations.js')

exports.title = 'buffer: time of one operation'
exports.metrics = { time: { title: 'ns CPU/op', better: 'lower' } }

const SIZES = { '16 B': 16, '256 B': 256, '4 KiB': 4096, '64 KiB': 65_536, '1 MiB': 1_048_576 }

/** The largest array has a million numbers. */
const ARRAY_SIZES = { '256 B': 256, '2 KiB': 2048, '64 KiB': 65_536, '2 MiB': 2_097_152 }

/** A sample takes this share of `--seconds`, because there are a hundred cases. */
const SHARE = 0.02

exports.run = async ({ rounds, seconds, wants, wantsCase }, notes) => {
  const cases = []
  const ratios = []
  for (const [operation, make] of Object.entries({ ...operations, ...arrays })) {
    const isArray = operation in arrays
    for (const [label, size] of Object.entries(isArray ? ARRAY_SIZES : SIZES)) {
      const name = `${operation}, ${label}`
      if (!wantsCase(name)) continue
      const [node, ironwire] = make(size)
      const contenders = Object.entries({ ironwire, 'node:buffer': node })
        .filter(([contender]) => wants(contender))
        .map(([contender, run]) => ({ name: contender, sample: timer(run, `${name}, ${contender}`) }))
      for (const { sample } of contenders) sample(seconds * SHARE)
      const sample = ({ sample: take }) => ({ time: take(seconds * SHARE).time })
      const results = await interleave({ contenders, rounds, sample })
      cases.push({ name, results })
      if (results.length === 2 && !isArray) ratios.push(results[1].metrics.time.median / results[0].metrics.time.median)
    }
  }
  const mean = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length)
  if (ratios.length > 1)
    notes.push(`the geometric mean of all operations of Buffer's: Node's methods take ${mean.toFixed(2)} × as much`)
  return cases
}
