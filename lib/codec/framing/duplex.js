'use strict'

// A duplex stream of messages over a duplex stream of bytes, such as a socket.

const process = require('node:process')
const { Duplex } = require('node:stream')
const { invalidArgType, invalidArgValue } = require('../../errors')
const { chunkOf } = require('./cursor')

/** The methods that the stream below must have. */
const METHODS = ['on', 'write', 'end', 'pause', 'resume', 'destroy']

/** Streams below that are already in use: two readers would each get a part of the chunks. */
const framed = new WeakSet()

/**
 * Written messages are framed, and those of one turn are sent together. Received bytes are read as messages. End,
 * errors and destruction are passed on in both directions.
 */
class FrameDuplex extends Duplex {
  #below
  #cursor
  #make
  #framer
  /** The callback of a write that waits for the stream below to drain. */
  #written = null
  /** Whether messages of the current chunk are left because the reader has no room. */
  #waits = false
  #pumping = false
  #wanted = false
  /** Whether the stream below has ended. */
  #ended = false
  /** Whether all messages were pushed, but the reader has not reached the end yet. */
  #ending = false
  /** Whether the reader's last read found no message. */
  #starved = false

  constructor(below, framer, cursor, make) {
    if (METHODS.some((name) => typeof below?.[name] !== 'function')) {
      throw invalidArgType('stream', 'an instance of Duplex, such as a net.Socket', below)
    }
    if (framed.has(below)) throw invalidArgValue('stream', below, 'is framed already: a stream can be framed only once')
    if (below.readableEncoding)
      throw invalidArgValue('stream', below, 'has an encoding and gives strings: it must give bytes')
    const { allowHalfOpen } = below
    super({ objectMode: true, allowHalfOpen: allowHalfOpen !== false })
    framed.add(below)
    // The stream below reaches its end before the last messages are read, and answers to them must still be sent. This
    // stream ends it once its own messages are read.
    if (allowHalfOpen === false) below.allowHalfOpen = true
    this.#below = below
    this.#framer = framer
    this.#cursor = cursor
    this.#make = make
    below.on('data', (chunk) => this.#take(chunk))
    below.on('end', () => {
      this.#ended = true
      if (!this.#waits) this.#pump()
    })
    below.on('drain', () => this.#goOn())
    below.on('error', (error) => this.destroy(error))
    below.on('close', () => {
      if (!this.#ended) this.destroy()
    })
    if (below.destroyed) this.destroy(below.errored ?? undefined)
  }

  /** The stream below. */
  get stream() {
    return this.#below
  }

  #take(chunk) {
    try {
      // The stream below may later be given an encoding, or emit objects.
      this.#cursor.feed(chunkOf(chunk))
    } catch (error) {
      this.destroy(error)
      return
    }
    this.#pump()
  }

  #pump() {
    this.#pumping = true
    this.#waits = false
    let thrown = true
    try {
      for (let message = this.#next(); message !== undefined; message = this.#next()) {
        this.#wanted = false
        if (this.push(message) || this.#wanted) continue
        this.#wait()
        break
      }
      thrown = false
    } finally {
      this.#pumping = false
      // An error thrown by a listener must not affect other messages.
      if (thrown) this.#goOnLater()
    }
    if (!this.#ended || this.#waits || this.destroyed) return
    // The reader may still be working on the last message and want to answer it.
    this.#ending = true
    if (this.#starved && this.readableLength === 0) this.#end()
  }

  /** The next message; undefined if it is incomplete or invalid. */
  #next() {
    try {
      if (this.destroyed) return undefined
      if (this.#cursor.next() || (this.#ended && this.#cursor.finish())) return this.#make(this.#cursor)
    } catch (error) {
      this.destroy(error)
    }
    return undefined
  }

  #wait() {
    this.#waits = true
    this.#below.pause()
  }

  #goOnLater() {
    this.#wait()
    process.nextTick(() => {
      if (this.#waits) this._read()
    })
  }

  /** In the next tick: a reader that found no message starts waiting only after `read` has returned. */
  #end() {
    this.#ending = false
    process.nextTick(() => this.push(null))
  }

  read(size) {
    // If a listener throws, the reading also ends here.
    let message = null
    try {
      message = super.read(size)
      return message
    } finally {
      this.#starved = message === null
      if (this.#starved && this.#ending && this.readableLength === 0) this.#end()
    }
  }

  _read() {
    this.#wanted = true
    if (this.#pumping) return
    if (this.#waits) this.#pump()
    if (!this.#waits) this.#below.resume()
  }

  _write(message, _encoding, callback) {
    this.#send(() => this.#framer.encode(message), callback)
  }

  _writev(entries, callback) {
    this.#send(() => this.#framer.encodeMany(entries.map(({ chunk }) => chunk)), callback)
  }

  #send(encode, callback) {
    let bytes
    try {
      bytes = encode()
    } catch (error) {
      callback(error)
      return
    }
    if (this.#below.write(bytes)) callback()
    else this.#written = callback
  }

  #goOn() {
    const written = this.#written
    this.#written = null
    written?.()
  }

  _final(callback) {
    const below = this.#below
    // If the stream below was destroyed, this stream closes, as a socket would.
    if (below.destroyed) {
      this.destroy(below.errored ?? undefined)
      return
    }
    below.end((error) => {
      if (error && below.destroyed && !below.errored) this.destroy()
      else callback(error)
    })
  }

  _destroy(error, callback) {
    const written = this.#written
    this.#written = null
    this.#below.destroy(error ?? undefined)
    written?.(error)
    callback(error)
  }
}

module.exports = { FrameDuplex }
