'use strict'

// Node's diagnostics channels of streams.

const { channel } = require('node:diagnostics_channel')

const of = (side, ...names) => Object.fromEntries(names.map((name) => [name, channel(`http2.${side}.stream.${name}`)]))

module.exports = {
  server: of('server', 'created', 'start', 'error', 'finish', 'close'),
  client: of('client', 'created', 'start', 'error', 'finish', 'close', 'bodyChunkSent', 'bodySent'),
}
