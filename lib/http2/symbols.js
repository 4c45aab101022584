'use strict'

// What ours have on objects whose names are the program's.

module.exports = {
  kExchange: Symbol('exchange'),
  /** The request and the response that stand on it, while it is open. */
  kRequest: Symbol('request'),
  kResponse: Symbol('response'),
  /** On a server, whose names are its program's: what was asked for, and who is connected. */
  kOptions: Symbol('options'),
  kSessions: Symbol('sessions'),
  /** What a session is in the middle of. */
  kState: Symbol('state'),
}
