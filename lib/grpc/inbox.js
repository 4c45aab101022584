'use strict'

// Messages of a stream that have come, until its reader wants them. The peer may send as many more as were taken.

const { Buffer } = require('node:buffer')
const { native } = require('../engine.js')

/** What a message takes beyond its bytes while it waits. */
const OVERHEAD = 160

const sizeOf = ({ bytes }) => OVERHEAD + bytes.length

/** The messages of a connection that nobody has read. */
class Unread {
  constructor(limit) {
    this.limit = limit
    this.bytes = 0
    /** Those that lie in the memory of the last batch. */
    this.fresh = []
    this.batch = undefined
  }

  add(message) {
    this.bytes += sizeOf(message)
    const { buffer, length } = message.bytes
    // One that is most of what it lies in may stay there.
    if (2 * length >= buffer.byteLength) return
    if (buffer !== this.batch) this.part(buffer)
    this.fresh.push(message)
  }

  /** Those that wait for longer than a batch have bytes of their own, or each would keep all that has come with it. */
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
  /** `call` has `link`, `stream` and `decode(bytes, compressed)`, which returns nothing when the call has failed with that. */
  constructor(call, reader) {
    this.call = call
    this.reader = reader
    this.waiting = []
    /** Where those are counted. */
    this.unread = undefined
    this.paused = false
    this.ended = false
    /** Bytes that were taken, and the peer not told. */
    this.taken = 0
    /** Called when all were taken and there are no more. */
    this.onEmpty = undefined
  }

  add(bytes, compressed, used) {
    if (this.ended) return
    if (this.paused || this.waiting.length > 0) this.keep({ bytes, compressed, used, waits: true })
    else this.deliver(bytes, compressed, used)
  }

  /** A message waits. What waits on a connection is bounded: the call that goes beyond that ends, as only it can. */
  keep(message) {
    const { unread } = this.call.link
    this.unread = unread
    this.waiting.push(message)
    unread.add(message)
    if (unread.bytes > unread.limit) this.call.onTooLarge(0)
  }

  /** What waits is not the connection's any more, but its reader's. */
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

  /** The reader wants more. */
  read() {
    this.paused = false
    while (!this.paused && this.waiting.length > 0) {
      const message = this.waiting.shift()
      this.unread?.remove(message)
      this.deliver(message.bytes, message.compressed, message.used)
    }
    if (this.waiting.length === 0) this.empty()
  }

  /** Nothing more comes; `onEmpty` is called when all was taken. */
  end(onEmpty) {
    this.onEmpty = onEmpty
    if (this.waiting.length === 0) this.empty()
  }

  /** Nobody wants what waits. */
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
