'use strict'

// What observers of a process read, told by Node's server and by ours of the same exchanges: counters, contexts, channels, performance
// entries, traces, and what the objects show.

const assert = require('node:assert/strict')
const { execFile } = require('node:child_process')
const fs = require('node:fs')
const core = require('node:http')
const os = require('node:os')
const path = require('node:path')
const { test } = require('node:test')
const { inspect, promisify } = require('node:util')
const { http } = require('../..')
const { exchange, listen } = require('./exchanges')

const execute = promisify(execFile)
const main = path.resolve(__dirname, '../..')

const get = (path, ...lines) => `${[`GET ${path} HTTP/1.1`, 'Host: a', ...lines].join('\r\n')}\r\n\r\n`
const post = (path, body, ...lines) =>
  `${[`POST ${path} HTTP/1.1`, 'Host: a', `Content-Length: ${body.length}`, ...lines].join('\r\n')}\r\n\r\n${body}`
const CLOSE = 'Connection: close'

/** Does the same with Node's module and with ours; what both give has to be equal. */
async function same(t, use) {
  const results = []
  for (const module of [core, http]) results.push(await use(module, t))
  assert.deepEqual(results[1], results[0])
  return results[0]
}

/** Runs `use(port, server)` against a server, and closes it. */
async function serving(server, use) {
  try {
    return await use(await listen(server), server)
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

/** Runs a script in a process of its own, with `http` of either module, and gives what it prints as JSON. */
async function separate(script, { flags = [], cwd } = {}) {
  const results = []
  for (const module of ['node:http', `${main}/lib/http/index.js`]) {
    const source = `const core = require('node:http')
      const load = () => require(${JSON.stringify(module)})
      const text = (port, path, options = {}) => new Promise((resolve, reject) => {
        core.request({ port, path, agent: false, ...options }, async (res) => {
          let body = ''
          for await (const chunk of res) body += chunk
          resolve(body)
        }).on('error', reject).end(options.body)
      })
      const turn = () => new Promise((resolve) => setTimeout(resolve, 20))
      ;(async () => { ${script} })()`
    const { stdout } = await execute(process.execPath, [...flags, '-e', source], { cwd, timeout: 120_000 })
    results.push(JSON.parse(stdout))
  }
  return results
}

// --- bytes

const bodies = { none: '', short: 'a'.repeat(10), long: 'b'.repeat(300_000) }

for (const [name, body] of Object.entries(bodies)) {
  test(`bytesRead and bytesWritten, body: ${name}`, async (t) => {
    await same(t, async (module) => {
      const seen = []
      const closed = []
      const server = module.createServer((req, res) => {
        const { socket } = req
        const note = (when) => seen.push([req.url, when, socket.bytesRead > 0, socket.bytesWritten])
        note('request')
        req.resume()
        req.on('end', () => {
          // How much of the next request came with this one is up to the kernel.
          seen.push([req.url, 'end', body.length > 1000 || socket.bytesRead])
          res.write('part')
          note('written')
          res.end(body, () => note('ended'))
          note('end called')
        })
        res.on('close', () => note('close'))
        if (!closed.includes(socket)) {
          closed.push(socket)
          socket.on('close', () => seen.push(['socket', 'close', socket.bytesRead, socket.bytesWritten]))
        }
      })
      await serving(server, (port) => exchange(port, [post('/1', body), post('/2', body, CLOSE)]))
      return seen
    })
  })
}

// --- contexts

/** Exchanges in which requests share a connection: one after the other, and at once. */
const shared = {
  'keep-alive': [get('/1'), get('/2'), post('/3', 'body'), get('/4', CLOSE)],
  pipelined: [get('/1') + get('/2') + post('/3', 'body') + get('/4', CLOSE)],
}

for (const [name, parts] of Object.entries(shared)) {
  test(`each request is an async resource: ${name}`, async () => {
    const [expected, actual] = await separate(`
      const { createHook, executionAsyncId, triggerAsyncId, executionAsyncResource } = require('node:async_hooks')
      const { exchange, listen } = require(${JSON.stringify(`${main}/__test__/http/exchanges`)})
      const open = new Map()
      const wrong = []
      createHook({
        init(id) { if (open.has(id)) wrong.push('init twice'); open.set(id, 0) },
        before(id) { if (!open.has(id)) return; open.set(id, open.get(id) + 1) },
        after(id) { if (!open.has(id)) return; if (open.get(id) < 1) wrong.push('after without before'); open.set(id, open.get(id) - 1) },
      }).enable()
      const { createServer } = load()
      const ids = []
      const resources = []
      const server = createServer((req, res) => {
        ids.push(executionAsyncId())
        resources.push(executionAsyncResource())
        if (triggerAsyncId() < 1) wrong.push('no trigger')
        if (triggerAsyncId() === executionAsyncId()) wrong.push('its own trigger')
        req.resume()
        if (req.url === '/1') setTimeout(() => res.end('1'), 5)
        else req.on('end', () => res.end(req.url))
      })
      const port = await listen(server)
      await exchange(port, ${JSON.stringify(parts)})
      server.close()
      await turn()
      console.log(JSON.stringify({
        ids: ids.length, none: ids.includes(0), wrong, distinct: new Set(ids).size, resources: new Set(resources).size,
        pairs: [...open.values()].filter(Boolean).length,
      }))`)
    assert.deepEqual(actual, { ids: 4, none: false, wrong: [], distinct: 4, resources: 4, pairs: 1 })
    // Node may have one for all that a connection brings.
    assert.deepEqual({ ...expected, distinct: 4, resources: 4 }, actual)
  })

  test(`async contexts do not leak between requests: ${name}`, async (t) => {
    const { AsyncLocalStorage, createHook, executionAsyncId } = require('node:async_hooks')
    // What cls-hooked does: a map by id, which new resources inherit from those that they are begun in.
    const contexts = new Map()
    const hook = createHook({
      init(id) {
        const context = contexts.get(executionAsyncId())
        if (context) contexts.set(id, context)
      },
      destroy(id) {
        contexts.delete(id)
      },
    }).enable()
    t.after(() => hook.disable())
    const entered = new AsyncLocalStorage()
    const run = new AsyncLocalStorage()
    await same(t, async (module) => {
      const seen = []
      const server = module.createServer((req, res) => {
        const { url } = req
        seen.push([url, 'before', contexts.get(executionAsyncId()) ?? null, entered.getStore(), run.getStore()])
        contexts.set(executionAsyncId(), url)
        entered.enterWith(url)
        run.run(url, () => {
          const note = (when) => {
            seen.push([url, when, contexts.get(executionAsyncId()) ?? null, entered.getStore(), run.getStore()])
          }
          Promise.resolve().then(() => note('promise'))
          process.nextTick(() => note('tick'))
          req.on('data', () => note('data'))
          req.on('end', () => {
            note('end')
            setTimeout(() => {
              note('timer')
              res.end(url, () => note('ended'))
            }, 3)
          })
          res.on('finish', () => note('finish'))
        })
      })
      await serving(server, (port) => exchange(port, parts))
      // Node has the next request of a connection begin in what the one before it left behind. Ours begins without.
      const before = seen.filter(([, when]) => when === 'before').map(([, , ...contexts]) => contexts)
      if (module === http) assert.deepEqual(before, Array(4).fill([null, undefined, undefined]))
      return seen
        .filter(([, when]) => when !== 'before')
        .map((entry) => JSON.stringify(entry))
        .sort()
    })
  })
}

test('async hooks see the end of each request', async () => {
  const [, actual] = await separate(
    `
    const { createHook } = require('node:async_hooks')
    const kept = new Set()
    let made = 0
    const init = (id, type) => { if (type === 'HTTPINCOMINGMESSAGE') { made++; kept.add(id) } }
    createHook({ init, destroy: (id) => kept.delete(id) }).enable()
    const { exchange, listen } = require(${JSON.stringify(`${main}/__test__/http/exchanges`)})
    const server = load().createServer((req, res) => res.end(req.url))
    const port = await listen(server)
    await exchange(port, [${JSON.stringify(get('/1'))}.repeat(500) + ${JSON.stringify(get('/2', CLOSE))}])
    for (let i = 0; i < 20 && kept.size > 10; i++) { gc(); await turn() }
    server.close()
    console.log(JSON.stringify([made > 0, kept.size <= 10]))`,
    { flags: ['--expose-gc'] },
  )
  assert.deepEqual(actual, [true, true])
})

// --- channels

/** What was told, by the request that it is about. */
function urls(told) {
  const groups = {}
  for (const entry of told) {
    const url = entry.find((value) => typeof value === 'string' && value.startsWith('/')) ?? ''
    groups[url] ??= []
    groups[url].push(entry)
  }
  return groups
}

const CHANNELS = [
  'http.server.request.start',
  'http.server.response.created',
  'http.server.response.finish',
  'net.server.socket',
  'tracing:net.server.listen:asyncStart',
  'tracing:net.server.listen:asyncEnd',
  'tracing:net.server.listen:error',
]

test('diagnostics channels publish the same messages in the same order', async (t) => {
  const { subscribe, unsubscribe } = require('node:diagnostics_channel')
  let told
  let server
  const listeners = CHANNELS.map((name) => [
    name,
    (message) => {
      const owner = message.server ?? message.socket?.server ?? message.response?.req?.socket?.server
      if (owner !== server) return
      const { response, request } = message
      told.push([
        name,
        ...Object.entries(message).map(([key, value]) => `${key}: ${value?.constructor?.name}`),
        request?.url,
        response?.statusCode,
        response?.headersSent,
        response?.writableFinished,
        request?.complete,
      ])
    },
  ])
  for (const [name, listener] of listeners) subscribe(name, listener)
  t.after(() => {
    for (const [name, listener] of listeners) unsubscribe(name, listener)
  })
  const results = await same(t, async (module) => {
    told = []
    server = module.createServer((req, res) => {
      told.push(['handler', req.url])
      res.on('finish', () => told.push(['finish', req.url]))
      res.on('close', () => told.push(['close', req.url]))
      if (req.url === '/late') setTimeout(() => res.end('late'), 5)
      else if (req.url === '/parts') res.write('x', () => res.end('y'))
      else req.resume().on('end', () => res.writeHead(201).end('done'))
    })
    server.on('upgrade', (req, socket) => {
      told.push(['upgrade', req.url])
      socket.end('HTTP/1.1 101 x\r\n\r\n')
    })
    await serving(server, async (port) => {
      await exchange(port, [get('/1'), get('/parts'), get('/late', CLOSE)])
      await exchange(port, [get('/late') + get('/2') + post('/3', 'body', CLOSE)])
      await exchange(port, [get('/up', 'Connection: upgrade', 'Upgrade: x')])
      await exchange(port, ['GET / HTTP/1.1\r\nConnection: close\r\n\r\n'])
    })
    // Of two responses that wait for each other, Node closes the first before the second is finished.
    return urls(told)
  })
  assert.deepEqual(
    CHANNELS.slice(0, 4).filter(
      (name) =>
        !Object.values(results)
          .flat()
          .some((entry) => entry[0] === name),
    ),
    Number.parseInt(process.versions.node, 10) >= 22 ? [] : ['http.server.response.created'],
  )
})

test('a replaced `emit` gets every event', async () => {
  const [expected, actual] = await separate(`
    const { exchange, listen } = require(${JSON.stringify(`${main}/__test__/http/exchanges`)})
    const told = []
    const { createServer } = load()
    const wrap = (object) => {
      const { emit } = object
      object.emit = function (event, ...args) {
        told.push([this.req ? 'res' : 'req', (this.req ?? this).url, event])
        return emit.call(this, event, ...args)
      }
    }
    const server = createServer((req, res) => {
      if (req.url === '/own') { wrap(req); wrap(res) }
      res.end('x')
    })
    const port = await listen(server)
    const run = async (path) => {
      await exchange(port, [${JSON.stringify(get('PATH'))}.replace('PATH', path) + ${JSON.stringify(get('/last', CLOSE))}])
      await turn()
    }
    await run('/own')
    wrap(core.ServerResponse.prototype)
    await run('/response')
    wrap(core.IncomingMessage.prototype)
    await run('/request')
    server.close()
    console.log(JSON.stringify(told.map(String).sort()))`)
  assert.ok(expected.includes('res,/own,finish') && expected.includes('res,/response,close'))
  assert.deepEqual(actual, expected)
})

// --- performance entries

const observe = `const entries = []
  const { PerformanceObserver } = require('node:perf_hooks')
  const observe = (options) => {
    const observer = new PerformanceObserver((list) => entries.push(...list.getEntries()))
    observer.observe(options)
    return observer
  }`
const server = `const server = createServer((req, res) => {
    res.setHeader('X-A', 'b')
    if (req.url === '/late') setTimeout(() => res.writeHead(201).end('late'), 5)
    else req.resume().on('end', () => res.end('x'))
  })
  await new Promise((resolve) => server.listen(0, resolve))
  const { port } = server.address()`
const requests = `await text(port, '/1')
  await text(port, '/late')
  await text(port, '/2', { method: 'POST', body: 'body' })
  await turn()
  server.closeAllConnections()
  server.close()`
const print = `console.log(JSON.stringify(entries.filter(({ name }) => name === 'HttpRequest').map((entry) => {
    const { name, entryType, detail } = entry
    const shown = { name, entryType, times: entry.startTime > 0 && entry.duration > 0, keys: Object.keys(detail), detail }
    const { headers, ...res } = detail.res
    const { headers: { host, ...given }, ...req } = detail.req
    return { ...shown, detail: { req, given, res, headers: Object.keys(headers ?? {}) } }
  })))`

for (const [when, script] of Object.entries({
  'before the module is loaded': `observe({ entryTypes: ['http'] }); const { createServer } = load(); ${server}; ${requests}`,
  'after the module is loaded': `const { createServer } = load(); observe({ type: 'http' }); ${server}; ${requests}`,
  'after the server is made': `const { createServer } = load(); ${server}; observe({ entryTypes: ['http', 'mark'] }); ${requests}`,
  'after the first request': `const { createServer } = load(); ${server}; await text(port, '/0'); observe({ type: 'http' }); ${requests}`,
  'for some requests only': `const { createServer } = load(); ${server}; const o = observe({ type: 'http' }); await text(port, '/0')
    await turn(); o.disconnect(); ${requests}`,
})) {
  test(`performance entries, observed ${when}`, async () => {
    const [expected, actual] = await separate(`${observe}; ${script}; ${print}`)
    assert.ok(expected.length > 0)
    assert.deepEqual(actual, expected)
  })
}

/** The names and arguments of each request's pair of events; samples that modules make for themselves have a beginning alone. */
function tracePairs(folder) {
  const { traceEvents } = JSON.parse(fs.readFileSync(path.join(folder, 'node_trace.1.log'), 'utf8'))
  const begun = new Map()
  const pairs = []
  for (const event of traceEvents) {
    if (event.name !== 'http.server.request') continue
    if (event.ph === 'b') begun.set(event.id, event)
    else pairs.push([event.ph, event.cat === begun.get(event.id)?.cat, event.cat, event.args])
  }
  return pairs
}

for (const [how, flags, enable] of [
  ['by a flag', ['--trace-event-categories', 'node.http'], ''],
  ['at run time', [], "require('node:trace_events').createTracing({ categories: ['node.http'] }).enable();"],
]) {
  test(`trace events, switched on ${how}`, async (t) => {
    const pairs = []
    for (const module of ['node:http', `${main}/lib/http`]) {
      const cwd = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-traces-'))
      t.after(() => fs.rmSync(cwd, { recursive: true }))
      const script = `const { createServer } = require(${JSON.stringify(module)})
        ${server}; await text(port, '/0'); await turn(); ${enable} await turn(); ${requests}; await turn(); console.log(1)`
      await separate(script, { flags, cwd })
      pairs.push(tracePairs(cwd))
    }
    assert.equal(pairs[0].length, enable ? 3 : 4)
    assert.deepEqual(pairs[1], pairs[0])
  })
}

// --- what the objects show

const STATES = [
  'aborted closed complete destroyed errored finished headersSent readable readableAborted readableDidRead readableEncoding',
  'readableEnded readableFlowing readableLength readableObjectMode writable writableEnded writableFinished',
  'writableHighWaterMark readableHighWaterMark writableLength writableNeedDrain writableObjectMode statusCode statusMessage',
]
  .join(' ')
  .split(' ')

/** Streams have the first from the first time on that it is not 0; the other is what Node's server knows of a connection. */
const common = (key) => key !== '_eventsCount' && key !== 'Symbol(ConnectionState)'

/** Own keys and what is printed of them, without what differs from one connection to the next. */
function shown(object) {
  const text = inspect(object, { depth: 1, sorted: true, maxArrayLength: 50 })
    // The socket and the functions of its connection.
    .replace(/^ {2}(client|socket|req|\[?Symbol\(kSocket\)\]?): \w+ \{$[\s\S]*?^ {2}\},?$/gm, '  $1')
    .replace(/\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT/g, 'DATE')
    .replace(/^ *_onPendingData: \[Function[^\]]*\] \{[\s\S]*?\},?\n/gm, '')
    .replace(/^<ref \*1> /, '')
    .replace(/^ {2}Symbol\(ConnectionState\): \{$[\s\S]*?^ {2}\},?\n/gm, '')
  return {
    keys: Reflect.ownKeys(object).map(String).filter(common).sort(),
    spread: Object.keys({ ...object })
      .filter(common)
      .sort(),
    name: Object.prototype.toString.call(object),
    text: text.replace(
      /^ *(?:_events: [^{\n]*\{[\s\S]*?^ *\},?|(?:\[?Symbol\((?:kState|shapeMode)\)\]?|_events|_eventsCount|_onPendingData): .*)\n/gm,
      '',
    ),
    states: Object.fromEntries(STATES.filter((name) => name in object).map((name) => [name, object[name]])),
  }
}

for (const what of ['req', 'res']) {
  test(`${what} has the values of node:http at every moment`, async (t) => {
    await same(t, async (module) => {
      const seen = []
      let later
      const server = module.createServer((req, res) => {
        const object = { req, res }[what]
        const note = (when) => {
          const entry = { url: req.url, when, ...shown(object) }
          // A request that nobody reads is closed when its response is out, and not some ticks later.
          if (object === req && res.finished && req.method === 'GET') entry.states = entry.text = undefined
          // Node listens to each response itself, holds the first part of a body back for a tick, and notes it there.
          if (object === res && !['handler', 'headers'].includes(when)) {
            entry.text = entry.states.writableLength = undefined
          }
          seen.push(entry)
        }
        note('handler')
        res.setHeader('X-A', 'b')
        if (req.headers.host) note('headers')
        const end = () => {
          if (req.url === '/parts') {
            res.write('part')
            note('written')
          }
          res.end('x')
          note('ended')
        }
        if (req.method === 'POST') req.resume().on('end', end)
        else if (req.url === '/late') setTimeout(end, 5)
        else end()
        if (req.url !== '/quiet') res.on('finish', () => note('finish')).on('close', () => note('close'))
        else later = new Promise((resolve) => setTimeout(() => resolve(note('later')), 15))
      })
      await serving(server, async (port) => {
        for (const request of [get('/1'), get('/quiet'), post('/2', 'body'), get('/parts'), get('/late')]) {
          await exchange(port, [request.replace('\r\n', `\r\n${CLOSE}\r\n`)])
          await later
        }
      })
      return seen
    })
  })
}

test('loading the package observes nothing', async () => {
  const script = `
    const { http } = require('.')
    const { told } = require('./lib/http/observers')
    const seen = []
    const server = http.createServer((req, res) => res.end('x', () => {}))
    server.listen(0, () => {
      const ask = (then) => http.get({ port: server.address().port, agent: false }, (res) => res.resume().on('end', then))
      ask(() => {
        seen.push(told.observed)
        new (require('node:perf_hooks').PerformanceObserver)(() => {}).observe({ type: 'http' })
        seen.push(told.observed)
        server.close(() => console.log(JSON.stringify(seen)))
      })
    })`
  const { stdout } = await execute(process.execPath, ['-e', script], { cwd: main, timeout: 120_000 })
  assert.deepEqual(JSON.parse(stdout), [false, true])
})

test('the socket of a request has the values of node:http', async (t) => {
  // Node gives each socket methods of its own where ours have them on their prototype.
  const own = /^_?(handle|server|parser|onread|on|addListener|prependListener|setEncoding)$|^Symbol\(/
  await same(t, async (module) => {
    const seen = []
    const server = module.createServer((req, res) => {
      const { socket } = req
      const note = (when) =>
        seen.push({
          when,
          url: req.url,
          keys: Reflect.ownKeys(socket)
            .map(String)
            .filter((key) => !own.test(key))
            .sort(),
          symbols: Object.getOwnPropertySymbols(socket).length > 3,
          spread: Object.keys({ ...socket })
            .filter((key) => !own.test(key))
            .sort(),
          begins: inspect(socket, { depth: 0 }).split('\n')[0],
          constructor: socket.constructor.name,
          tag: Object.prototype.toString.call(socket),
          states: [socket.readyState, socket.pending, socket.connecting, socket.destroyed, socket.timeout],
          message: socket._httpMessage === res,
          parser: Boolean(socket.parser),
          server: [socket.server === server, socket._server === server],
        })
      note('handler')
      res.on('finish', () => note('finish')).on('close', () => note('close'))
      setTimeout(
        () => {
          res.end('x')
        },
        req.url === '/1' ? 0 : 5,
      )
    })
    await serving(server, (port) => exchange(port, [get('/1', CLOSE)]))
    return seen
  })
})

test('queued responses do not add listeners to the socket', async (t) => {
  const subclass = {
    ServerResponse: class extends core.ServerResponse {
      assignSocket(socket) {
        super.assignSocket(socket)
      }
    },
  }
  for (const options of [{}, subclass]) {
    await same(t, async (module) => {
      const grew = []
      const first = {}
      const server = module.createServer(options, (req, res) => {
        const { socket } = req
        setTimeout(
          () => {
            for (const event of socket.eventNames()) {
              first[event] ??= socket.listenerCount(event)
              if (socket.listenerCount(event) > first[event]) grew.push(event)
            }
            res.end('x')
          },
          req.url === '/late' ? 3 : 1,
        )
      })
      await serving(server, (port) =>
        exchange(port, [...Array(8).fill(get('/late') + get('/next')), get('/last', CLOSE)]),
      )
      return grew
    })
  }
})

test("a request's signal", { skip: !('signal' in core.IncomingMessage.prototype) }, async (t) => {
  const seen = await same(t, async (module) => {
    const requests = []
    const server = module.createServer((req, res) => {
      if (req.url !== '/after') requests.push([req.url, req.signal])
      if (req.url === '/after') res.on('finish', () => requests.push([req.url, req.signal]))
      if (req.url === '/gone') req.socket.destroy()
      else if (req.url === '/destroyed') req.destroy()
      else res.end('x')
    })
    await serving(server, async (port) => {
      await exchange(port, [get('/1').repeat(10) + get('/after') + get('/2', CLOSE)])
      await exchange(port, [get('/gone')])
      await exchange(port, [get('/destroyed')])
    })
    return urls(requests.map(([url, signal]) => [url, signal.aborted]))
  })
  assert.deepEqual([seen['/1'][0][1], seen['/gone'][0][1]], [false, true])
})

test('req.upgrade', async (t) => {
  const seen = await same(t, async (module) => {
    const upgrades = []
    for (const listens of [false, true]) {
      const server = module.createServer((req, res) => {
        upgrades.push([req.url, req.upgrade])
        res.end()
      })
      if (listens) {
        for (const event of ['upgrade', 'connect']) {
          server.on(event, (req, socket, head) => {
            upgrades.push([event, req.url, req.upgrade, String(head), socket === req.socket, req.complete])
            socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\n')
          })
        }
      }
      await serving(server, async (port) => {
        await exchange(port, [get('/plain', CLOSE)])
        await exchange(port, [get('/up', 'Connection: upgrade, close', 'Upgrade: x')], { end: !listens })
        await exchange(port, [`${get('/up', 'Connection: upgrade', 'Upgrade: x')}rest`], { end: true })
        await exchange(port, ['CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\nrest'], { end: true })
      })
    }
    return upgrades
  })
  assert.ok(seen.some(([, upgrade]) => upgrade === false) && seen.length > 4)
})

test('byte lengths of the header', async (t) => {
  const values = ['caf\xe9', '\xff\x80', 'plain']
  const bodies = {
    none: undefined,
    text: 'h\xe9',
    latin1: ['h\xe9', 'latin1'],
    bytes: Buffer.from('h\xe9'),
    hex: ['ffee', 'hex'],
  }
  await same(t, async (module) => {
    const server = module.createServer((req, res) => {
      const [, how, name, index] = req.url.split('/')
      const value = values[index]
      const args = [bodies[name]].flat()
      if (how === 'set') res.setHeader('X-V', value).end(...args)
      else if (how === 'head') res.writeHead(200, { 'X-V': value }).end(...args)
      else if (how === 'message') res.writeHead(200, value).end(...args)
      else if (how === 'length') res.writeHead(200, { 'X-V': value, 'Content-Length': 4 }).end('abcd', args[1])
      else {
        res.setHeader('X-V', [value, value])
        if (args[0] === undefined) res.flushHeaders()
        else res.write(...args)
        res.end(...args)
      }
    })
    return serving(server, async (port) => {
      const answers = []
      for (const how of ['set', 'head', 'message', 'length', 'write']) {
        for (const name of Object.keys(bodies)) {
          for (const index of values.keys())
            answers.push(await exchange(port, [get(`/${how}/${name}/${index}`, CLOSE)]))
        }
      }
      return answers
    })
  })
})
