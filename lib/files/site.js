'use strict'

// A folder as Rust knows it (src/binding/files.rs), and the plans that it makes: what a request is to be answered with.

const fs = require('node:fs')
const process = require('node:process')
const { setInterval } = require('node:timers')
const { native, shared } = require('../engine.js')
const { plan: word } = require('../constants.js')

/** The plan of a site that has no answer: it is the next handler's turn. */
const PASS = null

/** By their tickets: those who wait for a plan, and those who wait for bytes. */
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

/** Names of the request headers that plans depend on, in lower case. */
const FIELDS = native.filesFields().split(',')

/** How often Rust looks whether large files that it keeps open are gone: only then is their room on the disk given back. */
const TIDY_MS = 60_000

/** The numbers of all sites that there are. */
const open = shared('file sites', () => {
  const numbers = new Set()
  const tidy = () => {
    for (const number of numbers) if (native.filesUsage(number).handles > 0) native.filesTidy(number)
  }
  setInterval(tidy, TIDY_MS).unref()
  return numbers
})

/** Sites whose handler nobody has any more. */
const dropped = new FinalizationRegistry((number) => {
  open.delete(number)
  native.filesClose(number)
})

/** What a request is to be answered with, ready to leave, until `release`. */
class Plan {
  constructor(number) {
    this.number = number
    /** The header lines, in the order in which they are sent. */
    this.lines = native.filesHead(number)
    this.status = words[word.STATUS]
    const flags = words[word.FLAGS]
    /** It is an error, for the next handler. */
    this.failed = (flags & word.FAILED) !== 0
    /** It is about a file: `path` and `stat` say which. */
    this.isFile = (flags & word.FILE) !== 0
    this.hasBody = (flags & word.BODY) !== 0
    /** The body is read as it is sent. */
    this.isStream = (flags & word.STREAM) !== 0
    /** What the system said, if it is about an error of the system's. */
    this.errno = words[word.ERRNO] | 0
    this.length = words[word.LENGTH] + words[word.LENGTH_HIGH] * 2 ** 32
  }

  headers() {
    return pairs(this.lines)
  }

  /** Those that belong to an error itself, whoever answers for it. */
  errorHeaders() {
    return pairs(native.filesErrorHead(this.number))
  }

  path() {
    return native.filesPath(this.number)
  }

  syscall() {
    return native.filesSyscall(this.number)
  }

  /** The file's state; throws where only memory has it by now. */
  stat() {
    const fd = native.filesFd(this.number)
    return fd < 0 ? fs.statSync(this.path()) : fs.fstatSync(fd)
  }

  /** A body that is not read as it is sent. */
  bytes() {
    return native.filesBytes(this.number)
  }

  /** Part of the body; `reader.onRead` gets it, or the system's error. */
  read(offset, length, reader) {
    const ticket = native.filesRead(this.number, offset, length)
    if (ticket > 0) reading.set(ticket, reader)
    else process.nextTick(() => reader.onRead(ticket))
  }

  /** Has the body leave on a connection of ours, as `httpSend` would. */
  send(connection) {
    return native.filesSend(this.number, connection)
  }

  release() {
    if (this.number > 0) native.filesRelease(this.number)
    this.number = 0
  }
}

/** Names and values of header lines; a name that follows itself has a list of values. */
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

/** A root and its options. The root need not be there yet. */
class Site {
  constructor(root, settings) {
    this.root = root
    this.settings = settings
    this.fields = FIELDS
    this.number = native.filesOpen(root, settings)
    open.add(this.number)
    dropped.register(this, this.number)
  }

  /** 0, or why the root cannot be served as a folder. */
  check() {
    return native.filesCheck(this.number)
  }

  /** A plan, if it is there at once; otherwise undefined, and `exchange.planned(plan)` follows. */
  plan(method, target, original, fields, status, given, exchange) {
    const number = native.filesPlan(this.number, method, target, original, fields, status, given)
    if (number > 0) return new Plan(number)
    if (number === 0) return PASS
    planning.set(-number, exchange)
    return undefined
  }
}

module.exports = { Site, PASS }
