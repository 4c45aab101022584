'use strict'

// Methods on sockets and servers. They are symbols because a program may give these objects, and classes derived from
// theirs, any names of its own.

module.exports = {
  /** Of a server: serves a connection that the listening handle has accepted. */
  kAccepted: Symbol('ironwire.accepted'),
  /** Of a socket: handles received bytes. */
  kReceive: Symbol('ironwire.receive'),
  /** Of a client's socket: goes on over another connection. */
  kChangeHandle: Symbol('ironwire.change handle'),
}
