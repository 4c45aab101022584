'use strict'

// The writing side of a connection: frames are written into a slab, which goes to the wire once per turn.

const { Buffer } = require('node:buffer')
const { isUint8Array } = require('node:util/types')
const { bytesOf } = require('../codec/bytes')
const { flushLater } = require('./tick')
const constants = require('../constants')
const { Kind, Flag, MAGIC, PREFACE_SIZE } = require('./protocol')
const { FRAME_HEAD, LENGTH_SIZE, CODE_SIZE, AMOUNT_SIZE, BLOCK_SIZE, ERROR_PREFIX } = require('./protocol')

const { DEADLINE } = Flag
const { VERSION: VERSION_AT, FLAGS: PREFACE_FLAGS_AT, WINDOW: WINDOW_AT } = constants.preface
const { MAX_FRAME: MAX_FRAME_AT, MAX_CALLS: MAX_CALLS_AT } = constants.preface
const { KIND: KIND_AT, SEQUENCE: SEQUENCE_AT } = constants.header

/** For a write of this many bytes, copying already costs the kernel more than the system call itself. */
const SLAB_SIZE = 64 * 1024
/**
 * Bodies above this size (in bytes) are written directly instead of through the slab: a second copy would cost more
 * than a call into Rust.
 */
const DIRECT = 16 * 1024
/** Up to this size a loop copies faster than a call of `set`. */
const LOOP_COPY = 32
/**
 * The size of the reusable copy of one turn's frames (see `remember`): enough for many small calls, and not too much
 * memory per connection.
 */
const COPY_SIZE = 16 * 1024
/**
 * The number of slabs kept for later turns. Only connections with unflushed frames hold a slab, so idle ones cost
 * nothing.
 */
const KEPT_SLABS = 16

const FLAGS_AT = KIND_AT + 1

const slabs = []

function takeSlab() {
  const kept = slabs.pop()
  if (kept !== undefined) return kept
  const bytes = Buffer.allocUnsafeSlow(SLAB_SIZE)
  return { bytes, view: new DataView(bytes.buffer) }
}

const endOf = ({ at, bytes }) => at + bytes.length

class Outgoing {
  constructor(wire) {
    this.wire = wire
    this.slab = null
    this.used = 0
    /** Bytes handed to the wire so far. */
    this.handed = 0
    /** The wire holds more than its high-water mark: the peer reads too slowly. */
    this.congested = false
    this.open = true
    /**
     * Bytes that the operating system may not have taken yet, as `{ at, bytes }`, so that they can be sent on another
     * connection; null when that is not wanted.
     */
    this.unsent = null
    this.copy = null
  }

  /** The position of the next byte, counted from the first byte of the connection. */
  get position() {
    return this.handed + this.used
  }

  /** The number of bytes that the operating system has taken. */
  get accepted() {
    return this.handed - this.wire.queued
  }

  // Any call may throw when the stack is exhausted. A frame counts only once it is complete: `used` is updated last.

  /** Makes room for `size` bytes, at most SLAB_SIZE, and returns their offset in the slab. */
  reserve(size) {
    if (this.slab === null) {
      const slab = takeSlab()
      flushLater(this)
      this.slab = slab
    } else if (this.used + size > SLAB_SIZE) this.flush()
    return this.used
  }

  flush() {
    const length = this.used
    if (length === 0) return
    this.hand(this.slab.bytes, 0, length)
    this.used = 0
  }

  hand(bytes, offset, length) {
    if (!this.open) return
    this.handed += length
    if (!this.wire.write(bytes, offset, length)) this.congested = true
    if (this.unsent !== null) this.remember(bytes, offset, length)
  }

  /**
   * Keeps one copy of all frames of a turn. Nearly all of them are taken soon, so this costs less than a copy per call.
   */
  remember(bytes, offset, length) {
    const { unsent } = this
    const { queued } = this.wire
    const taken = this.handed - queued
    while (unsent.length > 0 && endOf(unsent[0]) <= taken) unsent.shift()
    if (queued > 0) this.keep(bytes, offset, length, this.handed - length)
  }

  keep(bytes, offset, length, at) {
    if (this.unsent.length > 0 || length > COPY_SIZE) {
      this.unsent.push({ at, bytes: Buffer.from(bytes.subarray(offset, offset + length)) })
      return
    }
    // Usually nothing else is kept, so one buffer can be reused.
    this.copy ??= Buffer.allocUnsafeSlow(COPY_SIZE)
    bytes.copy(this.copy, 0, offset, offset + length)
    this.unsent.push({ at, bytes: this.copy.subarray(0, length) })
  }

  /**
   * The body of the request that began at `position` and was not sent. Null when it is not known, and for a stream,
   * which consists of more than its request.
   */
  recover(position) {
    const frame = this.read(position, FRAME_HEAD)
    if (frame === null) return null
    const flags = frame[FLAGS_AT]
    if ((flags & (Flag.STREAMS | Flag.TAKES_STREAM)) !== 0) return null
    let head = FRAME_HEAD + CODE_SIZE + ((flags & DEADLINE) === 0 ? 0 : AMOUNT_SIZE)
    if ((flags & Flag.METADATA) !== 0) {
      const length = this.read(position + head, BLOCK_SIZE)
      if (length === null) return null
      head += BLOCK_SIZE + length.readUInt16BE(0)
    }
    return this.read(position + head, LENGTH_SIZE + frame.readUInt32BE(0) - head)
  }

  /** `size` bytes from `position` on; null when not all of them are kept. */
  read(position, size) {
    if (this.unsent === null) return null
    const end = position + size
    const parts = []
    let known = position
    for (const { at, bytes } of this.unsent) {
      if (known === end) break
      if (at > known || at + bytes.length <= known) continue
      parts.push(bytes.subarray(known - at, end - at))
      known = Math.min(end, at + bytes.length)
    }
    if (known < end) return null
    return parts.length === 1 ? parts[0] : Buffer.concat(parts)
  }

  /** The turn is over: hands the written frames to the wire and gives the slab back. */
  release() {
    if (this.slab === null) return
    this.flush()
    if (slabs.length < KEPT_SLABS) slabs.push(this.slab)
    this.slab = null
  }

  /** Nothing more is sent. Frames in the slab are dropped, or kept in `unsent`. */
  shut() {
    if (!this.open) return
    this.open = false
    if (this.unsent !== null && this.used > 0) this.keep(this.slab.bytes, 0, this.used, this.handed)
    this.used = 0
  }

  /** Writes the preface, as `prefaceBytes` makes it. */
  preface(bytes) {
    this.append(bytes)
  }

  /** Writes a nonce, a proof, or both. */
  auth(bytes) {
    const at = this.control(Kind.AUTH, 0, bytes.length)
    this.slab.bytes.set(bytes, at)
  }

  /** Writes a request. `remaining` is the number of milliseconds that the caller waits; 0 means no limit. */
  request(sequence, method, remaining, body) {
    const size = body.length
    const fixed = FRAME_HEAD + CODE_SIZE + (remaining === 0 ? 0 : AMOUNT_SIZE)
    const inline = size <= DIRECT
    const at = this.reserve(inline ? fixed + size : fixed)
    const { view, bytes } = this.slab
    view.setUint32(at, fixed + size - LENGTH_SIZE)
    view.setUint16(at + KIND_AT, (Kind.REQUEST << 8) | (remaining === 0 ? 0 : DEADLINE))
    view.setUint32(at + SEQUENCE_AT, sequence)
    view.setUint16(at + FRAME_HEAD, method)
    if (remaining !== 0) view.setUint32(at + FRAME_HEAD + CODE_SIZE, remaining)
    if (inline) {
      copy(body, size, bytes, at + fixed)
      this.used = at + fixed + size
    } else this.direct(at + fixed, body)
  }

  /** Writes a frame that consists of a body: a reply, or a message of a stream. */
  plain(kind, sequence, body) {
    const size = body.length
    const inline = size <= DIRECT
    const at = this.reserve(inline ? FRAME_HEAD + size : FRAME_HEAD)
    const { view, bytes } = this.slab
    view.setUint32(at, FRAME_HEAD + size - LENGTH_SIZE)
    view.setUint16(at + KIND_AT, kind << 8)
    view.setUint32(at + SEQUENCE_AT, sequence)
    if (inline) {
      copy(body, size, bytes, at + FRAME_HEAD)
      this.used = at + FRAME_HEAD + size
    } else this.direct(at + FRAME_HEAD, body)
  }

  /** Writes a frame made of several parts. For frames that are not on the hot path. */
  frame(kind, flags, sequence, parts) {
    // Check for stack space first, so that the frame is written as a whole or not at all.
    headroom()
    let size = FRAME_HEAD - LENGTH_SIZE
    for (const part of parts) size += part.length
    const at = this.reserve(FRAME_HEAD)
    const { view } = this.slab
    view.setUint32(at, size)
    view.setUint16(at + KIND_AT, (kind << 8) | flags)
    view.setUint32(at + SEQUENCE_AT, sequence)
    this.used = at + FRAME_HEAD
    for (const part of parts) this.append(part)
  }

  append(part) {
    if (part.length > DIRECT) return this.direct(this.used, part)
    const at = this.reserve(part.length)
    this.slab.bytes.set(part, at)
    this.used = at + part.length
  }

  /** Writes a request with flags, and with metadata if it has some. */
  flaggedRequest(sequence, method, remaining, { flags, metadata, body }) {
    const parts = [u16(method)]
    if (remaining !== 0) parts.push(u32(remaining))
    if (metadata !== null) parts.push(metadata)
    parts.push(body)
    this.frame(Kind.REQUEST, remaining === 0 ? flags : flags | DEADLINE, sequence, parts)
  }

  replyWithMetadata(sequence, metadata, body) {
    this.frame(Kind.REPLY, Flag.METADATA, sequence, [metadata, body])
  }

  /**
   * Writes an error frame. `failure` is `{ status, code, message, metadata, details }`, the last two as bytes or null.
   * `limit` is the peer's largest frame: metadata and details are left out if they do not fit, and the message is cut
   * to the space that is left.
   */
  error(sequence, { status, code, message, metadata, details }, limit) {
    const parts = [u16(status)]
    const codeBytes = clip(code, 255)
    let flags = 0
    let room = limit - (FRAME_HEAD - LENGTH_SIZE) - ERROR_PREFIX - codeBytes.length
    if (metadata !== null && metadata.length <= room) {
      flags |= Flag.METADATA
      room -= metadata.length
      parts.push(metadata)
    }
    if (details !== null && details.length + BLOCK_SIZE <= room) {
      flags |= Flag.DETAILS
      room -= details.length + BLOCK_SIZE
      parts.push(u16(details.length), details)
    }
    parts.push(u16(codeBytes.length), codeBytes, clip(message, Math.min(room, DIRECT)))
    this.frame(Kind.ERROR, flags, sequence, parts)
  }

  /** Grants the peer `amount` more bytes for messages of this call. */
  credit(sequence, amount) {
    const at = this.control(Kind.CREDIT, sequence, AMOUNT_SIZE)
    this.slab.view.setUint32(at, amount)
  }

  /** Announces that `number` stands for the method `name`, given as bytes. */
  method(number, name) {
    const at = this.control(Kind.METHOD, 0, CODE_SIZE + name.length)
    this.slab.view.setUint16(at, number)
    this.slab.bytes.set(name, at + CODE_SIZE)
  }

  goaway(reason, message) {
    const text = clip(message, 512)
    const at = this.control(Kind.GOAWAY, 0, CODE_SIZE + text.length)
    this.slab.view.setUint16(at, reason)
    this.slab.bytes.set(text, at + CODE_SIZE)
  }

  /** Writes the head of a frame with a payload of `size` bytes, and returns the offset for the payload. */
  control(kind, sequence, size) {
    const at = this.reserve(FRAME_HEAD + size)
    const { view } = this.slab
    view.setUint32(at, FRAME_HEAD + size - LENGTH_SIZE)
    view.setUint16(at + KIND_AT, kind << 8)
    view.setUint32(at + SEQUENCE_AT, sequence)
    this.used = at + FRAME_HEAD + size
    return at + FRAME_HEAD
  }

  /** Sends a body directly after its head, which ends at `end` in the slab. */
  direct(end, body) {
    headroom()
    this.used = end
    this.flush()
    this.hand(body, 0, body.length)
  }
}

/** Like `bytesOf`, but a small body is returned as it is: the loop in `copy` reads only the body's own bytes. */
function bodyOf(value, name) {
  return isUint8Array(value) && value.length > 0 && value.length <= LOOP_COPY ? value : bytesOf(value, name)
}

/** Throws if there is not enough stack left for the steps that follow. */
function headroom(depth = 60) {
  return depth === 0 ? 0 : 1 + headroom(depth - 1)
}

function copy(from, size, to, at) {
  if (size > LOOP_COPY) to.set(from, at)
  else for (let i = 0; i < size; i++) to[at + i] = from[i]
}

/** The preface as it is sent. `window` is in multiples of WINDOW_UNIT bytes. */
function prefaceBytes({ version, flags, window, maxFrame, maxCalls }) {
  const bytes = Buffer.alloc(PREFACE_SIZE)
  bytes.writeUInt32BE(MAGIC)
  bytes[VERSION_AT] = version
  bytes[PREFACE_FLAGS_AT] = flags
  bytes.writeUInt16BE(window, WINDOW_AT)
  bytes.writeUInt32BE(maxFrame, MAX_FRAME_AT)
  bytes.writeUInt32BE(maxCalls, MAX_CALLS_AT)
  return bytes
}

function u16(value) {
  return Buffer.from([value >> 8, value & 0xff])
}

function u32(value) {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** `text` as UTF-8, cut at a character boundary to at most `size` bytes. */
function clip(text, size) {
  const bytes = Buffer.from(text)
  if (bytes.length <= size) return bytes
  let end = size
  while ((bytes[end] & 0xc0) === 0x80) end--
  return bytes.subarray(0, end)
}

module.exports = { Outgoing, prefaceBytes, bodyOf, headroom }
