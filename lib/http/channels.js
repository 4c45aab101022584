'use strict'

// Node's diagnostics channels of its HTTP server.

const { channel } = require('node:diagnostics_channel')

module.exports = {
  socket: channel('net.server.socket'),
  requestStart: channel('http.server.request.start'),
  responseCreated: channel('http.server.response.created'),
  responseFinish: channel('http.server.response.finish'),
}
