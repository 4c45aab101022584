'use strict'

// What a stream has of those who take part in what happens on it.

module.exports = {
  kExchange: Symbol('exchange'),
  /** The request and the response that stand on it, while it is open. */
  kRequest: Symbol('request'),
  kResponse: Symbol('response'),
}
