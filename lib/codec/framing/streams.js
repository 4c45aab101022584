'use strict'

// Framers as streams of Node's.

const { Transform } = require('node:stream')
const { invalidArgType } = require('../../errors')
const { refuseUnknown } = require('../../options')

/** What Node's own transforms take, but for what would put other work in the place of theirs. */
const STREAM_OPTIONS = (
  'allowHalfOpen autoDestroy captureRejections construct decodeStrings defaultEncoding destroy emitClose encoding highWaterMark objectMode ' +
  'readable readableHighWaterMark readableObjectMode signal writable writableHighWaterMark writableObjectMode'
).split(' ')

// What these streams are, whatever options they are given: `objectMode` would be both ends.
const BYTES_IN = { objectMode: false, writableObjectMode: false, decodeStrings: true, readableObjectMode: true }
const BYTES_OUT = { objectMode: false, writableObjectMode: true, readableObjectMode: false }

function checkOptions(options, known = STREAM_OPTIONS) {
  if (options === null || typeof options !== 'object') throw invalidArgType('options', 'of type object', options)
  refuseUnknown(options, known)
  return options
}

/**
 * Bytes in, messages out: what `make` makes of where a cursor is. No more are made than the reader has room for; the rest of a chunk waits as
 * bytes.
 */
class FrameDecoder extends Transform {
  #cursor
  #make
  /** Called when all of a chunk has been taken. */
  #done = null
  #pumping = false
  #wanted = false

  constructor(cursor, make, options = {}) {
    super({ ...checkOptions(options), ...BYTES_IN })
    this.#cursor = cursor
    this.#make = make
  }

  // Not `_transform`: what Transform does after that holds the next chunk back until the reader asks once more, which it does not while
  // it waits for the answer to its last question.
  _write(chunk, _encoding, callback) {
    try {
      this.#cursor.feed(chunk)
    } catch (error) {
      callback(error)
      return
    }
    this.#done = callback
    this.#pump()
  }

  _read() {
    this.#wanted = true
    // A listener of 'data' reads while the loop below is at work: it goes on by itself.
    if (!this.#pumping && this.#done !== null) this.#pump()
  }

  _flush(callback) {
    try {
      if (this.#cursor.finish()) this.push(this.#make(this.#cursor))
    } catch (error) {
      callback(error)
      return
    }
    callback()
  }

  #pump() {
    let error = null
    this.#pumping = true
    for (;;) {
      let message
      try {
        if (!this.#cursor.next()) break
        message = this.#make(this.#cursor)
      } catch (thrown) {
        error = thrown
        break
      }
      this.#wanted = false
      if (!this.push(message) && !this.#wanted) {
        this.#pumping = false
        return
      }
    }
    this.#pumping = false
    const done = this.#done
    this.#done = null
    done(error)
  }
}

/** Messages in, bytes out. */
class FrameEncoder extends Transform {
  #encode

  constructor(encode, options = {}) {
    super({ ...checkOptions(options), ...BYTES_OUT })
    this.#encode = encode
  }

  _transform(message, _encoding, callback) {
    let bytes
    try {
      bytes = this.#encode(message)
    } catch (error) {
      callback(error)
      return
    }
    callback(null, bytes)
  }
}

module.exports = { FrameDecoder, FrameEncoder, STREAM_OPTIONS, checkOptions }
