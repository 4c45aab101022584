'use strict'

/** False where code generation is not allowed: with `--disallow-code-generation-from-strings`. */
function canGenerate() {
  try {
    new Function('')
    return true
  } catch {
    return false
  }
}

exports.canGenerate = canGenerate()
