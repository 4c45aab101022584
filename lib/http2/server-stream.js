'use strict'

// A stream of a server's session.

const fs = require('node:fs')
const process = require('node:process')
const { constants, sensitiveHeaders } = require('node:http2')
const { invalidArgType, invalidArgValue } = require('../errors.js')
const { server: channels } = require('./channels.js')
const errors = require('./errors.js')
const { REQUEST, STATUS, fieldsObject, fieldsText, lower, objectOf } = require('./fields.js')
const {
  kCheckFree,
  kCloseCleanly,
  kEndedElsewhere,
  kIsBodiless,
  kIsRead,
  kPipeFile,
  kProceed,
  kPublishResponse,
  kPush,
  kReadOut,
  kRecall,
  kSaidSoFar,
  kSay,
  kSendFile,
  kSentOf,
  kTakeHeaders,
  kTakeList,
} = require('./symbols.js')
const {
  Http2Stream,
  checkObject,
  kExchange,
  kSent,
  kSentInfo,
  kSentTrailers,
  kSession,
  kTrailersReady,
  kWaitForTrailers,
} = require('./stream.js')

const { NGHTTP2_INTERNAL_ERROR } = constants
const MAX_FD = 2 ** 31 - 1
/** Node's numbers for the flags of a stream: ready with its header sent, HEAD, trailers to come. */
const flag = { RESPONDED: 0x5, HEAD: 0x8, TRAILERS: 0x20 }

const kSaid = Symbol('said without it')
const kFile = Symbol('sends a file')

class ServerHttp2Stream extends Http2Stream {
  constructor(exchange) {
    super(exchange)
    this[kSaid] = undefined
    this[kFile] = false
    if (exchange.bodyDone) this.push(null)
  }

  /** Takes over what a response had sent before this stream object was created. */
  [kRecall](res) {
    this[kSaid] = res
    const { headersSent, localEnded } = this[kExchange]
    // If the body has begun, the response sends the trailers.
    this[kWaitForTrailers] = headersSent && !localEnded
    if (localEnded) this[kEndedElsewhere]()
  }

  /** What was sent, by symbol. Programs rarely read it, so it is put together on the first access. */
  [kSentOf](key) {
    const res = this[kSaid]
    if (res !== undefined) {
      this[kSaid] = undefined
      const { information, headers, trailers } = res[kSaidSoFar]()
      this[kSentInfo] ??= information
      this[kSent] ??= headers
      this[kSentTrailers] ??= trailers
    }
    return this[key]
  }

  get sentHeaders() {
    return this[kSentOf](kSent)
  }

  get sentInfoHeaders() {
    return this[kSentOf](kSentInfo)
  }

  get sentTrailers() {
    return this[kSentOf](kSentTrailers)
  }

  get headRequest() {
    return this[kExchange].method === 'HEAD'
  }

  /** Whether the header of the response ends the stream, whatever its status is. */
  [kIsBodiless]() {
    return this.headRequest || this[kExchange].bodiless
  }

  get pending() {
    return false
  }

  get pushAllowed() {
    const { session } = this
    if (this.destroyed || this.closed || session === undefined || session.closed) return false
    return session.remoteSettings.enablePush
  }

  respond(headers, options) {
    this[kCheckFree]()
    checkObject(options, 'options')
    const dates = options?.sendDate === undefined || options.sendDate === null || Boolean(options.sendDate)
    const { text, status } = Array.isArray(headers)
      ? this[kTakeList](headers, dates)
      : this[kTakeHeaders](headers, dates)
    const bodiless = status === 204 || status === 205 || status === 304 || this[kIsBodiless]()
    const ends = Boolean(options?.endStream) || bodiless
    this[kWaitForTrailers] = !ends && Boolean(options?.waitForTrailers)
    this[kExchange].respond(status, text, false, undefined, '', ends)
    if (ends) this.end()
  }

  /** Checks the fields of a response given as an object, and keeps them for `sentHeaders`. */
  [kTakeHeaders](headers, dates) {
    checkObject(headers, 'headers')
    const all = Object.assign(Object.create(null), headers)
    all[':status'] = all[':status'] | 0 || 200
    if (dates && !Object.keys(all).some((name) => lower(name) === 'date')) all.date = new Date().toUTCString()
    const status = all[':status']
    if (status < 200 || status > 599) throw errors.invalidStatus(headers[':status'])
    const text = fieldsText(all, STATUS)
    this[kSent] = all
    return { text, status }
  }

  /** The same for fields given as a list: name, value, name, value. */
  [kTakeList](headers, dates) {
    const all = [...headers]
    if (headers[sensitiveHeaders] !== undefined) all[sensitiveHeaders] = headers[sensitiveHeaders]
    let status = 0
    let dated = false
    for (let at = 0; at < all.length; at += 2) {
      const name = lower(all[at])
      if (name === ':status') status = all[at + 1] | 0
      else if (name === 'date') dated = true
    }
    if (status === 0) {
      status = 200
      all.unshift(':status', status)
    }
    if (dates && !dated) all.push('date', new Date().toUTCString())
    if (status < 200 || status > 599) throw errors.invalidStatus(status)
    const text = fieldsText(all, STATUS)
    this[kSent] = objectOf(all)
    return { text, status }
  }

  /** Publishes on the diagnostics channel that the header was sent. */
  [kPublishResponse]() {
    const flags = flag.RESPONDED | (this.headRequest ? flag.HEAD : 0) | (this[kWaitForTrailers] ? flag.TRAILERS : 0)
    channels.finish.publish({ stream: this, headers: this.sentHeaders, flags })
  }

  [kCheckFree]() {
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

  /** Pushes: promises the response to a request that the client would make, and hands the stream for it to the callback. */
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
    const asked = fieldsObject(exchange.text)
    const defaults = { ':method': 'GET', ':authority': asked[':authority'], ':scheme': asked[':scheme'], ':path': '/' }
    const all = Object.assign(Object.create(null), headers)
    for (const [name, value] of Object.entries(defaults)) all[name] ??= value
    const text = fieldsText(all, REQUEST)
    const pushed = this[kSession][kPush](exchange, text, all[':method'], all[':path'])
    if (pushed === undefined) {
      process.nextTick(callback, errors.invalidStream())
      return
    }
    const stream = pushed.getStream()
    stream[kSent] = all
    if (options?.endStream) pushed.bodiless = true
    if (stream[kIsBodiless]()) stream.end()
    if (channels.created.hasSubscribers) channels.created.publish({ stream, headers: all })
    process.nextTick(() => {
      if (channels.start.hasSubscribers) channels.start.publish({ stream, headers: all })
      callback(null, stream, all, 0)
    })
  }

  respondWithFD(fd, headers, options) {
    this[kCheckFree]()
    checkObject(options, 'options')
    if (typeof fd !== 'number' && typeof fd?.fd !== 'number') {
      throw invalidArgType('fd', 'of type number or an instance of FileHandle', fd)
    }
    checkRange(options)
    checkObject(headers, 'headers')
    const given = { ...headers }
    checkPayload(given, this[kIsBodiless]())
    this[kSendFile](typeof fd === 'number' ? fd : fd.fd, given, { ...options }, false)
  }

  respondWithFile(path, headers, options) {
    this[kCheckFree]()
    checkObject(options, 'options')
    checkRange(options)
    checkObject(headers, 'headers')
    const given = { ...headers }
    checkPayload(given, this[kIsBodiless]())
    const { onError } = options ?? {}
    fs.open(path, 'r', (error, fd) => {
      if (error) {
        if (onError) onError(error)
        else this.destroy(error)
        return
      }
      if (this.destroyed || this.closed) return fs.close(fd)
      this[kSendFile](fd, given, { ...options }, true)
    })
  }

  [kSendFile](fd, headers, options, owned) {
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
      if (range.length === 0 || this[kIsBodiless]()) return let_go()
      this[kPipeFile](fd, range, owned, owned && stat.isFile())
    }
    if (owned || typeof statCheck === 'function') fs.fstat(fd, begin)
    else begin(null)
  }

  /** While a file is being sent, the stream ends with the file, even if `end()` is called before. */
  end(...args) {
    if (!this[kFile] || this.closed) return super.end(...args)
    const done = args.at(-1)
    if (typeof done === 'function') this.once('finish', done)
    return this
  }

  [kPipeFile](fd, { offset, length }, owned, regular) {
    const end = length < 0 ? undefined : offset + length - 1
    // `createReadStream` throws for a descriptor below 0. With the largest number the first read fails instead, as in Node.
    const file = fs.createReadStream('', {
      fd: fd < 0 ? MAX_FD : fd,
      // Only regular files can be read from an offset.
      start: owned && !regular ? undefined : offset,
      end,
      autoClose: owned,
    })
    file.on('error', () => this.close(NGHTTP2_INTERNAL_ERROR))
    file.on('end', () => {
      this[kFile] = false
      this.end()
    })
    this.once('close', () => {
      if (owned) file.destroy()
      else file.unpipe(this)
    })
    this[kFile] = true
    file.pipe(this, { end: false })
  }

  /** The last chunk is sent in the next tick if the client accepts pushes: after the stream has ended nothing can be promised any more. */
  [kSay](body, encoding, ends, callback) {
    if (!ends || !this.pushAllowed) return super[kSay](body, encoding, ends, callback)
    process.nextTick(sayLast, this, body, encoding, callback)
  }

  _final(callback) {
    // A pushed stream without a body ends with its header, which is still to come.
    if (this.id % 2 === 0 && this[kIsBodiless]() && !this.headersSent) callback()
    else super._final(callback)
  }

  // --- called by the exchange and its participants

  /** Closes the stream without an error, after everything that was written. */
  [kCloseCleanly](code) {
    const exchange = this[kExchange]
    if (this[kWaitForTrailers] && this.writableFinished && !exchange.localEnded) {
      // There will be no trailers.
      this[kTrailersReady] = false
      exchange.write(undefined, '', true)
    }
    if (this.headersSent && !exchange.localEnded) {
      exchange.doom(code)
      if (!this.writableEnded) this.end()
      if (!this.writableFinished) {
        this.once('finish', () => exchange.resetWhenSent(code))
        return
      }
    }
    exchange.resetWhenSent(code)
  }

  /** The program has written before the response has a header: send the default one. */
  [kProceed]() {
    this.respond()
  }

  /** Discards a body that the program has not started to read. */
  [kReadOut]() {
    if (!this[kIsRead]()) this.resume()
  }
}

function sayLast(stream, body, encoding, callback) {
  const exchange = stream[kExchange]
  if (!exchange.closed && !exchange.localEnded) Http2Stream.prototype[kSay].call(stream, body, encoding, true, callback)
  else if (exchange.closed && !exchange.told) exchange.wait(callback)
  else callback()
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

module.exports = { ServerHttp2Stream }
