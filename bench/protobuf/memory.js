'use strict'

// Measures the bytes allocated per operation in a separate process, whose young generation is so large that nothing is
// collected while an operation is repeated. `node --expose-gc --min-semi-space-size=… memory.js ONLY|… CASES` prints
// {case: {contender: bytes}}.

const { GCProfiler } = require('node:v8')
const { picks } = require('../lib/picks.js')
const { buildCases } = require('./operations.js')

/** Repetitions stay below this many bytes, well under the semi-space. */
const BUDGET = 24 << 20

const sink = { last: undefined }

function used() {
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** The bytes that `count` runs allocate; undefined if a collection ran in between. */
function allocated(operation, count) {
  // Twice: buffers found by the first collection are freed in the background, and the second one waits for that.
  global.gc()
  global.gc()
  const profiler = new GCProfiler()
  profiler.start()
  const before = used()
  for (let i = 0; i < count; i++) sink.last = operation(i)
  const after = used()
  return profiler.stop().statistics.length === 0 ? after - before : undefined
}

function bytesPerOperation(operation) {
  // Warm up until the code is compiled, because compiled code is allocated memory, too.
  const end = performance.now() + 300
  for (let i = 0; performance.now() < end; i++) sink.last = operation(i)
  let count = 1
  let result
  for (;;) {
    const bytes = allocated(operation, count)
    if (bytes === undefined) break
    result = Math.max(0, bytes / count)
    if (bytes > BUDGET / 4 || count >= 1 << 16) break
    count *= 2
  }
  return result
}

async function main() {
  const [only, cases] = process.argv.slice(2)
  const wants = (name) => only.split('|').includes(name)
  const report = {}
  for (const { name, operations } of await buildCases(wants, picks(cases), [])) {
    report[name] = {}
    for (const [contender, operation] of operations) report[name][contender] = bytesPerOperation(operation)
  }
  process.stdout.write(`${JSON.stringify(report)}\n`)
}

main()
