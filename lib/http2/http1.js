'use strict'

// HTTP/1 on the port of an HTTP/2 server with `allowHTTP1`: an HTTP/1 server takes the connections that do not start with the preface.

const { Server } = require('../http/server.js')
const { HttpConnection } = require('../http/connection.js')
const { kOptions } = require('./symbols.js')
const { feed } = require('../http/socket.js')
const { http1Options, speakFor } = require('./serving.js')

const kHttp1 = Symbol('server of HTTP/1')

/** Hands a connection over to HTTP/1. `bytes` is what it has received. */
function serveHttp1({ id, isTcp, server }, bytes) {
  const connection = new HttpConnection(id, isTcp, http1Of(server))
  connection.attach()
  if (bytes.length > 0) feed(connection, bytes, true)
  return connection
}

/** The HTTP/1 server behind an HTTP/2 server. It never listens: the HTTP/2 server emits its events and counts its connections. */
function http1Of(server) {
  if (server[kHttp1] === undefined) {
    const http1 = new Server(http1Options(server[kOptions]))
    const { emit, close } = http1
    // Starts the timers for slow requests.
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

/** Closes idle connections when the server closes. */
function closeHttp1(server) {
  server[kHttp1]?.close()
}

/** How long a connection may stay silent, in milliseconds; 0 is forever. */
function patience(server) {
  const { headersTimeout, requestTimeout } = http1Of(server)
  return headersTimeout > 0 ? headersTimeout : requestTimeout
}

module.exports = { serveHttp1, closeHttp1, patience }
