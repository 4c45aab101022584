'use strict'

/** How far a number may be behind the highest one to be told from those that were there already. */
const WINDOW = 1024
const WORD = 32

/** Which of the numbers up to the highest one were there: RFC 6479's window, for calls that nobody answers. */
class Replay {
  constructor() {
    this.highest = -1
    // One more than the window, since a word is forgotten as a whole.
    this.words = new Uint32Array(WINDOW / WORD + 1)
  }

  /** Whether `number` comes for the first time; one that is too old to tell does not. */
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
