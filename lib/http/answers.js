'use strict'

// What comes before the application's listener: a request without the host it must name, one too many on its connection, one that expects
// to be told to go on.

const { flag } = require('../constants.js')

const CONTINUE = /(?:^|\W)100-continue(?:$|\W)/i

/** The answers that Node's server gives by itself to a 1.1 request. */
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
