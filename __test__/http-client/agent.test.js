'use strict'

// Agents: pools, limits, and what programs replace of them.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const net = require('node:net')
const { test } = require('node:test')
const core = require('node:http')
const { http } = require('../..')
const { linger } = require('../linger')
const { alike, rawServer, watch } = require('./support')

/** Answers each request with the number of its connection; `/slow` later, `/close` for the last time, `/hint` with a Keep-Alive. */
function numbered(t) {
  return rawServer(t, (socket, number) => {
    socket.on('data', (data) => {
      const path = String(data).split(' ')[1]
      const extra = {
        '/close': 'Connection: close\r\n',
        '/hint': 'Keep-Alive: timeout=1\r\n',
        '/long': 'keep-alive: timeout=9\r\n',
      }
      const answer = `HTTP/1.1 200 OK\r\n${extra[path] ?? ''}Content-Length: ${String(number).length}\r\n\r\n${number}`
      if (path === '/slow') setTimeout(() => socket.write(answer), 20)
      else socket.write(answer)
    })
  })
}

function get(module, port, agent, path = '/', options = {}) {
  return new Promise((resolve, reject) => {
    const req = module.get({ host: '127.0.0.1', port, agent, path, ...options }, (res) => {
      let body = ''
      res.on('data', (chunk) => (body += chunk))
      res.on('end', () => process.nextTick(() => setImmediate(resolve, [body, req.reusedSocket])))
    })
    req.on('error', reject)
  })
}

/** How many sockets and requests an agent holds. */
function counts(agent) {
  const count = (table) => Object.values(table).map((list) => list.length)
  return [count(agent.sockets), count(agent.freeSockets), count(agent.requests), agent.totalSocketCount]
}

for (const options of [
  { keepAlive: true },
  { keepAlive: false },
  { keepAlive: true, maxSockets: 2 },
  { keepAlive: false, maxSockets: 2 },
  { keepAlive: true, maxFreeSockets: 1 },
  { keepAlive: true, maxTotalSockets: 2 },
  { keepAlive: true, scheduling: 'fifo' },
  { keepAlive: true, scheduling: 'lifo', maxSockets: 3 },
]) {
  const many = async (module, t) => {
    const port = await numbered(t)
    const agent = new module.Agent(options)
    const seen = []
    for (let round = 0; round < 3; round++) {
      const paths = ['/', '/slow', '/', '/close', '/slow', '/']
      const requests = paths.map((path) => get(module, port, agent, path))
      seen.push(counts(agent))
      // Which connection served which request depends on timing; how many there are only on which answers are slow.
      const answers = await Promise.all(requests)
      await linger(30)
      seen.push(answers.length, counts(agent))
    }
    for (let i = 0; i < 3; i++) seen.push(await get(module, port, agent), counts(agent))
    agent.destroy()
    await linger(30)
    seen.push(counts(agent))
    return seen.filter((each) => !Array.isArray(each) || typeof each[0] !== 'string')
  }
  // A slow answer takes so much longer than the others.
  alike(`many requests: ${JSON.stringify(options)}`, many, undefined, 15)
}

alike('one after the other on one connection', async (module, t) => {
  const port = await numbered(t)
  const agent = new module.Agent({ keepAlive: true })
  const seen = []
  for (const path of ['/', '/slow', '/long', '/close', '/', '/hint', '/', '/']) {
    seen.push(path, await get(module, port, agent, path), counts(agent))
  }
  agent.destroy()
  return seen
})

alike('names, options and pools', async (module, t) => {
  const port = await numbered(t)
  const agent = new module.Agent({ keepAlive: true, family: 4 })
  await get(module, port, agent)
  await get(module, port, agent, '/', { localAddress: '127.0.0.1' })
  const names = Object.keys(agent.freeSockets).map((name) => name.replace(port, 'PORT'))
  const fixed = new module.Agent({ keepAlive: true, host: '127.0.0.1', port })
  await get(module, 1, fixed, '/', { host: 'elsewhere.test' })
  const fixedNames = Object.keys(fixed.freeSockets).map((name) => name.replace(port, 'PORT'))
  const undefinedHost = new module.Agent({ keepAlive: true, host: undefined })
  undefinedHost.createConnection = () => net.connect(port, '127.0.0.1')
  await get(module, port, undefinedHost)
  const own = Object.keys(undefinedHost.freeSockets).map((name) => name.replace(port, 'PORT'))
  for (const each of [agent, fixed, undefinedHost]) each.destroy()
  return [
    names,
    fixedNames,
    own,
    agent.getName({ host: 'a', port: 1, socketPath: '/s' }),
    module.Agent.defaultMaxSockets,
  ]
})

alike('no agent, and an agent for one request', async (module, t) => {
  const port = await numbered(t)
  const { globalAgent } = module
  const seen = [await get(module, port, false), await get(module, port, undefined), await get(module, port, null)]
  seen.push(Object.keys(globalAgent.freeSockets).filter((name) => name.includes(port)).length)
  seen.push(globalAgent.options.keepAlive, globalAgent.options.timeout, globalAgent.keepAlive)
  globalAgent.destroy()
  return seen
})

alike('subclasses and replaced methods are called', async (module, t) => {
  const port = await numbered(t)
  const calls = []
  class Custom extends module.Agent {
    addRequest(...args) {
      calls.push('addRequest')
      return super.addRequest(...args)
    }
    createSocket(...args) {
      calls.push('createSocket')
      return super.createSocket(...args)
    }
    createConnection(...args) {
      calls.push('createConnection')
      return super.createConnection(...args)
    }
    keepSocketAlive(socket) {
      calls.push('keepSocketAlive')
      return super.keepSocketAlive(socket)
    }
    reuseSocket(...args) {
      calls.push('reuseSocket')
      return super.reuseSocket(...args)
    }
    removeSocket(...args) {
      calls.push('removeSocket')
      return super.removeSocket(...args)
    }
  }
  const agent = new Custom({ keepAlive: true, maxSockets: 1 })
  const seen = await Promise.all([get(module, port, agent), get(module, port, agent)])
  seen.push(await get(module, port, agent))
  agent.on('free', () => calls.push('free'))
  seen.push(await get(module, port, agent), counts(agent))
  agent.keepSocketAlive = () => false
  seen.push(await get(module, port, agent))
  agent.getName = () => 'mine'
  agent.keepSocketAlive = () => true
  seen.push(await get(module, port, agent), Object.keys(agent.freeSockets))
  agent.destroy()
  return [seen, calls]
})

alike(
  'a socket whose own methods were replaced, and those of its handle: mocks of the network do that',
  async (module, t) => {
    const silent = await rawServer(t, () => {})
    const agent = new module.Agent({ keepAlive: true })
    const { createConnection } = agent
    agent.createConnection = function (...args) {
      const socket = createConnection.apply(this, args)
      socket._writeGeneric = (_writev, _data, _encoding, callback) => {
        socket.push('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nmocked')
        callback()
      }
      const { _handle: handle } = socket
      if (handle.setTypeOfService) handle.setTypeOfService = undefined
      handle.getsockname = (out) => Object.assign(out, { address: '192.0.2.1', family: 'IPv4', port: 7 }) && 0
      return socket
    }
    t.after(() => agent.destroy())
    const req = module.get({ host: '127.0.0.1', port: silent, agent })
    const [res] = await once(req, 'response')
    const { localAddress, localPort } = res.socket
    return [(await res.toArray()).join(''), localAddress, localPort, await get(module, silent, agent)]
  },
)

alike('other agents: any object with addRequest, createConnection with a callback', async (module, t) => {
  const port = await numbered(t)
  const any = {
    addRequest(req, { host, port }) {
      req.onSocket(net.connect({ host, port }))
    },
  }
  class Later extends module.Agent {
    createConnection(options, callback) {
      setTimeout(() => callback(null, net.connect({ ...options, path: undefined })), 5)
    }
  }
  class Failing extends module.Agent {
    createConnection(_options, callback) {
      setTimeout(() => callback(new Error('no connection')), 5)
    }
  }
  const later = new Later({ keepAlive: true })
  const seen = [
    await get(module, port, any),
    await get(module, port, later),
    await get(module, port, later),
    counts(later),
  ]
  seen.push(await get(module, port, new Failing()).catch(({ message }) => message))
  later.destroy()
  return seen
})

test('Node’s agents with ironwire’s requests, and the reverse', async (t) => {
  const port = await numbered(t)
  for (const [module, { Agent }] of [
    [http, core],
    [core, http],
    [core, core],
  ]) {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const seen = await Promise.all([get(module, port, agent), get(module, port, agent)])
    seen.push(await get(module, port, agent))
    assert.deepEqual(new Set(seen.map(([body]) => body)).size, 1)
    assert.deepEqual(
      seen.map(([, reused]) => reused),
      [false, false, true],
    )
    // One connection serves both kinds of requests in turn.
    for (const turn of [http, core, http]) assert.deepEqual(await get(turn, port, agent), [seen[0][0], true])
    agent.destroy()
  }
})

test('Node parses a socket that its agent listens to', async (t) => {
  const port = await numbered(t)
  class Listening extends http.Agent {
    createConnection(...args) {
      const socket = super.createConnection(...args)
      socket.on('data', (data) => (this.heard = String(data)))
      return socket
    }
  }
  const agent = new Listening({ keepAlive: true })
  assert.deepEqual(await get(http, port, agent), ['0', false])
  assert.match(agent.heard, /^HTTP\/1.1 200 OK/)
  assert.deepEqual(await get(http, port, agent), ['0', true])
  agent.destroy()
})

alike('a connection that ends while it is idle is not used again', async (module, t) => {
  const port = await rawServer(t, (socket, number) => {
    socket.on('data', () => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${number}`)
      setTimeout(() => (number === 0 ? socket.end() : socket.resetAndDestroy()), 10)
    })
  })
  const agent = new module.Agent({ keepAlive: true })
  const seen = []
  for (let i = 0; i < 3; i++) {
    seen.push(await get(module, port, agent))
    const [socket] = Object.values(agent.freeSockets).flat()
    await new Promise((resolve) => socket.once('close', resolve))
    seen.push(counts(agent))
  }
  agent.destroy()
  return seen
})

alike('a connection that ends during a request that reuses it', async (module, t) => {
  const port = await rawServer(t, (socket) => {
    let requests = 0
    socket.on('data', () => {
      if (requests++ === 0) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
      else socket.destroy()
    })
  })
  const agent = new module.Agent({ keepAlive: true })
  await get(module, port, agent)
  const notes = await watch(module.get({ host: '127.0.0.1', port, agent }))
  return [notes, counts(agent)]
})

alike('waiting requests are destroyed, and sockets closed under waiting ones', async (module, t) => {
  const port = await numbered(t)
  const agent = new module.Agent({ keepAlive: true, maxSockets: 1 })
  const first = get(module, port, agent, '/slow')
  const dropped = module.get({ host: '127.0.0.1', port, agent })
  const over = watch(dropped)
  dropped.destroy()
  const last = get(module, port, agent, '/close')
  const after = get(module, port, agent)
  return [await first, await over, await last, await after, counts(agent)]
})

test('an idle agent does not keep the process alive, one with a request does', async (t) => {
  const { execFile } = require('node:child_process')
  const port = await numbered(t)
  const script = `
    const { http } = require(${JSON.stringify(require.resolve('../..'))})
    const agent = new http.Agent({ keepAlive: true })
    http.get({ host: '127.0.0.1', port: ${port}, agent, path: '/slow' }, (res) => {
      res.resume().on('close', () => console.log('closed'))
    })`
  const { promisify } = require('node:util')
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script], { timeout: 120_000 })
  assert.equal(stdout, 'closed\n')
})

test('ten thousand requests leave nothing behind', async (t) => {
  const { usage } = require('../../lib/engine.js')
  const port = await numbered(t)
  const before = usage()
  const agent = new http.Agent({ keepAlive: true, maxSockets: 8 })
  for (let i = 0; i < 100; i++) {
    await Promise.all(Array.from({ length: 100 }, (_, j) => get(http, port, agent, j % 50 === 0 ? '/close' : '/')))
  }
  const [socket] = Object.values(agent.freeSockets).flat()
  for (const event of socket.eventNames()) assert.ok(socket.listenerCount(event) < 4, String(event))
  agent.destroy()
  await once(socket, 'close')
  for (const end = Date.now() + 20_000; usage().slots > before.slots && Date.now() < end; ) await linger()
  assert.deepEqual(usage(), before)
})

test('https keeps working, with its own agents', async (t) => {
  const https = require('node:https')
  const agent = new https.Agent({ keepAlive: true })
  t.after(() => agent.destroy())
  const req = http.request({ protocol: 'https:', host: '127.0.0.1', port: 1, agent, defaultPort: 443 })
  const [error] = await once(req, 'error')
  assert.equal(error.code, 'ECONNREFUSED')
})
