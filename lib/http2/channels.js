'use strict'

// Node's diagnostics channels of a server's streams.

const { channel } = require('node:diagnostics_channel')

module.exports = {
  created: channel('http2.server.stream.created'),
  start: channel('http2.server.stream.start'),
  error: channel('http2.server.stream.error'),
  finish: channel('http2.server.stream.finish'),
  close: channel('http2.server.stream.close'),
}
