'use strict'

// A duplex stream of bytes, such as a socket, as one of messages.

const process = require('node:process')
const { Duplex } = require('node:stream')
const { invalidArgType, invalidArgValue } = require('../../errors')
const { chunkOf } = require('./cursor')

/** What is asked of the stream below. */
const METHODS = ['on', 'write', 'end', 'pause', 'resume', 'destroy']

/** The streams below: a second reader would take half of the first one's chunks for its own. */
const framed = new WeakSet()

/**
 * Messages that are written leave framed, those written in one turn together; what comes in is read as messages. Its end, its errors and its
 * destruction are those of the stream below, both ways.
 */
class FrameDuplex extends Duplex {
  #below
  #cursor
  #make
  #framer
  /** Waits for the stream below to take more. */
  #written = null
  /** A chunk of which messages are left, as the reader has no room for them. */
  #waits = false
  #pumping = false
  #wanted = false
  /** The stream below has ended. */
  #ended = false
  /** All messages are out, and the reader has yet to find that nothing follows. */
  #ending = false
  /** The reader has found nothing. */
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
    // Its end is seen before the last messages are read: what answers those must still get out. This stream ends it, once it is read itself.
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
      // Whatever is in front of a stream may give it an encoding later, or objects.
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
      // What a listener of a message throws is its own affair, and costs no other message.
      if (thrown) this.#goOnLater()
    }
    if (!this.#ended || this.#waits || this.destroyed) return
    // A reader that is at work on the last message has not found its end yet, and may want to answer it.
    this.#ending = true
    if (this.#starved && this.readableLength === 0) this.#end()
  }

  /** The next message; nothing where that is not whole, or wrong. */
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

  /** Not at once: whoever has found nothing waits for news only then. */
  #end() {
    this.#ending = false
    process.nextTick(() => this.push(null))
  }

  read(size) {
    // A listener that throws ends the reading as a reader that finds nothing does.
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
    // Who destroys that, before or meanwhile, wants no more of it: as a socket, this just closes.
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
