'use strict'

// Requests are core's own, constructed by core. Only the way to the socket is ours. Core adds a parser and five
// listeners to the socket for each request, and writes through the socket's stream. On our sockets the parser is below
// the stream, the listeners stay, and a request that is complete when its turn comes is written without the stream.

const { once } = require('node:events').prototype
const genuine = require('../../genuine.js')
const process = require('node:process')
const { URL } = require('node:url')
const { Socket } = require('../../net/socket.js')
const core = require('./core.js')
const { own } = require('../../core.js')
const { kTakesParsed, connectionOf, isParsed, claim } = require('./socket.js')
const { defaultAgent } = require('./agent.js')
const { kRelease } = require('../symbols.js')
const { intercepted } = require('../../replaced.js')

const { ClientRequest: CoreRequest, OutgoingMessage } = genuine.http
const { onSocket: coreOnSocket, _flush: coreFlush } = CoreRequest.prototype
const { write: streamWrite } = Socket.prototype
const LENIENT = `${process.execArgv.join(' ')} ${process.env.NODE_OPTIONS ?? ''}`.includes('--insecure-http-parser')

function ClientRequest(input, options, callback) {
  if (!(this instanceof ClientRequest)) return new ClientRequest(input, options, callback)
  const agent = defaultAgent()
  if (agent === undefined || hasAgent(input)) CoreRequest.call(this, input, options, callback)
  else if (typeof input === 'string' || input instanceof URL) {
    if (typeof options === 'function') CoreRequest.call(this, input, { _defaultAgent: agent }, options)
    else CoreRequest.call(this, input, { _defaultAgent: agent, ...options }, callback)
  } else CoreRequest.call(this, { _defaultAgent: agent, ...input }, options, callback)
}
/**
 * Whether the options name an agent, so that no default agent is needed. `https` names one, and so do most programs
 * that care.
 */
function hasAgent(options) {
  if (typeof options !== 'object' || options === null) return false
  return Boolean(options.agent || options._defaultAgent) && !(options instanceof URL)
}
Object.setPrototypeOf(ClientRequest.prototype, CoreRequest.prototype)
Object.setPrototypeOf(ClientRequest, CoreRequest)

/**
 * The headers that were set last. A value that has passed core's checks needs no further check. The size of the table
 * is limited, because the names come from the program.
 */
const checked = new Map()

ClientRequest.prototype.setHeader = function setHeader(name, value) {
  const { setHeader: inherited } = OutgoingMessage.prototype
  if (inherited !== own.setHeader) return inherited.call(this, name, value)
  const known = checked.get(name)
  if (known !== undefined && known.value === value && !this._header) {
    this[core.kOutHeaders] ??= { __proto__: null }
    this[core.kOutHeaders][known.lower] = [name, value]
    return this
  }
  inherited.call(this, name, value)
  if (typeof value !== 'string') return this
  if (known !== undefined) known.value = value
  else if (checked.size < 64 && name.length < 64) checked.set(name, { lower: name.toLowerCase(), value })
  return this
}

ClientRequest.prototype[kTakesParsed] = true

ClientRequest.prototype.onSocket = function onSocket(socket, error) {
  if (error || CoreRequest.prototype.onSocket !== coreOnSocket) return coreOnSocket.call(this, socket, error)
  if ((this.insecureHTTPParser ?? LENIENT) || this.httpValidation !== undefined) {
    // Core handles every parser but the strict one.
    if (connectionOf(socket) !== undefined) socket[kRelease]()
    return coreOnSocket.call(this, socket)
  }
  const connection = claim(socket)
  if (connection === undefined) return coreOnSocket.call(this, socket)
  connection.next = this
  process.nextTick(takeSocket, this, socket, connection)
}

/** Does what core's tickOnSocket() does, and then writes the request. */
function takeSocket(req, socket, connection) {
  connection.next = null
  if (req.destroyed || !isParsed(socket)) return core.onSocketNT(req, socket)
  req.socket = socket
  req.parser = socket.parser = connection
  socket._httpMessage = req
  if ((req.timeout !== undefined || req.agent?.options?.timeout) && !req.timeoutCb) {
    req.timeoutCb = onTimeout
    once.call(socket, 'timeout', onTimeout)
  }
  req.emit('socket', socket)
  // It is another connection if the first address of a host could not be reached, and undefined if the socket is
  // already destroyed.
  connection = connectionOf(socket)
  if (connection !== undefined && isWhole(req, socket)) sendWhole(req, socket, connection)
  else {
    connection?.expect(req)
    req._flush()
  }
}

/** Whether the whole request is available as one string, and nothing stands between it and the connection. */
function isWhole(req, socket) {
  const { outputData } = req
  return (
    req.finished &&
    outputData.length === 1 &&
    typeof outputData[0].data === 'string' &&
    req[core.kCorked] === 0 &&
    !socket.connecting &&
    socket.writable &&
    socket.writableLength === 0 &&
    socket.writableCorked === 0 &&
    socket.write === streamWrite &&
    req._flush === coreFlush &&
    req.socket === socket
  )
}

function sendWhole(req, socket, connection) {
  const { data, encoding, callback } = req.outputData[0]
  socket._unrefTimer()
  const status = connection.send(req, data, encoding !== 'latin1')
  if (status < 0) {
    connection.onWriteError(status)
    return
  }
  req.outputData = []
  req.outputSize = 0
  if (status === 0) process.nextTick(onSent, req, connection, callback)
  else connection.whenDrained(() => onSent(req, connection, callback))
  req._finish()
}

function onTimeout() {
  this._httpMessage?.emit('timeout')
}

function onSent(req, connection, callback) {
  connection.sent = connection.request === req
  callback?.()
}

const { http: live } = genuine.live
const otherRequest = intercepted(live, 'request', () => request)
const otherGet = intercepted(live, 'get', () => get)
const otherClass = intercepted(live, 'ClientRequest', () => ClientRequest)

function request(input, options, callback) {
  const replaced = otherRequest()
  if (replaced !== undefined) return replaced(input, options, callback)
  const Replaced = otherClass() ?? ClientRequest
  return new Replaced(input, options, callback)
}

function get(input, options, callback) {
  const replaced = otherGet()
  if (replaced !== undefined) return replaced(input, options, callback)
  const req = request(input, options, callback)
  req.end()
  return req
}

module.exports = { ClientRequest, request, get }
