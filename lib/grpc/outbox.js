'use strict'

// The outgoing messages of a stream. Those of one turn of the event loop leave together.

const { Buffer } = require('node:buffer')
const { setImmediate } = require('node:timers')
const { native } = require('../engine.js')
const constants = require('../constants.js')
const { flushLater } = require('../rpc/tick.js')

const { END, FRAMES } = constants.grpcSend
const { ALL, CLOSED } = constants.grpcSent
const HEAD = 5
/** Bytes of one turn after which a writer has to wait. */
const ENOUGH = 16 * 1024
const EMPTY = Buffer.alloc(0)
/** Bytes that a kept message is estimated to take besides its content. */
const OVERHEAD = 100

const scratch = Buffer.allocUnsafeSlow(2 * ENOUGH)

class Outbox {
  /**
   * `call` has `link`, and `stream`, which is 0 until there is one. `keeps`: whether sent messages are kept for another
   * attempt.
   */
  constructor(call, keeps = false) {
    this.call = call
    /** Bytes before each message; 0 if messages are compressed, because they already have their heads. */
    this.head = call.compression === null ? HEAD : 0
    /**
     * Sent messages that may have to be sent again, or null; and the bytes that they take of the channel's retry
     * buffer.
     */
    this.kept = keeps ? [] : null
    this.keptBytes = 0
    this.ended = false
    this.messages = []
    this.bytes = 0
    this.ends = false
    this.scheduled = false
    /** Whether the peer's flow control or the connection takes no more, or there is no stream yet. */
    this.blocked = false
    /** The callback of a write that waits, or null. */
    this.callback = null
    this.open = true
  }

  /** Takes a message. Calls back when another one may be written. */
  write(message, callback) {
    if (!this.open) return callback()
    this.messages.push(message)
    this.bytes += this.head + message.length
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

  /** Called when the turn is over. */
  release() {
    this.scheduled = false
    if (!this.open || this.blocked) return
    // If there is no stream yet, `onDrained()` is called when there is one.
    if (this.call.stream === 0) this.blocked = true
    else this.flush()
    if (this.callback !== null && !this.blocked) {
      const { callback } = this
      this.callback = null
      // In a later turn, so that a writer that never pauses does not block all others.
      this.call.scope.defer(setImmediate, callback)
    }
  }

  /** Sends all waiting messages. */
  flush() {
    const { messages, ends, call } = this
    const { link, stream } = call
    if (messages.length === 0 && !ends) return
    this.ends = false
    this.messages = []
    const length = this.bytes
    this.bytes = 0
    this.ended ||= ends
    if (this.kept !== null) this.keep(messages, length)
    if (link.closing) return
    const frames = length === 0 ? EMPTY : framed(messages, length, this.head)
    const sent = native.grpcWrite(link.id, stream, ends ? FRAMES | END : FRAMES, frames, length)
    // A stream that has closed is never drained: its end is on the way and ends the call.
    if (sent >= 0 && (sent & (ALL | CLOSED)) === 0) this.blocked = true
    if (messages.length > 0) link.traffic.send(messages.length)
  }

  keep(messages, length) {
    const bytes = length + OVERHEAD * messages.length
    if (!this.call.channel.retain(bytes, this.keptBytes)) return this.forget()
    this.keptBytes += bytes
    for (const message of messages) this.kept.push(message)
  }

  /** Drops the sent messages, which are not needed any more. */
  forget() {
    if (this.kept === null) return
    this.kept = null
    this.call.channel.release(this.keptBytes)
    this.keptBytes = 0
  }

  /** Queues all messages again, until the next attempt has a stream. */
  rewind() {
    const { kept } = this
    this.forget()
    this.kept = []
    this.messages = [...kept, ...this.messages]
    this.bytes = 0
    for (const message of this.messages) this.bytes += this.head + message.length
    this.ends ||= this.ended
    this.blocked = true
  }

  /** The call is over: nothing more is sent, and a waiting writer is called back. */
  stop() {
    this.forget()
    this.open = false
    this.messages = []
    this.bytes = 0
    const { callback } = this
    this.callback = null
    if (callback !== null) this.call.scope.defer(setImmediate, callback)
  }

  onDrained() {
    this.blocked = false
    this.release()
  }
}

function framed(messages, length, head) {
  if (head === 0) return messages.length === 1 ? messages[0] : Buffer.concat(messages, length)
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
