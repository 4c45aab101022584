'use strict'

// What adds to the headers at the last moment, by standing in the place of a response's `writeHead` (on-headers), on applications that
// stand between a response and its prototype, and on those that do not.

const assert = require('node:assert/strict')
const { setTimeout: sleep } = require('node:timers/promises')
const compression = require('compression')
const connect = require('connect')
const cookieSession = require('cookie-session')
const express = require('express')
const morgan = require('morgan')
const onHeaders = require('on-headers')
const polka = require('polka')
const responseTime = require('response-time')
const { answer, same, serve } = require('./support.js')

/** The middleware of one application; what was logged ends in `lines`. */
function middleware(lines) {
  return [
    morgan(':method :url :status :res[content-length] :res[x-late]', { stream: { write: (line) => lines.push(line) } }),
    responseTime({ digits: 0 }),
    cookieSession({ name: 'session', keys: ['key'] }),
    compression({ threshold: 100 }),
    (_req, res, next) => {
      onHeaders(res, function () {
        this.setHeader('X-Late', `${this.statusCode} ${this.getHeaderNames().sort()}`)
        this.removeHeader('X-Removed')
      })
      next()
    },
  ]
}

const routes = {
  '/end': (_req, res) => res.end('hello'),
  '/empty': (_req, res) => res.end(),
  '/head': (_req, res) => res.writeHead(201, { 'X-B': 'c', 'Content-Type': 'text/plain' }).end('x'),
  '/array': (_req, res) => res.writeHead(202, 'Fine', ['X-B', 'c', 'X-Removed', 'd']).end('x'),
  '/write': (_req, res) => {
    res.setHeader('X-Removed', 'yes')
    res.write('a')
    res.end('b')
  },
  '/flush': (_req, res) => {
    res.flushHeaders()
    setTimeout(() => res.end('later'), 2)
  },
  '/pipe': (req, res) => req.pipe(res),
  '/session': (req, res) => {
    req.session.count = (req.session.count ?? 0) + 1
    res.end(String(req.session.count))
  },
  '/compressed': (_req, res) => {
    res.setHeader('Content-Type', 'text/plain')
    res.end('a'.repeat(1000))
  },
  '/compressed-parts': (_req, res) => {
    res.writeHead(200, { 'Content-Type': 'text/plain' })
    for (let i = 0; i < 5; i++) res.write('b'.repeat(500))
    res.end('c'.repeat(500))
  },
  '/none': (_req, res) => {
    res.statusCode = 304
    res.end()
  },
}

function route(req, res) {
  routes[req.url](req, res)
}

const applications = {
  plain: (http, all) =>
    http.createServer((req, res) => {
      const next = (i) => (i < all.length ? all[i](req, res, () => next(i + 1)) : route(req, res))
      next(0)
    }),
  connect: (http, all) => {
    const app = connect()
    for (const one of all) app.use(one)
    return http.createServer(app.use(route))
  },
  polka: (http, all) => {
    const server = http.createServer()
    const app = polka({ server })
    app.use(...all)
    for (const path of Object.keys(routes)) app.all(path, route)
    server.on('request', app.handler)
    return server
  },
  express: (http, all) => {
    const app = express()
    for (const one of all) app.use(one)
    return http.createServer(app.use(route))
  },
}

for (const [name, make] of Object.entries(applications)) {
  same(`on-headers and its users: ${name}`, async (http, t) => {
    const lines = []
    const url = await serve(t, make(http, middleware(lines)))
    const answers = []
    for (const path of Object.keys(routes)) {
      for (const options of [{}, { method: 'HEAD' }, { method: 'POST', body: 'body' }]) {
        const response = await answer(await fetch(url + path, options))
        assert.match(response.headers['x-response-time'], /^\d+ms$/, path)
        assert.match(response.headers['x-late'], /^\d{3} /, path)
        assert.equal(response.headers['x-removed'], undefined)
        delete response.headers['x-response-time']
        answers.push([path, options.method, response])
      }
    }
    const session = answers.find(([path]) => path === '/session')[2]
    assert.deepEqual(
      session.headers['set-cookie'].map((cookie) => cookie.split('=')[0]),
      ['session', 'session.sig'],
    )
    assert.equal(answers.find(([path]) => path === '/compressed')[2].headers['content-encoding'], 'gzip')
    while (lines.length < answers.length) await sleep(1)
    return [answers, lines.sort()]
  })
}
