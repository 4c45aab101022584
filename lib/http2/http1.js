'use strict'

// HTTP/1 on the port of an HTTP/2 server: with `allowHTTP1`, a connection that does not begin with the preface is an HTTP/1 server's.

const { Server } = require('../http/server.js')
const { HttpConnection } = require('../http/connection.js')
const { kOptions } = require('./symbols.js')
const { feed } = require('../http/socket.js')
const { http1Options, speakFor } = require('./serving.js')

const kHttp1 = Symbol('server of HTTP/1')

/** Goes on with a connection that has received `bytes`. */
function serveHttp1({ id, isTcp, server }, bytes) {
  const connection = new HttpConnection(id, isTcp, http1Of(server))
  connection.attach()
  if (bytes.length > 0) feed(connection, bytes, true)
  return connection
}

/** A server that never listens: what it has to say, the other one does, and that one counts its connections. */
function http1Of(server) {
  if (server[kHttp1] === undefined) {
    const http1 = new Server(http1Options(server[kOptions]))
    const { emit, close } = http1
    // There the requests are timed.
    emit.call(http1, 'listening')
    http1.listenerCount = (event) => server.listenerCount(event)
    speakFor(server, http1)
    http1._emitCloseIfDrained = () => {
      server._connections--
      server._emitCloseIfDrained()
    }
    http1.close = () => {
      http1._handle = null
      close.call(http1, () => {})
    }
    server[kHttp1] = http1
  }
  return server[kHttp1]
}

/** The server closes: connections that do nothing, too. */
function closeHttp1(server) {
  server[kHttp1]?.close()
}

/** For how long a connection may say nothing; 0 for ever. */
function patience(server) {
  const { headersTimeout, requestTimeout } = http1Of(server)
  return headersTimeout > 0 ? headersTimeout : requestTimeout
}

module.exports = { serveHttp1, closeHttp1, patience }
