'use strict'

// `codec.framer(options)`: splits a stream of bytes into messages, and frames messages for sending.

const { Buffer } = require('node:buffer')
const { invalidArgType, invalidArgValue, outOfRange } = require('../../errors')
const { bytesOf } = require('../bytes')
const natives = require('../native')
const { Cursor, chunkOf } = require('./cursor')
const { FrameDuplex } = require('./duplex')
const { framingOf } = require('./options')
const { FrameDecoder, FrameEncoder } = require('./streams')

/** How streams get a message from a cursor. */
const view = (cursor) => cursor.view()

class Framer {
  #framing
  #cursor
  #encode
  /** Whether a chunk is being processed, because a callback may call this object again. */
  #busy = false

  constructor(options) {
    this.#framing = framingOf(options)
    this.#cursor = new Cursor(this.#framing)
    this.#encode = encoders[this.#framing.kind](this.#framing)
  }

  /** The number of bytes held of an incomplete message. */
  get held() {
    return this.#cursor.held
  }

  /** Takes a chunk and returns the messages that end in it. */
  push(chunk) {
    const messages = []
    const bytes = chunkOf(chunk)
    try {
      this.#run(bytes, () => this.#cursor.collect(messages))
    } catch (error) {
      // The messages before the invalid place are still valid.
      error.messages = messages
      throw error
    }
    return messages
  }

  /**
   * Takes a chunk and calls `each(bytes, start, end)` for the messages that end in it, without creating objects for
   * them.
   */
  each(chunk, each) {
    if (typeof each !== 'function') throw invalidArgType('each', 'of type function', each)
    this.#run(chunkOf(chunk), () => this.#cursor.drain(each))
  }

  #run(bytes, take) {
    if (this.#busy) throw invalidArgValue('chunk', bytes, 'must not be given while the chunk before it is being read')
    this.#cursor.feed(bytes)
    this.#busy = true
    try {
      take()
    } finally {
      this.#busy = false
    }
  }

  /**
   * Ends the stream. Throws if a message is incomplete. Returns the last message if it needs no delimiter at the end.
   */
  end() {
    return this.#cursor.finish() ? this.#cursor.view() : undefined
  }

  /** Resets the state, including errors, for another stream. */
  reset() {
    this.#cursor.reset()
  }

  /** Frames a message. */
  encode(message) {
    return this.#encode(bytesOf(message, 'message'))
  }

  /** Frames several messages into one Buffer. */
  encodeMany(messages) {
    if (typeof messages?.[Symbol.iterator] !== 'function') throw invalidArgType('messages', 'an iterable', messages)
    return Buffer.concat(Array.from(messages, (message) => this.encode(message)))
  }

  /** Yields the messages of an iterable of chunks, such as a stream. It has a state of its own. */
  async *decode(chunks) {
    const cursor = new Cursor(this.#framing)
    for await (const chunk of chunks) {
      cursor.feed(chunkOf(chunk))
      while (cursor.next()) yield cursor.view()
    }
    if (cursor.finish()) yield cursor.view()
  }

  /** A Transform stream from bytes to messages. */
  decoder(options) {
    return new FrameDecoder(new Cursor(this.#framing), view, options)
  }

  /** A duplex stream of messages over a stream of bytes, such as a socket. */
  over(stream) {
    return new FrameDuplex(stream, this, new Cursor(this.#framing), view)
  }

  /** A Transform stream from messages to bytes. */
  encoder(options) {
    return new FrameEncoder((message) => this.encode(message), options)
  }
}

/** Writes `value` as a length field of `width` bytes. */
function writeLength(out, at, value, { width, littleEndian }) {
  for (let i = 0; i < width; i++) {
    out[at + (littleEndian ? i : width - 1 - i)] = value
    value = Math.floor(value / 256)
  }
  return width
}

function varintWidth(value) {
  let width = 1
  for (; value >= 128; value /= 128) width++
  return width
}

function writeVarint(out, at, value) {
  const begin = at
  for (; value >= 128; value = Math.floor(value / 128)) out[at++] = (value % 128) | 128
  out[at++] = value
  return at - begin
}

function checkLength(message, longest) {
  if (message.length > longest) throw outOfRange('message.length', `<= ${longest}`, message.length)
}

const encoders = {
  __proto__: null,
  length: (framing) => {
    const { width, counts, before, after, trailer, strip, maxLength } = framing
    /** The size of the length field and its value, for a message of `body` bytes. */
    const measure = (body) => {
      if (counts === 'message') return [width || varintWidth(body), body]
      const rest = after + body + trailer
      if (counts === 'rest') return [width || varintWidth(rest), rest]
      if (width > 0) return [width, before + width + rest]
      // A varint that counts its own bytes: use the smallest size that fits.
      let own = 1
      while (varintWidth(before + own + rest) > own) own++
      return [own, before + own + rest]
    }
    const write = (out, value) =>
      width === 0 ? writeVarint(out, before, value) : writeLength(out, before, value, framing)
    if (strip) {
      const plain = before + after + trailer === 0
      return (message) => {
        const { length } = message
        checkLength(message, maxLength)
        const [own, value] = measure(length)
        const size = before + own + after + length + trailer
        const out = plain ? Buffer.allocUnsafe(size) : Buffer.alloc(size)
        write(out, value)
        out.set(message, before + own + after)
        return out
      }
    }
    if (width === 0) {
      return () => {
        throw invalidArgValue(
          'options.strip',
          false,
          'cannot be used to encode with a varint, whose size depends on the message',
        )
      }
    }
    // The message is the whole frame, with space for its length field.
    const around = before + width + after + trailer
    return (message) => {
      const body = message.length - around
      if (body < 0) throw outOfRange('message.length', `>= ${around}`, message.length)
      if (body > maxLength) throw outOfRange('message.length', `<= ${around + maxLength}`, message.length)
      const out = Buffer.from(message)
      write(out, measure(body)[1])
      return out
    }
  },
  delimiter: ({ delimiter, strip, maxLength }) => {
    return (message) => {
      let body = message.length
      if (!strip) {
        body -= delimiter.length
        const given = Buffer.from(message.buffer, message.byteOffset, message.length)
        if (body < 0 || !given.subarray(body).equals(delimiter)) {
          throw invalidArgValue('message', message, 'must end with the delimiter')
        }
      }
      if (body > maxLength) throw outOfRange('message.length', `<= ${maxLength}`, body)
      const out = Buffer.allocUnsafe(body + delimiter.length)
      out.set(message)
      out.set(delimiter, body)
      // Finds the delimiter within the message, also where it overlaps the delimiter at the end.
      if (out.indexOf(delimiter) < body) throw invalidArgValue('message', message, 'must not contain the delimiter')
      return out
    }
  },
  size: ({ size }) => {
    return (message) => {
      if (message.length !== size) throw outOfRange('message.length', `${size}`, message.length)
      return Buffer.from(message)
    }
  },
  stuffing: ({ stuffing, maxLength }) => {
    return (message) => {
      checkLength(message, maxLength)
      if (stuffing === 'slip' && message.length === 0) {
        throw invalidArgValue('message', message, 'must not be empty: SLIP cannot carry an empty message')
      }
      return natives().stuff(stuffing, message)
    }
  },
}

/** See `index.d.ts` for the options. */
function framer(options) {
  return new Framer(options)
}

module.exports = { framer, Framer }
