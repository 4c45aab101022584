'use strict'

// A stream of a server's session, as the stream API shows it.

const fs = require('node:fs')
const process = require('node:process')
const { constants } = require('node:http2')
const { errorMonitor } = require('node:events')
const { Duplex } = require('node:stream')
const { inspect } = require('node:util')
const { invalidArgType, invalidArgValue, outOfRange } = require('../errors.js')
const channels = require('./channels.js')
const errors = require('./errors.js')
const { fieldsObject, fieldsText, fieldText, lower, rawFields, STATUS } = require('./fields.js')
const { Timer } = require('./timer.js')

const { NGHTTP2_NO_ERROR, NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR } = constants

const kExchange = Symbol('exchange')
const kTimer = Symbol('timer')
const kRead = Symbol('was read')
const kWaitForTrailers = Symbol('wait for trailers')
const kTrailersReady = Symbol('trailers ready')
const kSent = Symbol('sent headers')
const kSentInfo = Symbol('sent info headers')
const kSentTrailers = Symbol('sent trailers')
const kSession = Symbol('session')

function checkObject(value, name) {
  if (value !== undefined && (value === null || typeof value !== 'object' || Array.isArray(value))) {
    throw invalidArgType(name, 'of type object', value)
  }
}

class ServerHttp2Stream extends Duplex {
  constructor(exchange) {
    super({ allowHalfOpen: true, autoDestroy: false, decodeStrings: false, emitClose: true })
    this[kExchange] = exchange
    this[kSession] = exchange.session
    this[kTimer] = new Timer(this)
    this[kRead] = false
    this[kWaitForTrailers] = false
    this[kTrailersReady] = false
    this[kSent] = undefined
    this[kSentInfo] = undefined
    this[kSentTrailers] = undefined
    if (exchange.endAfterHeaders) this.push(null)
    if (exchange.res !== undefined) this.join()
  }

  /** A request and a response are on it, too. */
  join() {
    const exchange = this[kExchange]
    // Errors are not forwarded in the compatible API, but timeouts are.
    this.on('error', () => {})
    this.on('timeout', () => {
      exchange.req?.emit('timeout')
      exchange.res?.emit('timeout')
    })
    // It came later: what was said is said.
    if (exchange.localEnded) this.endedElsewhere()
  }

  get aborted() {
    return this[kExchange].aborted
  }

  get bufferSize() {
    return this.writableLength
  }

  get closed() {
    return this[kExchange].closed
  }

  get endAfterHeaders() {
    return this[kExchange].endAfterHeaders
  }

  get headersSent() {
    return this[kExchange].headersSent
  }

  get headRequest() {
    return this[kExchange].method === 'HEAD' || this[kExchange].bodiless
  }

  get id() {
    return this[kExchange].id
  }

  get pending() {
    return false
  }

  get pushAllowed() {
    const { session } = this
    if (this.destroyed || this.closed || session === undefined || session.closed) return false
    return session.remoteSettings.enablePush
  }

  get rstCode() {
    return this[kExchange].code
  }

  get sentHeaders() {
    return this[kSent]
  }

  get sentInfoHeaders() {
    return this[kSentInfo]
  }

  get sentTrailers() {
    return this[kSentTrailers]
  }

  get session() {
    return this[kSession]?.destroyed ? undefined : this[kSession]
  }

  get state() {
    if (this.session === undefined) return {}
    const { localEnded, remoteEnded, closed } = this[kExchange]
    // Those of nghttp2.
    const state = closed ? 7 : localEnded ? 5 : remoteEnded ? 6 : 2
    return {
      state,
      weight: 16,
      sumDependencyWeight: 0,
      localClose: localEnded ? 1 : 0,
      remoteClose: remoteEnded ? 1 : 0,
      localWindowSize: this[kSession]?.effectiveStreamWindow ?? 0,
    }
  }

  setTimeout(msecs, callback) {
    return this[kTimer].set(msecs, callback)
  }

  get timeout() {
    return this[kTimer].msecs
  }

  /** Priorities are passed over (RFC 9113, 5.3.2). */
  priority() {
    process.emitWarning(
      'http2Stream.priority is longer supported after priority signalling was deprecated in RFC 9113',
      'DeprecationWarning',
      'DEP0194',
    )
    if (this.destroyed || this.closed) throw errors.invalidStream()
  }

  touch() {
    this[kTimer].touch()
  }

  /** For its timer: what has gone of what waits. */
  progress() {
    return this[kExchange].waiting === undefined ? undefined : this[kSession]?.progress()
  }

  // --- what is said

  respond(headers, options) {
    this.checkFree()
    checkObject(options, 'options')
    const text = this.takeHeaders(headers)
    const status = this[kSent][':status']
    const bodiless = status === 204 || status === 205 || status === 304 || this.headRequest
    const ends = Boolean(options?.endStream) || bodiless
    this[kWaitForTrailers] = !ends && Boolean(options?.waitForTrailers)
    this[kExchange].respond(status, text, false, undefined, '', ends)
    if (ends) this.end()
  }

  /** The fields of a response, checked; `sentHeaders` are what they have become. */
  takeHeaders(headers) {
    if (Array.isArray(headers)) headers = objectOf(headers)
    checkObject(headers, 'headers')
    const all = Object.assign(Object.create(null), headers)
    all[':status'] = all[':status'] | 0 || 200
    if (!Object.keys(all).some((name) => lower(name) === 'date')) all.date = new Date().toUTCString()
    const status = all[':status']
    if (status < 200 || status > 599) throw errors.invalidStatus(headers[':status'])
    const text = fieldsText(all, STATUS)
    this[kSent] = all
    return text
  }

  checkFree() {
    if (this.destroyed || this.closed) throw errors.invalidStream()
    if (this.headersSent) throw errors.headersSent()
  }

  additionalHeaders(headers) {
    if (this.destroyed || this.closed) throw errors.invalidStream()
    if (this.headersSent) throw errors.headersAfterRespond()
    checkObject(headers, 'headers')
    const all = Object.assign(Object.create(null), headers)
    if (all[':status'] !== undefined) {
      const status = all[':status'] | 0
      all[':status'] = status
      if (status === 101) throw errors.status101()
      if (status < 100 || status >= 200) throw errors.invalidInfoStatus(headers[':status'])
    } else all[':status'] = 100
    const text = fieldsText(all, STATUS)
    this[kSentInfo] ??= []
    this[kSentInfo].push(all)
    this[kExchange].inform(all[':status'], text)
  }

  /** Promises the response to a request that the client will make, and hands on the stream for it. */
  pushStream(headers, options, callback) {
    if (!this.pushAllowed) throw errors.pushDisabled()
    if (this.id % 2 === 0) throw errors.nestedPush()
    if (typeof options === 'function') {
      callback = options
      options = undefined
    }
    if (typeof callback !== 'function') throw invalidArgType('callback', 'of type function', callback)
    checkObject(options, 'options')
    checkObject(headers, 'headers')
    const exchange = this[kExchange]
    const asked = exchange.req === undefined ? fieldsObject(exchange.text) : exchange.req.headers
    const defaults = { ':method': 'GET', ':authority': asked[':authority'], ':scheme': asked[':scheme'], ':path': '/' }
    const all = Object.assign(Object.create(null), headers)
    let text = ''
    for (const [name, value] of Object.entries(defaults)) {
      all[name] ??= value
      if (all[name] === undefined) continue
      const field = fieldText(name, all[name])
      if (field === '') throw errors.invalidHeaderValue(all[name], name)
      text += field
    }
    text += fieldsText(all, REQUEST)
    const pushed = this[kSession].push(exchange, text, all[':method'], all[':path'])
    if (pushed === undefined) {
      process.nextTick(callback, errors.invalidStream())
      return
    }
    const stream = pushed.getStream()
    stream[kSent] = all
    if (options?.endStream) pushed.bodiless = true
    if (channels.created.hasSubscribers) channels.created.publish({ stream, headers: all })
    process.nextTick(() => {
      if (channels.start.hasSubscribers) channels.start.publish({ stream, headers: all })
      callback(null, stream, all, 0, pushed)
    })
  }

  sendTrailers(headers) {
    if (this.destroyed || this.closed) throw errors.invalidStream()
    if (this[kSentTrailers] !== undefined) throw errors.trailersSent()
    if (!this[kTrailersReady]) throw errors.trailersNotReady()
    checkObject(headers, 'headers')
    const text = fieldsText(headers)
    this[kSentTrailers] = Object.assign(Object.create(null), headers)
    this[kTrailersReady] = false
    const exchange = this[kExchange]
    if (text === '') exchange.write(undefined, '', true)
    else exchange.sendTrailers(text)
  }

  respondWithFD(fd, headers, options) {
    this.checkFree()
    checkObject(options, 'options')
    if (typeof fd !== 'number' && typeof fd?.fd !== 'number') {
      throw invalidArgType('fd', 'of type number or an instance of FileHandle', fd)
    }
    checkRange(options)
    const given = { ...headers }
    checkPayload(given, this.headRequest)
    this.sendFile(typeof fd === 'number' ? fd : fd.fd, given, { ...options }, false)
  }

  respondWithFile(path, headers, options) {
    this.checkFree()
    checkObject(options, 'options')
    checkRange(options)
    const given = { ...headers }
    checkPayload(given, this.headRequest)
    const { onError } = options ?? {}
    fs.open(path, 'r', (error, fd) => {
      if (error) {
        if (onError) onError(error)
        else this.destroy(error)
        return
      }
      if (this.destroyed || this.closed) return fs.close(fd)
      this.sendFile(fd, given, { ...options }, true)
    })
  }

  sendFile(fd, headers, options, owned) {
    const { onError, statCheck } = options
    const let_go = () => {
      if (owned) fs.close(fd)
    }
    const refuse = (error) => {
      let_go()
      if (onError) onError(error)
      else this.destroy(error)
    }
    const begin = (error, stat) => {
      if (error) return refuse(error)
      if (owned && !stat.isFile()) {
        if (stat.isDirectory()) return refuse(errors.sendFile())
        if (options.offset > 0 || options.length >= 0) return refuse(errors.sendFileNoSeek())
      }
      if (this.destroyed || this.closed) {
        let_go()
        this.destroy(errors.invalidStream())
        return
      }
      const range = { offset: options.offset ?? 0, length: options.length ?? -1 }
      if (typeof statCheck === 'function') {
        const goesOn = statCheck.call(this, stat, headers, range)
        if (goesOn === false || this.headersSent) return let_go()
      }
      if (owned && stat.isFile()) {
        const left = Math.max(stat.size - range.offset, 0)
        range.length = range.length < 0 ? left : Math.min(left, range.length)
        headers['content-length'] = range.length
      }
      try {
        this.respond(headers, { waitForTrailers: options.waitForTrailers, endStream: range.length === 0 })
      } catch (failure) {
        let_go()
        this.destroy(failure)
        return
      }
      if (range.length === 0 || this.headRequest) return let_go()
      this.pipeFile(fd, range, owned, owned && stat.isFile())
    }
    if (owned || typeof statCheck === 'function') fs.fstat(fd, begin)
    else begin(null)
  }

  pipeFile(fd, { offset, length }, owned, regular) {
    const end = length < 0 ? undefined : offset + length - 1
    const file = fs.createReadStream('', {
      fd,
      start: offset > 0 || regular ? offset : undefined,
      end,
      autoClose: owned,
    })
    file.on('error', () => this.close(NGHTTP2_INTERNAL_ERROR))
    this.once('close', () => {
      if (owned) file.destroy()
      else file.unpipe(this)
    })
    file.pipe(this)
  }

  close(code = NGHTTP2_NO_ERROR, callback) {
    if (typeof code !== 'number') throw invalidArgType('code', 'of type number', code)
    if (!Number.isInteger(code)) throw outOfRange('code', 'an integer', code)
    if (code < 0 || code > 0xffffffff) throw outOfRange('code', '>= 0 && <= 4294967295', code)
    if (callback !== undefined && typeof callback !== 'function') {
      throw invalidArgType('callback', 'of type function', callback)
    }
    if (this.closed) return
    if (callback !== undefined) this.once('close', callback)
    const exchange = this[kExchange]
    // What was written goes first, unless it is an error that ends it.
    if (code !== NGHTTP2_NO_ERROR) return exchange.reset(code)
    if (this[kTrailersReady]) {
      // There will be none.
      this[kTrailersReady] = false
      exchange.write(undefined, '', true)
    }
    if (this.headersSent && !exchange.localEnded) {
      if (!this.writableEnded) this.end()
      if (!this.writableFinished) {
        this.once('finish', () => exchange.resetWhenSent(code))
        return
      }
    }
    exchange.resetWhenSent(code)
  }

  // --- as a stream

  _read() {
    this[kRead] = true
    this[kExchange].read(this)
  }

  _write(chunk, encoding, callback) {
    const exchange = this[kExchange]
    if (exchange.closed) return callback(errors.invalidStream())
    if (!exchange.headersSent) this.respond()
    // A response that has no body drops it.
    if (exchange.localEnded) return callback()
    const plain = typeof chunk !== 'string' || /^(?:utf-?8|latin1|binary)$/i.test(encoding)
    const body = plain ? chunk : require('node:buffer').Buffer.from(chunk, encoding)
    this[kTimer].touch()
    if (exchange.write(body, encoding, false)) callback()
    else exchange.wait(callback)
  }

  _final(callback) {
    const exchange = this[kExchange]
    if (exchange.closed) return callback()
    if (!exchange.headersSent) this.respond()
    if (this[kWaitForTrailers]) {
      this[kTrailersReady] = true
      if (this.listenerCount('wantTrailers') > 0) {
        this.emit('wantTrailers')
      } else this.sendTrailers({})
    } else if (!exchange.localEnded && !exchange.write(undefined, '', true)) {
      exchange.wait(callback)
      return
    }
    callback()
  }

  _destroy(error, callback) {
    const exchange = this[kExchange]
    this[kTimer].clear()
    if (!exchange.closed) {
      const code = error?.name === 'AbortError' ? NGHTTP2_CANCEL : NGHTTP2_INTERNAL_ERROR
      exchange.reset(error ? code : NGHTTP2_NO_ERROR)
    }
    const { code } = exchange
    if (!error && code !== NGHTTP2_NO_ERROR && code !== NGHTTP2_CANCEL) error = errors.streamError(code)
    this.push(null)
    process.nextTick(forget, this)
    if (error && channels.error.hasSubscribers) channels.error.publish({ stream: this, error })
    callback(error)
  }

  [inspect.custom](depth, options) {
    const { id, closed, destroyed, state, _readableState: readableState, _writableState: writableState } = this
    const shown = { id: id || '<pending>', closed, destroyed, state, readableState, writableState }
    return depth < 0 ? this : `ServerHttp2Stream ${inspect(shown, options)}`
  }

  // --- called by the exchange, and by what else takes part in it

  isRead() {
    return this[kRead] || this.readableFlowing !== null
  }

  onTrailers(text) {
    this.emit('trailers', fieldsObject(text), constants.NGHTTP2_FLAG_END_STREAM | 4, rawFields(text))
  }

  /** The response of the compatible API has ended it, or it is over. */
  endedElsewhere() {
    if (!this.writableEnded) this.end()
  }

  onExchangeClosed() {
    const exchange = this[kExchange]
    try {
      if (exchange.aborted) this.emit('aborted')
    } finally {
      if (!this.destroyed) this.destroyWhenDone()
    }
  }

  destroyWhenDone() {
    const { aborted, code, reader, remoteEnded } = this[kExchange]
    if (!this.writableEnded) this.end()
    if (this.errored) return this.destroy()
    const done = () => this.destroy()
    // An error is not handled by whoever looks on.
    this.once(errorMonitor, () => process.nextTick(done))
    const read = reader !== this || !this.readable || this.readableEnded
    if (code !== NGHTTP2_NO_ERROR || read) {
      if (this.writableFinished || aborted) this.destroy()
      else this.once('finish', done)
      return
    }
    // What has come is read first.
    if (!remoteEnded) this.push(null)
    this.once('end', done)
    if (!this.isRead()) this.resume()
  }
}

function forget(stream) {
  stream[kSession] = undefined
}

function objectOf(list) {
  const object = Object.create(null)
  for (let i = 0; i + 1 < list.length; i += 2) {
    const [name, value] = [list[i], list[i + 1]]
    object[name] = object[name] === undefined ? value : [].concat(object[name], value)
  }
  return object
}

function checkRange(options = {}) {
  const { offset, length, statCheck } = options
  if (offset !== undefined && typeof offset !== 'number') throw invalidArgValue('options.offset', offset)
  if (length !== undefined && typeof length !== 'number') throw invalidArgValue('options.length', length)
  if (statCheck !== undefined && typeof statCheck !== 'function') {
    throw invalidArgValue('options.statCheck', statCheck)
  }
}

function checkPayload(headers, bodiless) {
  const status = headers[':status'] | 0 || 200
  if (bodiless || status === 204 || status === 205 || status === 304) throw errors.payloadForbidden(status)
}

const REQUEST = new Set([':method', ':authority', ':scheme', ':path', ':protocol'])

module.exports = { ServerHttp2Stream }
