'use strict'

// What several tests of sockets share.

const { once } = require('node:events')

/** Has `server` listen until the test ends, its connections with it; resolves to the port. */
async function listening(t, server) {
  t.after(() => {
    server.closeAllConnections?.()
    server.close()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return server.address().port
}

module.exports = { listening }
