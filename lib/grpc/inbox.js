'use strict'

// Messages of a stream that have come, until its reader wants them. The peer may send as many more as were taken.

const { native } = require('../engine.js')

/** What a message takes beyond its bytes while it waits. */
const OVERHEAD = 160

class Inbox {
  /** `call` has `link`, `stream` and `decode(bytes, compressed)`, which returns nothing when the call has failed with that. */
  constructor(call, reader) {
    this.call = call
    this.reader = reader
    this.waiting = []
    /** Memory of those, and the link whose it is counted as. */
    this.bytes = 0
    this.link = null
    this.paused = false
    this.ended = false
    /** Bytes that were taken, and the peer not told. */
    this.taken = 0
    /** Called when all were taken and there are no more. */
    this.onEmpty = undefined
  }

  add(bytes, compressed, used) {
    if (this.ended) return
    if (this.paused || this.waiting.length > 0) this.keep({ bytes, compressed, used })
    else this.deliver(bytes, compressed, used)
  }

  /** A message waits. What waits on a connection is bounded: the call that goes beyond that ends, as only it can. */
  keep(message) {
    const { link } = this.call
    this.link = link
    this.waiting.push(message)
    this.count(OVERHEAD + message.bytes.length)
    if (link.unread > link.held) this.call.onTooLarge(0)
  }

  count(bytes) {
    if (this.link === null) return
    this.bytes += bytes
    this.link.unread += bytes
  }

  /** What waits is not the connection's any more, but its reader's. */
  disown() {
    this.count(-this.bytes)
    this.link = null
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
      const { bytes, compressed, used } = this.waiting.shift()
      this.count(-OVERHEAD - bytes.length)
      this.deliver(bytes, compressed, used)
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
    this.waiting = []
    this.disown()
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

module.exports = { Inbox }
