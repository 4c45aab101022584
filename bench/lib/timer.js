'use strict'

// Measures operations in CPU time of the process, which includes the helper threads of the garbage collector.

/**
 * Each operation gets its own loop: in a shared one, every call would be megamorphic. The source text differs too,
 * because V8 caches functions by their source.
 */
function makeLoop(id) {
  return new Function(
    'operation',
    'count',
    `/* ${id} */ let last; for (let i = 0; i < count; i++) last = operation(i); return last`,
  )
}

/** Results are stored here, so that the compiler cannot remove the operation. */
const sink = { last: undefined }

function timer(operation, id) {
  const loop = makeLoop(id)
  let count = 1
  return (seconds) => {
    const started = performance.now()
    const before = process.cpuUsage()
    let done = 0
    let elapsed = 0
    while (elapsed < seconds * 1000) {
      const from = performance.now()
      sink.last = loop(operation, count)
      done += count
      const now = performance.now()
      // Batches take about a twentieth of the sample, so that the cost of reading the clock is negligible.
      if (now - from < seconds * 50) count *= 2
      elapsed = now - started
    }
    const { user, system } = process.cpuUsage(before)
    return { time: ((user + system) * 1000) / done, rate: (done / elapsed) * 1000 }
  }
}

module.exports = { timer }
