'use strict'

// Statistics of samples. Medians are used because other load on the machine would distort a mean.

function median(samples) {
  const sorted = [...samples].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** The summary of a metric for a report, with its samples in the order in which they were taken. */
function summarise(samples) {
  return { median: median(samples), min: Math.min(...samples), max: Math.max(...samples), samples }
}

/**
 * Takes `rounds` samples of every contender, interleaved, so that a slow phase of the machine affects all of them. Each
 * round starts with the next contender, so that none always follows the same other one. `sample(contender)` returns
 * `{metric: number}`; the result is one `{contender, metrics: {metric: summary}}` each.
 */
async function interleave({ contenders, rounds, sample }) {
  const taken = contenders.map(() => [])
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < contenders.length; i++) {
      const at = (round + i) % contenders.length
      taken[at].push(await sample(contenders[at]))
    }
  }
  return contenders.map((contender, at) => ({
    contender: contender.name,
    metrics: Object.fromEntries(
      Object.keys(taken[at][0]).map((metric) => [metric, summarise(taken[at].map((values) => values[metric]))]),
    ),
  }))
}

/**
 * How many times as much the best other contender takes as ours, by the median of a metric for which lower is better.
 * Undefined if one of the two is missing.
 */
function versusBest(results, metric) {
  const of = (result) => result.metrics[metric].median
  const ours = results.find((result) => result.contender === 'ironwire')
  // Another variant of ironwire does not count as another contender.
  const others = results.filter((result) => !result.contender.startsWith('ironwire'))
  if (!ours || others.length === 0) return undefined
  const best = others.reduce((least, result) => (of(result) < of(least) ? result : least))
  return { contender: best.contender, factor: of(best) / of(ours) }
}

module.exports = { versusBest, median, summarise, interleave }
