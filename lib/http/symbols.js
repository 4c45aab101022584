'use strict'

/** On an HTTP socket: its connection, until another protocol takes over. */
const kConnection = Symbol('ironwire.connection')
/** On a server: all its connections. */
const kConnections = Symbol('ironwire.connections')
/** On the handler of a site of files: the site. A server that has no other listener for requests is served natively (`site.js`). */
const kSite = Symbol('ironwire.site')

module.exports = { kConnection, kConnections, kSite }
