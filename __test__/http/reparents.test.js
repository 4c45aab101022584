// Listeners that give req and res prototypes of their own, made as Express makes them, on top of core's; and that stand something
// else in their place.

'use strict'

const assert = require('node:assert')
const nodeHttp = require('node:http')
const { once } = require('node:events')
const { test } = require('node:test')
const { http } = require('../..')

function createApplication() {
  const app = (req, res) => {
    Object.setPrototypeOf(req, app.request)
    Object.setPrototypeOf(res, app.response)
    const chunks = []
    req.on('data', (chunk) => chunks.push(chunk))
    req.on('end', () => res.send(`${req.method} ${req.where()} ${Buffer.concat(chunks)}`))
  }
  app.request = Object.create(nodeHttp.IncomingMessage.prototype, {
    where: {
      value() {
        return `${this.url} of ${this.headers.host.split(':')[0]} over ${this.socket.encrypted ? 'tls' : 'tcp'}`
      },
    },
  })
  app.response = Object.create(nodeHttp.ServerResponse.prototype, {
    send: {
      value(text) {
        if (!this.getHeader('Content-Type')) this.setHeader('Content-Type', 'text/plain')
        this.end(text)
      },
    },
  })
  return app
}

const listeners = {
  'the listener itself': (app) => [app],
  'added later': (app) => [undefined, app],
  'the second listener': (app) => [(_req, res) => res.setHeader('X-First', '1'), app],
  'within a listener': (app) => [(req, res) => app(req, res)],
  'within a listener that has touched both': (app) => [
    (req, res) => {
      if (req.headers.host && !res.headersSent) res.setHeader('X-Seen', req.method)
      app(req, res)
    },
  ],
  'after a turn': (app) => [async (req, res) => setImmediate(app, req, res)],
  'with one prototype': (app) => [
    (req, res) => {
      Object.setPrototypeOf(res, app.response)
      res.send(`${req.method} ${app.request.where.call(req)} `)
    },
  ],
  'by way of Reflect': (app) => [
    (req, res) => {
      Reflect.setPrototypeOf(req, app.request)
      Reflect.setPrototypeOf(res, app.response)
      app(req, res)
    },
  ],
}

for (const [name, make] of Object.entries(listeners)) {
  test(`an application that replaces the prototypes: ${name}`, async (t) => {
    const [first, second] = make(createApplication())
    const server = http.createServer(first)
    if (second) server.on('request', second)
    t.after(() => server.close())
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const url = `http://127.0.0.1:${server.address().port}/there`
    const post = name === 'with one prototype' ? '' : 'body'
    for (let round = 0; round < 3; round++) {
      for (const [options, expected] of [
        [{}, 'GET /there of 127.0.0.1 over tcp '],
        [{ method: 'POST', body: 'body' }, `POST /there of 127.0.0.1 over tcp ${post}`],
      ]) {
        const response = await fetch(url, options)
        assert.strictEqual(response.headers.get('content-type'), 'text/plain')
        assert.strictEqual(await response.text(), expected)
      }
    }
  })
}

// Whoever holds the object, what core would have set is there: fields, accessors, methods.
const touches = {
  'res.socket': (_req, res) => String(res.socket.remotePort > 0),
  'res.writableEnded': (_req, res) => String(res.writableEnded),
  'res.headersSent': (_req, res) => String(res.headersSent),
  'res.statusMessage': (_req, res) => String(res.statusMessage),
  'res.getHeaders': (_req, res) => JSON.stringify(res.getHeaders()),
  'res.shouldKeepAlive': (_req, res) => String(res.shouldKeepAlive),
  'res.destroyed': (_req, res) => String(res.destroyed),
  'res._header': (_req, res) => String(res._header),
  'a field of res that is set': (_req, res) => {
    res.shouldKeepAlive = false
    return String(res.shouldKeepAlive)
  },
  'req.rawHeaders': (req) => String(req.rawHeaders.length),
  'req.httpVersion': (req) => `${req.httpVersion} ${req.httpVersionMajor} ${req.httpVersionMinor}`,
  'req.complete': (req) => String(req.complete),
  'req.aborted': (req) => String(req.aborted),
  'req.connection': (req) => String(req.connection === req.socket),
  'req.headersDistinct': (req) => JSON.stringify(Object.keys(req.headersDistinct)),
  'req.readable': (req) => `${req.readable} ${req.readableFlowing} ${req.destroyed}`,
  'req.url that is set': (req) => {
    req.url = '/other'
    return `${req.url} ${req.method}`
  },
  'a field of req that is set': (req) => {
    req.upgrade = true
    return String(req.upgrade)
  },
}

const holders = {
  'another prototype': (object, core) => Object.setPrototypeOf(object, Object.create(core.prototype)),
  'an heir': (object) => Object.create(object),
  'a proxy': (object) => new Proxy(object, {}),
}

for (const [name, hold] of Object.entries(holders)) {
  test(`every field is there for ${name}`, async (t) => {
    const application = (req, res) => {
      const touch = touches[decodeURIComponent(req.url.slice(1))]
      res.setHeader('X-Held', name)
      const held = hold(res, nodeHttp.ServerResponse)
      const text = touch(hold(req, nodeHttp.IncomingMessage), held)
      res.end(`${text} of ${held.getHeader('x-held')}`)
    }
    const servers = [nodeHttp.createServer(application), http.createServer(application)]
    t.after(() => {
      for (const server of servers) server.closeAllConnections()
      for (const server of servers) server.close()
    })
    for (const server of servers) await once(server.listen(0, '127.0.0.1'), 'listening')
    for (const touch of Object.keys(touches)) {
      const [expected, actual] = await Promise.all(
        servers.map(async (server) => {
          const response = await fetch(`http://127.0.0.1:${server.address().port}/${touch}`)
          return { held: response.headers.get('x-held'), text: await response.text() }
        }),
      )
      assert.deepStrictEqual(actual, expected, touch)
      assert.strictEqual(actual.held, name)
    }
  })
}

test('Node’s own objects are unchanged', () => {
  http.createServer()
  const request = { method: 'GET', httpVersionMajor: 1, httpVersionMinor: 1, headers: {} }
  for (const [field, make] of [
    ['complete', () => new nodeHttp.IncomingMessage(null)],
    ['finished', () => new nodeHttp.ServerResponse(request)],
  ]) {
    const object = make()
    const own = Reflect.ownKeys(object)
    for (const key of own) {
      const { writable, enumerable, configurable } = Object.getOwnPropertyDescriptor(object, key)
      assert.deepStrictEqual([writable, enumerable, configurable], [true, true, true], String(key))
    }
    // Taken away and given again: that field alone.
    for (const key of own) {
      const rest = make()
      delete rest[key]
      const before = { ...rest }
      rest[key] = 'again'
      assert.deepStrictEqual({ ...rest }, { ...before, [key]: 'again' }, String(key))
    }
    // An object that only inherits, as mocks do.
    const mock = Object.create(Object.getPrototypeOf(object))
    mock[field] = 1
    assert.deepStrictEqual(Reflect.ownKeys(mock), [field])
    assert.strictEqual(Object.keys(Object.getPrototypeOf(object)).includes(field), false)
  }
})

test('two copies of the package in one process', async (t) => {
  const loaded = Object.keys(require.cache)
  const copies = [http]
  for (const file of loaded) if (/[\\/](lib[\\/].*|index)\.js$/.test(file)) delete require.cache[file]
  copies.push(require('../..').http)
  assert.notStrictEqual(copies[1].createServer, copies[0].createServer)
  for (const copy of copies) {
    const app = createApplication()
    const server = copy.createServer((req, res) => app(req, res))
    t.after(() => server.close())
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const response = await fetch(`http://127.0.0.1:${server.address().port}/there`)
    assert.strictEqual(await response.text(), 'GET /there of 127.0.0.1 over tcp ')
  }
})
