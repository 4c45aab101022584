'use strict'

// The stream of a call, from either end: a Duplex of messages over the frames of one connection, with credit-based flow
// control in each direction.
//
// Messages bypass Node's stream code where possible, which saves most of the cost of a message. `for await` takes them
// from the queue that they arrive in, and `write` puts them directly into the connection's slab while there is credit
// and nothing else waits.

const { Buffer } = require('node:buffer')
const { EventEmitter } = require('node:events')
const { Duplex } = require('node:stream')
const { protocol, frameTooLarge } = require('./errors')
const { Kind, Reason, MESSAGE_COST, WINDOW_UNIT, MAX_U32, FRAME_HEAD, LENGTH_SIZE } = require('./protocol')

const FastBuffer = Buffer[Symbol.species]
const MESSAGE_HEAD = FRAME_HEAD - LENGTH_SIZE
/** Messages that were read stay in the queue's array up to this index. */
const TIDY_ABOVE = 4096

class CallStream extends Duplex {
  /**
   * `series` is the counter series for messages. `encode` turns a written message into bytes and `decode` bytes into a
   * message; null for plain bytes.
   */
  constructor({ method, series, readable, writable, allowHalfOpen, autoDestroy, encode, decode, window }) {
    super({ objectMode: true, readable, writable, allowHalfOpen, autoDestroy })
    this.method = method
    this.series = series
    this.encodeMessage = encode
    this.decodeMessage = decode
    /** The link or session, and the sequence number, once the call has one. */
    this.link = null
    this.sequence = 0
    /** Whether messages may be sent: the call is under way, and this side of the stream has not ended. */
    this.canSend = false
    /** The number of bytes that may still be sent. The last message may take it below 0. */
    this.credit = 0
    /** A message that waits for credit or for the wire, with its callback. */
    this.held = null
    /** Called when a message may be sent, for a writer that has not passed its message yet. */
    this.onRoom = null
    /**
     * The receive window in bytes, how much of it is left, and how much was read since the peer was last given credit.
     */
    this.window = Math.floor(window / WINDOW_UNIT) * WINDOW_UNIT
    this.allowance = this.window
    this.owed = 0
    /** Unread messages from `head` on, as pairs of bytes and memory. */
    this.queue = []
    this.head = 0
    /** Whether Node's stream code has asked for a message and waits for it. */
    this.wanted = false
    /** Pending `next()` calls of the iterator. */
    this.waiters = []
    this.iterated = false
    /** Whether nobody reads messages any more. */
    this.deaf = false
    /** Whether an iteration was left early: the end is not reported either. */
    this.left = false
    /** Whether no more messages come; and the error that caused it, if any. */
    this.inputEnded = !readable
    this.failure = null
    /** Whether the call has ended. */
    this.over = false
  }

  // ---- sending messages

  /** Whether a message would be sent at once. */
  get mayWrite() {
    return this.canSend && this.credit > 0 && !this.link.out.congested
  }

  write(message, encoding, callback) {
    const bytes = this.encodeMessage(message)
    if (callback === undefined && typeof encoding !== 'function' && this.mayWrite && this.send(bytes)) return true
    return super.write(bytes, encoding, callback)
  }

  /**
   * Sends a message without Node's stream code. Returns false if something waits there, or if the message is too large,
   * which that code must report.
   */
  send(bytes) {
    const { link } = this
    if (this.writableLength > 0 || this.writableCorked > 0) return false
    if (MESSAGE_HEAD + bytes.length > link.peerMaxFrame) return false
    link.out.plain(Kind.MESSAGE, this.sequence, bytes)
    this.series.messagesOut++
    this.credit -= bytes.length + MESSAGE_COST
    return true
  }

  end(message, encoding, callback) {
    if (typeof message === 'function') return super.end(message)
    // Node's own `end` does not pass its message to this `write`.
    if (message !== undefined && message !== null) this.write(message)
    this.canSend = false
    return typeof encoding === 'function' ? super.end(encoding) : super.end(callback)
  }

  _write(bytes, _encoding, callback) {
    // The call is over. The callback is never called, so that a writer does not believe that writing works.
    if (this.over) {
      this.held = { bytes, callback }
      return
    }
    const length = MESSAGE_HEAD + bytes.length
    if (this.link !== null && length > this.link.peerMaxFrame) {
      this.fail(frameTooLarge(this.method, length, this.link.peerMaxFrame))
      return callback()
    }
    if (this.link === null || this.credit <= 0 || this.link.out.congested) {
      this.held = { bytes, callback }
      if (this.link?.out.congested) this.link.block(this)
      return
    }
    this.link.out.plain(Kind.MESSAGE, this.sequence, bytes)
    this.series.messagesOut++
    this.credit -= bytes.length + MESSAGE_COST
    callback()
  }

  /** Calls back when a message may be sent, or when the call has ended. */
  room(callback) {
    this.onRoom = callback
    if (this.link?.out.congested) this.link.block(this)
  }

  credited(amount) {
    this.credit += amount
    this.resumeWriting()
  }

  /** Continues with what waits, if there is room. */
  resumeWriting() {
    const { held, onRoom } = this
    if (held !== null && !this.over) {
      this.held = null
      this._write(held.bytes, undefined, held.callback)
    }
    if (onRoom !== null && (this.over || this.mayWrite)) {
      this.onRoom = null
      onRoom()
    }
    if (this.onRoom !== null && this.link?.out.congested) this.link.block(this)
  }

  /** The call has ended: nothing more is sent. */
  shut() {
    this.over = true
    this.canSend = false
    this.link?.blocked.delete(this)
    this.resumeWriting()
  }

  // ---- receiving messages

  receive(slab, offset, length) {
    if (this.inputEnded || this.allowance <= 0) {
      const why = this.inputEnded ? 'after the end of its stream' : 'beyond its credit'
      return this.link.abandon(
        protocol(`The peer sent a message for the call of "${this.method}" ${why}`),
        Reason.PROTOCOL,
      )
    }
    this.series.messagesIn++
    this.allowance -= length + MESSAGE_COST
    if (this.deaf) return
    const body = length === 0 ? Buffer.alloc(0) : new FastBuffer(slab, offset, length)
    if (this.head === this.queue.length && (this.wanted || this.waiters.length > 0)) {
      const message = this.understand(body)
      if (message === undefined) return
      this.took(length + MESSAGE_COST)
      if (this.wanted) this.wanted = this.push(message)
      else this.waiters.shift().resolve({ value: message, done: false })
    } else this.queue.push(body, this.link.keepMessage(slab, length))
  }

  /** Decodes a message; undefined if that fails, which ends the call. */
  understand(body) {
    if (this.decodeMessage === null) return body
    try {
      return this.decodeMessage(body)
    } catch (cause) {
      this.misunderstood(cause)
    }
  }

  /** Takes the first message from the queue; undefined if it cannot be decoded. */
  take() {
    const { queue, head } = this
    const body = queue[head]
    const memory = queue[head + 1]
    queue[head] = queue[head + 1] = undefined
    if (head + 2 === queue.length) {
      this.head = 0
      queue.length = 0
    } else if (head > TIDY_ABOVE && 2 * head > queue.length) {
      this.head = 0
      this.queue = queue.slice(head + 2)
    } else this.head = head + 2
    this.link.releaseMessage(memory)
    const message = this.understand(body)
    if (message !== undefined) this.took(body.length + MESSAGE_COST)
    return message
  }

  /** Grants the peer new credit when half of the window was read. */
  took(cost) {
    this.owed += cost
    if (2 * this.owed < this.window || this.inputEnded || this.over || !this.link.open) return
    const amount = Math.min(this.owed, MAX_U32)
    this.link.out.credit(this.sequence, amount)
    this.allowance += amount
    this.owed -= amount
  }

  _read() {
    while (this.head < this.queue.length) {
      const message = this.take()
      if (message === undefined || !this.push(message)) return
    }
    this.wanted = true
    if (this.inputEnded) this.finishReading()
  }

  /** No more messages come, because of `failure` unless it is null. Messages in the queue can still be read. */
  endInput(failure) {
    if (this.inputEnded) return
    this.inputEnded = true
    this.failure = failure
    if (this.head < this.queue.length) return
    if (this.waiters.length > 0) this.settleWaiters()
    else if (this.wanted || (failure !== null && this.listenerCount('error') > 0)) this.finishReading()
  }

  /** The last message was read. If nobody reads, an error waits for a reader, like the messages do. */
  finishReading() {
    this.wanted = false
    if (this.failure === null) this.push(null)
    else if (this.readableLength === 0) this.breakOff(this.failure)
    else {
      // Node's stream code drops its buffer on an error. This listener is added through EventEmitter so that it does
      // not make the stream flow.
      EventEmitter.prototype.on.call(this, 'data', () => {
        if (this.readableLength === 0) this.breakOff(this.failure)
      })
    }
  }

  /** Tells pending iterations about the end, and ends the stream. */
  settleWaiters() {
    const { waiters, failure } = this
    this.waiters = []
    for (const [i, { resolve, reject }] of waiters.entries()) {
      if (failure !== null && i === 0) reject(failure)
      else resolve({ value: undefined, done: true })
    }
    this.finishIteration()
  }

  finishIteration() {
    if (this.destroyed || this.readableEnded) return
    if (this.failure !== null) this.breakOff(this.failure)
    else {
      this.push(null)
      this.resume()
    }
  }

  [Symbol.asyncIterator]() {
    // If reading has begun with Node's stream code, continue with it.
    if (this.wanted || this.readableLength > 0 || this.readableFlowing !== null || this.destroyed) {
      return super[Symbol.asyncIterator]()
    }
    this.iterated = true
    return new Messages(this)
  }

  /** Stops reading messages, and releases those in the queue. */
  deafen() {
    const { queue, head } = this
    this.deaf = true
    this.queue = []
    this.head = 0
    for (let i = head; i < queue.length; i += 2) this.link.releaseMessage(queue[i + 1])
  }

  _destroy(error, callback) {
    this.deafen()
    this.failure ??= error
    const { held, waiters } = this
    this.canSend = false
    this.held = null
    this.waiters = []
    for (const { resolve, reject } of waiters) {
      if (this.failure !== null) reject(this.failure)
      else resolve({ value: undefined, done: true })
    }
    callback(error)
    held?.callback(error ?? protocol('The stream was destroyed'))
  }
}

/** The iterator of a stream, for `for await`. */
class Messages {
  constructor(stream) {
    this.stream = stream
    this.done = false
  }

  next() {
    const { stream } = this
    if (this.done) return Promise.resolve({ value: undefined, done: true })
    if (stream.head < stream.queue.length) {
      const value = stream.take()
      if (value !== undefined) return Promise.resolve({ value, done: false })
    }
    if (!stream.inputEnded && !stream.destroyed && !stream.left) {
      return new Promise((resolve, reject) => stream.waiters.push({ resolve, reject }))
    }
    this.done = true
    stream.finishIteration()
    if (stream.failure !== null) return Promise.reject(stream.failure)
    return Promise.resolve({ value: undefined, done: true })
  }

  return(value) {
    if (!this.done) {
      this.done = true
      this.stream.left = true
      this.stream.iterationLeft()
    }
    return Promise.resolve({ value, done: true })
  }

  [Symbol.asyncIterator]() {
    return this
  }
}

/**
 * Writes what the source yields as fast as the stream accepts it, and ends the stream. If the call ends first, the
 * source is stopped. Rejects with what the source throws, or with the error of an invalid message.
 */
async function pump(source, stream) {
  const isAsync = typeof source[Symbol.asyncIterator] === 'function'
  const iterator = isAsync ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
  let done = false
  const stop = () => {
    if (done) return
    done = true
    // Errors of `return()` are ignored: the call is over.
    new Promise((resolve) => resolve(iterator.return?.())).catch(() => {})
  }
  stream.onOver = stop
  try {
    while (!done) {
      const step = iterator.next()
      const result = isAsync ? await step : step
      if (result.done) {
        done = true
        break
      }
      const message = isAsync ? result.value : await result.value
      while (!stream.over && !stream.mayWrite) await new Promise((resolve) => stream.room(resolve))
      if (stream.over) stop()
      else stream.write(message)
    }
  } catch (error) {
    stop()
    throw error
  } finally {
    stream.onOver = null
  }
  if (!stream.over) stream.end()
}

/** Whether `pump` can take the value as a source. */
function isIterable(value) {
  if (value === null || typeof value !== 'object') return false
  return typeof value[Symbol.asyncIterator] === 'function' || typeof value[Symbol.iterator] === 'function'
}

module.exports = { CallStream, pump, isIterable }
