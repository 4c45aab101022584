'use strict'

const { once } = require('node:events')
const { setTimeout: pause } = require('node:timers/promises')
const { rpc } = require('../../index.js')

/** Far more than anything here takes. */
const PATIENCE = 100_000

/** Waits until `condition` is met, and gives up at last: a test that has failed must not keep its process. */
async function until(condition) {
  const end = performance.now() + PATIENCE
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`${PATIENCE} ms, and it is not so: ${condition}`)
    await pause(5)
  }
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
