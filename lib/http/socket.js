'use strict'

// The socket of an HTTP connection, which requests show as `req.socket`. It writes like any other, but received bytes
// go to the parser.

const { Buffer } = require('node:buffer')
const EventEmitter = require('node:events')
const { inspect } = require('node:util')
const { isUint8Array } = require('node:util/types')
const { native } = require('../engine.js')
const { Socket } = require('../net/socket.js')
const { makeError } = require('../errors.js')
const core = require('../core.js')
const { constructorLike } = require('./shapes')
const { kAttach, kConnection, kRelease, kSecure } = require('./symbols.js')

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

/** Core calls this on `req.socket` when a request's body is to be read on. */
HttpSocket.prototype.resume = function () {
  const connection = this[kConnection]
  connection?.readStart()
  return connection?.isUnopened() ? this : Socket.prototype.resume.call(this)
}

HttpSocket.prototype.pause = function () {
  this[kConnection]?.readStop()
  return Socket.prototype.pause.call(this)
}

/**
 * Listeners for data get the same bytes as the parser, as on core's sockets. From the first such listener on, the bytes
 * are emitted as 'data', and `parse` is one of the listeners.
 */
for (const name of ['on', 'addListener', 'prependListener']) {
  HttpSocket.prototype[name] = function (event, listener) {
    if (this[kConnection] !== null && (event === 'data' || event === 'readable')) native.httpTap(this[kConnection].id)
    return Socket.prototype[name].call(this, event, listener)
  }
}

/** Takes bytes as if they had been received, before all bytes that are not parsed yet. */
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

/** The parser as a listener for 'data'. */
function parse(chunk) {
  const connection = this[kConnection]
  const received = connection.received === chunk
  connection.received = undefined
  feed(connection, chunk, received)
}

/** Includes the bytes that responses have written in this turn and that have not left yet. */
Object.defineProperty(HttpSocket.prototype, 'writableLength', {
  configurable: true,
  get() {
    const connection = this[kConnection]
    const gone = connection === null ? 0 : connection.turnBytes + connection.unsentBytes
    return connection?.isUnopened() ? gone : this._writableState.length + gone
  },
})

/**
 * Node has one timer per socket: a timeout that the program sets while the connection is idle replaces the keep-alive
 * timeout.
 */
HttpSocket.prototype.setTimeout = function (msecs, callback) {
  const connection = this[kConnection]
  if (connection !== null) {
    connection.getSocket()
    if (connection.idleSince > 0) connection.idleSince = -1
    // From now on each read must reset the timer, even one that brings only a part of a head.
    if (msecs > 0) native.httpTime(connection.id)
  }
  return Socket.prototype.setTimeout.call(this, msecs, callback)
}

/** Sets only the timer of the socket. */
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

/** From now on received bytes go to the parser. Adds the listeners that core's server adds to its sockets. */
HttpSocket.prototype[kAttach] = function (connection) {
  const heard = this.listenerCount('data') > 0 || this.listenerCount('readable') > 0
  this[kConnection] = connection
  this.parser = connection
  this._httpMessage = connection.current
  this._paused = false
  const { timeout } = connection.server
  if (timeout) this.setTimeout(timeout)
  // Not by our own `on`, which would have the bytes emitted as events. If the stream was read before, it must notice
  // the listener, so its own `on` is used.
  const { on } = this.readableFlowing === null ? EventEmitter.prototype : Socket.prototype
  on.call(this, 'data', parse)
  this.on('timeout', onTimeout)
  this.on('error', failSocket)
  this.on('end', onEnd)
  this.on('close', onClose)
  this.on('drain', onDrain)
  if (heard) native.httpTap(connection.id)
}

/** Makes it an ordinary socket again. */
HttpSocket.prototype[kRelease] = function () {
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
 * Most sockets are only shown as `req.socket` and never used, and a stream with its listeners would be most of the
 * memory of an idle connection. So a socket gets all its fields, but accessors in place of these three: the first
 * access to one of them runs Node's constructor.
 */
const STREAM = ['_readableState', '_writableState', '_events']

/**
 * Constructors of sockets without a stream, by the class of the socket. There is none before the first socket of a
 * class was made, and null if it cannot be made.
 */
const unopened = new Map()

/** Makes the socket that the requests of a connection show; without a stream if possible. */
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

/** Makes a constructor of objects like `socket`, but without its stream. */
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

/** Gives the socket of a connection its stream. */
function openSocket(connection, socket) {
  for (const name of STREAM) {
    Object.defineProperty(socket, name, { value: undefined, configurable: true, enumerable: true, writable: true })
  }
  const { allowHalfOpen } = socket
  HttpSocket.call(socket, connection)
  socket.allowHalfOpen = allowHalfOpen
  // The parser has been reading all the time.
  socket.readableFlowing = true
  begin(socket, connection)
}

/** The answers of a socket that has no stream yet. */
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

// Printing shows the socket with its stream.
Object.defineProperty(HttpSocket.prototype, inspect.custom, {
  configurable: true,
  writable: true,
  value() {
    this[kConnection]?.getSocket()
    return this
  },
})

/** Makes the socket of a connection, with its stream. It is an ordinary socket until HTTP is attached. */
function makeSocket(connection) {
  return begin(new connection.Socket(connection), connection)
}

/** Brings a new stream into the state of its connection. */
function begin(socket, connection) {
  if (connection.id < 0 || connection.closing) {
    // The connection itself reduces the server's count of connections.
    socket._server = null
    const { _readableState, _writableState } = socket
    if (connection.peerEnded) _readableState.ended = _readableState.endEmitted = true
    if (connection.ending) _writableState.ending = _writableState.ended = _writableState.finished = true
    return socket.destroy()
  }
  // Continues what the connection began before the socket had a stream.
  if (connection.peerEnded) socket._readableState.ended = socket._readableState.endEmitted = true
  if (connection.finalEnd) socket.destroySoon()
  else if (connection.ending) socket.end()
  if (connection.attached) socket[kAttach](connection)
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

/** Handles an error of the connection: emits 'clientError', or sends Node's own answer. */
function failSocket(error) {
  this.removeListener('error', failSocket)
  if (this.listenerCount('error', noop) === 0) this.on('error', noop)
  const connection = this[kConnection]
  if (connection.server.emit('clientError', error, this)) return
  // A reply here would corrupt a response that has begun.
  if (this.writable && !connection.hasAnswered()) {
    this.write(ANSWERS[error.code] ?? BAD_REQUEST)
  }
  this.destroy(error)
}

function noop() {}

module.exports = { HttpSocket, makeSocket, showSocket, openSocket, failSocket, feed, setTimer }
