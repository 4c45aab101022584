'use strict'

// tls.Server over the native engine.

const { tls } = require('../genuine.js')
const { admit, inherit } = require('../inherit.js')
const { Server: NetServer } = require('../net/server.js')
const { SecureConnection } = require('./connection.js')
const { construct, leave, serve } = require('./serving.js')

const { Server: CoreServer } = tls

function Server(options, secureConnectionListener) {
  if (!(this instanceof Server)) return new Server(options, secureConnectionListener)
  if (typeof options === 'function') {
    secureConnectionListener = options
    options = {}
  }
  construct(this, CoreServer, options, secureConnectionListener)
  // Node's HTTP/2 works well only on Node's own handles.
  if (this.ALPNProtocols?.includes('\x02h2')) leave(this)
}
Object.setPrototypeOf(Server.prototype, CoreServer.prototype)
Object.setPrototypeOf(Server, CoreServer)
inherit(Server, NetServer)
serve(Server, CoreServer, SecureConnection)

// Core's servers count as `instanceof` this class, as with net.
admit(Server, CoreServer)

module.exports = { Server }
