'use strict'

/** On an HTTP socket: its connection, until another protocol takes over. */
const kConnection = Symbol('ironwire.connection')
/** On a socket with TLS: its connection, for good. */
const kSecure = Symbol('ironwire.secure connection')
/** On a server: all its connections. */
const kConnections = Symbol('ironwire.connections')
/** On the handler of a site of files: the site. A server that has no other listener for requests is served natively (`site.js`). */
const kSite = Symbol('ironwire.site')
/**
 * On a server: a function that is told what was answered natively, once a turn of the loop. Of each request there is a line of what
 * follows, separated by tabs: remote address, method, target, status, bytes of the body, milliseconds.
 */
const kAccessLog = Symbol('ironwire.access log')

module.exports = { kConnection, kSecure, kConnections, kSite, kAccessLog }
