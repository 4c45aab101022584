'use strict'

// Node's internals that the client depends on, found once. Core does not export its functions for the events of a
// request's socket, so they are taken from a request whose socket does nothing.

const { Buffer } = require('node:buffer')
const { channel } = require('node:diagnostics_channel')
const { http } = require('../../genuine.js')
const { PerformanceObserver } = require('node:perf_hooks')
const { Duplex } = require('node:stream')
const { runInThisContext } = require('node:vm')
const { find, lacking, unheard, kHeaders, kHeadersCount, kCorked, kOutHeaders } = require('../../core.js')
const { told } = require('../observers')

function need(found, what) {
  if (found === undefined) throw lacking(what)
  return found
}

/** The `process` that core's modules use. jest gives its tests a copy. */
const process = runInThisContext('process')

/** Runs `code` and returns the ticks that it has scheduled, which do not run. */
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

/** If this module is loaded late, there may be subscribers. They must not see the requests of the probes. */
const created = channel('http.client.request.created')

/**
 * Whether `rawHeaders` ends at `maxHeadersCount`. Before Node 24, the parser hands over everything that it has
 * gathered.
 */
function cutsHeaders(parser) {
  const { onIncoming, maxHeaderPairs } = parser
  let count
  parser.maxHeaderPairs = 2
  parser.onIncoming = (res) => {
    count = res.rawHeaders.length
    return 0
  }
  // Enough headers to arrive in two parts. The ticks are dropped, because the end of this response must not be
  // reported.
  ticksOf(() => parser.execute(Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: 0\r\n${'A: b\r\n'.repeat(40)}\r\n`)))
  Object.assign(parser, { onIncoming, maxHeaderPairs })
  return count === 2
}

/** Node's own class, even if an interceptor has replaced it with a subclass. */
function coreRequest() {
  let { prototype } = http.ClientRequest
  while (prototype !== null && Object.getPrototypeOf(prototype) !== http.OutgoingMessage.prototype) {
    prototype = Object.getPrototypeOf(prototype)
  }
  if (prototype === null) throw lacking('ClientRequest on top of OutgoingMessage')
  return prototype.constructor
}

/** Probes a request whose socket does nothing, and returns core's functions for the events of the socket. */
function probeRequest() {
  const CoreRequest = coreRequest()
  const socket = new Duplex({ read() {}, write() {} })
  let req
  const ticks = ticksOf(() => {
    req = unheard(created, () => new CoreRequest({ agent: null, createConnection: () => socket }))
    req.onSocket = undefined
  })
  const observer = new PerformanceObserver(() => {})
  const onSocket = ticks.find(([code]) => code.name === 'onSocketNT')
  if (onSocket === undefined) throw lacking('onSocketNT')
  ticksOf(() => {
    onSocket[0](...onSocket.slice(1))
    // Makes core set its symbol for performance observers on the request.
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
  // Gives the parser back to core's pool. `_hadError` keeps core from reporting an error.
  socket._hadError = true
  ticksOf(() => {
    socket.emit('close')
    socket.destroy()
  })
  return found
}

/** Probes a request that waits for a socket, and returns the symbols under which the agent stores its state. */
function probeQueue() {
  const agent = new http.Agent({ maxSockets: 1 })
  agent.createConnection = () => new Duplex({ read() {}, write() {} })
  const CoreRequest = coreRequest()
  let queued
  ticksOf(() => {
    unheard(created, () => new CoreRequest({ agent }))
    queued = unheard(created, () => new CoreRequest({ agent }))
  })
  const found = {
    kRequestOptions: need(find(queued, 'requestOptions'), 'symbol requestOptions on requests'),
    kRequestResource: need(find(queued, 'requestAsyncResource'), 'symbol requestAsyncResource on requests'),
  }
  ticksOf(() => agent.destroy())
  // Until it is collected, jest would report it as an open handle.
  queued[found.kRequestResource].emitDestroy()
  return found
}

const finished = channel('http.client.response.finish')

/** Whether the request is observed in a way that only core supports. */
function isObserved(req) {
  return finished.hasSubscribers || req[found.kStatistics] !== undefined || req._traceEventId !== undefined
}

const errors = channel('http.client.request.error')

/** Reports an error of the request as core does. */
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
