'use strict'

// The client side of a TLS connection: the end of the handshake, the check of the server's identity, and the fallback
// to Node's TLS.

const { Buffer } = require('node:buffer')
const process = require('node:process')
const { native } = require('../engine.js')
const { systemError } = require('../errors.js')
const genuine = require('../genuine.js')
const { EOF } = require('../constants.js').errno
const { kSecure } = require('../http/symbols.js')
const { isMocked } = require('../mocked.js')
const { clientContext } = require('./client-context.js')
const { disconnected, handshakeError, sslError, verifyError } = require('./errors.js')
const { informed } = require('./info.js')
const { kChangeHandle } = require('../net/symbols.js')

/** On a client's socket: the settings of its TLS connection, from `wishesOf`. */
const kWishes = Symbol('ironwire.wishes')

/**
 * Servers for which Node's TLS had to be used, the oldest first. The next connection to one of them uses it at once.
 */
const foreign = new Set()
const MOST_FOREIGN = 1024
const nameOf = ({ host, port, path, servername }) => `${host} ${port} ${path} ${servername}`

/** The settings for a connection with the options of `tls.connect`; `undefined` if Node's own must handle it. */
function wishesOf(options) {
  // Mocks of the network replace methods of Node's TLS handles.
  if (isMocked()) return undefined
  if ('checkServerIdentity' in options && typeof options.checkServerIdentity !== 'function') return undefined
  if ('minDHSize' in options && !(typeof options.minDHSize === 'number' && options.minDHSize > 0)) return undefined
  const session = sessionOf(options.session)
  if (session && !isOurs(session)) return undefined
  const servername = options.servername || ''
  if (typeof servername !== 'string') return undefined
  // Node reports what is wrong with an invalid name.
  if (!native.tlsTakesName(servername) || foreign.has(nameOf(options))) return undefined
  const context = clientContext(options, false)
  return context && { options, context, session, servername }
}

/** Programs may keep sessions as text with one character per byte. */
const sessionOf = (session) => (typeof session === 'string' ? Buffer.from(session, 'latin1') : session)

/** Sessions are known by names, which begin with this prefix (src/tls/sessions.rs). */
const PREFIX = Buffer.from('ironwire')
function isOurs(session) {
  if (!ArrayBuffer.isView(session)) return false
  return Buffer.from(session.buffer, session.byteOffset, session.byteLength).subarray(0, PREFIX.length).equals(PREFIX)
}

/** Makes a class of client connections with TLS, derived from `Base`. */
function secured(Base) {
  const Foreign = foreigner(Base)

  class SecureConnection extends informed(Base) {
    constructor(id, isTcp) {
      super(id, isTcp)
      this.secured = false
      this.authorized = false
      this.authorizationError = null
      /** The name of the last session that the server has given. */
      this.given = undefined
      /** The name of a session that the server gave before it was trusted. It is emitted afterwards. */
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
      // In TLS 1.2, rustls reports the resumed session as a new one.
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

    /**
     * The code of what is wrong with the server's certificates; `undefined` if nothing is, and null if only Node's TLS
     * can tell.
     */
    judge() {
      const code = this.info[5]
      if (code === 'CERT_REJECTED') return null
      try {
        void this.peerCertificates
        return code
      } catch {
        // Node cannot parse them.
        return null
      }
    }

    /** The error if the server is not the one that was asked for. A resumed session was checked before. */
    identify({ servername, host, checkServerIdentity = genuine.tls.checkServerIdentity }) {
      if (this.isResumed) return undefined
      // Node's own function does not look at the issuers, so it needs no detailed certificate.
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
        // Sends what was written during the handshake. Listeners may notice that, and they must have heard of the
        // secure connection first.
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

    /** The lines are emitted only once this handshake is known to count: Node's TLS might still have to repeat it. */
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

    /** A resumed connection that got no new session still has the one that it resumed. */
    get session() {
      return this.given ?? (this.isResumed ? this.socket?.[kWishes].session : undefined)
    }

    get servername() {
      return this.secured ? this.socket[kWishes].servername || false : null
    }

    get keyExchange() {
      return this.info[6]
    }

    /** Starts again with Node's TLS, over a connection of its own. If that cannot connect, `error` is reported. */
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
      socket[kChangeHandle](next, this)
      next.drainCallback = drainCallback
      if (written.length > 0) next.write(written)
      if (shutdownRequest !== undefined) next.shutdown(shutdownRequest)
    }
  }

  return SecureConnection
}

/** Makes a class of connections, derived from `Base`, whose bytes are carried by a socket of Node's `tls`. */
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

    /** From now on `stream` gets what arrives, and what it writes is sent. */
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

    /** The waiting write gets the error before the socket does. */
    fail(error) {
      const { drainCallback } = this
      this.drainCallback = undefined
      drainCallback?.(error)
    }

    /** Requests of `http` are written without the socket's stream. */
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

/** Called when the peer has ended its side before TLS was established. */
function onConnectEnd() {
  if (this._hadError) return
  this._hadError = true
  this.destroy(disconnected(this[kWishes].options))
}

let warned = false

/** Prepares a new socket to start TLS as soon as it is connected. */
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

/** What a socket reports before it has a connection. */
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
