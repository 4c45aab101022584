'use strict'

// Tokens prove that a client receives what is sent to its address: the token was sent only there, and the client sends
// it back.

const { Buffer } = require('node:buffer')
const { createHmac, randomBytes, timingSafeEqual } = require('node:crypto')
const { TOKEN_SIZE } = require('./datagram')

/** The time step of tokens in milliseconds. A token is valid in its own step and in the next one. */
const STEP = 15_000

/** The longest time a token is valid, in milliseconds. After that, datagrams of a forgotten connection are rejected. */
const LIFETIME = 2 * STEP

class Tokens {
  constructor() {
    this.secret = randomBytes(32)
  }

  /** Makes a token for this connection from this address. The server keeps no state for it. */
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
