'use strict'

// The socket of an HTTP connection, as `req.socket` shows it: it writes like any other, but what arrives is the parser's.

const { Buffer } = require('node:buffer')
const EventEmitter = require('node:events')
const { inspect } = require('node:util')
const { isUint8Array } = require('node:util/types')
const { native } = require('../engine.js')
const { Socket } = require('../net/socket.js')
const { makeError } = require('../errors.js')
const core = require('../core.js')
const { constructorLike } = require('./shapes')
const { kConnection, kSecure } = require('./symbols')

function HttpSocket(connection) {
  this[kConnection] = null
  Socket.call(this, {
    handle: connection,
    allowHalfOpen: true,
    readable: true,
    writable: true,
    manualStart: true,
    readableHighWaterMark: connection.server.highWaterMark,
    writableHighWaterMark: connection.server.highWaterMark,
  })
  this.server = connection.server
  this._server = connection.server
}
Object.setPrototypeOf(HttpSocket.prototype, Socket.prototype)
Object.setPrototypeOf(HttpSocket, Socket)
// `socket.constructor` is net.Socket, as in Node.
HttpSocket.prototype.constructor = Socket

/** Request bodies want more: core calls this on `req.socket`. */
HttpSocket.prototype.resume = function () {
  const connection = this[kConnection]
  connection?.readStart()
  return connection?.isUnopened() ? this : Socket.prototype.resume.call(this)
}

HttpSocket.prototype.pause = function () {
  this[kConnection]?.readStop()
  return Socket.prototype.pause.call(this)
}

/** Listeners for data see what the parser sees, as on core's sockets: from the first on, the bytes come as events, and `parse` is one. */
for (const name of ['on', 'addListener', 'prependListener']) {
  HttpSocket.prototype[name] = function (event, listener) {
    if (this[kConnection] !== null && (event === 'data' || event === 'readable')) native.httpTap(this[kConnection].id)
    return Socket.prototype[name].call(this, event, listener)
  }
}

/** Bytes as if they had been received, before all that was and is not parsed yet. */
for (const name of ['push', 'unshift']) {
  HttpSocket.prototype[name] = function (chunk, encoding) {
    if (typeof chunk === 'string') chunk = Buffer.from(chunk, encoding)
    if (this[kConnection] === null || !isUint8Array(chunk)) return Socket.prototype[name].call(this, chunk, encoding)
    feed(this[kConnection], chunk, false)
    return true
  }
}

function feed(connection, chunk, received) {
  const waits = native.httpFeed(connection.id, chunk, chunk.length, received)
  if (waits && !received) connection.inserted = true
}

/** The parser, as a listener for 'data'. */
function parse(chunk) {
  const connection = this[kConnection]
  const received = connection.received === chunk
  connection.received = undefined
  feed(connection, chunk, received)
}

/** What responses have written in this turn has not left yet, either. */
Object.defineProperty(HttpSocket.prototype, 'writableLength', {
  configurable: true,
  get() {
    const connection = this[kConnection]
    const gone = connection === null ? 0 : connection.turnBytes + connection.unsentBytes
    return connection?.isUnopened() ? gone : this._writableState.length + gone
  },
})

/** Node has one timer per socket: a timeout that the program sets while the connection is idle takes the place of keep-alive's. */
HttpSocket.prototype.setTimeout = function (msecs, callback) {
  const connection = this[kConnection]
  if (connection !== null) {
    connection.getSocket()
    if (connection.idleSince > 0) connection.idleSince = -1
    // What drips into a head sets the timer anew, too.
    if (msecs > 0) native.httpTime(connection.id)
  }
  return Socket.prototype.setTimeout.call(this, msecs, callback)
}

/** The socket's timer alone. */
function setTimer(socket, msecs) {
  Socket.prototype.setTimeout.call(socket, msecs)
}

HttpSocket.prototype._read = function (size) {
  if (this[kConnection] === null) Socket.prototype._read.call(this, size)
}

HttpSocket.prototype.setEncoding = function (encoding) {
  if (this[kConnection] === null) return Socket.prototype.setEncoding.call(this, encoding)
  throw makeError(
    Error,
    'ERR_HTTP_SOCKET_ENCODING',
    'Changing the socket encoding is not allowed per RFC7230 Section 3.',
  )
}

/** From now on what arrives is the parser's. Has the listeners that core's server has on its own sockets. */
HttpSocket.prototype.attach = function (connection) {
  const heard = this.listenerCount('data') > 0 || this.listenerCount('readable') > 0
  this[kConnection] = connection
  this.parser = connection
  this._httpMessage = connection.current
  this._paused = false
  const { timeout } = connection.server
  if (timeout) this.setTimeout(timeout)
  // Not by the method of ours, which would have the bytes come as events. A stream that was read from before is to know of it.
  const { on } = this.readableFlowing === null ? EventEmitter.prototype : Socket.prototype
  on.call(this, 'data', parse)
  this.on('timeout', onTimeout)
  this.on('error', failSocket)
  this.on('end', onEnd)
  this.on('close', onClose)
  this.on('drain', onDrain)
  if (heard) native.httpTap(connection.id)
}

/** From now on an ordinary socket. */
HttpSocket.prototype.release = function () {
  this.removeListener('data', parse)
  this.removeListener('end', onEnd)
  this.removeListener('timeout', onTimeout)
  this.removeListener('error', failSocket)
  this.removeListener('close', onClose)
  this.removeListener('drain', onDrain)
  this.parser = null
  this[kConnection] = null
  this.readableFlowing = null
}

/**
 * Most sockets are never more than looked at, as `req.socket`, and what a stream and its listeners consist of is most of what an idle connection
 * would hold. So a socket gets all its fields, and in the place of these three accessors: the first who asks for one of them has Node's
 * constructor run.
 */
const STREAM = ['_readableState', '_writableState', '_events']

/**
 * What makes sockets that nobody has asked for their stream, by the class of such that have one: nothing before the first of those was made, and null
 * where it cannot be.
 */
const unopened = new Map()

/** The socket that requests of a connection show. */
function showSocket(connection) {
  const usual = connection.attached && !connection.ending && !connection.closing && !EventEmitter.usingDomains
  const Unopened = unopened.get(connection.Socket)
  if (!usual || !Unopened) {
    const socket = makeSocket(connection)
    if (usual && Unopened === undefined) unopened.set(connection.Socket, unopenedLike(socket) ?? null)
    return socket
  }
  return new Unopened(connection, connection.server, connection.getAsyncId())
}

/** A constructor of what `socket` is, without its stream. */
function unopenedLike(socket) {
  const given = {
    [kConnection]: 'connection',
    [kSecure]: 'connection',
    [core.kAsyncId]: 'asyncId',
    [core.kHandle]: 'connection',
    server: 'server',
    _server: 'server',
    parser: 'connection',
    _httpMessage: 'null',
  }
  for (const name of STREAM) given[name] = streamAccessor(name)
  return constructorLike(socket, ['connection', 'server', 'asyncId'], given)
}

function streamAccessor(name) {
  return {
    configurable: true,
    enumerable: true,
    get() {
      this[kConnection].getSocket()
      return this[name]
    },
    set(value) {
      this[kConnection].getSocket()
      this[name] = value
    },
  }
}

/** The socket of a connection, with its stream. */
function openSocket(connection, socket) {
  for (const name of STREAM) {
    Object.defineProperty(socket, name, { value: undefined, configurable: true, enumerable: true, writable: true })
  }
  const { allowHalfOpen } = socket
  HttpSocket.call(socket, connection)
  socket.allowHalfOpen = allowHalfOpen
  // The parser has been reading all along.
  socket.readableFlowing = true
  begin(socket, connection)
}

/** What a stream would say of itself, where there is none yet. */
for (const [name, answer] of Object.entries({ readable: true, writable: true, destroyed: false })) {
  const { get, set } = accessor(Socket.prototype, name)
  Object.defineProperty(HttpSocket.prototype, name, {
    configurable: true,
    get() {
      return this[kConnection]?.isUnopened() ? answer : get.call(this)
    },
    set,
  })
}

function accessor(object, name) {
  return Object.getOwnPropertyDescriptor(object, name) ?? accessor(Object.getPrototypeOf(object), name)
}

// What is printed is the socket with its stream.
Object.defineProperty(HttpSocket.prototype, inspect.custom, {
  configurable: true,
  writable: true,
  value() {
    this[kConnection]?.getSocket()
    return this
  },
})

/** The socket of a connection: an ordinary one as long as that is not HTTP's. */
function makeSocket(connection) {
  return begin(new connection.Socket(connection), connection)
}

/** A new socket takes part in what its connection is about. */
function begin(socket, connection) {
  if (connection.id < 0 || connection.closing) {
    // The connection takes itself off the server's count.
    socket._server = null
    const { _readableState, _writableState } = socket
    if (connection.peerEnded) _readableState.ended = _readableState.endEmitted = true
    if (connection.ending) _writableState.ending = _writableState.ended = _writableState.finished = true
    return socket.destroy()
  }
  // Continues what the connection had begun before it had a stream.
  if (connection.peerEnded) socket._readableState.ended = socket._readableState.endEmitted = true
  if (connection.finalEnd) socket.destroySoon()
  else if (connection.ending) socket.end()
  if (connection.attached) socket.attach(connection)
  return socket
}

function onTimeout() {
  const { incoming, current, server } = this[kConnection]
  const byRequest = incoming !== null && !incoming.complete && incoming.emit('timeout', this)
  const byResponse = current?.emit('timeout', this)
  const byServer = server.emit('timeout', this)
  if (!byRequest && !byResponse && !byServer) this.destroy()
}

function onEnd() {
  this[kConnection].onPeerEnd()
}

function onClose() {
  this[kConnection].abortAll()
}

function onDrain() {
  this[kConnection].drained()
}

const answer = (status) => `HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`
const ANSWERS = {
  HPE_HEADER_OVERFLOW: answer('431 Request Header Fields Too Large'),
  HPE_CHUNK_EXTENSIONS_OVERFLOW: answer('413 Payload Too Large'),
  ERR_HTTP_REQUEST_TIMEOUT: answer('408 Request Timeout'),
}
const BAD_REQUEST = answer('400 Bad Request')

/** An error of the connection: for 'clientError', or Node's own answer. */
function failSocket(error) {
  this.removeListener('error', failSocket)
  if (this.listenerCount('error', noop) === 0) this.on('error', noop)
  const connection = this[kConnection]
  if (connection.server.emit('clientError', error, this)) return
  // A reply would corrupt a response that has begun.
  if (this.writable && !connection.hasAnswered()) {
    this.write(ANSWERS[error.code] ?? BAD_REQUEST)
  }
  this.destroy(error)
}

function noop() {}

module.exports = { HttpSocket, makeSocket, showSocket, openSocket, failSocket, feed, setTimer }
