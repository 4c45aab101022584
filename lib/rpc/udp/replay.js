'use strict'

/** How far a number may be below the highest one and still be recognized as new or as a repeat. */
const WINDOW = 1024
const WORD = 32

/** Remembers which of the recent numbers were received: the window of RFC 6479, for one-way calls. */
class Replay {
  constructor() {
    this.highest = -1
    // One word more than the window, because words are cleared as a whole.
    this.words = new Uint32Array(WINDOW / WORD + 1)
  }

  /** Whether `number` is received for the first time. Returns false for a number that is too old to tell. */
  accept(number) {
    if (number <= this.highest - WINDOW) return false
    const word = Math.floor(number / WORD)
    if (number > this.highest) {
      const last = Math.floor(this.highest / WORD)
      const from = Math.max(last + 1, word - this.words.length + 1)
      for (let i = from; i <= word; i++) this.words[i % this.words.length] = 0
      this.highest = number
    }
    const at = word % this.words.length
    const bit = 1 << (number % WORD)
    if ((this.words[at] & bit) !== 0) return false
    this.words[at] |= bit
    return true
  }
}

module.exports = { Replay }
