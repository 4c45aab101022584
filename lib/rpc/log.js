'use strict'

// What `NODE_DEBUG=ironwire` has a process say: what becomes of connections, never of single calls.

const { debuglog } = require('node:util')

/** `(format, ...values)`, as `util.format` takes them. Does nothing unless it was asked for. */
const log = debuglog('ironwire')

/** The other end of a connection, for people: pipes have no address. */
const textOfPeer = ({ address, port }) => (address === undefined ? 'a pipe' : `${address} port ${port}`)

module.exports = { log, textOfPeer }
