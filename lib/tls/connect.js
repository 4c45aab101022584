'use strict'

// tls.connect: sockets whose TLS is done by rustls, if it can do what the options ask for.

const { Buffer } = require('node:buffer')
const live = require('node:tls')
const genuine = require('../genuine.js')
const { Connection } = require('../net/handle.js')
const { Socket, attach, kHandle } = require('../net/socket.js')
const { prepare, secured, wishesOf } = require('./client.js')
const { clientSide } = require('./client-socket.js')
const { secure } = require('./socket.js')
const { original } = require('../replaced.js')
const { kChangeHandle } = require('../net/symbols.js')

const { net, tls } = genuine

function SecureSocket(wishes) {
  const { allowHalfOpen, highWaterMark, signal, noDelay, keepAlive, keepAliveInitialDelay } = wishes.options
  Socket.call(this, { allowHalfOpen, highWaterMark, signal, noDelay, keepAlive, keepAliveInitialDelay })
  prepare(this, wishes)
}
Object.setPrototypeOf(SecureSocket, Socket)
secure(SecureSocket, Socket)
clientSide(SecureSocket)

SecureSocket.prototype[kHandle] = secured(Connection)

/** Continues over another connection. */
SecureSocket.prototype[kChangeHandle] = function (connection) {
  attach(this, connection)
}

/**
 * Reads `([port,] [host,] [options,] [callback])` as core does: options take precedence over the arguments before them.
 */
function normalize(args) {
  const [options, callback] = net._normalizeArgs(args)
  const given = typeof args[1] === 'object' && args[1] !== null ? args[1] : args[2]
  return [Object.assign(options, given), callback]
}

function connect(...args) {
  const [options, callback] = normalize(args)
  // Node's HTTP/2 works well only on Node's own handles. With `ironwire/register`, HTTP/2 is ours as well.
  if (!genuine.registered && isForHttp2(options)) return original(tls, live, 'connect')(...args)
  return open(args, options, callback)
}

/** For our own HTTP/2. */
function connectHttp2(...args) {
  return open(args, ...normalize(args))
}

function open(args, given, callback) {
  const options = { checkServerIdentity: live.checkServerIdentity, ...given }
  if (!options.keepAlive) options.singleUse = true
  const wishes = isForNode(options) ? undefined : wishesOf(options)
  if (wishes === undefined) return original(tls, live, 'connect')(...args)
  const socket = new SecureSocket(wishes)
  if (callback) socket.once('secureConnect', callback)
  if (options.timeout) socket.setTimeout(options.timeout)
  return socket.connect(options)
}

/** Whether Node must handle the options, because it reports an error or a warning for them. */
function isForNode({ checkServerIdentity, servername, signal }) {
  return typeof checkServerIdentity !== 'function' || signal?.aborted || net.isIP(servername) > 0
}

function isForHttp2({ ALPNProtocols }) {
  if (ALPNProtocols === undefined) return false
  if (Array.isArray(ALPNProtocols)) return ALPNProtocols.some((protocol) => String(protocol) === 'h2')
  return ArrayBuffer.isView(ALPNProtocols) && Buffer.from(ALPNProtocols.buffer).includes('\x02h2')
}

module.exports = { connect, connectHttp2 }
