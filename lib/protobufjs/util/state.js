'use strict'

// npm `long`, if the program has it; found in the same way as protobufjs does. 64-bit integers are its Longs then, and
// numbers otherwise. It is not a dependency, because nothing here needs it, and a Long of our own copy would not be an
// instance of the program's.

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

/** The settings that `configure()` copies from `util`: the class of 64-bit integers, and whether Buffers are Node's. */
const state = { Long: find(), isUsualBuffer: true }

module.exports = state
