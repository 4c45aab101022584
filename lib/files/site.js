'use strict'

// A folder as Rust knows it (src/binding/files.rs), and its plans, which describe the answers to requests.

const fs = require('node:fs')
const process = require('node:process')
const { setInterval } = require('node:timers')
const { native, shared } = require('../engine.js')
const { plan: word } = require('../constants.js')

/** The plan for a request that has no answer here: the next handler should answer it. */
const PASS = null

/** Exchanges that wait for a plan, and bodies that wait for bytes, by ticket. */
const { planning, reading, words } = shared('files', () => {
  const planning = new Map()
  const reading = new Map()
  const onFilesPlan = (ticket, number) => take(planning, ticket).planned(number === 0 ? PASS : new Plan(number))
  const onFilesRead = (ticket, bytes) => take(reading, ticket).onRead(bytes)
  return { planning, reading, words: new Uint32Array(native.filesTable({ onFilesPlan, onFilesRead })) }
})

function take(waiting, ticket) {
  const one = waiting.get(ticket)
  waiting.delete(ticket)
  return one
}

/** The lower-case names of the request headers that plans depend on. */
const FIELDS = native.filesFields().split(',')

/**
 * How often Rust checks whether large files that it keeps open were deleted, in milliseconds. Their disk space is freed
 * only when they are closed.
 */
const TIDY_MS = 60_000

/** The numbers of all open sites. */
const open = shared('file sites', () => {
  const numbers = new Set()
  const tidy = () => {
    for (const number of numbers) if (native.filesUsage(number).handles > 0) native.filesTidy(number)
  }
  setInterval(tidy, TIDY_MS).unref()
  return numbers
})

/** Closes sites whose handler was garbage-collected. */
const dropped = new FinalizationRegistry((number) => {
  open.delete(number)
  native.filesClose(number)
})

/** The answer to a request, ready to be sent. It holds native resources until `release`. */
class Plan {
  constructor(number) {
    this.number = number
    /** The header lines in the order in which they are sent. */
    this.lines = native.filesHead(number)
    this.status = words[word.STATUS]
    const flags = words[word.FLAGS]
    /** Whether it is an error for the next handler. */
    this.failed = (flags & word.FAILED) !== 0
    /** Whether it concerns a file, which `path` and `stat` describe. */
    this.isFile = (flags & word.FILE) !== 0
    this.hasBody = (flags & word.BODY) !== 0
    /** Whether the body is read while it is sent. */
    this.isStream = (flags & word.STREAM) !== 0
    /** The system's error number, if a system call failed. */
    this.errno = words[word.ERRNO] | 0
    this.length = words[word.LENGTH] + words[word.LENGTH_HIGH] * 2 ** 32
  }

  headers() {
    return pairs(this.lines)
  }

  /** The headers that belong to the error itself, whichever handler answers with it. */
  errorHeaders() {
    return pairs(native.filesErrorHead(this.number))
  }

  path() {
    return native.filesPath(this.number)
  }

  syscall() {
    return native.filesSyscall(this.number)
  }

  /** The file's `fs.Stats`. Throws if the file is gone and only its content is still in memory. */
  stat() {
    const fd = native.filesFd(this.number)
    return fd < 0 ? fs.statSync(this.path()) : fs.fstatSync(fd)
  }

  /** A body that is not read while it is sent. */
  bytes() {
    return native.filesBytes(this.number)
  }

  /** Reads a part of the body. `reader.onRead` gets the bytes, or the system's error number. */
  read(offset, length, reader) {
    const ticket = native.filesRead(this.number, offset, length)
    if (ticket > 0) reading.set(ticket, reader)
    else process.nextTick(() => reader.onRead(ticket))
  }

  /** Sends the body on one of our connections, like `httpSend`. */
  send(connection) {
    return native.filesSend(this.number, connection)
  }

  release() {
    if (this.number > 0) native.filesRelease(this.number)
    this.number = 0
  }
}

/** Parses header lines into names and values. Consecutive lines of the same name become one entry with an array. */
function pairs(lines) {
  const headers = []
  for (let at = 0; at < lines.length; ) {
    const colon = lines.indexOf(':', at)
    const end = lines.indexOf('\r\n', colon)
    const name = lines.slice(at, colon)
    const value = lines.slice(colon + 2, end)
    const last = headers.at(-1)
    if (last !== undefined && last[0] === name) last[1] = [].concat(last[1], value)
    else headers.push([name, value])
    at = end + 2
  }
  return headers
}

/** A root folder and its options. The folder need not exist yet. */
class Site {
  constructor(root, settings) {
    this.root = root
    this.settings = settings
    this.fields = FIELDS
    this.number = native.filesOpen(root, settings)
    open.add(this.number)
    dropped.register(this, this.number)
  }

  /** Returns 0, or the error number that says why the root cannot be served as a folder. */
  check() {
    return native.filesCheck(this.number)
  }

  /** Returns a plan if it is available at once; otherwise undefined, and `exchange.planned(plan)` is called later. */
  plan(method, target, original, fields, status, given, exchange) {
    const number = native.filesPlan(this.number, method, target, original, fields, status, given)
    if (number > 0) return new Plan(number)
    if (number === 0) return PASS
    planning.set(-number, exchange)
    return undefined
  }
}

module.exports = { Site, PASS }
