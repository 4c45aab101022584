'use strict'

// Finds the messages of a stream as chunks arrive. It reports where each one is, without creating an object for it. One
// call of Rust finds many.

const { Buffer } = require('node:buffer')
const { makeError } = require('../../errors')
const { framer, frameError } = require('../../constants')
const { bytesOf } = require('../bytes')
const natives = require('../native')

const { COUNT, NEXT, BEGUN, HELD, TOTAL, ERROR, ROWS } = framer
/** The largest number of messages that one call finds: a few, or many once a chunk has had more than a few. */
const FEW = 16
const MANY = 2048

const FastBuffer = Buffer[Symbol.species]

const EMPTY = Buffer.alloc(0)

/** Checks a chunk and returns it as a Buffer, also for a Uint8Array of another realm. */
function chunkOf(value) {
  const bytes = bytesOf(value, 'chunk')
  return bytes instanceof FastBuffer ? bytes : new FastBuffer(bytes.buffer, bytes.byteOffset, bytes.length)
}

let dropped

/** Frees the Rust side of a cursor when the cursor is garbage-collected. */
function watch(cursor, id) {
  dropped ??= new FinalizationRegistry((id) => natives().framerDrop(id))
  dropped.register(cursor, id)
}

/** The default errors for an invalid stream. */
const ERRORS = {
  tooLarge: (message) => makeError(Error, 'IRONWIRE_FRAME_TOO_LARGE', message),
  invalid: (message) => makeError(Error, 'IRONWIRE_FRAME_INVALID', message),
  incomplete: (held, total) => {
    const within = total > 0 ? `a frame of ${total} bytes` : 'a frame'
    return makeError(
      Error,
      'IRONWIRE_FRAME_INCOMPLETE',
      `The stream ended inside ${within}, ${held} bytes after its start`,
    )
  },
}

class Cursor {
  /**
   * The message that `next` has found: the bytes from `start` to `end` of a buffer. They must not be changed before the
   * next message is requested.
   */
  bytes = EMPTY
  start = 0
  end = 0

  #id
  #errors
  #stuffed
  #unterminated
  #table
  #words
  #chunk = EMPTY
  /** The buffer that the table's rows refer to: the chunk, or what Rust has decoded from it. */
  #found = EMPTY
  #row = 0
  #rows = 0
  #failure = null

  constructor(framing, errors = ERRORS) {
    this.#errors = errors
    this.#stuffed = framing.kind === 'stuffing'
    this.#unterminated = framing.unterminated === true
    this.#makeTable(FEW)
    this.#id = natives().framer(framing)
    if (this.#id === undefined)
      throw makeError(
        Error,
        'IRONWIRE_FRAMERS',
        'There are a million framers already: let go of those that are not needed',
      )
    watch(this, this.#id)
  }

  #makeTable(rows) {
    this.#words = new Uint32Array(ROWS + 2 * rows)
    this.#table = new Uint8Array(this.#words.buffer)
  }

  /** The number of bytes held of an incomplete frame. */
  get held() {
    return this.#words[HELD]
  }

  /** Whether the whole chunk was processed. */
  get #done() {
    return this.#words[NEXT] === this.#chunk.length
  }

  /** Takes the next chunk. Messages of the previous chunk that were not taken are skipped. */
  feed(chunk) {
    while (!this.#done) this.next()
    if (this.#failure !== null) throw this.#failure
    this.#chunk = chunk
    this.#row = this.#rows = 0
    this.#words[NEXT] = 0
  }

  /** Finds the next message. Returns false if more bytes are needed. */
  next() {
    for (;;) {
      if (this.#row < this.#rows) {
        const at = ROWS + 2 * this.#row++
        this.bytes = this.#found
        this.start = this.#words[at]
        this.end = this.#words[at + 1]
        return true
      }
      if (this.#failure !== null) throw this.#failure
      if (this.#done) return false
      if (this.#look()) return true
    }
  }

  /** Calls `each(bytes, start, end)` for all messages left in the chunk. */
  drain(each) {
    while (this.next()) {
      each(this.bytes, this.start, this.end)
      const words = this.#words
      const found = this.#found
      while (this.#row < this.#rows) {
        const at = ROWS + 2 * this.#row++
        each(found, words[at], words[at + 1])
      }
    }
  }

  /**
   * Adds a view of each message left in the chunk to `messages`. It has a loop of its own because the calls in `drain`
   * are too polymorphic to be fast.
   */
  collect(messages) {
    while (this.next()) {
      messages.push(this.view())
      const words = this.#words
      const { buffer, byteOffset } = this.#found
      while (this.#row < this.#rows) {
        const at = ROWS + 2 * this.#row++
        messages.push(new FastBuffer(buffer, byteOffset + words[at], words[at + 1] - words[at]))
      }
    }
  }

  /** A view of the message that `next` has found. */
  view() {
    const { buffer, byteOffset } = this.bytes
    return new FastBuffer(buffer, byteOffset + this.start, this.end - this.start)
  }

  /** Lets Rust process more of the chunk. Returns true if this completed a message that began in an earlier chunk. */
  #look() {
    const from = this.#words[NEXT]
    // The previous call has filled the small table, so use a larger one.
    if (this.#rows > 0 && this.#words.length < ROWS + 2 * MANY) this.#makeTable(MANY)
    const words = this.#words
    let made = natives().framerPush(this.#id, this.#chunk, from, this.#table)
    if (words[ERROR] !== 0) {
      const tooLarge = words[ERROR] === frameError.TOO_LARGE
      this.#failure = tooLarge ? this.#errors.tooLarge(made[1]) : this.#errors.invalid(made[1])
      made = made[0]
    }
    this.#found = this.#stuffed ? made : this.#chunk
    this.#row = 0
    this.#rows = words[COUNT]
    if (this.#stuffed || made === undefined) return false
    this.bytes = made
    this.start = 0
    this.end = made.length
    return true
  }

  /** Ends the stream. Returns true if the bytes since the last delimiter form a message. */
  finish() {
    if (this.#failure !== null) throw this.#failure
    const words = this.#words
    if (words[BEGUN] === 0) return false
    if (!this.#unterminated) {
      this.#failure = this.#errors.incomplete(words[HELD], words[TOTAL])
      throw this.#failure
    }
    this.bytes = natives().framerHeld(this.#id)
    this.start = 0
    this.end = this.bytes.length
    this.reset()
    return true
  }

  /** Resets the state for another stream. */
  reset() {
    natives().framerReset(this.#id)
    this.#chunk = this.#found = EMPTY
    this.#row = this.#rows = 0
    this.#words.fill(0)
    this.#failure = null
  }
}

module.exports = { Cursor, chunkOf }
