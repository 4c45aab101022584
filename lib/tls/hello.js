'use strict'

// Asks a server's JavaScript when the hello of a client has arrived: `SNICallback`, then listeners for 'OCSPRequest',
// then `ALPNCallback`, in OpenSSL's order. The connection waits meanwhile.

const { Buffer } = require('node:buffer')
const { native } = require('../engine.js')
const { makeError } = require('../errors.js')

const NO_CONTEXT = -1
/** The empty name, which no protocol has: it refuses all protocols that the client offers. */
const NO_PROTOCOL = Buffer.alloc(0)

class Hello {
  /** `contextOf` returns the native context for one of Node's; undefined if rustls cannot do what that asks for. */
  constructor(connection, { SNICallback, ALPNCallback }, contextOf) {
    const [name, protocols, staples] = native.tlsHello(connection.id)
    this.connection = connection
    this.server = connection.server
    this.SNICallback = SNICallback
    this.ALPNCallback = ALPNCallback
    this.contextOf = contextOf
    this.name = name
    this.protocols = protocols
    this.staples = staples
    /** Node's context that `SNICallback` chose; undefined if the server chooses one by name. */
    this.context = undefined
    this.staple = undefined
  }

  /** Calls code of the program. If it throws, the connection fails with the error. */
  call(code) {
    try {
      code()
    } catch (error) {
      this.connection.fail(error)
    }
  }

  /**
   * Makes a callback for the program. A second call fails the connection. After the connection has closed, a call does
   * nothing.
   */
  once(proceed) {
    let called = false
    return (error, value) => {
      const { connection } = this
      if (called) return connection.fail(multipleCallback())
      called = true
      if (error) return connection.fail(error)
      if (!connection.closing) proceed(value)
    }
  }

  begin() {
    const { SNICallback, name, server } = this
    if (SNICallback === undefined || name === undefined) return this.askForStaple()
    const chosen = this.once((context) => {
      if (!context) return this.askForStaple()
      this.context = context
      if (this.contextOf(context) === undefined) this.connection.leaveTo(context)
      else this.askForStaple()
    })
    this.call(() => SNICallback.call({ server }, name, chosen))
  }

  askForStaple() {
    const { server } = this
    if (!this.staples || server.listenerCount('OCSPRequest') === 0) return this.choose()
    const context = this.context ?? this.named() ?? server._sharedCreds
    const core = context.context ?? context
    const stapled = this.once((response) => {
      if (response) this.staple = response
      this.choose()
    })
    this.call(() => server.emit('OCSPRequest', core.getCertificate(), core.getIssuer(), stapled))
  }

  /** Node's own context for the name, from `addContext`. */
  named() {
    const { name, server } = this
    return name && server._contexts.findLast(([pattern]) => pattern.test(name))?.[1]
  }

  choose() {
    const { ALPNCallback, name = false, protocols } = this
    if (ALPNCallback === undefined || protocols.length === 0) return this.answer()
    this.call(() => {
      const protocol = ALPNCallback({ servername: name, protocols })
      if (protocol === undefined) return this.answer(NO_PROTOCOL)
      if (!protocols.includes(protocol)) throw invalidProtocol(protocol, protocols)
      this.answer(Buffer.from(protocol, 'latin1'))
    })
  }

  answer(protocol) {
    const { connection, context, staple } = this
    const id = context === undefined ? NO_CONTEXT : this.contextOf(context).id
    connection.answer(id, protocol, staple)
  }
}

function multipleCallback() {
  return makeError(Error, 'ERR_MULTIPLE_CALLBACK', 'Callback called multiple times', multipleCallback)
}

function invalidProtocol(value, protocols) {
  const message = `ALPN callback returned a value (${value}) that did not match any of the client's offered protocols (${protocols.join(', ')})`
  return makeError(TypeError, 'ERR_TLS_ALPN_CALLBACK_INVALID_RESULT', message, invalidProtocol)
}

module.exports = { Hello }
