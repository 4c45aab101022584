'use strict'

// Connections that open and close at random moments leave no memory behind. Runs in its own process.

const test = require('node:test')
const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')

const script = `
  const { rpc } = require(${JSON.stringify(require.resolve('../../index.js'))})
  const { usage } = require(${JSON.stringify(require.resolve('../../lib/engine.js'))})
  const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))
  // What calls leave behind that are never answered is kept for so long.
  const server = rpc.createServer({ strayTimeout: 100 })
  server.method('echo', (request, callback) => callback(null, request))
  server.method('later', async (request) => { await sleep(Math.random() * 5); return request })
  server.method('never', () => {})
  server.listen(0, '127.0.0.1', async () => {
    const { port } = server.address()
    let started = 0
    let ended = 0
    async function visit() {
      const reconnect = Math.random() < 0.5 ? false : { initialDelay: 1 }
      const client = rpc.connect(port, { reconnect, timeout: 300 }).on('error', () => {})
      for (let calls = Math.random() * 20; calls > 0; calls--) {
        started++
        client.call(['echo', 'later', 'never'][Math.floor(Math.random() * 3)], Buffer.alloc(Math.random() * 2000), () => ended++)
      }
      await sleep(Math.random() * 8)
      if (Math.random() < 0.8) client.destroy()
      else await client.close()
    }
    const dropping = setInterval(() => Math.random() < 0.2 && server.closeAllConnections(), 50)
    const sizes = []
    for (let round = 0; round < 6; round++) {
      for (let visits = 0; visits < 500; visits += 100) await Promise.all(Array.from({ length: 100 }, visit))
      global.gc()
      sizes.push(process.memoryUsage.rss())
    }
    clearInterval(dropping)
    await server.close()
    while (usage().slots > 0) await sleep(1)
    console.log(JSON.stringify({ started, ended, running: server.running, usage: usage(), sizes }))
  })`

test('3,000 clients come and go', () => {
  // Otherwise V8 enlarges its young generation during the test, sometimes by half of what this process uses.
  const flags = ['--expose-gc', '--max-semi-space-size=1']
  const { stdout, stderr } = spawnSync(process.execPath, [...flags, '-e', script], {
    encoding: 'utf8',
    timeout: 120_000,
  })
  assert.equal(stderr, '')
  const { started, ended, running, usage, sizes } = JSON.parse(stdout)
  assert.ok(started > 10_000)
  assert.equal(ended, started, 'every call ended once')
  assert.equal(running, 0)
  assert.deepEqual(usage.slots, 0)
  assert.ok(sizes.at(-1) < 1.25 * sizes[2], `RSS grows: ${sizes.map((size) => Math.round(size / 1e6)).join(', ')} MB`)
})
