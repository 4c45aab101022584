'use strict'

// What a process logs with `NODE_DEBUG=ironwire`: events of connections, never single calls.

const { debuglog } = require('node:util')

/** Takes `(format, ...values)` like `util.format`. Does nothing unless the log is enabled. */
const log = debuglog('ironwire')

/** The peer of a connection as text for people. A pipe has no address. */
const textOfPeer = ({ address, port }) => (address === undefined ? 'a pipe' : `${address} port ${port}`)

module.exports = { log, textOfPeer }
