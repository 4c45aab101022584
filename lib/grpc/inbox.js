'use strict'

// Messages of a stream that have come, until its reader wants them. The peer may send as many more as were taken.

const { native } = require('../engine.js')

class Inbox {
  /** `call` has `link`, `stream` and `decode(bytes, compressed)`, which returns nothing when the call has failed with that. */
  constructor(call, reader) {
    this.call = call
    this.reader = reader
    this.waiting = []
    this.paused = false
    this.ended = false
    /** Bytes that were taken, and the peer not told. */
    this.taken = 0
    /** Called when all were taken and there are no more. */
    this.onEmpty = undefined
  }

  add(bytes, compressed, used) {
    if (this.ended) return
    if (this.paused || this.waiting.length > 0) this.waiting.push({ bytes, compressed, used })
    else this.deliver(bytes, compressed, used)
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
