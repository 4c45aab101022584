'use strict'

// What this process holds, for programs that run with `--expose-gc`: memory, descriptors, and what the engine counts.

const fs = require('node:fs')

/** Open descriptors, where the system lists them. */
function descriptors() {
  return process.platform === 'linux' ? fs.readdirSync('/proc/self/fd').length : undefined
}

function held(ours = true) {
  // The first collection finds what is dead, the second waits until the memory of its buffers is given back.
  global.gc()
  global.gc()
  const usage = ours ? require('../../lib/engine.js').usage() : undefined
  const { rss, heapUsed, external } = process.memoryUsage()
  return { rss, heap: heapUsed + external, usage, descriptors: descriptors() }
}

module.exports = { held }
