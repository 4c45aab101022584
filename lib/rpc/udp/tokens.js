'use strict'

// What shows that a client gets what is sent to its address: it was sent there, and only there, and it comes back.

const { Buffer } = require('node:buffer')
const { createHmac, randomBytes, timingSafeEqual } = require('node:crypto')
const { TOKEN_SIZE } = require('./datagram')

/** Tokens are made with the time in such steps, in milliseconds, and taken in the step that they are of and in the next. */
const STEP = 15_000

/** How long a token may be good for. What was under way with one when its connection was forgotten is not let in any more after that. */
const LIFETIME = 2 * STEP

class Tokens {
  constructor() {
    this.secret = randomBytes(32)
  }

  /** For this connection from this address. Nothing is kept of it. */
  make(connection, from, time) {
    return this.of(connection, from, Math.floor(time / STEP))
  }

  check(token, connection, from, time) {
    const step = Math.floor(time / STEP)
    return [step, step - 1].some((each) => timingSafeEqual(token, this.of(connection, from, each)))
  }

  of(connection, { address, port }, step) {
    const place = Buffer.from(`${step} ${port} ${address} `)
    return createHmac('sha256', this.secret).update(place).update(connection).digest().subarray(0, TOKEN_SIZE)
  }
}

module.exports = { Tokens, LIFETIME }
