'use strict'

// Framers as Node streams.

const { Transform } = require('node:stream')
const { invalidArgType } = require('../../errors')
const { refuseUnknown } = require('../../options')

/** The options of Node's own transforms, except those that would replace methods implemented here. */
const STREAM_OPTIONS = (
  'allowHalfOpen autoDestroy captureRejections construct decodeStrings defaultEncoding destroy emitClose encoding highWaterMark objectMode ' +
  'readable readableHighWaterMark readableObjectMode signal writable writableHighWaterMark writableObjectMode'
).split(' ')

// Fixed options that override the caller's. `objectMode` would apply to both sides.
const BYTES_IN = { objectMode: false, writableObjectMode: false, decodeStrings: true, readableObjectMode: true }
const BYTES_OUT = { objectMode: false, writableObjectMode: true, readableObjectMode: false }

function checkOptions(options, known = STREAM_OPTIONS) {
  if (options === null || typeof options !== 'object') throw invalidArgType('options', 'of type object', options)
  refuseUnknown(options, known)
  return options
}

/**
 * A stream from bytes to messages, which `make` creates from a cursor. It makes only as many messages as the reader has
 * room for; the rest of a chunk stays as bytes.
 */
class FrameDecoder extends Transform {
  #cursor
  #make
  /** The callback of a write, called when the whole chunk was processed. */
  #done = null
  #pumping = false
  #wanted = false

  constructor(cursor, make, options = {}) {
    super({ ...checkOptions(options), ...BYTES_IN })
    this.#cursor = cursor
    this.#make = make
  }

  // Implemented instead of `_transform`: Transform would hold the next chunk back until the reader reads again, which
  // it does not do while it waits for the result of its last read.
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
    // A 'data' listener may read while the loop below runs; the loop then continues by itself.
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

/** A stream from messages to bytes. */
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
