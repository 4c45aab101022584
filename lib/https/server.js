'use strict'

// https.Server over the native engine: TLS as servers of `tls` have it, then HTTP as servers of `http` have it.

const { https } = require('../genuine.js')
const { admit, inherit } = require('../inherit.js')
const { Server: HttpServer, begin, prepare } = require('../http/server.js')
const { construct, destroyWaiting, serve } = require('../tls/serving.js')
const { SecureConnection } = require('./connection.js')

const { Server: CoreServer } = https

function Server(options, requestListener) {
  if (!(this instanceof Server)) return new Server(options, requestListener)
  if (typeof options === 'function') {
    requestListener = options
    options = {}
  }
  construct(this, CoreServer, options, requestListener)
  prepare(this, 'secureConnection')
}
Object.setPrototypeOf(Server.prototype, CoreServer.prototype)
Object.setPrototypeOf(Server, CoreServer)
inherit(Server, HttpServer)
serve(Server, CoreServer, SecureConnection)

// As with http's: core's are servers to whoever asks.
admit(Server, CoreServer)

/** A connection that there is TLS on. */
Server.prototype._onsecured = function (connection) {
  begin(connection, 'secureConnection', false)
}

Server.prototype.closeAllConnections = function closeAllConnections() {
  destroyWaiting(this)
  HttpServer.prototype.closeAllConnections.call(this)
}

module.exports = { Server }
