'use strict'

const v8 = require('node:v8')
const vm = require('node:vm')

/**
 * The memory of this process in bytes after a garbage collection: `rss` is resident memory, `heap` what JavaScript
 * holds.
 */
function memory() {
  v8.setFlagsFromString('--expose-gc')
  const gc = vm.runInNewContext('gc')
  // Twice: freeing the garbage of the first collection may release memory outside the heap, too.
  gc()
  gc()
  const { rss, heapUsed, external } = process.memoryUsage()
  return { rss, heap: heapUsed + external }
}

module.exports = { memory }
