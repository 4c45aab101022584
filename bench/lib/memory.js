'use strict'

const v8 = require('node:v8')
const vm = require('node:vm')

/** Bytes of this process without what only waits to be collected: `rss` are resident, `heap` what JavaScript keeps. */
function memory() {
  v8.setFlagsFromString('--expose-gc')
  const gc = vm.runInNewContext('gc')
  // Twice: what the first one found to be free frees memory outside the heap, too.
  gc()
  gc()
  const { rss, heapUsed, external } = process.memoryUsage()
  return { rss, heap: heapUsed + external }
}

module.exports = { memory }
