'use strict'

// http2.performServerHandshake: a server's session over a socket, without a server.

const { ServerHttp2Session: Session } = require('./server-session.js')
const { taking } = require('./taking.js')
const { kBind } = require('./symbols.js')

class ServerHttp2Session extends taking(Session) {
  constructor(socket, options) {
    super(undefined, options)
    this[kBind](socket)
  }
}

module.exports = { ServerHttp2Session }
