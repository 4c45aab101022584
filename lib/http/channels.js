'use strict'

// The diagnostics channels of Node's HTTP server.

const { channel } = require('node:diagnostics_channel')

module.exports = {
  socket: channel('net.server.socket'),
  requestStart: channel('http.server.request.start'),
  responseCreated: channel('http.server.response.created'),
  responseFinish: channel('http.server.response.finish'),
}
