'use strict'

// Received messages of a stream, which wait here until their reader wants them. The peer may send as many more bytes as
// were taken.

const { Buffer } = require('node:buffer')
const { native } = require('../engine.js')

/** Bytes that a waiting message is estimated to take besides its content. */
const OVERHEAD = 160

const sizeOf = ({ bytes }) => OVERHEAD + bytes.length

/** Counts the unread messages of a connection. */
class Unread {
  constructor(limit) {
    this.limit = limit
    this.bytes = 0
    /** Messages that still lie in the memory of the last batch. */
    this.fresh = []
    this.batch = undefined
  }

  add(message) {
    this.bytes += sizeOf(message)
    const { buffer, length } = message.bytes
    // A message that fills at least half of its buffer may stay there.
    if (2 * length >= buffer.byteLength) return
    if (buffer !== this.batch) this.part(buffer)
    this.fresh.push(message)
  }

  /** Messages that wait longer than a batch are copied; otherwise each would keep the memory of its whole batch. */
  part(batch) {
    for (const message of this.fresh) if (message.waits) message.bytes = Buffer.from(message.bytes)
    this.fresh = []
    this.batch = batch
  }

  remove(message) {
    message.waits = false
    this.bytes -= sizeOf(message)
    if (this.bytes === 0 && this.batch !== undefined) this.part(undefined)
  }
}

class Inbox {
  /**
   * `call` has `link`, `stream` and `decode(bytes, compressed)`, which returns undefined if it has ended the call.
   * `reader.push(message)` returns whether the reader wants another message.
   */
  constructor(call, reader) {
    this.call = call
    this.reader = reader
    this.waiting = []
    /** The connection's count of unread messages, if messages of this stream are part of it. */
    this.unread = undefined
    this.paused = false
    this.ended = false
    /** Bytes that were taken and not reported to the peer yet. */
    this.taken = 0
    /** Called when all messages were taken and no more come. */
    this.onEmpty = undefined
  }

  add(bytes, compressed, used) {
    if (this.ended) return
    if (this.paused || this.waiting.length > 0) this.keep({ bytes, compressed, used, waits: true })
    else this.deliver(bytes, compressed, used)
  }

  /** Lets a message wait. If the unread messages of the connection exceed their limit, this call ends. */
  keep(message) {
    const { unread } = this.call.link
    this.unread = unread
    this.waiting.push(message)
    unread.add(message)
    if (unread.bytes > unread.limit) this.call.onTooLarge(0)
  }

  /** The waiting messages no longer count for the connection but belong to the reader. */
  disown() {
    if (this.unread !== undefined) for (const message of this.waiting) this.unread.remove(message)
    this.unread = undefined
  }

  deliver(bytes, compressed, used) {
    const { call } = this
    this.taken += used
    const { link } = call
    if (this.taken >= link.window / 4) {
      if (!link.closing) native.grpcTake(link.id, call.stream, this.taken)
      this.taken = 0
    }
    const message = call.decode(bytes, compressed)
    if (message !== undefined && !this.reader.push(message)) this.paused = true
  }

  /** Called when the reader wants more. */
  read() {
    this.paused = false
    while (!this.paused && this.waiting.length > 0) {
      const message = this.waiting.shift()
      this.unread?.remove(message)
      this.deliver(message.bytes, message.compressed, message.used)
    }
    if (this.waiting.length === 0) this.empty()
  }

  /** Called when no more messages come. `onEmpty` is called when all were taken. */
  end(onEmpty) {
    this.onEmpty = onEmpty
    if (this.waiting.length === 0) this.empty()
  }

  /** Discards the waiting messages and all later ones. */
  drop() {
    this.disown()
    this.waiting = []
    this.ended = true
    this.onEmpty = undefined
  }

  empty() {
    const { onEmpty } = this
    if (onEmpty === undefined) return
    this.onEmpty = undefined
    this.ended = true
    onEmpty()
  }
}

module.exports = { Inbox, Unread }
