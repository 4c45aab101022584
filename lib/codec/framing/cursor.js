'use strict'

// The messages of a stream, one after the other, as chunks come: where each is, and nothing made for it. Many are found with one call of Rust.

const { Buffer } = require('node:buffer')
const { makeError } = require('../../errors')
const { framer, frameError } = require('../../constants')
const { bytesOf } = require('../bytes')
const natives = require('../native')

const { COUNT, NEXT, BEGUN, HELD, TOTAL, ERROR, ROWS } = framer
/** Messages that one call finds at most: a few, and many once a chunk has had more than that. */
const FEW = 16
const MANY = 2048

const FastBuffer = Buffer[Symbol.species]

const EMPTY = Buffer.alloc(0)

/** A chunk from outside, as a cursor takes it: a Buffer, also of a Uint8Array of another realm. */
function chunkOf(value) {
  const bytes = bytesOf(value, 'chunk')
  return bytes instanceof FastBuffer ? bytes : new FastBuffer(bytes.buffer, bytes.byteOffset, bytes.length)
}

let dropped

/** Frees what a cursor has in Rust, once nobody has the cursor. */
function watch(cursor, id) {
  dropped ??= new FinalizationRegistry((id) => natives().framerDrop(id))
  dropped.register(cursor, id)
}

/** What is wrong with a stream, for those who have no words of their own for it. */
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
  /** The message that `next` has found: bytes of a buffer, from `start` to `end`. They are nobody's to change before the next one is asked for. */
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
  /** What the table's rows are in: the chunk, or what was made of it. */
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

  /** Bytes of a frame that is not whole. */
  get held() {
    return this.#words[HELD]
  }

  /** All of the chunk was looked at. */
  get #done() {
    return this.#words[NEXT] === this.#chunk.length
  }

  /** Takes the next chunk. Messages of the one before that were not taken are passed over. */
  feed(chunk) {
    while (!this.#done) this.next()
    if (this.#failure !== null) throw this.#failure
    this.#chunk = chunk
    this.#row = this.#rows = 0
    this.#words[NEXT] = 0
  }

  /** Finds the next message; false where more bytes are needed first. */
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

  /** Finds all that are left of the chunk: `each(bytes, start, end)`, as fast as that can be. */
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

  /** Adds a view of each that is left of the chunk to `messages`. A loop of its own: one that calls others' functions knows too many of them. */
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

  /** The message that `next` has found. */
  view() {
    const { buffer, byteOffset } = this.bytes
    return new FastBuffer(buffer, byteOffset + this.start, this.end - this.start)
  }

  /** Has Rust look on; true when that has brought the end of a message that began in an earlier chunk. */
  #look() {
    const from = this.#words[NEXT]
    // A chunk that has filled the table has many.
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

  /** There are no more chunks. True when what has come since the last delimiter is a message, too. */
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

  /** Forgets what has come: another stream begins. */
  reset() {
    natives().framerReset(this.#id)
    this.#chunk = this.#found = EMPTY
    this.#row = this.#rows = 0
    this.#words.fill(0)
    this.#failure = null
  }
}

module.exports = { Cursor, chunkOf }
