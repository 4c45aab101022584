'use strict'

// One small application per framework: a function that takes the `http` module to stand on and gives, or resolves to, a server that is
// ready to listen. Each answers `GET /last`, with which every exchange ends. `log` takes what the application notes.

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { Readable } = require('node:stream')
const { setTimeout: sleep } = require('node:timers/promises')
const onFinished = require('on-finished')

/** A folder to serve files from; the dates of its files are fixed. */
function makeFolder() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-frameworks-'))
  for (const [name, text] of [
    ['a.txt', '0123456789'.repeat(10_000)],
    ['index.html', '<p>hi</p>'],
  ]) {
    fs.writeFileSync(path.join(folder, name), text)
    fs.utimesSync(path.join(folder, name), 1_700_000_000, 1_700_000_000)
  }
  return folder
}

const parts = () => Readable.from(['a'.repeat(900), 'b'.repeat(900), 'c'])

/** Everything that Express' users put together: log, compression, sessions, files, bodies, uploads, errors. */
function express(make, { folder, log }) {
  const multer = require('multer')
  const app = make()
  app.use(require('morgan')(':method :url :status :res[content-length]', { stream: { write: (line) => log(line) } }))
  app.use((_req, res, next) => {
    onFinished(res, (error) => log(`finished ${error}`))
    next()
  })
  app.use(require('compression')({ threshold: 1000 }))
  app.use(require('cookie-session')({ name: 'session', keys: ['key'] }))
  app.use('/static', require('serve-static')(folder))
  app.use(make.json(), make.urlencoded({ extended: true }))
  app.post('/upload', multer({ storage: multer.memoryStorage() }).any(), (req, res) => {
    res.json({ files: req.files.map((file) => [file.fieldname, file.originalname, file.size]), body: req.body })
  })
  app.get('/', (_req, res) => res.send('hello'))
  app.post('/json', (req, res) => res.json([req.body, req.ip, req.hostname, req.protocol, req.secure, req.fresh]))
  app.post('/form', (req, res) => res.send(req.body))
  app.get('/big', (_req, res) => res.type('text').send('b'.repeat(50_000)))
  app.get('/stream', (_req, res) => parts().pipe(res.type('text')))
  app.get('/buffer', (_req, res) => res.send(Buffer.from('bytes')))
  app.get('/late', (_req, res) => setTimeout(() => res.send('late'), 20))
  app.get('/empty', (_req, res) => res.status(204).end())
  app.get('/async', async (_req, res) => res.json(await Promise.resolve({ a: 1 })))
  app.get('/redirect', (_req, res) => res.redirect('/elsewhere'))
  app.get('/throw', () => {
    throw Object.assign(new Error('thrown'), { status: 503, expose: true })
  })
  app.get('/rejects', (_req, _res, next) => Promise.reject(new Error('rejected')).catch(next))
  app.get('/cookie', (req, res) => {
    req.session.count = (req.session.count || 0) + 1
    res.cookie('name', 'value', { httpOnly: true }).send(`count ${req.session.count}`)
  })
  app.get('/events', (_req, res) => {
    res.writeHead(200, { 'Content-Type': 'text/event-stream' })
    res.flushHeaders()
    res.write('data: 1\n\n')
    setTimeout(() => res.end('data: 2\n\n'), 10)
  })
  app.post('/early', (_req, res) => res.status(413).send('too much'))
  app.get('/twice', (_req, res) => {
    res.send('one')
    try {
      res.send('two')
    } catch (error) {
      log(error.code)
    }
  })
  app.get('/headers', (req, res) =>
    res
      .set({ 'X-B': ['1', '2'] })
      .append('Link', '<a>')
      .append('Link', '<b>')
      .json(req.headers),
  )
  const router = make.Router()
  router.get('/x', (req, res) => res.json([req.baseUrl, req.url, req.originalUrl, req.query, res.headersSent]))
  app.use('/mounted', router)
  app.get('/last', (_req, res) => res.send('last'))
  app.use((error, _req, res, next) => {
    if (res.headersSent) next(error)
    else res.status(error.status || 500).send(error.message)
  })
  return app
}

const express4 = (context) => express(require('express4'), context)
const express5 = (context) => express(require('express'), context)

function connect({ folder, log }) {
  const app = require('connect')()
  app.use((_req, res, next) => {
    onFinished(res, (error) => log(`finished ${error}`))
    next()
  })
  app.use(require('compression')())
  app.use('/static', require('serve-static')(folder))
  app.use('/headers', (req, res) => res.end(JSON.stringify(req.headers)))
  app.use('/stream', (_req, res) => parts().pipe(res))
  app.use('/late', (_req, res) => setTimeout(() => res.end('late'), 20))
  app.use('/json', async (req, res) => {
    let length = 0
    for await (const chunk of req) length += chunk.length
    res.end(String(length))
  })
  app.use((req, res, next) => (req.url === '/' || req.url === '/last' ? res.end('connect') : next()))
  return app
}

function koa({ folder }) {
  const Koa = require('koa')
  const app = new Koa()
  app.silent = true
  const routes = {
    '/': (ctx) => {
      ctx.body = 'hello'
    },
    '/json': async (ctx) => {
      const chunks = []
      for await (const chunk of ctx.req) chunks.push(chunk)
      ctx.body = { length: Buffer.concat(chunks).length, ip: ctx.ip, host: ctx.host, is: ctx.is('json') }
    },
    '/big': (ctx) => {
      ctx.body = 'b'.repeat(50_000)
    },
    '/stream': (ctx) => {
      ctx.type = 'text'
      ctx.body = parts()
    },
    '/buffer': (ctx) => {
      ctx.body = Buffer.from('bytes')
    },
    '/late': async (ctx) => {
      await sleep(20)
      ctx.body = 'late'
    },
    '/empty': (ctx) => {
      ctx.status = 204
    },
    '/redirect': (ctx) => ctx.redirect('/elsewhere'),
    '/throw': (ctx) => ctx.throw(418, 'teapot'),
    '/rejects': () => Promise.reject(new Error('rejected')),
    '/cookie': (ctx) => {
      ctx.cookies.set('name', 'value')
      ctx.body = ctx.cookies.get('a') || 'none'
    },
    '/twice': (ctx) => {
      ctx.respond = false
      ctx.res.end('direct')
    },
    '/headers': (ctx) => {
      ctx.body = ctx.headers
    },
    '/static/a.txt': (ctx) => {
      ctx.type = 'text'
      ctx.body = fs.createReadStream(path.join(folder, 'a.txt'))
    },
    '/last': (ctx) => {
      ctx.body = `last ${ctx.writable} ${ctx.headerSent}`
    },
  }
  app.use(async (ctx, next) => {
    await next()
    if (!ctx.headerSent) ctx.set('X-Status', String(ctx.status))
  })
  app.use((ctx) => routes[ctx.path]?.(ctx))
  return app.callback()
}

async function fastify(serverFactory, { folder }) {
  const app = require('fastify')({ serverFactory })
  app.get('/', async () => 'hello')
  app.post('/json', async (req) => [req.body, req.ip, req.hostname])
  app.get('/big', (_req, reply) => reply.send('b'.repeat(50_000)))
  app.get('/stream', (_req, reply) => reply.type('text/plain').send(parts()))
  app.get('/buffer', (_req, reply) => reply.send(Buffer.from('bytes')))
  app.get('/late', async () => {
    await sleep(20)
    return 'late'
  })
  app.get('/empty', (_req, reply) => reply.code(204).send())
  app.get('/redirect', (_req, reply) => reply.redirect('/elsewhere'))
  app.get('/throw', () => {
    throw new Error('thrown')
  })
  app.get('/rejects', async () => {
    throw Object.assign(new Error('rejected'), { statusCode: 422 })
  })
  app.get('/twice', (_req, reply) => {
    reply.hijack()
    reply.raw.end('raw')
  })
  app.post('/early', (_req, reply) => reply.code(413).send('too much'))
  app.get('/headers', async (req, reply) => {
    reply.header('X-B', '1')
    return req.headers
  })
  app.get('/static/a.txt', (_req, reply) => reply.send(fs.createReadStream(path.join(folder, 'a.txt'))))
  app.get('/last', async () => 'last')
  await app.ready()
  return app.server
}

async function hapi(listener) {
  const app = require('@hapi/hapi').server({ listener, port: 0, host: '127.0.0.1', debug: false, autoListen: false })
  const get = (path, handler) => app.route({ method: 'GET', path, handler })
  get('/', () => 'hello')
  app.route({ method: 'POST', path: '/json', handler: (req) => [req.payload, req.info.remoteAddress] })
  const payload = { multipart: true, output: 'data', parse: true }
  app.route({ method: 'POST', path: '/upload', options: { payload }, handler: (req) => Object.keys(req.payload) })
  get('/big', () => 'b'.repeat(50_000))
  get('/stream', (_req, h) => h.response(Readable.from([Buffer.from('a')], { objectMode: false })).type('text/plain'))
  get('/buffer', () => Buffer.from('bytes'))
  get('/late', async () => {
    await sleep(20)
    return 'late'
  })
  get('/empty', (_req, h) => h.response().code(204))
  get('/redirect', (_req, h) => h.redirect('/elsewhere'))
  get('/throw', () => {
    throw new Error('thrown')
  })
  get('/cookie', (_req, h) => h.response('cookie').state('name', 'value'))
  get('/twice', (req, h) => {
    req.raw.res.end('raw')
    return h.abandon
  })
  get('/headers', (req) => req.headers)
  get('/last', () => 'last')
  await app.initialize()
  return listener
}

function polka(server, { folder }) {
  const onError = (error, _req, res) => {
    res.statusCode = error.status || 500
    res.end('error')
  }
  const app = require('polka')({ server, onError })
  app.use(require('express').json())
  app.use('/static', require('serve-static')(folder))
  app.post('/json', (req, res) => res.end(JSON.stringify([req.body, req.path])))
  app.get('/', (_req, res) => res.end('hello'))
  app.get('/stream', (_req, res) => parts().pipe(res))
  app.get('/late', (_req, res) => setTimeout(() => res.end('late'), 20))
  app.get('/headers', (req, res) => res.end(JSON.stringify(req.headers)))
  app.get('/last', (_req, res) => res.end('last'))
  // polka puts its handler on the server when it is told to listen.
  server.on('request', app.handler)
  return server
}

/** Calls the application from within another listener. */
const within = (http, app) => http.createServer((req, res) => app(req, res))

const applications = {
  'express 4': (http, context) => http.createServer(express4(context)),
  'express 4 within a listener': (http, context) => within(http, express4(context)),
  'express 4 mounted in express 5': (http, context) => within(http, require('express')().use(express4(context))),
  'express 5': (http, context) => http.createServer(express5(context)),
  'express 5 within a listener': (http, context) => within(http, express5(context)),
  'express 5 for some requests': (http, context) => {
    const app = express5(context)
    return http.createServer((req, res) => {
      if (req.url !== '/' && req.url !== '/late') app(req, res)
      else res.setHeader('X-By', 'hand').end('by hand')
    })
  },
  connect: (http, context) => http.createServer(connect(context)),
  'connect within a listener': (http, context) => within(http, connect(context)),
  koa: (http, context) => http.createServer(koa(context)),
  fastify: (http, context) => fastify((handler) => within(http, handler), context),
  hapi: (http) => hapi(http.createServer()),
  polka: (http, context) => polka(http.createServer(), context),
}

module.exports = { applications, makeFolder }
