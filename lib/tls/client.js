'use strict'

// The client's side of a connection: the handshake's end, who the server is, and what is left to Node's TLS.

const { Buffer } = require('node:buffer')
const process = require('node:process')
const { native } = require('../engine.js')
const { systemError } = require('../errors.js')
const genuine = require('../genuine.js')
const { EOF } = require('../constants.js').errno
const { kSecure } = require('../http/symbols.js')
const { clientContext } = require('./client-context.js')
const { disconnected, handshakeError, sslError, verifyError } = require('./errors.js')
const { informed } = require('./info.js')

/** On a client's socket: what it wants of the server. */
const kWishes = Symbol('ironwire.wishes')

/** Servers that Node's TLS had to be asked for, the oldest first: the next connection asks it at once. */
const foreign = new Set()
const MOST_FOREIGN = 1024
const nameOf = ({ host, port, path, servername }) => `${host} ${port} ${path} ${servername}`

/** What `tls.connect` makes of its options; `undefined` where Node's own is to do it. */
function wishesOf(options) {
  if ('checkServerIdentity' in options && typeof options.checkServerIdentity !== 'function') return undefined
  if ('minDHSize' in options && !(typeof options.minDHSize === 'number' && options.minDHSize > 0)) return undefined
  const session = sessionOf(options.session)
  if (session && !isOurs(session)) return undefined
  const servername = options.servername || ''
  if (typeof servername !== 'string') return undefined
  if (!native.tlsTakesName(servername) || foreign.has(nameOf(options))) return undefined
  const context = clientContext(options, false)
  return context && { options, context, session, servername }
}

/** Programs may keep them as text, byte for byte. */
const sessionOf = (session) => (typeof session === 'string' ? Buffer.from(session, 'latin1') : session)

/** Sessions are known by names, which begin so (src/tls/sessions.rs). */
const PREFIX = Buffer.from('ironwire')
function isOurs(session) {
  if (!ArrayBuffer.isView(session)) return false
  return Buffer.from(session.buffer, session.byteOffset, session.byteLength).subarray(0, PREFIX.length).equals(PREFIX)
}

/** Connections of `Base` to servers of TLS. */
function secured(Base) {
  const Foreign = foreigner(Base)

  class SecureConnection extends informed(Base) {
    constructor(id, isTcp) {
      super(id, isTcp)
      this.secured = false
      this.authorized = false
      this.authorizationError = null
      /** The last session that the server has given. */
      this.given = undefined
      /** That it has, before the server was trusted. */
      this.pending = undefined
    }

    onConnected(status) {
      const failure = status === 0 ? this.greet() : 0
      super.onConnected(status)
      if (failure < 0) this.socket?.destroy(systemError(failure, 'write'))
    }

    greet() {
      const { socket } = this
      socket[kSecure] = this
      const { options, context, servername, session, fragment } = socket[kWishes]
      const logs = socket.listenerCount('keylog') > 0
      const { id } = logs ? clientContext(options, true) : context
      this.reading = true
      native.readStart(this.id)
      const status = native.tlsConnect(this.id, id, servername, session)
      if (status === 0 && fragment !== undefined) native.tlsFragment(this.id, fragment)
      return status
    }

    onSecured() {
      const { socket } = this
      const { options } = socket[kWishes]
      this.secured = true
      // In TLS 1.2 rustls gives the one that is gone on with once more.
      if (this.isResumed && this.version === 'TLSv1.2') this.given = this.pending = undefined
      const code = this.judge()
      if (code === null) return this.leaveToNode()
      this.tellKeys()
      const error = verifyError(code) ?? this.identify(options)
      if (error) {
        this.authorizationError = error.code || error.message
        if (options.rejectUnauthorized !== false) {
          socket.destroy(error)
          socket.emit('secure')
          return
        }
      } else this.authorized = true
      this.tell()
    }

    /** The code of what is wrong with the server's certificates; `undefined` for nothing, and null where only Node's TLS can tell. */
    judge() {
      const code = this.info[5]
      if (code === 'CERT_REJECTED') return null
      try {
        void this.peerCertificates
        return code
      } catch {
        // Node makes no sense of them.
        return null
      }
    }

    /** What is wrong with the name of the server, if that has not been looked at before. */
    identify({ servername, host, checkServerIdentity = genuine.tls.checkServerIdentity }) {
      if (this.isResumed) return undefined
      // Node's does not look at who has signed it.
      const detailed = checkServerIdentity !== genuine.tls.checkServerIdentity
      return checkServerIdentity(servername || host || 'localhost', this.socket.getPeerCertificate(detailed))
    }

    tell() {
      const { socket } = this
      socket.secureConnecting = false
      try {
        socket.emit('secureConnect')
        const session = this.pending
        this.pending = undefined
        if (session !== undefined) socket.emit('session', session)
        socket.removeListener('end', onConnectEnd)
        socket.emit('secure')
      } finally {
        // What was written leaves, of which others may hear: they have heard of TLS then.
        if (!this.closing) native.tlsTrust(this.id)
      }
    }

    onInsecure(reason, detail, isForeign) {
      const { socket, drainCallback } = this
      if (this.secured) {
        socket.destroy(sslError(reason, detail))
        return
      }
      const error = drainCallback === undefined ? sslError(reason, detail) : handshakeError(reason, detail)
      if (isForeign) this.leaveToNode(error)
      else if (drainCallback === undefined) socket.destroy(error)
      else {
        this.drainCallback = undefined
        drainCallback(error)
      }
    }

    /** Told when it is clear that this is the handshake that counts. */
    onKeys(lines) {
      this.keys = (this.keys ?? '') + lines
      if (this.secured) this.tellKeys()
    }

    tellKeys() {
      const { keys = '' } = this
      this.keys = undefined
      for (const line of keys.split(/(?<=\n)/)) if (line !== '') this.socket.emit('keylog', Buffer.from(line))
    }

    onSession(name) {
      this.given = name
      if (this.socket.secureConnecting) this.pending = name
      else this.socket.emit('session', name)
    }

    /** Where it goes on with one and is given no other, that one. */
    get session() {
      return this.given ?? (this.isResumed ? this.socket?.[kWishes].session : undefined)
    }

    get servername() {
      return this.secured ? this.socket[kWishes].servername || false : null
    }

    get keyExchange() {
      return this.info[6]
    }

    /** Has Node's TLS do it, from the beginning, over a connection of its own; if there is none, `error` stays true. */
    leaveToNode(error) {
      const { socket, drainCallback, shutdownRequest } = this
      const { options } = socket[kWishes]
      if (foreign.size === MOST_FOREIGN) foreign.delete(foreign.values().next().value)
      foreign.add(nameOf(options))
      const written = native.tlsTakeBack(this.id)
      this.drainCallback = this.shutdownRequest = undefined
      const next = new Foreign(socket, options, error)
      this.close()
      this.socket = undefined
      socket.changeHandle(next, this)
      next.drainCallback = drainCallback
      if (written.length > 0) next.write(written)
      if (shutdownRequest !== undefined) next.shutdown(shutdownRequest)
    }
  }

  return SecureConnection
}

/** Connections of `Base` whose bytes are carried by a socket of Node's `tls`. */
function foreigner(Base) {
  class ForeignConnection extends Base {
    constructor(socket, options, before) {
      super(native.createTcp(), true)
      const { connect } = genuine.tls
      const carrier = connect({ ...options, session: undefined, signal: undefined, timeout: undefined })
      this.carrier = carrier
      socket[kSecure] = this
      this.heard = {
        data: (chunk) => native.tlsInject(this.id, chunk),
        end: () => this.onRead(EOF),
        close: () => socket.destroy(),
      }
      for (const [event, listener] of Object.entries(this.heard)) carrier.on(event, listener)
      carrier.on('error', (error) => socket.destroy((error.syscall === 'connect' && before) || error))
      carrier.on('secureConnect', () => {
        socket.secureConnecting = false
        socket.emit('secureConnect')
        socket.removeListener('end', onConnectEnd)
      })
      for (const event of ['keylog', 'session']) carrier.on(event, (value) => socket.emit(event, value))
    }

    /** From now on `stream` has what comes, and says what goes. */
    yieldTo(stream) {
      const { carrier, heard } = this
      for (const [event, listener] of Object.entries(heard)) carrier.removeListener(event, listener)
      carrier.pipe(stream).pipe(carrier)
      carrier.on('close', () => stream.destroySoon())
      stream.on('error', () => {})
      stream.on('close', () => carrier.destroySoon())
    }

    write(chunk, encoding) {
      if (typeof chunk === 'string') chunk = Buffer.from(chunk, encoding)
      const { carrier } = this
      carrier.write(chunk, (error) => {
        if (error) this.fail(error)
        else if (carrier.writableLength === 0) this.onDrain()
      })
      return 1
    }

    /** Who waits hears of it before the socket does. */
    fail(error) {
      const { drainCallback } = this
      this.drainCallback = undefined
      drainCallback?.(error)
    }

    /** Requests of `http` go past the socket's stream. */
    send(req, text, utf8) {
      this.expect(req)
      return this.write(text, utf8 ? 'utf8' : 'latin1')
    }

    shutdown(request) {
      this.shutdownRequest = request
      this.carrier.end(() => this.onShutdown(0))
      return 0
    }

    readStart() {
      this.reading = true
      this.carrier.resume()
      return 0
    }

    readStop() {
      this.reading = false
      this.carrier.pause()
      return 0
    }

    ref() {
      this.carrier.ref()
    }

    unref() {
      this.carrier.unref()
    }

    setNoDelay(enable) {
      this.carrier.setNoDelay(enable)
      return 0
    }

    setKeepAlive(enable, delay) {
      this.carrier.setKeepAlive(enable, delay * 1000)
      return 0
    }

    close(callback) {
      this.carrier.destroy()
      super.close(callback)
    }

    reset(callback) {
      if (!this.carrier.destroyed) this.carrier.resetAndDestroy()
      return super.reset(callback)
    }

    get getsockname() {
      const { localAddress: address, localPort: port, localFamily: family } = this.carrier
      return (out) => Object.assign(out, { address, family, port }) && 0
    }

    get getpeername() {
      const { remoteAddress: address, remotePort: port, remoteFamily: family } = this.carrier
      return (out) => Object.assign(out, { address, family, port }) && 0
    }

    get bytesWritten() {
      return this.carrier.bytesWritten
    }

    get secured() {
      return this.carrier._secureEstablished
    }

    get authorized() {
      return this.carrier.authorized
    }

    get authorizationError() {
      return this.carrier.authorizationError
    }

    get alpnProtocol() {
      return this.carrier.alpnProtocol
    }

    get servername() {
      return this.carrier.servername
    }
  }

  return ForeignConnection
}

/** The peer has ended its side before there was TLS. */
function onConnectEnd() {
  if (this._hadError) return
  this._hadError = true
  this.destroy(disconnected(this[kWishes].options))
}

let warned = false

/** Has a new socket begin with TLS as soon as it connects. */
function prepare(socket, wishes) {
  socket[kWishes] = wishes
  socket[kSecure] = { __proto__: nothing, wishes }
  socket.secureConnecting = true
  socket.prependListener('end', onConnectEnd)
  const { servername } = wishes
  if (servername === '' || warned || !genuine.net.isIP(servername)) return
  warned = true
  const message =
    'Setting the TLS ServerName to an IP address is not permitted by RFC 6066. This will be ignored in a future version.'
  process.emitWarning(message, 'DeprecationWarning', 'DEP0123')
}

/** What is known before there is a connection. */
const nothing = {
  secured: false,
  authorized: false,
  authorizationError: null,
  alpnProtocol: null,
  servername: null,
  version: null,
  cipher: undefined,
  isResumed: false,
  peerCertificates: [],
  peerChain: [],
  setFragment(size) {
    this.wishes.fragment = size
    return true
  },
}

module.exports = { kWishes, sessionOf, wishesOf, secured, prepare }
