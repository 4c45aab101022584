'use strict'

/** On an HTTP socket: its connection, until another protocol takes over. */
const kConnection = Symbol('ironwire.connection')
/** On a server: all its connections. */
const kConnections = Symbol('ironwire.connections')

module.exports = { kConnection, kConnections }
