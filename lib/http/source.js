'use strict'

// `fs.createReadStream(path).pipe(res)`: the file is sent from Rust, and the stream stays what it is.
//
// A stream of a file that is piped into a response of ours gets a `_read` of ours. Where core's has a part of the file read into a Buffer, ours
// has it made ready in Rust, and pushes a chunk that only stands for it; the pipe writes that to the response, where it is known again and
// the part itself is sent. So events and their order, backpressure, `pause`, `unpipe`, several pipes one after the other are core's own.
//
// That is done for one part at a time, while nobody but the pipe would see the chunk. Whoever listens for 'data', wraps `res.write`,
// replaces `fs.read`, or pauses the stream before the part is there, has this part read by core, and those after it as long as that holds.
//
// A stream that is piped before its file is open has it opened at once where that is possible without a disk: what is below stands in for the
// stream's `fs`, as its option of that name could.

const fs = require('node:fs')
const process = require('node:process')
const { Buffer } = require('node:buffer')
const { setImmediate } = require('node:timers')
const { isMainThread } = require('node:worker_threads')
const { native } = require('../engine.js')
const { files, find, own } = require('../core.js')
const { hooks } = require('./observers')
const { isOurs } = require('./install')
const { PART, COUNT, ENDS } = require('../constants.js').source

/** What this stands on, if all of it is Node's own; only Linux says what can be read without waiting. */
const needed = [own.emit, own.push, own.write, own.streamRead]
const node = process.platform === 'linux' && needed.every(Boolean) ? files : undefined

/** Where Node was told which files may be read, it opens them; and what a worker leaves open it closes only if it has opened that. */
const mayOpen = isMainThread && !process.permission

/** Paths that ordinary files were found at: what was never looked at is opened by core, because to open a pipe or a device has effects. */
const known = new Set()
const MAX_KNOWN = 1000
const MAX_PATH = 512

/** What stands for a part of a file: nobody reads it or writes to it, so the system never gives it any memory. */
let zeros

class Source {
  constructor(connection, res, stream) {
    this.connection = connection
    this.res = res
    this.stream = stream
    /** The pipe's. */
    this.ondata = stream._events.data
    this.fs = stream[node.kFs]
    /** Whether the file may be opened here. */
    this.opens = false
    /** The descriptor is of our making. */
    this.opened = false
    /** As many bytes as `_read` was asked for, while it waits. */
    this.wanted = 0
    /** Nobody has heard that the file is open. */
    this.quiet = false
  }

  // --- as the stream's `fs`

  open(path, flags, mode, callback) {
    const fd = this.opens && known.has(path) && this.isPlain() ? native.sourceOpen(path) : -1
    if (fd < 0) return this.fs.open(path, flags, mode, callback)
    this.opened = true
    later(opened, this, fd, callback)
  }

  /** The path is one of an ordinary file. */
  learn() {
    const { path } = this.stream
    if (typeof path !== 'string' || path.length > MAX_PATH) return
    if (known.size >= MAX_KNOWN) known.clear()
    known.add(path)
  }

  read(...args) {
    return this.fs.read(...args)
  }

  close(fd, callback) {
    this.stream[node.kFs] = this.fs
    // What cannot be closed is not open: core says so in its own words.
    const isClosed = this.opened && fs.close === node.close && native.sourceClose(fd) === 0
    if (isClosed) later(closed, this, fd, callback)
    else this.fs.close(fd, callback)
  }

  // --- as the stream's `_read`

  next(n) {
    const { stream, connection } = this
    if (this.waits()) {
      // Core would read on, and keep it until then.
      connection.waiting ??= new Set()
      connection.waiting.add(this)
      this.wanted = n
      return
    }
    if (!this.isPlain()) return this.readByCore(n)
    if (this.left() <= 0) return stream.push(null)
    // Reading takes its time, which whoever has just heard something may use.
    if (this.quiet) process.nextTick(send, this, n)
    else later(send, this, n)
    this.quiet = false
  }

  readByCore(n) {
    const { stream } = this
    // Core reads on from where the descriptor is, which has not been moved.
    if (this.keepsPlace()) stream.pos ??= stream.bytesRead
    node._read.call(stream, n)
  }

  /** Core reads again what was made ready to be sent. */
  unread(count, position, n) {
    const { stream } = this
    native.sourceGiveBack(stream.fd, position)
    if (stream.pos !== undefined) stream.pos -= count
    stream.bytesRead -= count
    this.readByCore(n)
  }

  /** The descriptor's own position is nobody's business: it closes with the stream. */
  keepsPlace() {
    return this.opened && this.stream.autoClose
  }

  /** Where the next part begins; negative for the descriptor's own position. */
  position() {
    const { pos, bytesRead } = this.stream
    return pos ?? (this.keepsPlace() ? bytesRead : -1)
  }

  /** Bytes of the range that is asked for. */
  left() {
    const { pos, end, bytesRead } = this.stream
    return end - (pos ?? bytesRead) + 1
  }

  /** Whether the pipe does nothing before the response has drained. */
  waits() {
    const { stream, res, connection } = this
    const { awaitDrainWriters, flowing } = stream._readableState
    return awaitDrainWriters === res && !flowing && res.writableNeedDrain && this.isOnly() && connection.isDirect(res)
  }

  /** Whether a chunk that is pushed now goes to the response and nowhere else, and into the connection from there. */
  isPlain() {
    return this.stream._readableState.flowing === true && this.isOnly() && this.connection.isDirect(this.res)
  }

  /** Whether what is read goes to the response and nowhere else. */
  isOnly() {
    const { stream, res } = this
    const { _readableState: state, _events: events } = stream
    return (
      state.length === 0 &&
      state.pipes.length === 1 &&
      state.pipes[0] === res &&
      state.decoder === null &&
      !state.objectMode &&
      events.data === this.ondata &&
      events.readable === undefined &&
      stream.emit === own.emit &&
      stream.push === own.push &&
      stream.read === own.streamRead &&
      fs.open === node.open &&
      fs.read === node.read &&
      isOurs(res.write) &&
      res._hasBody
    )
  }
}

/** What is to be done in the next turn of the loop, of all sources together. */
let steps = []

/** Calls `step(source, value, callback)` in the next turn of the loop: where no context goes along, with an Immediate for all, as each costs its time. */
function later(step, source, value, callback) {
  if (hooks.stores) setImmediate(step, source, value, callback)
  else if (steps.push({ step, source, value, callback }) === 1) setImmediate(runSteps)
}

function runSteps() {
  const all = steps
  let done = 0
  steps = []
  try {
    for (const { step, source, value, callback } of all) {
      done++
      step(source, value, callback)
    }
  } finally {
    // A listener has thrown: that is nothing to the other streams.
    for (const { step, source, value, callback } of all.slice(done)) later(step, source, value, callback)
  }
}

/** The file is open. As with core that is told in another turn of the loop than the one in which it was asked for. */
function opened(source, fd, callback) {
  const { open, ready } = source.stream._events
  source.quiet = open === undefined && ready === undefined
  callback(null, fd)
}

/** The file is closed. */
function closed(_source, _fd, callback) {
  callback(null)
}

/** The next part. */
function send(source, n) {
  const { stream, res } = source
  if (stream.destroyed) return
  if (!source.isPlain()) return source.readByCore(n)
  const { fd, pos } = stream
  const left = source.left()
  const position = source.position()
  const next = native.sourceNext(fd, position, left)
  if (next < 0) return source.readByCore(n)
  const count = next & COUNT
  if (count > 0) {
    if (stream.bytesRead === 0 && !source.opened) source.learn()
    if (pos !== undefined) stream.pos += count
    stream.bytesRead += count
    if (!res._header) {
      res._implicitHeader()
      // That may be somebody else's writeHead, which may do anything.
      if (stream.destroyed) return native.sourceGiveBack(fd, position)
      if (!source.isPlain()) return source.unread(count, position, n)
    }
    zeros ??= Buffer.alloc(PART)
    ready.chunk = zeros.subarray(0, count)
    stream.push(ready.chunk)
    ready.chunk = NONE
  }
  if (next & ENDS || count === left) stream.push(null)
}

/** What sources have waited for has come, or does not matter any more. */
function goOn(waiting, res) {
  for (const source of waiting) {
    if (source.res !== res) continue
    waiting.delete(source)
    later(send, source, source.wanted)
  }
}

/** The chunk that stands for the part that is ready: `write` of responses looks for it. */
const NONE = Symbol('none')
const ready = { chunk: NONE }

/** A stream is piped into a response. */
function take(connection, res, stream) {
  if (node === undefined || hooks.enabled.size > 0 || stream === null || typeof stream !== 'object') return
  if (Object.getPrototypeOf(stream) !== node.prototype || stream._read !== node._read) return
  const { [node.kFs]: from, fd, path, flags } = stream
  if (from !== fs && !isOfHandle(stream)) return
  if (typeof stream._events.data !== 'function') return
  const source = new Source(connection, res, stream)
  stream[node.kFs] = source
  Object.defineProperty(stream, '_read', OURS)
  source.opens = mayOpen && from === fs && fd === null && flags === 'r' && typeof path === 'string'
}

/** The stream's `_read`. */
const OURS = {
  value: function _read(n) {
    const source = this[node.kFs]
    if (source instanceof Source) source.next(n)
    else node._read.call(this, n)
  },
  configurable: true,
  writable: true,
}

/** Whether a stream reads from a FileHandle, in the way that one does by itself. */
function isOfHandle(stream) {
  const handle = stream[find(stream, 'kHandle')]
  return handle?.constructor?.name === 'FileHandle' && !Object.hasOwn(handle, 'read') && handle.fd === stream.fd
}

/** What a response emits about its pipes: a stream begins to be piped into it, or ends; or it has drained. */
function onPipe(connection, res, event, stream) {
  if (event === 'pipe') take(connection, res, stream)
  else if (connection.waiting !== undefined) goOn(connection.waiting, res)
}

module.exports = { onPipe, ready }
