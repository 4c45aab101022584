'use strict'

/** False where no code may be generated: under `--disallow-code-generation-from-strings`. */
function canGenerate() {
  try {
    new Function('')
    return true
  } catch {
    return false
  }
}

exports.canGenerate = canGenerate()
