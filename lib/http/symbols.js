'use strict'

/** On an HTTP socket: its connection, until another protocol takes over. */
const kConnection = Symbol('ironwire.connection')
/** On a TLS socket: its connection. It stays when another protocol takes over. */
const kSecure = Symbol('ironwire.secure connection')
/** On a server: the set of its connections. */
const kConnections = Symbol('ironwire.connections')
/**
 * On the handler of a file site: the site. A server without any other 'request' listener is served natively
 * (`site.js`).
 */
const kSite = Symbol('ironwire.site')
/**
 * On a server: a function that is called once per turn of the event loop with what was answered natively. Each request
 * is a line of values separated by tabs: remote address, method, target, status, bytes of the body, milliseconds.
 */
const kAccessLog = Symbol('ironwire.access log')

module.exports = { kConnection, kSecure, kConnections, kSite, kAccessLog }
