'use strict'

// serveStatic in the place of serve-static: in the frameworks that people use it in, below the middleware that hooks into its responses, on
// Node's server and on ours. What comes out is what comes out with serve-static.

const assert = require('node:assert')
const core = require('node:http')
const { test } = require('node:test')
const zlib = require('node:zlib')
const middie = require('@fastify/middie')
const compression = require('compression')
const connect = require('connect')
const cookieSession = require('cookie-session')
const express = require('express')
const express4 = require('express4')
const fastify = require('fastify')
const Koa = require('koa')
const c2k = require('koa-connect')
const morgan = require('morgan')
const onFinished = require('on-finished')
const onHeaders = require('on-headers')
const responseTime = require('response-time')
const reference = require('serve-static')
const ironwire = require('../..')
const { listen, makeTree, request } = require('../files/support.js')

const TEXT = 'the same text again and again\n'.repeat(2000)
const FILES = {
  'index.html': '<h1>index</h1>',
  'a.txt': 'content',
  'text.txt': TEXT,
  'large.bin': Buffer.alloc(700_000, 'abc'),
  'sub/index.html': 'SUB',
}

const REQUESTS = [
  ['/static/a.txt'],
  ['/static/a.txt', { method: 'HEAD' }],
  ['/static/'],
  ['/static'],
  ['/static/sub'],
  ['/static/sub?x=1'],
  ['/static/sub/'],
  ['/static/large.bin'],
  ['/static/large.bin', { headers: { Range: 'bytes=100-99999' } }],
  ['/static/text.txt', { headers: { 'Accept-Encoding': 'gzip' } }],
  ['/static/a.txt', { headers: { 'If-None-Match': '*' } }],
  ['/static/a.txt', { headers: { 'If-Match': '"x"' } }],
  ['/static/a.txt', { headers: { Range: 'bytes=99-' } }],
  ['/static/none'],
  ['/static/..%2fa.txt'],
  ['/static/%'],
  ['/other'],
]

const FRAMEWORKS = {
  'express 5': (serve) => withRoutes(express(), serve),
  'express 4': (serve) => withRoutes(express4(), serve),
  connect: (serve) => {
    const app = connect()
    app.use('/static', serve)
    app.use('/other', (_req, res) => res.end('other'))
    app.use((error, _req, res, _next) => {
      res.statusCode = error.status
      res.end(`handled ${error.status}`)
    })
    return app
  },
  'express 5, compression and company': (serve) => {
    const app = express()
    app.use(compression({ threshold: 0 }))
    app.use(responseTime({ suffix: false, digits: 0 }))
    app.use(cookieSession({ name: 's', keys: ['k'] }))
    app.use((req, res, next) => {
      req.session.seen = 1
      onHeaders(res, () => res.setHeader('X-On-Headers', String(res.statusCode)))
      next()
    })
    return withRoutes(app, serve)
  },
  'koa, koa-connect': (serve) => {
    const app = new Koa()
    app.silent = true
    app.use((ctx, next) => {
      if (!ctx.path.startsWith('/static')) return next()
      ctx.req.originalUrl = ctx.req.url
      ctx.req.url = ctx.req.url.slice('/static'.length) || '/'
      return c2k(serve)(ctx, next)
    })
    app.use((ctx) => {
      ctx.body = 'other'
    })
    return app.callback()
  },
}

function withRoutes(app, serve) {
  app.use('/static', serve)
  app.get('/other', (_req, res) => res.send('other'))
  app.use((error, _req, res, _next) => res.status(error.status).send(`handled ${error.status}`))
  return app
}

/** What is compared: without what the time of day decides. */
function shown({ status, pairs, body }) {
  const left = ['date', 'x-response-time']
  const headers = pairs.filter(([name]) => !left.includes(name.toLowerCase()))
  return { status, headers, body: body.toString('latin1') }
}

for (const [name, make] of Object.entries(FRAMEWORKS)) {
  for (const [module, { createServer }] of Object.entries({ 'node:http': core, ironwire: ironwire.http })) {
    test(`${name} on ${module}`, async (t) => {
      const root = makeTree(t, FILES)
      const expected = await listen(t, createServer(make(reference(root))))
      const actual = await listen(t, createServer(make(ironwire.serveStatic(root))))
      for (const [target, options] of REQUESTS) {
        const right = shown(await request(expected, target, options))
        for (let i = 0; i < 2; i++) {
          assert.deepStrictEqual(
            shown(await request(actual, target, options)),
            right,
            `${target} ${JSON.stringify(options)}`,
          )
        }
      }
    })
  }
}

test('fastify with @fastify/middie', async (t) => {
  const root = makeTree(t, FILES)
  const results = []
  for (const [serve, options] of [
    [reference(root), {}],
    [ironwire.serveStatic(root), {}],
    [ironwire.serveStatic(root), { serverFactory: (handler, opts) => ironwire.http.createServer(opts, handler) }],
  ]) {
    const app = fastify(options)
    await app.register(middie)
    app.use('/static', serve)
    app.get('/other', async () => 'other')
    await app.listen({ port: 0, host: '127.0.0.1' })
    t.after(() => app.close())
    const answers = []
    for (const [target, more] of REQUESTS) answers.push(shown(await request(app.server.address().port, target, more)))
    results.push(answers)
  }
  assert.deepStrictEqual(results[1], results[0])
  const withoutFraming = (answers) => answers.map(({ status, body }) => [status, body])
  assert.deepStrictEqual(withoutFraming(results[2]), withoutFraming(results[0]))
})

test('ironwire compresses, and the compression middleware does not do it again', async (t) => {
  const app = express()
  app.use(compression({ threshold: 0 }))
  app.use(ironwire.serveStatic(makeTree(t, FILES), { compress: true }))
  const port = await listen(t, ironwire.http.createServer(app))
  const { headers, body } = await request(port, '/text.txt', { headers: { 'Accept-Encoding': 'gzip, br' } })
  assert.deepStrictEqual([headers['content-encoding'], headers.vary], ['br', 'Accept-Encoding'])
  assert.strictEqual(zlib.brotliDecompressSync(body).toString(), TEXT)
})

test('morgan and on-finished see each end, and clients that disconnect', async (t) => {
  for (const { createServer } of [core, ironwire.http]) {
    const lines = []
    const finished = []
    const app = connect()
    app.use(
      morgan(':method :url :status :res[content-length]', { stream: { write: (line) => lines.push(line.trim()) } }),
    )
    app.use((_req, res, next) => {
      onFinished(res, (error) => finished.push(error))
      next()
    })
    app.use(ironwire.serveStatic(makeTree(t, FILES)))
    const port = await listen(t, createServer(app))
    for (const target of ['/a.txt', '/large.bin', '/none']) await request(port, target)
    while (finished.length < 3 || lines.length < 3) await new Promise((resolve) => setImmediate(resolve))
    assert.deepStrictEqual(
      [lines.slice(0, 2), finished],
      [
        ['GET /a.txt 200 7', 'GET /large.bin 200 700000'],
        [null, null, null],
      ],
    )
    assert.match(lines[2], /^GET \/none 404/)
  }
})
