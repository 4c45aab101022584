'use strict'

// Symbols for state that ironwire keeps on objects whose property names belong to the program.

module.exports = {
  kExchange: Symbol('exchange'),
  /** The request and the response that use a stream, while it is open. */
  kRequest: Symbol('request'),
  kResponse: Symbol('response'),
  /** On a server: the options it was created with, and its open sessions. */
  kOptions: Symbol('options'),
  kSessions: Symbol('sessions'),
  /** On a session: all its private state. */
  kState: Symbol('state'),
}
