'use strict'

// https.Server over the native engine: TLS as in servers of `tls`, then HTTP as in servers of `http`.

const { https } = require('../genuine.js')
const { admit, inherit } = require('../inherit.js')
const { Server: HttpServer, begin, prepare } = require('../http/server.js')
const { construct, destroyWaiting, serve } = require('../tls/serving.js')
const { SecureConnection } = require('./connection.js')
const { kSecured } = require('../http/symbols.js')

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

// Core's servers count as `instanceof` this class, as with http.
admit(Server, CoreServer)

/** Called with a connection whose TLS handshake is done. */
Server.prototype[kSecured] = function (connection) {
  begin(connection, 'secureConnection', false)
}

Server.prototype.closeAllConnections = function closeAllConnections() {
  destroyWaiting(this)
  HttpServer.prototype.closeAllConnections.call(this)
}

module.exports = { Server }
