'use strict'

// The stream of a call, from either end: a Duplex of messages over the frames of one connection, with credit for each direction.
//
// Messages pass Node's machinery only where somebody uses it. `for await` takes them from the queue that they arrive in, and `write` puts them
// straight into the connection's slab, as long as there is credit and nothing waits; what this saves is most of a message's cost.

const { Buffer } = require('node:buffer')
const { EventEmitter } = require('node:events')
const { Duplex } = require('node:stream')
const { protocol, frameTooLarge } = require('./errors')
const { Kind, Reason, MESSAGE_COST, WINDOW_UNIT, MAX_U32, FRAME_HEAD, LENGTH_SIZE } = require('./protocol')

const FastBuffer = Buffer[Symbol.species]
const MESSAGE_HEAD = FRAME_HEAD - LENGTH_SIZE
/** What has been taken stays in the queue's array up to here. */
const TIDY_ABOVE = 4096

class CallStream extends Duplex {
  /** `series` is what messages are counted in. `encode` makes bytes of what is written, `decode` messages of bytes; null where messages are bytes. */
  constructor({ method, series, readable, writable, allowHalfOpen, autoDestroy, encode, decode, window }) {
    super({ objectMode: true, readable, writable, allowHalfOpen, autoDestroy })
    this.method = method
    this.series = series
    this.encodeMessage = encode
    this.decodeMessage = decode
    /** The connection's end, once the call has a sequence number there. */
    this.link = null
    this.sequence = 0
    /** Messages may leave: the call is under way, and its own stream not ended. */
    this.canSend = false
    /** What may still leave, which the last message may take below 0. */
    this.credit = 0
    /** A message that waits for credit or for the wire, with its callback. */
    this.held = null
    /** Who waits for the same with a message that it has not given yet. */
    this.onRoom = null
    /** How much may come, what of it has come, and what has been taken since that was last said. */
    this.window = Math.floor(window / WINDOW_UNIT) * WINDOW_UNIT
    this.allowance = this.window
    this.owed = 0
    /** Messages that nobody has taken, each with the memory it keeps, from `head` on. */
    this.queue = []
    this.head = 0
    /** Node's machinery has asked for a message and got none yet. */
    this.wanted = false
    /** Calls of the iterator's `next` that have no message yet. */
    this.waiters = []
    this.iterated = false
    /** Nobody takes messages any more. */
    this.deaf = false
    /** An iteration was left early, and nobody hears of the end either. */
    this.left = false
    /** No more messages come; why, unless that is in order. */
    this.inputEnded = !readable
    this.failure = null
    /** The call has ended. */
    this.over = false
  }

  // ---- messages that leave

  /** Whether a message would leave at once. */
  get mayWrite() {
    return this.canSend && this.credit > 0 && !this.link.out.congested
  }

  write(message, encoding, callback) {
    const bytes = this.encodeMessage(message)
    if (callback === undefined && typeof encoding !== 'function' && this.mayWrite && this.send(bytes)) return true
    return super.write(bytes, encoding, callback)
  }

  /** Sends a message past Node's machinery, unless something waits there, or is wrong with it that the machinery is to report. */
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
    // What Node's own `end` takes, it does not give to `write`.
    if (message !== undefined && message !== null) this.write(message)
    this.canSend = false
    return typeof encoding === 'function' ? super.end(encoding) : super.end(callback)
  }

  _write(bytes, _encoding, callback) {
    // Held for good: whoever writes on and on must not find that it works.
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

  /** Calls back when a message may leave, or the call has ended. */
  room(callback) {
    this.onRoom = callback
    if (this.link?.out.congested) this.link.block(this)
  }

  credited(amount) {
    this.credit += amount
    this.resumeWriting()
  }

  /** There may be room for what waits. */
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

  /** The call has ended: nothing leaves any more. */
  shut() {
    this.over = true
    this.canSend = false
    this.link?.blocked.delete(this)
    this.resumeWriting()
  }

  // ---- messages that come

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

  /** The message in the bytes; undefined when there is none, which ends the call. */
  understand(body) {
    if (this.decodeMessage === null) return body
    try {
      return this.decodeMessage(body)
    } catch (cause) {
      this.misunderstood(cause)
    }
  }

  /** The first message that waits; undefined when it is none. */
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

  /** Says what may come more, whenever half of the window is taken. */
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

  /** No more messages come, because of `failure` unless it is null. Those that have come are there to be taken first. */
  endInput(failure) {
    if (this.inputEnded) return
    this.inputEnded = true
    this.failure = failure
    if (this.head < this.queue.length) return
    if (this.waiters.length > 0) this.settleWaiters()
    else if (this.wanted || (failure !== null && this.listenerCount('error') > 0)) this.finishReading()
  }

  /** The last message is taken. Without anyone who takes messages an error waits for whoever will, as the messages do. */
  finishReading() {
    this.wanted = false
    if (this.failure === null) this.push(null)
    else if (this.readableLength === 0) this.breakOff(this.failure)
    else {
      // Node's machinery drops what it holds when it is told of an error. A listener that is put past it does not make the stream flow.
      EventEmitter.prototype.on.call(this, 'data', () => {
        if (this.readableLength === 0) this.breakOff(this.failure)
      })
    }
  }

  /** Whoever iterates hears of the end, and the stream ends. */
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
    // Whoever has begun with Node's machinery goes on with it.
    if (this.wanted || this.readableLength > 0 || this.readableFlowing !== null || this.destroyed) {
      return super[Symbol.asyncIterator]()
    }
    this.iterated = true
    return new Messages(this)
  }

  /** Nobody takes messages any more. */
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
 * Writes what the source yields, as fast as the stream takes it, and ends the stream. When the call ends first, the source is told to stop.
 * Rejects with what the source throws, or with what is wrong with a message.
 */
async function pump(source, stream) {
  const isAsync = typeof source[Symbol.asyncIterator] === 'function'
  const iterator = isAsync ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
  let done = false
  const stop = () => {
    if (done) return
    done = true
    // What it says to that is nobody's business any more.
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

/** Whether something can be pumped. */
function isIterable(value) {
  if (value === null || typeof value !== 'object') return false
  return typeof value[Symbol.asyncIterator] === 'function' || typeof value[Symbol.iterator] === 'function'
}

module.exports = { CallStream, pump, isIterable }
