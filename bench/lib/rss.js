'use strict'

const v8 = require('node:v8')
const vm = require('node:vm')

/** Resident bytes of this process, without what only waits to be collected. */
function rss() {
  v8.setFlagsFromString('--expose-gc')
  const gc = vm.runInNewContext('gc')
  // Twice: what the first one found to be free frees memory outside the heap, too.
  gc()
  gc()
  return process.memoryUsage.rss()
}

module.exports = { rss }
