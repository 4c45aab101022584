'use strict'

// What closes servers: it goes by their sockets, and by `instanceof`.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const core = require('node:http')
const net = require('node:net')
const { setTimeout: sleep } = require('node:timers/promises')
const { createHttpTerminator } = require('http-terminator')
const stoppable = require('stoppable')
const { listen } = require('../http/exchanges.js')
const { same } = require('./support.js')

/** Connections of each kind: idle after a request, amid one, never used. Says how each of them ended. */
async function populate(port, begun) {
  const agent = new core.Agent({ keepAlive: true })
  const ask = (path) =>
    new Promise((resolve, reject) => {
      const request = core.get({ port, path, agent }, async (res) => {
        let body = ''
        for await (const chunk of res) body += chunk
        resolve([path, body])
      })
      request.on('error', (error) => resolve([path, error.code])).on('error', reject)
    })
  await ask('/idle')
  const slow = ask('/slow')
  await begun
  const silent = net.connect(port, '127.0.0.1')
  await once(silent, 'connect')
  const closed = once(silent.resume(), 'close').then(() => 'silent closed')
  return { agent, ended: () => Promise.all([slow, closed]) }
}

function application(http, time) {
  let begin
  const begun = new Promise((resolve) => {
    begin = resolve
  })
  const server = http.createServer((req, res) => {
    if (req.url !== '/slow') return res.end('x')
    begin()
    setTimeout(() => res.end('slow'), time)
  })
  return { server, begun }
}

same('http-terminator waits for answers and ends what is idle', async (http) => {
  const { server, begun } = application(http, 100)
  const terminator = createHttpTerminator({ server, gracefulTerminationTimeout: 2000 })
  const { agent, ended } = await populate(await listen(server), begun)
  const closed = once(server, 'close')
  await terminator.terminate()
  await closed
  assert.equal(server.listening, false)
  agent.destroy()
  const result = await ended()
  assert.deepEqual(result, [['/slow', 'slow'], 'silent closed'])
  return result
})

same('http-terminator gives up on answers after its time', async (http) => {
  const { server, begun } = application(http, 3000)
  const terminator = createHttpTerminator({ server, gracefulTerminationTimeout: 50 })
  const { agent, ended } = await populate(await listen(server), begun)
  await terminator.terminate()
  agent.destroy()
  const result = await ended()
  assert.deepEqual(result, [['/slow', 'ECONNRESET'], 'silent closed'])
  return result
})

for (const [name, grace, expected] of [
  ['waits for answers', 2000, [['/slow', 'slow'], 'silent closed']],
  ['gives up on answers after its time', 50, [['/slow', 'ECONNRESET'], 'silent closed']],
]) {
  same(`stoppable ${name}`, async (http) => {
    const { server, begun } = application(http, grace > 1000 ? 100 : 3000)
    stoppable(server, grace)
    const { agent, ended } = await populate(await listen(server), begun)
    const gracefully = await new Promise((resolve, reject) =>
      server.stop((error, graceful) => (error ? reject(error) : resolve(graceful))),
    )
    await sleep(0)
    agent.destroy()
    const result = await ended()
    assert.deepEqual(result.slice(0, 1), expected.slice(0, 1))
    return [gracefully, result]
  })
}
