'use strict'

// net.Server over the native engine: Node's own class parses listen(), resolves hosts and counts connections; binding,
// listening and accepting are replaced.

const { net } = require('../genuine.js')
const process = require('node:process')
const { channel } = require('node:diagnostics_channel')
const util = require('node:util')
const { native } = require('../engine.js')
const { describedSystemError, systemError } = require('../errors.js')
const { Connection, Listener, fillAddress, openFd, unsendable } = require('./handle.js')
const { find, kAsyncId } = require('../core.js')
const { Socket, genuine, kOwner, sending } = require('./socket.js')
const { admit, hide } = require('../inherit.js')
const { kAccepted } = require('./symbols.js')

const kReusePort = Symbol('reusePort')
const kConnectionKey = Symbol('connection key')
/** A method of the handle in `server._handle` that closes the listener behind it. */
const kLetGo = Symbol('let go')
/** Before Node 21, a `maxConnections` of 0 meant no limit. */
const ZERO_IS_A_LIMIT = Number.parseInt(process.versions.node, 10) > 20
// Node's diagnostics channels whose events are published here because Node's own code for them does not run.
const served = channel('net.server.socket')
const listenEnd = channel('tracing:net.server.listen:asyncEnd')
const listenError = channel('tracing:net.server.listen:error')

const DEFAULT_BACKLOG = 511
/** libuv's UV_TCP_IPV6ONLY, as Node passes it. */
const IPV6_ONLY = 1

function Server(options, connectionListener) {
  if (!(this instanceof Server)) return new Server(options, connectionListener)
  hide(this, { [kReusePort]: false, [kConnectionKey]: undefined })
  net.Server.call(this, options, connectionListener)
}
Object.setPrototypeOf(Server.prototype, net.Server.prototype)
Object.setPrototypeOf(Server, net.Server)

// Node's own servers count as `instanceof` this class, as with sockets.
admit(Server, net.Server)

Server.prototype.listen = function listen(...args) {
  this[kReusePort] = Boolean(args[0]?.reusePort)
  // With `reusePort` a cluster worker binds the port itself. Newer versions of Node do the same.
  if (this[kReusePort]) args[0] = { ...args[0], exclusive: true }
  return net.Server.prototype.listen.apply(this, args)
}

/** Node's hook between parsing listen() and creating the handle. */
Server.prototype._listen2 = function (address, port, addressType, given, fd, flags) {
  // Node's handles take any value for a number.
  const backlog = (given || DEFAULT_BACKLOG) | 0
  if (this._handle) {
    // The handle was given by the cluster primary or as an argument of listen(). Its connections arrive as Node's
    // handles. The cluster module needs the owner to close the server when the worker disconnects.
    this._handle[kOwner] = this
    this._handle.onconnection = (status, handle) => takeOver(this, status, handle)
    const status = this._handle.listen(backlog)
    if (status < 0) return fail(this, describedSystemError(status, 'listen', address, port))
  } else {
    const openAt = (ip) => bind(this, ip, port, addressType, backlog, fd, flags)
    // No address and no descriptor: listen on all addresses, of both families if the system has IPv6.
    const everywhere = !address && !(fd >= 0)
    let where = everywhere ? '::' : address
    let id = openAt(where)
    if (id < 0 && everywhere && util.getSystemErrorName(id) !== 'EADDRINUSE') {
      where = '0.0.0.0'
      id = openAt(where)
    }
    if (id < 0) return fail(this, describedSystemError(id, 'listen', where, port))
    if (everywhere) {
      address = where
      addressType = where === '::' ? 6 : 4
    }
    const listener = new Listener(id, native.isTcp(id))
    listener.onconnection = (status, id) => accept(this, listener, status, id)
    this._handle = sendable(listener, backlog)
  }
  // In a cluster worker, the handle may only represent the primary's, and has no id.
  this[kAsyncId] = this._handle.getAsyncId?.() ?? this[kAsyncId]
  this._connectionKey = `${addressType}:${address}:${port}`
  if (this._unref) this.unref()
  if (listenEnd.hasSubscribers) listenEnd.publish({ server: this })
  process.nextTick(emitListening, this)
}

function emitListening(server) {
  // Nothing to emit if it was closed in the same tick.
  if (server._handle) server.emit('listening')
}

function fail(server, error) {
  if (listenError.hasSubscribers) listenError.publish({ server, error })
  server._handle?.close()
  server._handle = null
  process.nextTick(() => server.emit('error', error))
}

/** Opens the listening socket. Returns an id, or a negative errno. */
function bind(server, address, port, addressType, backlog, fd, flags) {
  if (typeof fd === 'number' && fd >= 0) return native.listenFd(fd, backlog)
  if (port === -1 && addressType === -1) return native.listenPipe(address, backlog)
  return native.listenTcp(address, port, backlog, (flags & IPV6_ONLY) !== 0, server[kReusePort])
}

/**
 * The visible `_handle` of a listening server: one of Node's handles over a copy of the descriptor, so that
 * `child.send(message, server)` can pass it on. The Listener still keeps the server open and closes it. Only if other
 * code sets `onconnection`, as the cluster primary does, Node's handle listens itself and the Listener is closed.
 */
function sendable(listener, backlog) {
  const handle = genuine(listener)
  if (handle === undefined) return listener
  const { close } = handle
  handle.close = (callback) => {
    listener.close(callback)
    close.call(handle)
  }
  const lent = ['ref', 'unref', 'hasRef', 'fchmod']
  for (const name of lent) handle[name] = (value) => listener[name](value)
  hide(handle, {
    [kLetGo]() {
      for (const name of ['onconnection', 'close', ...lent]) delete handle[name]
      listener.close()
    },
  })
  Object.defineProperty(handle, 'onconnection', {
    configurable: true,
    set(onconnection) {
      if (!listener.isTcp) {
        // Closing the listener would remove the path of the pipe. So it stays, and passes on what it accepts.
        listener.onconnection = (status, id) => pass(handle, onconnection, status, id)
        return
      }
      handle[kLetGo]()
      handle.onconnection = onconnection
      handle.listen(backlog)
    },
  })
  return handle
}

/** Passes a connection of a pipe to `onconnection`, as one of Node's handles. */
function pass(handle, onconnection, status, id) {
  const connection = status < 0 ? undefined : release(new Connection(id, false))
  onconnection.call(handle, status, connection)
}

const kTransfer = find(net.Server.prototype, 'messaging_transfer_symbol')
if (kTransfer !== undefined) {
  // Since Node 24 a server can be transferred to another thread. It then listens there and no longer here.
  Server.prototype[kTransfer] = function () {
    const { _handle } = this
    const given = net.Server.prototype[kTransfer].call(this)
    _handle[kLetGo]?.()
    return given
  }
}

function accept(server, listener, status, id) {
  if (status < 0) server.emit('error', systemError(status, 'accept'))
  else serve(server, id, listener.isTcp)
}

function takeOver(server, status, handle) {
  if (status < 0) {
    server.emit('error', systemError(status, 'accept'))
    return
  }
  let id
  try {
    id = openFd(handle.fd, true)
  } catch (error) {
    server.emit('error', error)
    return
  } finally {
    handle.close()
  }
  serve(server, id, native.isTcp(id))
}

/** Serves an accepted connection. Its JavaScript object is made by the server's `[kAccepted]`. */
function serve(server, id, isTcp) {
  if (server.blockList && isTcp && isBlocked(server.blockList, id)) {
    native.close(id, false)
    return
  }
  const { maxConnections } = server
  if ((maxConnections || (ZERO_IS_A_LIMIT && maxConnections != null)) && server._connections >= maxConnections) {
    drop(server, id, isTcp)
    return
  }
  if (server.noDelay) native.setNoDelay(id, true)
  if (server.keepAlive) native.setKeepAlive(id, true, server.keepAliveInitialDelay >>> 0)
  server._connections++
  server[kAccepted](id, isTcp)
}

function isBlocked(blockList, id) {
  const remote = {}
  return (
    fillAddress(remote, native.peerAddress(id)) === 0 && blockList.check(remote.address, remote.family.toLowerCase())
  )
}

/**
 * Creates the socket of a new connection. The servers of other protocols override this. `heard` has what was received
 * already, if anything.
 */
Server.prototype[kAccepted] = function (id, isTcp, heard) {
  const connection = new Connection(id, isTcp)
  connection.rest = heard
  const socket = new Socket({
    handle: this.pauseOnConnect ? release(connection) : connection,
    allowHalfOpen: this.allowHalfOpen,
    pauseOnCreate: this.pauseOnConnect,
    readable: true,
    writable: true,
    readableHighWaterMark: this.highWaterMark,
    writableHighWaterMark: this.highWaterMark,
  })
  socket.server = this
  socket._server = this
  this.emit('connection', socket)
  if (served.hasSubscribers) served.publish({ socket })
}

/**
 * With `pauseOnConnect` a connection may be sent to another process, so it gets one of Node's handles, which can be
 * sent.
 */
function release(connection) {
  const handle = genuine(connection)
  if (handle === undefined) return connection
  connection.close()
  return handle
}

/** Node reads this property only when a connection of the server is about to be sent to another process. */
Object.defineProperty(Server.prototype, '_connectionKey', {
  configurable: true,
  get() {
    if (!this.pauseOnConnect && !sending.now && isBeingSent()) throw unsendable()
    return this[kConnectionKey]
  },
  set(key) {
    this[kConnectionKey] = key
  },
})

/** Whether the caller is Node's `child.send()`. */
function isBeingSent() {
  return String(new Error('asked').stack).includes('node:internal/child_process')
}

function drop(server, id, isTcp) {
  const local = {}
  const remote = {}
  if (isTcp) {
    fillAddress(local, native.localAddress(id))
    fillAddress(remote, native.peerAddress(id))
  }
  native.close(id, false)
  server.emit('drop', {
    localAddress: local.address,
    localPort: local.port,
    localFamily: local.family,
    remoteAddress: remote.address,
    remotePort: remote.port,
    remoteFamily: remote.family,
  })
}

module.exports = { Server }
