'use strict'

// Node's diagnostics channels for streams. Node has them since version 22. On older versions tools patch functions instead, so publishing there
// would report everything twice.

const { channel } = require('node:diagnostics_channel')
const { versions } = require('node:process')

const HAS_CHANNELS = Number.parseInt(versions.node, 10) >= 22
const NONE = { hasSubscribers: false }

const of = (side, ...names) =>
  Object.fromEntries(names.map((name) => [name, HAS_CHANNELS ? channel(`http2.${side}.stream.${name}`) : NONE]))

module.exports = {
  server: of('server', 'created', 'start', 'error', 'finish', 'close'),
  client: of('client', 'created', 'start', 'error', 'finish', 'close', 'bodyChunkSent', 'bodySent'),
}
