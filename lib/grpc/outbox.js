'use strict'

// Messages of a stream on their way out: those of a turn leave together.

const { Buffer } = require('node:buffer')
const { setImmediate } = require('node:timers')
const { native } = require('../engine.js')
const constants = require('../constants.js')
const { flushLater } = require('../rpc/tick.js')

const { END, FRAMES } = constants.grpcSend
const { ALL, CLOSED } = constants.grpcSent
const HEAD = 5
/** Bytes of a stream that gather in one turn. */
const ENOUGH = 16 * 1024
const EMPTY = Buffer.alloc(0)

const scratch = Buffer.allocUnsafeSlow(2 * ENOUGH)

class Outbox {
  /** `call` has `link`, and `stream`, which is 0 until there is one. */
  constructor(call) {
    this.call = call
    this.messages = []
    this.bytes = 0
    this.ends = false
    this.scheduled = false
    /** The peer's windows are full, or the connection is. */
    this.blocked = false
    /** The writer that waits. */
    this.callback = null
    this.open = true
  }

  /** Takes a message; calls back when there may be another. */
  write(message, callback) {
    if (!this.open) return callback()
    this.messages.push(message)
    this.bytes += HEAD + message.length
    this.schedule()
    if (this.blocked || this.bytes >= ENOUGH) this.callback = callback
    else callback()
  }

  end() {
    this.ends = true
    this.schedule()
  }

  schedule() {
    if (this.scheduled || this.blocked) return
    this.scheduled = true
    flushLater(this)
  }

  /** The turn is over. */
  release() {
    this.scheduled = false
    if (!this.open || this.blocked) return
    // Where there is no connection yet, its beginning drains this.
    if (this.call.stream === 0) this.blocked = true
    else this.flush()
    if (this.callback !== null && !this.blocked) {
      const { callback } = this
      this.callback = null
      // Not in this turn, or who writes as long as he may would never let another.
      setImmediate(callback)
    }
  }

  /** Sends what there is now. */
  flush() {
    const { messages, ends, call } = this
    const { link, stream } = call
    if (messages.length === 0 && !ends) return
    this.ends = false
    this.messages = []
    const length = this.bytes
    this.bytes = 0
    if (link.closing) return
    const frames = length === 0 ? EMPTY : framed(messages, length)
    const sent = native.grpcWrite(link.id, stream, ends ? FRAMES | END : FRAMES, frames, length)
    if (sent < 0) return
    if ((sent & CLOSED) !== 0) link.closed(stream)
    else if ((sent & ALL) === 0) this.blocked = true
  }

  /** The call is over: nothing more is sent, and nobody waits for that. */
  stop() {
    this.open = false
    this.messages = []
    this.bytes = 0
    const { callback } = this
    this.callback = null
    if (callback !== null) setImmediate(callback)
  }

  onDrained() {
    this.blocked = false
    this.release()
  }
}

function framed(messages, length) {
  const bytes = length <= scratch.length ? scratch : Buffer.allocUnsafeSlow(length)
  let at = 0
  for (const message of messages) {
    const size = message.length
    bytes[at] = 0
    bytes.writeUInt32BE(size, at + 1)
    bytes.set(message, at + HEAD)
    at += HEAD + size
  }
  return bytes
}

module.exports = { Outbox }
