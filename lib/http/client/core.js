'use strict'

// What the client leans on of Node's own, found once. Core's functions for the events of a socket under a request are not exported; a
// request over a stream that does nothing has them.

const { Buffer } = require('node:buffer')
const { channel } = require('node:diagnostics_channel')
const { http } = require('../../genuine.js')
const { PerformanceObserver } = require('node:perf_hooks')
const { Duplex } = require('node:stream')
const { runInThisContext } = require('node:vm')
const { find, lacking, kHeaders, kHeadersCount, kCorked, kOutHeaders } = require('../../core.js')
const { told } = require('../observers')

function need(found, what) {
  if (found === undefined) throw lacking(what)
  return found
}

/** The one that core's modules know: jest gives its tests a copy. */
const process = runInThisContext('process')

/** Runs `code` and returns what it puts into the next tick instead of having it run. */
function ticksOf(code) {
  const { nextTick } = process
  const ticks = []
  process.nextTick = (...tick) => ticks.push(tick)
  try {
    code()
  } finally {
    process.nextTick = nextTick
  }
  return ticks
}

/** Runs `code` without telling of the request that it makes: where this is loaded late, somebody may listen. */
function unheard(code) {
  const created = channel('http.client.request.created')
  Object.defineProperty(created, 'hasSubscribers', { value: false, configurable: true })
  try {
    return code()
  } finally {
    delete created.hasSubscribers
  }
}

/** Whether `rawHeaders` ends where `maxHeadersCount` says. Before Node 24 the parser hands over what it has gathered until then. */
function cutsHeaders(parser) {
  const { onIncoming, maxHeaderPairs } = parser
  let count
  parser.maxHeaderPairs = 2
  parser.onIncoming = (res) => {
    count = res.rawHeaders.length
    return 0
  }
  // So many that they come in two parts. Nobody is to hear that the response has ended.
  ticksOf(() => parser.execute(Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: 0\r\n${'A: b\r\n'.repeat(40)}\r\n`)))
  Object.assign(parser, { onIncoming, maxHeaderPairs })
  return count === 2
}

/** Node's own class, also where an interceptor has put one on top of it in its place. */
function coreRequest() {
  let { prototype } = http.ClientRequest
  while (prototype !== null && Object.getPrototypeOf(prototype) !== http.OutgoingMessage.prototype) {
    prototype = Object.getPrototypeOf(prototype)
  }
  if (prototype === null) throw lacking('ClientRequest on top of OutgoingMessage')
  return prototype.constructor
}

/** A request whose socket does nothing, and the function that gives a request its socket. */
function probeRequest() {
  const CoreRequest = coreRequest()
  const socket = new Duplex({ read() {}, write() {} })
  let req
  const ticks = ticksOf(() => {
    req = unheard(() => new CoreRequest({ agent: null, createConnection: () => socket }))
    req.onSocket = undefined
  })
  const observer = new PerformanceObserver(() => {})
  const onSocket = ticks.find(([code]) => code.name === 'onSocketNT')
  if (onSocket === undefined) throw lacking('onSocketNT')
  ticksOf(() => {
    onSocket[0](...onSocket.slice(1))
    // What core puts on a request for those who measure it.
    told.observe.call(observer, { entryTypes: ['http'] })
    req._finish()
    observer.disconnect()
  })
  const listener = (event, name) =>
    need(
      socket.listeners(event).find((each) => each.name === name),
      name,
    )
  const found = {
    onSocketNT: onSocket[0],
    onIncoming: need(req.parser?.onIncoming, 'parserOnIncomingClient'),
    onEnd: listener('end', 'socketOnEnd'),
    onClose: listener('close', 'socketCloseListener'),
    onDrain: listener('drain', 'ondrain'),
    kStatistics: need(find(req, 'ClientRequestStatistics'), 'symbol ClientRequestStatistics on requests'),
  }
  found.cutsHeaders = cutsHeaders(req.parser)
  // Back to the pool with the parser; nobody is to hear of an error.
  socket._hadError = true
  ticksOf(() => {
    socket.emit('close')
    socket.destroy()
  })
  return found
}

/** What an agent keeps on a request that waits for a socket. */
function probeQueue() {
  const agent = new http.Agent({ maxSockets: 1 })
  agent.createConnection = () => new Duplex({ read() {}, write() {} })
  const CoreRequest = coreRequest()
  let queued
  ticksOf(() => {
    unheard(() => new CoreRequest({ agent }))
    queued = unheard(() => new CoreRequest({ agent }))
  })
  const found = {
    kRequestOptions: need(find(queued, 'requestOptions'), 'symbol requestOptions on requests'),
    kRequestResource: need(find(queued, 'requestAsyncResource'), 'symbol requestAsyncResource on requests'),
  }
  ticksOf(() => agent.destroy())
  return found
}

const finished = channel('http.client.response.finish')

/** Whether somebody measures the request, by one of the ways that only core serves. */
function isObserved(req) {
  return finished.hasSubscribers || req[found.kStatistics] !== undefined || req._traceEventId !== undefined
}

const errors = channel('http.client.request.error')

/** An error of the request, as core tells it. */
function emitError(request, error) {
  if (errors.hasSubscribers) errors.publish({ request, error })
  request.emit('error', error)
}

const found = probeRequest()
const message = new http.IncomingMessage(null)

module.exports = {
  ...found,
  isObserved,
  ...probeQueue(),
  emitError,
  kHeaders,
  kHeadersCount,
  kCorked,
  kOutHeaders,
  /** Since Node 24. */
  kDetachAbortSignal: find(message, 'kDetachAbortSignal'),
  kProxyConfig: find(new http.Agent({ proxyEnv: {} }), 'kProxyConfig'),
}
