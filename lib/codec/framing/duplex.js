'use strict'

// A duplex stream of bytes, such as a socket, as one of messages.

const { Duplex } = require('node:stream')
const { invalidArgType } = require('../../errors')

/** What is asked of the stream below. */
const METHODS = ['on', 'write', 'end', 'pause', 'resume', 'destroy']

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
  #ended = false

  constructor(below, framer, cursor, make) {
    if (METHODS.some((name) => typeof below?.[name] !== 'function')) {
      throw invalidArgType('stream', 'an instance of Duplex, such as a net.Socket', below)
    }
    super({ objectMode: true, allowHalfOpen: below.allowHalfOpen !== false })
    this.#below = below
    this.#framer = framer
    this.#cursor = cursor
    this.#make = make
    below.on('data', (chunk) => this.#take(chunk))
    below.on('end', () => {
      this.#ended = true
      if (!this.#waits) this.#finish()
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
      this.#cursor.feed(chunk)
    } catch (error) {
      this.destroy(error)
      return
    }
    this.#pump()
  }

  #pump() {
    this.#pumping = true
    this.#waits = false
    try {
      while (!this.destroyed && this.#cursor.next()) {
        this.#wanted = false
        if (this.push(this.#make(this.#cursor)) || this.#wanted) continue
        this.#waits = true
        this.#below.pause()
        break
      }
    } catch (error) {
      this.destroy(error)
    }
    this.#pumping = false
    if (this.#ended && !this.#waits) this.#finish()
  }

  /** Nothing more comes. */
  #finish() {
    try {
      if (this.#cursor.finish()) this.push(this.#make(this.#cursor))
      this.push(null)
    } catch (error) {
      this.destroy(error)
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
    this.#below.end(callback)
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
