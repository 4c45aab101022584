'use strict'

// Node's diagnostics channels of streams. Versions before 22 have none: what looks on there does so in other ways, and need not hear of all twice.

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
