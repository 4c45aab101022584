'use strict'

// A folder as Rust has it open (src/binding/files.rs), and the plans that it makes: what a request is to be answered with.

const fs = require('node:fs')
const { constants } = require('node:os')
const path = require('node:path')
const { getSystemErrorName } = require('node:util')
const { native, shared } = require('../engine.js')
const { plan: word } = require('../constants.js')

const { ENOTDIR } = constants.errno

/** The plan of a site that has no answer: it is the next handler's turn. */
const PASS = null

/** By the number of their ticket: who waits for a plan, and who waits for bytes. */
const planning = new Map()
const reading = new Map()

const words = shared('files', () => new Uint32Array(native.filesTable({ onFilesPlan, onFilesRead })))

function onFilesPlan(ticket, number) {
  const exchange = planning.get(ticket)
  planning.delete(ticket)
  exchange.planned(number === 0 ? PASS : new Plan(number))
}

/** Bytes, or the system's error as a number. */
function onFilesRead(ticket, bytes) {
  const reader = reading.get(ticket)
  reading.delete(ticket)
  reader.onRead(bytes)
}

/** Names, in lower case, of the request headers that plans depend on. */
const FIELDS = native.filesFields()

/** Sites whose handler nobody has any more. */
const dropped = new FinalizationRegistry((number) => native.filesClose(number))

/** An answer that is ready to leave, until `release`. */
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
    this.errno = words[word.ERRNO] | 0
    this.length = words[word.LENGTH] + words[word.LENGTH_HIGH] * 2 ** 32
    this.send = (id) => native.filesSend(number, id)
  }

  /** Names and values. */
  headers() {
    const lines = this.lines.split('\r\n')
    lines.pop()
    return lines.map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon), line.slice(colon + 2)]
    })
  }

  /** Where the file is that this is about. */
  path() {
    return native.filesPath(this.number)
  }

  stat() {
    return fs.fstatSync(native.filesFd(this.number))
  }

  bytes() {
    return native.filesBytes(this.number)
  }

  read(offset, length, reader) {
    reading.set(native.filesRead(this.number, offset, length), reader)
  }

  release() {
    if (this.number === 0) return
    native.filesRelease(this.number)
    this.number = 0
  }
}

/** In place of a plan, where there is no root to make one of. */
class Failure {
  constructor(root, errno) {
    this.root = root
    this.errno = errno
    this.status = MISSING.has(getSystemErrorName(errno)) ? 404 : 500
    this.failed = true
    this.isFile = false
  }

  headers() {
    return []
  }

  path() {
    return this.root
  }

  release() {}
}

const MISSING = new Set(['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'])

class Site {
  constructor(root, settings) {
    this.root = root
    this.settings = settings
    /** 0 as long as there is no such folder. */
    this.number = 0
    this.fields = FIELDS
    /** The root is this file of the folder that is open: an old habit of serve-static's users. */
    this.file = undefined
    this.open()
  }

  /** Opens the root; 0, or why that could not be. What is not there now may be later. */
  open() {
    const errno = this.openFolder(this.root, this.settings)
    if (errno === 0 || !isFile(this.root)) return errno
    this.file = `/${encodeURIComponent(path.basename(this.root))}`
    return this.openFolder(path.dirname(this.root), { ...this.settings, dotfiles: 'allow' })
  }

  openFolder(root, settings) {
    const number = native.filesOpen(root, settings)
    if (number < 0) return number
    this.number = number
    dropped.register(this, number)
    return 0
  }

  /** A plan, if it is there at once; otherwise `exchange.planned(plan)` follows. */
  plan(method, target, original, fields, exchange) {
    const errno = this.number === 0 ? this.open() : 0
    if (errno !== 0) return this.lacking(errno)
    if (this.file !== undefined) {
      if (target !== '') return this.lacking(-ENOTDIR)
      target = this.file
    }
    const number = native.filesPlan(this.number, method, target, original, fields)
    if (number > 0) return new Plan(number)
    if (number === 0) return PASS
    planning.set(-number, exchange)
    return undefined
  }

  lacking(errno) {
    const failure = new Failure(this.root, errno)
    return this.settings.fallthrough && failure.status === 404 ? PASS : failure
  }
}

function isFile(place) {
  try {
    return fs.statSync(place).isFile()
  } catch {
    return false
  }
}

module.exports = { Site, PASS }
