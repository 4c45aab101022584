'use strict'

// `fs.createReadStream(path).pipe(res)`: Rust sends the file, and the stream behaves as usual.
//
// When a file stream is piped into a response of ours, it gets our `_read`. Core's would read a part of the file into a
// Buffer. Ours has Rust prepare the part, and pushes a chunk that only stands for it; the pipe writes this chunk to the
// response, which recognises it and has Rust send the part. So events and their order, backpressure, `pause`, `unpipe`
// and several pipes in sequence are core's own.
//
// One part is prepared at a time, and only while nothing but the pipe would see the chunk. If the program listens for
// 'data', wraps `res.write`, replaces `fs.read`, or pauses the stream before the part is there, core reads this part,
// and the next ones as long as that holds.
//
// If a stream is piped before its file is open, the file is opened at once where that needs no disk. For this, a Source
// replaces the stream's `fs`, as the option of that name could.

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

/**
 * What this module depends on, if all of it is Node's own. Only Linux tells what can be read without waiting for a
 * disk.
 */
const needed = [own.emit, own.push, own.write, own.streamRead]
const node = process.platform === 'linux' && needed.every(Boolean) ? files : undefined

/**
 * With Node's permission model, Node must open the files. In a worker, Node closes left-over files only if it has
 * opened them itself.
 */
const mayOpen = isMainThread && !process.permission

/**
 * Paths where ordinary files were found. A path that is not known is opened by core, because opening a pipe or a device
 * has effects.
 */
const known = new Set()
const MAX_KNOWN = 1000
const MAX_PATH = 512

/**
 * The memory of the chunks that stand for parts of files. Nothing reads or writes it, so the system never gives it
 * physical memory.
 */
let zeros

class Source {
  constructor(connection, res, stream) {
    this.connection = connection
    this.res = res
    this.stream = stream
    /** The pipe's listener for 'data'. */
    this.ondata = stream._events.data
    this.fs = stream[node.kFs]
    /** Whether the file may be opened here. */
    this.opens = false
    /** Whether the descriptor was opened here. */
    this.opened = false
    /** The number of bytes that `_read` was asked for, while it waits. */
    this.wanted = 0
    /** Whether the file was opened without a listener for 'open' or 'ready'. */
    this.quiet = false
  }

  // --- as the stream's `fs`

  open(path, flags, mode, callback) {
    const fd = this.opens && known.has(path) && this.isPlain() ? native.sourceOpen(path) : -1
    if (fd < 0) return this.fs.open(path, flags, mode, callback)
    this.opened = true
    later(opened, this, fd, callback)
  }

  /** Remembers that there is an ordinary file at the path. */
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
    // If the descriptor is not open, core reports that in its own words.
    const isClosed = this.opened && fs.close === node.close && native.sourceClose(fd) === 0
    if (isClosed) later(closed, this, fd, callback)
    else this.fs.close(fd, callback)
  }

  // --- as the stream's `_read`

  next(n) {
    const { stream, connection } = this
    if (this.waits()) {
      // Core would read the next part now, and keep it until the response has drained.
      connection.waiting ??= new Set()
      connection.waiting.add(this)
      this.wanted = n
      return
    }
    if (!this.isPlain()) return this.readByCore(n)
    if (this.left() <= 0) return stream.push(null)
    // In core, reading takes time, in which a listener that was just called may act. If there was none, the part can be
    // sent sooner.
    if (this.quiet) process.nextTick(send, this, n)
    else later(send, this, n)
    this.quiet = false
  }

  readByCore(n) {
    const { stream } = this
    // The descriptor's own position has not moved, so core is told where to read on.
    if (this.keepsPlace()) stream.pos ??= stream.bytesRead
    node._read.call(stream, n)
  }

  /** Has core read a part again that was prepared to be sent. */
  unread(count, position, n) {
    const { stream } = this
    native.sourceGiveBack(stream.fd, position)
    if (stream.pos !== undefined) stream.pos -= count
    stream.bytesRead -= count
    this.readByCore(n)
  }

  /** Whether the descriptor's own position does not matter, because the descriptor closes with the stream. */
  keepsPlace() {
    return this.opened && this.stream.autoClose
  }

  /** The offset in the file at which the next part begins; negative for the descriptor's own position. */
  position() {
    const { pos, bytesRead } = this.stream
    return pos ?? (this.keepsPlace() ? bytesRead : -1)
  }

  /** The number of bytes left in the requested range. */
  left() {
    const { pos, end, bytesRead } = this.stream
    return end - (pos ?? bytesRead) + 1
  }

  /** Whether the pipe waits until the response has drained. */
  waits() {
    const { stream, res, connection } = this
    const { awaitDrainWriters, flowing } = stream._readableState
    return awaitDrainWriters === res && !flowing && res.writableNeedDrain && this.isOnly() && connection.isDirect(res)
  }

  /** Whether a chunk that is pushed now goes only to the response, and from there straight into the connection. */
  isPlain() {
    return this.stream._readableState.flowing === true && this.isOnly() && this.connection.isDirect(this.res)
  }

  /** Whether what is read goes only to the response. */
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

/** What is to be done in the next turn of the event loop, for all sources together. */
let steps = []

/**
 * Calls `step(source, value, callback)` in the next turn of the event loop. If no AsyncLocalStorage context must be
 * kept, all steps share one Immediate, because each of them costs time.
 */
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
    // A listener has thrown. The other streams must still get their turn.
    for (const { step, source, value, callback } of all.slice(done)) later(step, source, value, callback)
  }
}

/** Reports that the file is open, in another turn of the event loop than the request for it, as in core. */
function opened(source, fd, callback) {
  const { open, ready } = source.stream._events
  source.quiet = open === undefined && ready === undefined
  callback(null, fd)
}

/** Reports that the file is closed. */
function closed(_source, _fd, callback) {
  callback(null)
}

/** Sends the next part. */
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
      // This may call a `writeHead` of the program's, which may do anything.
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

/** Sources that waited for the response go on: it has drained, or their pipe has ended. */
function goOn(waiting, res) {
  for (const source of waiting) {
    if (source.res !== res) continue
    waiting.delete(source)
    later(send, source, source.wanted)
  }
}

/** The chunk that stands for the prepared part. `write` of responses compares its chunk with it. */
const NONE = Symbol('none')
const ready = { chunk: NONE }

/** A stream is piped into a response: replaces the stream's `_read` and `fs` if that is possible. */
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

/** The `_read` that the stream gets. */
const OURS = {
  value: function _read(n) {
    const source = this[node.kFs]
    if (source instanceof Source) source.next(n)
    else node._read.call(this, n)
  },
  configurable: true,
  writable: true,
}

/** Whether a stream reads from a FileHandle whose `read` is not replaced. */
function isOfHandle(stream) {
  const handle = stream[find(stream, 'kHandle')]
  return handle?.constructor?.name === 'FileHandle' && !Object.hasOwn(handle, 'read') && handle.fd === stream.fd
}

/** Called when a stream is piped into a response or unpiped from it, and when the response has drained. */
function onPipe(connection, res, event, stream) {
  if (event === 'pipe') take(connection, res, stream)
  else if (connection.waiting !== undefined) goOn(connection.waiting, res)
}

module.exports = { onPipe, ready }
