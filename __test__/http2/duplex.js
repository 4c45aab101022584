'use strict'

const { Duplex } = require('node:stream')

/** Two streams: what one is written, the other reads. */
function duplexPair() {
  const make = () =>
    new Duplex({
      read() {
        this.wanted?.()
        this.wanted = undefined
      },
      write(chunk, _encoding, callback) {
        if (this.other.push(chunk)) callback()
        else this.other.wanted = callback
      },
      final(callback) {
        this.other.push(null)
        callback()
      },
    })
  const [one, other] = [make(), make()]
  one.other = other
  other.other = one
  return [one, other]
}

module.exports = { duplexPair }
