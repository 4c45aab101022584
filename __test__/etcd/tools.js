'use strict'

const { once } = require('node:events')
const { setTimeout: pause } = require('node:timers/promises')
const { rpc } = require('../../index.js')

/** Milliseconds; far more than any wait here takes. */
const PATIENCE = 100_000

/**
 * Waits until `condition` holds. After a long time it gives up, so that a failed test does not keep its process
 * running.
 */
async function until(condition) {
  const end = performance.now() + PATIENCE
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`${PATIENCE} ms, and it is not so: ${condition}`)
    await pause(5)
  }
}

/** An rpc server until the test ends. It answers with its name. */
async function serveRpc(t, name) {
  const server = rpc.createServer()
  server.method('name', () => Buffer.from(name))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close(() => {}) ?? server.closeAllConnections?.())
  return { server, port: server.address().port }
}

module.exports = { until, serveRpc }
