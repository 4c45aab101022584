'use strict'

// What a request puts on the wire, and what its options do.

const assert = require('node:assert/strict')
const { AsyncLocalStorage } = require('node:async_hooks')
const dns = require('node:dns')
const fs = require('node:fs')
const net = require('node:net')
const os = require('node:os')
const path = require('node:path')
const { channel } = require('node:diagnostics_channel')
const { PerformanceObserver } = require('node:perf_hooks')
const { PassThrough, Readable } = require('node:stream')
const { pipeline } = require('node:stream/promises')
const { test } = require('node:test')
const core = require('node:http')
const ironwire = require('../..')
const { freePort } = require('../ports')
const { linger } = require('../linger')
const { alike, rawServer, watch } = require('./support')

const { http } = ironwire
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'

/** Answers once a request is whole, as far as `isWhole` can tell; resolves `port` and the bytes of each connection. */
async function recorder(t, isWhole = (text) => text.includes('\r\n\r\n'), answer = OK) {
  const received = []
  const port = await rawServer(t, (socket, number) => {
    received[number] = ''
    socket.on('data', (data) => {
      received[number] += data.toString('latin1')
      if (isWhole(received[number])) socket.write(answer)
    })
  })
  return { port, received: () => received.map((text) => text.replaceAll(String(port), 'PORT')) }
}

/** Makes one request; resolves to what it noted and what arrived. */
async function send(module, server, options, act = (req) => req.end()) {
  const agent = new module.Agent({ keepAlive: true })
  const req = module.request({ host: '127.0.0.1', port: server.port, agent, ...options })
  const over = watch(req)
  act(req)
  const notes = await over
  agent.destroy()
  return { notes, received: server.received() }
}

const REQUESTS = {
  plain: [{}],
  headers: [
    { path: '/a?b=c', headers: { 'X-A': 'b', 'x-list': ['c', 'd'], Cookie: ['e', 'f'], 'X-Number': 7, Host: 'z' } },
  ],
  'header pairs': [{ headers: ['X-A', 'b', 'X-A', 'c', 'Host', 'z'] }],
  unique: [{ headers: { 'X-A': ['b', 'c'] }, uniqueHeaders: ['x-a'] }],
  auth: [{ auth: 'user:password' }],
  'no host': [{ setHost: false }],
  'latin1 header': [{ headers: { 'X-A': 'é' } }],
  connection: [{ headers: { Connection: 'close' } }],
  'lower-case method': [{ method: 'options' }],
  delete: [{ method: 'DELETE' }],
  'post nothing': [{ method: 'POST' }],
  'post at once': [{ method: 'POST' }, (req) => req.end('body, é')],
  'post bytes': [{ method: 'POST' }, (req) => req.end(Buffer.from([0, 1, 255]))],
  'post hex': [{ method: 'PUT' }, (req) => req.end('00ff', 'hex')],
  'post in parts': [
    { method: 'POST' },
    (req) => {
      req.write('one')
      req.write(Buffer.from('two'))
      req.addTrailers({ 'X-T': 'v' })
      req.end('three', () => {})
    },
    '0\r\nX-T: v\r\n\r\n',
  ],
  'post of a known length': [
    { method: 'POST', headers: { 'Content-Length': 6 } },
    (req) => {
      req.write('abc')
      setTimeout(() => req.end('def'), 10)
    },
    'def',
  ],
  'post later': [{ method: 'POST' }, (req) => setTimeout(() => req.end('late'), 20), 'late'],
  'head first': [
    { method: 'POST' },
    (req) => {
      req.flushHeaders()
      setTimeout(() => req.end('late'), 20)
    },
    '0\r\n\r\n',
  ],
  corked: [
    { method: 'POST' },
    (req) => {
      req.cork()
      req.write('a')
      req.write('b')
      req.uncork()
      req.end()
    },
    '0\r\n\r\n',
  ],
  changed: [
    {},
    (req) => {
      req.setHeader('X-A', 'b')
      req.setHeader('x-a', 'c')
      req.appendHeader('X-B', 'd')
      req.appendHeader('X-B', 'e')
      req.removeHeader('host')
      assert.deepEqual(req.getHeaders(), { __proto__: null, 'x-a': 'c', 'x-b': ['d', 'e'] })
      req.end()
    },
  ],
  'removed connection': [
    {},
    (req) => {
      req.removeHeader('connection')
      req.end()
    },
  ],
}
for (const [name, [options, act, ending = '']] of Object.entries(REQUESTS)) {
  alike(`on the wire: ${name}`, async (module, t) => {
    const server = await recorder(t, (text) => text.includes('\r\n\r\n') && text.endsWith(ending))
    return send(module, server, options, act)
  })
}

alike('invalid options throw', async (module) => {
  const refused = (...args) => {
    try {
      module
        .request(...args)
        .on('error', () => {})
        .destroy()
      return 'taken'
    } catch ({ name, code, message }) {
      return { name, code, message }
    }
  }
  const req = module.request({ agent: { addRequest() {} } })
  const setting = (name, value) => {
    try {
      req.setHeader(name, value)
      return req.getHeader(name)
    } catch ({ code, message }) {
      return { code, message }
    }
  }
  return [
    refused({ path: '/a b' }),
    refused({ method: 'A B' }),
    refused({ method: 1 }),
    refused({ protocol: 'https:' }),
    refused({ agent: {} }),
    refused({ hostname: 1 }),
    refused({ headers: { host: ['a', 'b'] } }),
    refused({ headers: { 'A b': 'c' } }),
    refused({ headers: { a: 'b\nc' } }),
    refused({ insecureHTTPParser: 1 }),
    refused({ maxHeaderSize: -1 }),
    refused('not a url'),
    refused('ftp://localhost/'),
    refused({ timeout: 'x' }),
    setting('x-a', 'b'),
    setting('x-a', 'b\u{1}'),
    setting('x-a', 'b'),
    setting('X-A', undefined),
    setting('', 'b'),
  ]
})

alike('URLs with options', async (module, t) => {
  const server = await recorder(t)
  const agent = new module.Agent()
  const url = `http://user:pass@127.0.0.1:${server.port}/a/../b?c#d`
  for (const args of [[url], [new URL(url)], [url, { path: '/e', headers: { x: 'y' } }], [url, {}]]) {
    const options = { agent, ...args[1] }
    await watch(module.get(args[0], options, (res) => res.resume()))
  }
  return server.received()
})

alike('expect: continue', async (module, t) => {
  const port = await rawServer(t, (socket) => {
    socket.on('data', (data) => {
      socket.write(String(data).includes('body') ? OK : 'HTTP/1.1 100 Continue\r\n\r\n')
    })
  })
  const req = module.request({
    host: '127.0.0.1',
    port,
    method: 'POST',
    headers: { Expect: '100-continue' },
    agent: new module.Agent(),
  })
  const over = watch(req)
  req.on('continue', () => req.end('body'))
  return over
})

alike('a response that arrives before the request is complete', async (module, t) => {
  const port = await rawServer(t, (socket) => socket.once('data', () => socket.write(OK)))
  const agent = new module.Agent({ keepAlive: true })
  const req = module.request({ host: '127.0.0.1', port, method: 'POST', agent })
  const over = watch(req)
  req.write('begun')
  req.on('response', (res) => res.on('end', () => setTimeout(() => req.end('done'), 20)))
  const notes = await over
  const free = Object.values(agent.freeSockets).flat().length
  agent.destroy()
  return [notes, free]
})

alike('piped, pipelined, with back-pressure', async (module, t) => {
  let length = 0
  const port = await rawServer(t, (socket) => {
    socket.on('data', (data) => {
      length += data.length
      if (data.subarray(-5).equals(Buffer.from('0\r\n\r\n'))) socket.end(OK)
    })
  })
  const req = module.request({ host: '127.0.0.1', port, method: 'POST', agent: new module.Agent({ keepAlive: true }) })
  const over = watch(req)
  const chunk = Buffer.alloc(50_000, 'x')
  let drains = 0
  req.on('drain', () => drains++)
  await pipeline(Readable.from(Array(40).fill(chunk)).pipe(new PassThrough()), req)
  const notes = await over
  return [notes.filter(([what]) => what !== 'finish'), length > 2_000_000, drains > 0]
})

alike('aborted and destroyed at every point', async (module, t) => {
  const { port } = await recorder(t, () => true, 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf')
  const all = []
  const run = async (act, options) => {
    const req = module.request({ host: '127.0.0.1', port, agent: new module.Agent({ keepAlive: true }), ...options })
    const over = watch(req)
    act(req)
    all.push(await over)
  }
  const failure = Object.assign(new Error('mine'), { code: 'MINE' })
  await run((req) => req.abort())
  await run((req) => req.destroy())
  await run((req) => req.destroy(failure))
  await run((req) => req.end().destroy(failure))
  await run((req) => req.end().on('socket', () => req.destroy(failure)))
  await run((req) => req.end().on('socket', (socket) => socket.on('connect', () => req.destroy())))
  await run((req) => req.end().on('response', () => req.abort()))
  await run((req) => req.end().on('response', () => req.destroy(failure)))
  await run((req) => req.end().on('response', (res) => res.destroy()))
  await run((req) => req.end().on('response', (res) => res.once('data', () => res.destroy(failure))))
  await run((req) => req.end().on('response', (res) => res.once('data', () => req.socket.destroy())))
  const controller = new AbortController()
  await run((req) => req.end().on('response', () => controller.abort()), { signal: controller.signal })
  await run((req) => req.end(), { signal: AbortSignal.abort() })
  return all
})

alike('timeouts of requests, responses and agents', async (module, t) => {
  const port = await rawServer(t, (socket) => {
    socket.once('data', (data) => {
      if (data.includes('/half')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf')
    })
  })
  const run = async (options, agentOptions, act) => {
    const req = module.request({ host: '127.0.0.1', port, agent: new module.Agent(agentOptions), ...options })
    const over = watch(req)
    req.on('timeout', () => req.destroy())
    act?.(req)
    req.end()
    return over
  }
  return [
    await run({ timeout: 30 }),
    await run({}, { timeout: 30, keepAlive: true }),
    await run({}, {}, (req) => req.setTimeout(30)),
    // Long enough for half an answer.
    await run({ path: '/half', timeout: 500 }, { keepAlive: true }),
    await run({ path: '/half' }, { keepAlive: true }, (req) => {
      req.on('response', (res) => res.setTimeout(30, () => res.destroy()))
    }),
  ]
})

alike('refused, unknown, reset', async (module, t) => {
  const closed = await rawServer(t, () => {})
  const resets = await rawServer(t, (socket) => socket.once('data', () => socket.resetAndDestroy()))
  const port = await freePort()
  const hide = (notes) => JSON.parse(JSON.stringify(notes).replaceAll(String(port), 'PORT'))
  const run = (options) => {
    const req = module.request({ host: '127.0.0.1', agent: new module.Agent({ keepAlive: true }), ...options })
    const over = watch(req)
    req.end()
    return over
  }
  const lookup = (_name, _options, callback) => callback(Object.assign(new Error('nowhere'), { code: 'ENOTFOUND' }))
  return [hide(await run({ port })), await run({ host: 'nowhere', port: closed, lookup }), await run({ port: resets })]
})

alike('options for the connection: lookup, family, localAddress, socketPath, createConnection', async (module, t) => {
  const server = await recorder(t)
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-'))
  t.after(() => fs.rmSync(directory, { recursive: true }))
  const socketPath =
    process.platform === 'win32' ? `\\\\.\\pipe\\${path.basename(directory)}` : path.join(directory, 's')
  await rawServer(t, (socket) => socket.once('data', () => socket.end(OK)), socketPath)
  const asked = []
  const lookup = (name, options, callback) => {
    asked.push([name, options.family])
    dns.lookup('127.0.0.1', options, callback)
  }
  const { Socket } = module === http ? ironwire.net : net
  const results = [
    await send(module, server, { host: 'somewhere.test', lookup }),
    await send(module, server, { host: 'somewhere.test', family: 4, lookup }),
    await send(module, server, { localAddress: '127.0.0.1' }),
    await send(module, server, { socketPath }),
    await send(module, server, { agent: undefined, createConnection: (options) => net.connect(options) }),
    await send(module, server, { agent: undefined, createConnection: (options) => new Socket().connect(options) }),
    await send(module, server, {
      agent: undefined,
      createConnection: (_options, callback) =>
        void setTimeout(callback, 5, Object.assign(new Error('no'), { code: 'NO' })),
    }),
  ]
  return [results, asked]
})

test('the sockets are instances of net.Socket', async (t) => {
  const { port } = await recorder(t)
  const req = http.get({ host: '127.0.0.1', port, agent: new http.Agent() })
  const [socket] = await require('node:events').once(req, 'socket')
  assert.ok(socket instanceof ironwire.net.Socket)
  assert.equal(socket.constructor, ironwire.net.Socket)
  const [res] = await require('node:events').once(req, 'response')
  assert.equal(res.socket, socket)
  assert.ok(res instanceof http.IncomingMessage && res instanceof core.IncomingMessage)
  assert.ok(req instanceof http.ClientRequest && req instanceof core.ClientRequest)
  res.resume()
  await require('node:events').once(res, 'close')
})

test('functions that replace those of node:http are called', () => {
  const { get, request, ClientRequest, globalAgent } = core
  const seen = []
  const stub = { on: () => stub, end: () => stub }
  try {
    const replacement = (name) => {
      return (...args) => {
        seen.push([name, ...args])
        return stub
      }
    }
    core.get = replacement('get')
    http.get('http://127.0.0.1:9/')
    core.request = replacement('request')
    http.request('http://127.0.0.1:9/', { method: 'POST' })
    core.get = get
    http.get('http://127.0.0.1:9/a')
    core.request = request
    core.ClientRequest = function Replaced(...args) {
      seen.push(['ClientRequest', args[0]])
      return stub
    }
    http.request('http://127.0.0.1:9/b')
    core.ClientRequest = ClientRequest
    core.globalAgent = { protocol: 'http:', defaultPort: 80, addRequest: () => seen.push(['agent']) }
    assert.equal(http.globalAgent, core.globalAgent)
    http.get('http://127.0.0.1:9/c')
  } finally {
    Object.assign(core, { get, request, ClientRequest, globalAgent })
  }
  assert.deepEqual(seen, [
    ['get', 'http://127.0.0.1:9/', undefined, undefined],
    ['request', 'http://127.0.0.1:9/', { method: 'POST' }, undefined],
    ['request', 'http://127.0.0.1:9/a', undefined, undefined],
    ['ClientRequest', 'http://127.0.0.1:9/b'],
    ['agent'],
  ])
  assert.ok(http.globalAgent instanceof http.Agent)
  assert.ok(http.globalAgent instanceof core.Agent)
})

alike('events of a request run in its async context', async (module, t) => {
  const { port } = await recorder(t)
  const storage = new AsyncLocalStorage()
  const agent = new module.Agent({ keepAlive: true, maxSockets: 1 })
  const seen = []
  const run = (name) =>
    storage.run(name, () => {
      return new Promise((resolve) => {
        const req = module.get({ host: '127.0.0.1', port, agent }, (res) => {
          seen.push([name, 'response', storage.getStore()])
          res.on('data', () => seen.push([name, 'data', storage.getStore()]))
          res.on('end', () => seen.push([name, 'end', storage.getStore()]))
        })
        req.on('socket', () => seen.push([name, 'socket', storage.getStore()]))
        req.on('close', () => resolve(seen.push([name, 'close', storage.getStore()])))
      })
    })
  await Promise.all(['a', 'b', 'c'].map(run))
  await run('d')
  agent.destroy()
  return seen
})

alike('diagnostics channels and performance entries', async (module, t) => {
  const { port } = await recorder(t)
  const seen = []
  const names = ['http.client.request.start', 'http.client.response.finish', 'http.client.request.error']
  const subscribe = (name) => {
    const listener = ({ request }) =>
      request instanceof core.ClientRequest && request.mine === module && seen.push(name)
    channel(name).subscribe(listener)
    t.after(() => channel(name).unsubscribe(listener))
  }
  const entries = []
  const observer = new PerformanceObserver((list) => {
    for (const { name, detail } of list.getEntries()) {
      if (name === 'HttpClient' && detail.req.url.includes(`/${module === core}`)) {
        entries.push([detail.req.method, detail.res.statusCode, detail.res.headers])
      }
    }
  })
  const agent = new module.Agent({ keepAlive: true })
  const run = (options) => {
    const req = module.request({ host: '127.0.0.1', port, agent, path: `/${module === core}`, ...options })
    req.mine = module
    const over = watch(req)
    req.end()
    return over
  }
  const notes = [await run()]
  names.forEach(subscribe)
  observer.observe({ entryTypes: ['http'] })
  notes.push(await run(), await run({ port: 1, agent: undefined }))
  await linger()
  observer.disconnect()
  agent.destroy()
  return [seen, entries, notes.map((each) => each.map(([what]) => what))]
})

test('an exception in a listener affects no other request', async (t) => {
  const { port } = await recorder(t)
  const program = (module) => `
    const http = ${module}
    const thrown = []
    process.on('uncaughtException', (error) => thrown.push(error.message))
    const agent = new http.Agent({ keepAlive: true, maxSockets: 2 })
    let ended = 0
    let closed = 0
    for (const where of ['response', 'none', 'data', 'none', 'end', 'none', 'socket', 'none', 'close', 'none']) {
      const fail = (here) => { if (where === here) throw new Error(where) }
      const req = http.get({ host: '127.0.0.1', port: ${port}, agent })
      req.on('socket', () => fail('socket'))
      req.on('response', (res) => {
        res.on('data', () => fail('data'))
        res.on('end', () => { ended++; fail('end') })
        fail('response')
      })
      req.on('close', () => { closed++; fail('close') })
      req.on('error', () => {})
    }
    const started = Date.now()
    setInterval(() => {
      const found = { thrown: thrown.sort(), atLeast: ended >= 7, closed: closed >= 7 }
      if ((thrown.length < 5 || !found.atLeast || !found.closed) && Date.now() - started < 60_000) return
      agent.destroy()
      console.log(JSON.stringify(found))
      process.exit()
    }, 50)`
  const { execFile } = require('node:child_process')
  const { promisify } = require('node:util')
  const root = JSON.stringify(require.resolve('../..'))
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', program(`require(${root}).http`)], {
    timeout: 120_000,
  })
  assert.deepEqual(JSON.parse(stdout), {
    thrown: ['close', 'data', 'end', 'response', 'socket'],
    atLeast: true,
    closed: true,
  })
})

test('a class that replaces Node’s before the module is loaded', async () => {
  const { execFile } = require('node:child_process')
  const { promisify } = require('node:util')
  const root = JSON.stringify(require.resolve('../..'))
  const program = `
    const core = require('node:http')
    const made = []
    const { ClientRequest } = core
    core.ClientRequest = function (...args) {
      made.push(args[0].path)
      if (args[0].path === undefined) throw new Error('asked for something of no program')
      return ClientRequest.apply(this, args)
    }
    require('node:util').inherits(core.ClientRequest, ClientRequest)
    const { http } = require(${root})
    const server = http.createServer((req, res) => res.end('hi')).listen(0, () => {
      http.get({ port: server.address().port, path: '/a', agent: false }, (res) => {
        res.resume().on('end', () => {
          console.log(JSON.stringify([made, res.statusCode]))
          server.close()
        })
      })
    })`
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', program], { timeout: 120_000 })
  assert.deepEqual(JSON.parse(stdout), [['/a'], 200])
})

test('a header without a value is refused as by Node', () => {
  for (const module of [core, http]) {
    assert.throws(() => module.request({ host: '127.0.0.1', headers: { 'X-New': undefined } }), {
      code: 'ERR_HTTP_INVALID_HEADER_VALUE',
      message: 'Invalid value "undefined" for header "X-New"',
    })
  }
})
