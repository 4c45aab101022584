'use strict'

// What the server does before it calls the application's listener: it answers requests without a `Host` header and
// requests beyond the limit of their connection, and handles `Expect`.

const { flag } = require('../constants.js')

const CONTINUE = /(?:^|\W)100-continue(?:$|\W)/i

/**
 * Handles an HTTP/1.1 request as Node's server does before 'request'. Returns true if the request needs nothing more:
 * it was answered, or its event was emitted.
 */
function answersItself(connection, req, res, flags) {
  const { server } = connection
  if (server.requireHostHeader && (flags & flag.HOST) === 0) {
    res.writeHead(400, ['Connection', 'close'])
    res.end()
    return true
  }
  const limit = server.maxRequestsPerSocket
  if (typeof limit === 'number' && limit > 0) {
    connection.requests++
    res.maxRequestsOnConnectionReached = limit <= connection.requests
    if (limit < connection.requests) {
      server.emit('dropRequest', req, connection.shown)
      res.writeHead(503)
      res.end()
      return true
    }
  }
  if ((flags & flag.EXPECT) === 0) return false
  if (CONTINUE.test(req.headers.expect)) {
    res._expect_continue = true
    if (server.listenerCount('checkContinue') > 0) {
      server.emit('checkContinue', req, res)
    } else {
      res.writeContinue()
      server.emit('request', req, res)
    }
  } else if (server.listenerCount('checkExpectation') > 0) {
    server.emit('checkExpectation', req, res)
  } else {
    res.writeHead(417)
    res.end()
  }
  return true
}

module.exports = { answersItself }
