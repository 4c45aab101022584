'use strict'

// Interceptors, mocks and tracers put functions of their own into Node's modules: before this package is loaded, after
// that, or after its first use. They serve ironwire's modules, too.

const assert = require('node:assert/strict')
const { execFile } = require('node:child_process')
const { once } = require('node:events')
const net = require('node:net')
const path = require('node:path')
const test = require('node:test')
const { promisify } = require('node:util')

const run = promisify(execFile)
const root = path.join(__dirname, '..', '..')

const CALLS = {
  http: { request: ['http://127.0.0.1:1'], get: ['http://127.0.0.1:1'] },
  https: { request: ['https://127.0.0.1:1'], get: ['https://127.0.0.1:1'] },
  // Another name of the same function.
  net: { createConnection: [{ port: 1, host: '127.0.0.1' }] },
  tls: { connect: [{ port: 1, host: '127.0.0.1' }] },
  http2: { connect: ['http://127.0.0.1:1'] },
  dgram: { createSocket: ['udp4'] },
}

/** Runs in a process of its own. Prints which replacements were called, and whether the originals are back at the end. */
function program(when, calls, main) {
  const { EventEmitter } = require('node:events')
  const seen = []
  const originals = []
  const quiet = (object) => {
    object?.on('error', () => {})
    object?.destroy?.() ?? object?.close?.()
  }
  const replace = () => {
    for (const [name, functions] of Object.entries(calls)) {
      const module = require(`node:${name}`)
      for (const key of Object.keys(functions)) {
        const original = module[key]
        originals.push(() => {
          module[key] = original
        })
        module[key] = () => {
          seen.push(`${name}.${key}`)
          return Object.assign(new EventEmitter(), { end() {}, destroy() {}, close() {} })
        }
      }
    }
  }
  if (when === 'before') replace()
  const ironwire = require(main)
  const callAll = () => {
    for (const [name, functions] of Object.entries(calls)) {
      for (const [key, args] of Object.entries(functions)) quiet(ironwire[name][key](...args))
    }
  }
  if (when === 'used') callAll()
  if (when !== 'before') replace()
  callAll()
  for (const restore of originals) restore()
  const count = seen.length
  callAll()
  console.log(JSON.stringify({ seen, afterwards: seen.length - count }))
}

for (const when of ['before', 'loaded', 'used']) {
  test(`functions that were put into Node's modules are called: ${when}`, async () => {
    const code = `(${program})(${JSON.stringify(when)}, ${JSON.stringify(CALLS)}, ${JSON.stringify(root)})`
    const { stdout } = await run(process.execPath, ['-e', code])
    const all = Object.entries(CALLS).flatMap(([name, functions]) =>
      Object.keys(functions).map((key) => `${name}.${key}`),
    )
    assert.deepEqual(JSON.parse(stdout), { seen: all, afterwards: 0 })
  })
}

test("Node's own functions are recognised in this version, so that ironwire's are used", async (t) => {
  const { http, net: ours } = require('../..')
  const { connectionOf } = require('../../lib/http/client/socket.js')
  const server = http.createServer((_req, res) => res.end('answer'))
  t.after(() => server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address()
  for (const agent of [false, undefined]) {
    const req = http.get({ port, host: '127.0.0.1', agent })
    const [res] = await once(req, 'response')
    assert.notEqual(connectionOf(req.socket), undefined)
    assert.equal(String(await res.toArray()), 'answer')
    req.destroy()
  }
  http.globalAgent.destroy()
  const socket = ours.connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  assert.equal(Object.getPrototypeOf(socket), ours.Socket.prototype)
})

test('a global agent of another class that was set before is used', async () => {
  const code = `
    const http = require('node:http')
    class Proxying extends http.Agent {
      addRequest(req) {
        console.log('asked for ' + req.path)
        req.destroy()
      }
    }
    http.globalAgent = new Proxying()
    require(${JSON.stringify(root)}).http.get('http://127.0.0.1:1/path').on('error', () => {})`
  const { stdout } = await run(process.execPath, ['-e', code])
  assert.equal(stdout, 'asked for /path\n')
})

test("a replacement of Node's `Agent.prototype.addRequest` that was there before is called for each request", async () => {
  const code = `
    const core = require('node:http')
    const { addRequest } = core.Agent.prototype
    const seen = []
    core.Agent.prototype.addRequest = function (req, ...args) {
      seen.push(req.path)
      return addRequest.call(this, req, ...args)
    }
    const { http } = require(${JSON.stringify(root)})
    const agent = new http.Agent({ keepAlive: true })
    // Loading calls it to find out what Node's does.
    http.request({ agent: { addRequest() {} } })
    seen.length = 0
    const server = http.createServer((_req, res) => res.end()).listen(0, '127.0.0.1', async () => {
      for (const path of ['/1', '/2']) {
        await new Promise((resolve) => {
          const options = { port: server.address().port, host: '127.0.0.1', path, agent }
          http.get(options, (res) => res.resume().on('close', () => setImmediate(resolve)))
        })
      }
      console.log(seen.join())
      agent.destroy()
      server.close()
    })`
  const { stdout } = await run(process.execPath, ['-e', code])
  assert.equal(stdout, '/1,/2\n')
})

test("a replacement of Node's `OutgoingMessage.prototype.setHeader` that was there before is called for each header", async () => {
  const code = `
    const { OutgoingMessage } = require('node:http')
    const { setHeader } = OutgoingMessage.prototype
    const seen = []
    OutgoingMessage.prototype.setHeader = function (name, value) {
      if (name === 'X-Own') seen.push(value)
      return setHeader.call(this, name, value)
    }
    const { http } = require(${JSON.stringify(root)})
    const server = http.createServer((_req, res) => res.end()).listen(0, '127.0.0.1', async () => {
      for (const value of ['a', 'a', 'b']) {
        await new Promise((resolve) => {
          const options = { port: server.address().port, host: '127.0.0.1', headers: { 'X-Own': value } }
          http.get(options, (res) => res.resume().on('close', resolve))
        })
      }
      console.log(seen.join())
      http.globalAgent.destroy()
      server.close()
    })`
  const { stdout } = await run(process.execPath, ['-e', code])
  assert.equal(stdout, 'a,a,b\n')
})

test("what replaces methods of Node's agents and messages is called", async (t) => {
  const { http } = require('../..')
  const core = require('node:http')
  const server = http.createServer((_req, res) => res.end('answer'))
  t.after(() => server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const called = new Set()
  for (const [prototype, names] of [
    [core.Agent.prototype, ['addRequest', 'createSocket', 'createConnection', 'keepSocketAlive', 'reuseSocket']],
    [core.OutgoingMessage.prototype, ['setHeader']],
  ]) {
    for (const name of names) {
      const method = t.mock.method(prototype, name)
      t.after(() => assert.ok(method.mock.callCount() > 0, name))
      called.add(name)
    }
  }
  const agent = new http.Agent({ keepAlive: true })
  t.after(() => agent.destroy())
  for (let i = 0; i < 2; i++) {
    const req = http.get({ port: server.address().port, host: '127.0.0.1', agent, headers: { a: '1' } })
    const [res] = await once(req, 'response')
    await res.toArray()
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.equal(called.size, 6)
})

test("an agent's connections are made by what replaced `net.createConnection`, where Node does so", async (t) => {
  const { http } = require('../..')
  const core = require('node:http')
  const server = net.createServer((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'))
  t.after(() => server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const counts = []
  for (const { get, Agent } of [core, http]) {
    const create = t.mock.method(net, 'createConnection')
    const agent = new Agent()
    const [res] = await once(get({ port: server.address().port, host: '127.0.0.1', agent }), 'response')
    res.resume()
    counts.push(create.mock.callCount())
    create.mock.restore()
  }
  assert.equal(counts[1], counts[0])
})
