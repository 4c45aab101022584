'use strict'

// How long an operation takes, in CPU time of the process: what the collector's helper threads use is in it.

/**
 * A loop of its own for each operation: in one that they shared, every call would be megamorphic. The text differs too, as V8
 * caches functions by their source.
 */
function makeLoop(id) {
  return new Function(
    'operation',
    'count',
    `/* ${id} */ let last; for (let i = 0; i < count; i++) last = operation(i); return last`,
  )
}

/** Where results go, so that no compiler can tell that nobody wants them. */
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
      // Batches of about a twentieth of the sample, so that reading the clock costs nothing.
      if (now - from < seconds * 50) count *= 2
      elapsed = now - started
    }
    const { user, system } = process.cpuUsage(before)
    return { time: ((user + system) * 1000) / done, rate: (done / elapsed) * 1000 }
  }
}

module.exports = { timer }
