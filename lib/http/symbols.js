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

// Methods of sockets, where a program may have methods of its own by any name.

/** HTTP begins on a socket, or ends there. */
const kAttach = Symbol('ironwire.attach')
const kRelease = Symbol('ironwire.release')
/** A client's socket ignores the end of its connection. */
const kSilence = Symbol('ironwire.silence')

// Methods of servers, likewise.

/** Serves a connection whose TLS handshake is over. */
const kSecured = Symbol('ironwire.secured')
const kTakesUpgrade = Symbol('ironwire.takes upgrade')
const kWatchIdle = Symbol('ironwire.watch idle')

module.exports = {
  kAccessLog,
  kAttach,
  kConnection,
  kConnections,
  kRelease,
  kSecure,
  kSecured,
  kSilence,
  kSite,
  kTakesUpgrade,
  kWatchIdle,
}
