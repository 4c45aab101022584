'use strict'

// How two peers show each other that they know the same secret, before anything else is said: each draws a number at random, and proves the secret by
// an HMAC over what both have said so far. docs/rpc-protocol.md has it byte by byte.

const { Buffer } = require('node:buffer')
const constants = require('../constants')
const { FULL_VERSION } = require('./protocol')

const { NONCE_SIZE } = constants.rpc
const { SECRET } = constants.prefaceFlag

/** Loaded where there is a secret: a Node that was built without OpenSSL has none. */
const crypto = () => require('node:crypto')

/** Who proves: no end's proof is good as the other's, sent back to where it comes from. */
const CLIENT = 'ironwire rpc client'
const SERVER = 'ironwire rpc server'

/** Whether the sender of a preface has a secret, and wants its peer to know it. */
const announcesSecret = ({ version, flags }) => version >= FULL_VERSION && (flags & SECRET) !== 0

class Handshake {
  constructor(secrets) {
    this.secrets = secrets
    /** This end's preface as bytes; the peer's as it was read, and as bytes. */
    this.own = null
    this.preface = null
    this.theirs = null
    this.nonce = null
    this.transcript = null
  }

  prove(secret, who) {
    const hmac = crypto().createHmac('sha256', secret).update(who)
    for (const part of this.transcript) hmac.update(part)
    return hmac.digest()
  }
}

class ServerHandshake extends Handshake {
  /** What the client is sent once its preface has come. */
  challenge() {
    this.nonce = crypto().randomBytes(NONCE_SIZE)
    return this.nonce
  }

  /** What the client is sent for its nonce and proof; null when that proves nothing. */
  answer(body) {
    const nonce = body.subarray(0, NONCE_SIZE)
    const proof = body.subarray(NONCE_SIZE)
    this.transcript = [this.theirs, this.own, this.nonce, nonce]
    // All of them, so that the time does not tell which of them it is.
    const known = this.secrets.filter((secret) => crypto().timingSafeEqual(this.prove(secret, CLIENT), proof))
    return known.length === 0 ? null : this.prove(known[0], SERVER)
  }
}

class ClientHandshake extends Handshake {
  /** What the server is sent for its nonce. */
  respond(challenge) {
    this.nonce = crypto().randomBytes(NONCE_SIZE)
    this.transcript = [this.own, this.theirs, Buffer.from(challenge), this.nonce]
    return Buffer.concat([this.nonce, this.prove(this.secrets[0], CLIENT)])
  }

  /** Whether the server knows the secret too. */
  isAnsweredBy(proof) {
    return crypto().timingSafeEqual(this.prove(this.secrets[0], SERVER), proof)
  }
}

module.exports = { ServerHandshake, ClientHandshake, announcesSecret, SECRET }
