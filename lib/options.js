'use strict'

// Our own options are checked for unknown names: a typo such as `{ requestCret: true }`, if ignored, would let
// everybody in.

const { makeError } = require('./errors.js')

/**
 * Throws `IRONWIRE_UNKNOWN_OPTION` for the first option of `given` that is not in `known`. `path` is the name of
 * `given` in the error.
 */
function refuseUnknown(given, known, path = 'options') {
  for (const name of Object.keys(given)) {
    if (!known.includes(name) && given[name] !== undefined) throw unknownOption(`${path}.${name}`, name, known)
  }
}

function unknownOption(where, name, known) {
  const near = nearest(name, known)
  const hint = near === undefined ? `Known are ${known.join(', ')}` : `Did you mean "${near}"?`
  return makeError(TypeError, 'IRONWIRE_UNKNOWN_OPTION', `There is no option "${where}". ${hint}`, refuseUnknown)
}

/** The known name with the smallest edit distance, if that is small for its length. */
function nearest(name, known) {
  let best
  let least = Math.max(1, Math.floor(name.length / 3)) + 1
  for (const candidate of known) {
    const distance = edits(name.toLowerCase(), candidate.toLowerCase())
    if (distance < least) {
      least = distance
      best = candidate
    }
  }
  return best
}

/** The Levenshtein distance, computed row by row. */
function edits(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1]
    for (let j = 0; j < b.length; j++) {
      next.push(Math.min(next[j] + 1, row[j + 1] + 1, row[j] + (a[i] === b[j] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length]
}

module.exports = { refuseUnknown, nearest }
