'use strict'

// A server that does nothing but serve files, in a process of its own: the test runner hooks into every asynchronous resource, and so into
// every request. Its handler counts how often it is called after all. The parent calls the functions below by name.

const { createHook } = require('node:async_hooks')
const { channel } = require('node:diagnostics_channel')
const http = require('node:http')
const { PerformanceObserver } = require('node:perf_hooks')
const ironwire = require('ironwire')
const { native, usage } = require('../../lib/engine.js')
const { kAccessLog, kSite } = require('../../lib/http/symbols.js')
const { SETTINGS } = require('./native-support')

const calls = []
const log = []
const site = { number: 0, settings: SETTINGS }
let server

function handler(req, res) {
  calls.push(req.url)
  res.setHeader('X-From', 'JavaScript')
  res.end(`JavaScript ${req.url}`)
}
handler[kSite] = site

/** Puts a function of the program's into the place of a method; returns what takes it out again. */
function replace(object, name) {
  const { [name]: before } = object
  const own = Object.hasOwn(object, name)
  object[name] = function (...args) {
    return before.apply(this, args)
  }
  return () => {
    if (own) object[name] = before
    else delete object[name]
  }
}

function subscribe(name) {
  const listener = () => {}
  channel(name).subscribe(listener)
  return () => channel(name).unsubscribe(listener)
}

/** Sets a property; returns what sets it back. */
function set(object, name, value) {
  const { [name]: before } = object
  object[name] = value
  return () => {
    object[name] = before
  }
}

const HOOKS = {
  'server.emit': () => replace(server, 'emit'),
  "a second listener for 'request'": () => {
    const listener = () => {}
    server.on('request', listener)
    return () => server.off('request', listener)
  },
  "another listener for 'request'": () => {
    const wrapped = (req, res) => handler(req, res)
    server.off('request', handler).on('request', wrapped)
    return () => server.off('request', wrapped).on('request', handler)
  },
  'ServerResponse.prototype.writeHead': () => replace(http.ServerResponse.prototype, 'writeHead'),
  'ServerResponse.prototype.setHeader': () => replace(http.ServerResponse.prototype, 'setHeader'),
  'OutgoingMessage.prototype.end': () => replace(http.OutgoingMessage.prototype, 'end'),
  'IncomingMessage.prototype.emit': () => replace(http.IncomingMessage.prototype, 'emit'),
  'http.server.request.start': () => subscribe('http.server.request.start'),
  'http.server.response.finish': () => subscribe('http.server.response.finish'),
  async_hooks: () => {
    const hook = createHook({ init() {} }).enable()
    return () => hook.disable()
  },
  'server.timeout': () => set(server, 'timeout', 60_000),
  'server.maxRequestsPerSocket': () => set(server, 'maxRequestsPerSocket', 100),
  'server.maxHeadersCount': () => set(server, 'maxHeadersCount', 5),
  setHeaders: () => set(site, 'settings', { ...SETTINGS, setHeaders() {} }),
}

let unhook
let observer
/** What the program saw of connections. */
const seen = []

const functions = {
  listen(root, { limits, logs, ...properties } = {}) {
    site.number = native.filesOpen(root, { ...SETTINGS, limits })
    server = ironwire.http.createServer(handler)
    Object.assign(server, properties)
    if (logs) server[kAccessLog] = (rows) => log.push(rows)
    return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)))
  },
  hooks: () => Object.keys(HOOKS),
  hook(name) {
    unhook = HOOKS[name]()
  },
  unhook: () => unhook(),
  observe() {
    observer = new PerformanceObserver(() => {})
    observer.observe({ entryTypes: ['http'] })
  },
  tapNext: () => void server.once('connection', (socket) => socket.on('data', (chunk) => seen.push(`${chunk}`))),
  timeNext: () => void server.once('connection', (socket) => socket.setTimeout(60_000)),
  watchNext: () =>
    void server.once('connection', (socket) => {
      socket.on('close', () => seen.push(`closed ${socket.bytesRead} ${socket.bytesWritten}`))
    }),
  seen: () => seen.splice(0),
  calls: () => calls.splice(0),
  log: () => log.splice(0).join(''),
  usage,
  memory: () => process.memoryUsage.rss(),
  connections: () => new Promise((resolve) => server.getConnections((_, count) => resolve(count))),
  closeIdle: () => server.closeIdleConnections(),
  close: () => void server.close(() => seen.push('server closed')),
}

process.on('message', async ({ id, name, args }) => {
  try {
    process.send({ id, value: await functions[name](...args) })
  } catch (error) {
    process.send({ id, error: error.stack })
  }
})
process.on('disconnect', () => process.exit())
