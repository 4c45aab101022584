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
/** What a message takes beside its bytes. */
const OVERHEAD = 100

const scratch = Buffer.allocUnsafeSlow(2 * ENOUGH)

class Outbox {
  /** `call` has `link`, and `stream`, which is 0 until there is one. */
  constructor(call, keeps = false) {
    this.call = call
    /** Bytes before each message; where messages are compressed, they have their heads already. */
    this.head = call.compression === null ? HEAD : 0
    /** What has left, while it may have to leave once more, or null; and what it takes, of all that the channel may keep. */
    this.kept = keeps ? [] : null
    this.keptBytes = 0
    this.ended = false
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
      this.call.scope.defer(setImmediate, callback)
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
    this.ended ||= ends
    if (this.kept !== null) this.keep(messages, length)
    if (link.closing) return
    const frames = length === 0 ? EMPTY : framed(messages, length, this.head)
    const sent = native.grpcWrite(link.id, stream, ends ? FRAMES | END : FRAMES, frames, length)
    // Of a stream that is over with this, the end is on its way to us, and its call is told by that.
    if (sent >= 0 && (sent & (ALL | CLOSED)) === 0) this.blocked = true
    if (messages.length > 0) link.traffic.send(messages.length)
  }

  keep(messages, length) {
    const bytes = length + OVERHEAD * messages.length
    if (!this.call.channel.retain(bytes, this.keptBytes)) return this.forget()
    this.keptBytes += bytes
    for (const message of messages) this.kept.push(message)
  }

  /** What has left is not needed any more. */
  forget() {
    if (this.kept === null) return
    this.kept = null
    this.call.channel.release(this.keptBytes)
    this.keptBytes = 0
  }

  /** All is to be sent once more, when there is a stream. */
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

  /** The call is over: nothing more is sent, and nobody waits for that. */
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
