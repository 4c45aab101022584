'use strict'

// npm `long`, if the program has it, as protobufjs finds it: 64-bit integers are its Longs then, and numbers otherwise. It is not a
// dependency, as nothing here needs it: a Long of ours would be none to the program's own `long`.

function find() {
  const { dcodeIO, Long } = globalThis
  if (dcodeIO?.Long || Long) return dcodeIO?.Long || Long
  try {
    const found = require('long')
    const long = found?.isLong ? found : found?.default
    return long?.isLong ? long : null
  } catch {
    return null
  }
}

/** What `configure()` takes over from `util`, where programs set it: the class of 64-bit integers, and whether Buffers are Node's. */
const state = { Long: find(), isUsualBuffer: true }

module.exports = state
