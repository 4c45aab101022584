'use strict'

const { once } = require('node:events')
const { setTimeout: pause } = require('node:timers/promises')
const { rpc } = require('../../index.js')

/** Waits until `condition` is met. */
async function until(condition) {
  while (!(await condition())) await pause(5)
}

/** An rpc server until the test ends, which says its name when it is asked. */
async function serveRpc(t, name) {
  const server = rpc.createServer()
  server.method('name', () => Buffer.from(name))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close(() => {}) ?? server.closeAllConnections?.())
  return { server, port: server.address().port }
}

module.exports = { until, serveRpc }
