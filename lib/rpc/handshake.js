'use strict'

// How two peers prove to each other that they know the same secret, before anything else is sent: each chooses a random
// nonce and sends an HMAC over everything that both have sent so far. docs/rpc-protocol.md describes it byte by byte.

const { Buffer } = require('node:buffer')
const constants = require('../constants')
const { FULL_VERSION } = require('./protocol')

const { NONCE_SIZE } = constants.rpc
const { SECRET } = constants.prefaceFlag

/** Loaded only when there is a secret: a Node built without OpenSSL has no node:crypto. */
const crypto = () => require('node:crypto')

/**
 * Part of each proof: names the side that proves. Without it, a proof could be sent back to its sender as the answer.
 */
const CLIENT = 'ironwire rpc client'
const SERVER = 'ironwire rpc server'

/** Whether the sender of a preface has a secret and expects its peer to know it. */
const announcesSecret = ({ version, flags }) => version >= FULL_VERSION && (flags & SECRET) !== 0

class Handshake {
  constructor(secrets) {
    this.secrets = secrets
    /** This end's preface as bytes; the peer's preface parsed, and as bytes. */
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
  /** The bytes sent to the client after its preface has arrived. */
  challenge() {
    this.nonce = crypto().randomBytes(NONCE_SIZE)
    return this.nonce
  }

  /** The bytes sent to the client in reply to its nonce and proof; null when the proof is wrong. */
  answer(body) {
    const nonce = body.subarray(0, NONCE_SIZE)
    const proof = body.subarray(NONCE_SIZE)
    this.transcript = [this.theirs, this.own, this.nonce, nonce]
    // Check all secrets, so that the time taken does not reveal which one matches.
    const known = this.secrets.filter((secret) => crypto().timingSafeEqual(this.prove(secret, CLIENT), proof))
    return known.length === 0 ? null : this.prove(known[0], SERVER)
  }
}

class ClientHandshake extends Handshake {
  /** The bytes sent to the server in reply to its nonce. */
  respond(challenge) {
    this.nonce = crypto().randomBytes(NONCE_SIZE)
    this.transcript = [this.own, this.theirs, Buffer.from(challenge), this.nonce]
    return Buffer.concat([this.nonce, this.prove(this.secrets[0], CLIENT)])
  }

  /** Whether the server has proven that it knows the secret. */
  isAnsweredBy(proof) {
    return crypto().timingSafeEqual(this.prove(this.secrets[0], SERVER), proof)
  }
}

module.exports = { ServerHandshake, ClientHandshake, announcesSecret, SECRET }
