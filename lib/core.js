'use strict'

// All internals of Node that the http module depends on, found once by probing Node's own objects. Node keeps some
// state under symbols that it does not export; they are looked up by their descriptions. If a needed name is missing in
// this version of Node, loading fails with a message that names it.

const { http, net } = require('./genuine.js')
const fs = require('node:fs')
const { Buffer } = require('node:buffer')
const { channel } = require('node:diagnostics_channel')
const EventEmitter = require('node:events')
const process = require('node:process')
const { Duplex, Readable, Writable } = require('node:stream')
const { clearInterval } = require('node:timers')
const { makeError } = require('./errors.js')

function lacking(what) {
  const message = `Node ${process.version} has no ${what}, which ironwire needs: use a version of Node that ironwire's package.json names under "engines"`
  return makeError(Error, 'IRONWIRE_UNSUPPORTED_NODE', message, lacking)
}

/** The symbol with this description on an object or its prototypes; `undefined` if there is none. */
function find(object, description) {
  for (let o = object; o !== null; o = Object.getPrototypeOf(o)) {
    const found = Object.getOwnPropertySymbols(o).find((symbol) => symbol.description === description)
    if (found !== undefined) return found
  }
}

function need(object, description) {
  const symbol = find(object, description)
  if (symbol === undefined) throw lacking(`symbol ${description} on its ${object.constructor.name}`)
  return symbol
}

function method(object, name) {
  if (typeof object[name] !== 'function') throw lacking(`method ${name} on its ${object.constructor.name}`)
  return object[name]
}

/** Runs `code` without publishing what it creates on the diagnostics channel `created`. */
function unheard(created, code) {
  if (!created.hasSubscribers) return code()
  Object.defineProperty(created, 'hasSubscribers', { value: false, configurable: true })
  try {
    return code()
  } finally {
    delete created.hasSubscribers
  }
}

/** A response of Node's to inspect. Subscribers of the channel for new responses do not see it. */
function sampleResponse(options) {
  return unheard(created, () => new http.ServerResponse(sampleRequest, options))
}

const created = channel('http.server.response.created')
const sampleRequest = { method: 'GET', httpVersionMajor: 1, httpVersionMinor: 1, headers: {} }

/**
 * Whether a method is Node's own, rather than one that other code replaced before this package was loaded. `call` calls
 * it on an object on which `trap` has defined the first property that the method reads. The getter inspects the stack,
 * where a replacement would appear between the caller and the getter, and throws, so that the method goes no further.
 */
function isOwn(call) {
  const { prepareStackTrace, stackTraceLimit } = Error
  const reached = new Error('reached')
  let files
  const trap = (object, name) =>
    Object.defineProperty(object, name, {
      configurable: true,
      get() {
        const here = {}
        Error.captureStackTrace(here)
        files = here.stack
        throw reached
      },
    })
  try {
    // Where intrinsics are frozen this has no effect, but then nothing can have been replaced.
    Reflect.set(Error, 'stackTraceLimit', 10)
    Reflect.set(Error, 'prepareStackTrace', (_error, sites) => sites.map((site) => site.getFileName()))
    call(trap)
  } catch {
    // The getter threw, as planned.
  } finally {
    Reflect.set(Error, 'stackTraceLimit', stackTraceLimit)
    Reflect.set(Error, 'prepareStackTrace', prepareStackTrace)
  }
  if (!Array.isArray(files)) return true
  // The frames are the getter, then Node's, then this file again.
  const [here, ...rest] = files
  const between = rest.slice(0, rest.indexOf(here))
  return between.every((file) => file?.startsWith('node:') && file !== 'node:domain')
}

const request = new http.IncomingMessage(null)
const response = sampleResponse()
const server = new http.Server()
/** The listener that makes a server track the connections served by Node's parser. */
const [trackConnections] = server.listeners('listening')
/** The symbol of its timer, which ends connections that take too long. */
const kCheckingInterval = kept(server, trackConnections, 'http.server.connectionsCheckingInterval')

/**
 * A method of `object` if it is Node's own, else undefined. `property` is the first property that it reads when called
 * with `args`.
 */
function own(object, name, property, ...args) {
  const { [name]: method } = object
  return isOwn((trap) => method.apply(trap(Object.create(object), property), args)) ? method : undefined
}

/** The symbol under which a listener stores a timer. */
function kept(object, listener, description) {
  if (listener === undefined) throw lacking(`listener on its ${object.constructor.name}`)
  listener.call(object)
  const symbol = need(object, description)
  clearInterval(object[symbol])
  return symbol
}

/** The result of `look`; undefined if this version of Node differs and it throws. */
function attempt(look) {
  try {
    return look()
  } catch {}
}

/** Whether piped streams keep their state in the fields where it is expected. */
function pipesAsExpected() {
  const from = new Readable({ read() {} })
  const to = new Writable()
  from.pipe(to)
  const { _readableState: state, _events: events } = from
  const expected =
    typeof events.data === 'function' &&
    state.pipes.length === 1 &&
    state.pipes[0] === to &&
    state.flowing === true &&
    state.length === 0 &&
    state.decoder === null &&
    state.objectMode === false &&
    state.awaitDrainWriters === null &&
    state.constructed === true
  from.unpipe(to)
  return expected
}

/**
 * `isOwn` of `fs.close`. Node's makes a request before it looks at the descriptor, which jest would report as an open
 * handle: so the callback is invalid, too, and a replacement that names both parameters (graceful-fs) is not called.
 */
function isOwnClose(close) {
  return (
    close.length === 1 &&
    isOwn((trap) => {
      const invalid = trap({}, 'constructor')
      close(invalid, invalid)
    })
  )
}

function filesOfNode() {
  const { open, read, close, ReadStream } = fs
  const { prototype } = ReadStream
  const none = Function.prototype
  // With a descriptor given, no file is opened.
  const stream = new ReadStream('', { fd: 0, autoClose: false })
  const files = {
    open: isOwn((trap) => open(trap({}, 'href'), 'r', none)) && open,
    read: isOwn((trap) => read(trap({}, 'constructor'), Buffer.alloc(1), 0, 1, 0, none)) && read,
    close: isOwnClose(close) && close,
    _read: own(prototype, '_read', 'pos', 1),
    prototype,
    kFs: find(stream, 'kFs'),
  }
  const { fd, end, autoClose, bytesRead } = stream
  const expected = fd === 0 && end === Number.POSITIVE_INFINITY && !autoClose && bytesRead === 0 && 'pos' in stream
  return expected && pipesAsExpected() && Object.values(files).every(Boolean) ? files : undefined
}

/** Whether a response that is destroyed before it has a socket closes at once, instead of waiting for the socket. */
function endsByItself() {
  const res = sampleResponse()
  // Keeps it from emitting 'close'.
  res._closed = true
  res.destroy()
  return res.listenerCount('socket') === 0
}

const { assignSocket } = response
const { _addHeaderLine } = request
const { addRequest } = http.Agent.prototype

let refuses

/**
 * Whether core's parser refuses a request with more fields than `maxHeadersCount`. Older versions leave the others away.
 * Found out when there is the first such request.
 */
function refusesManyFields() {
  refuses ??= unheard(channel('http.server.request.start'), () => unheard(created, askParser))
  return refuses
}

function askParser() {
  const server = new http.Server()
  server.maxHeadersCount = 1
  const socket = new Duplex({ read() {}, write() {} })
  socket.on('error', () => {})
  http._connectionListener.call(server, socket)
  const result = socket.parser.execute(Buffer.from('GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n'))
  socket.destroy()
  return result instanceof Error
}

module.exports = {
  find,
  lacking,
  method,
  sampleResponse,
  unheard,
  /**
   * Node's own methods that have a faster replacement here. `undefined`, which no object has as a method, if other code
   * has replaced Node's.
   */
  own: {
    emit: own(new EventEmitter(), 'emit', '_events', 'x'),
    assignSocket: isOwn((trap) => assignSocket.call(response, trap({}, '_httpMessage'))) ? assignSocket : undefined,
    end: own(response, 'end', 'finished', 'x'),
    write: own(response, 'write', 'finished', 'x'),
    setHeader: own(response, 'setHeader', '_header', 'x-a', ''),
    writeHead: own(response, 'writeHead', '_header', 200),
    _storeHeader: own(response, '_storeHeader', '_removedConnection', '', null),
    _send: own(response, '_send', '_headerSent', ''),
    _writeRaw: own(response, '_writeRaw', 'outputData', 'x'),
    push: own(request, 'push', '_readableState', null),
    streamRead: own(request, 'read', '_readableState'),
    destroy: own(request, 'destroy', '_readableState'),
    _dump: own(request, '_dump', '_dumped'),
    _addHeaderLine: isOwn((trap) => _addHeaderLine.call(request, 'x-a', '', trap({}, 'x-a')))
      ? _addHeaderLine
      : undefined,
    // msw's reads `freeSockets` before it calls Node's, which reads `options`.
    addRequest: isOwn((trap) => addRequest.call(trap(trap({}, 'freeSockets'), 'options'), {}, {}))
      ? addRequest
      : undefined,
  },
  /** The functions by which Node's file streams read, and their `this`, if they are Node's own. */
  files: attempt(filesOfNode),
  /** The request's headers as an object, created when first read, and the number of raw strings they were made from. */
  kHeaders: need(request, 'kHeaders'),
  kHeadersCount: need(request, 'kHeadersCount'),
  kTrailersCount: need(request, 'kTrailersCount'),
  /** Since Node 24: detaches a request's abort signal from the socket. */
  kDetachAbortSignal: find(request, 'kDetachAbortSignal'),
  /** The headers set on a response so far: lower-case name to [name, value]. */
  kOutHeaders: need(response, 'kOutHeaders'),
  kNeedDrain: need(response, 'kNeedDrain'),
  kCorked: need(response, 'corked'),
  /** Since Node 24: whether 'finish' was reached, and the callbacks of end(). */
  kWritableFinished: find(response, 'kWritableFinished'),
  kEndCallbacks: find(response, 'kEndCallbacks'),
  kRejectBodyWrites: need(response, 'kRejectNonStandardBodyWrites'),
  kUniqueHeaders: need(server, 'kUniqueHeaders'),
  /** The async id of a socket, and the symbol behind its `_handle`. */
  kAsyncId: need(new net.Socket(), 'async_id_symbol'),
  kHandle: need(new net.Socket(), 'kHandle'),
  /** The prototypes of the listener tables. */
  requestEvents: Object.getPrototypeOf(request._events),
  responseEvents: Object.getPrototypeOf(response._events),
  /** Classes given as server options. */
  kIncomingMessage: need(server, 'IncomingMessage'),
  kServerResponse: need(server, 'ServerResponse'),
  kCapture: need(server, 'kCapture'),
  /** Since Node 24: the server option that skips the stream events of requests without a body. */
  kOptimizeEmptyRequests: find(server, 'OptimizeEmptyRequestsOption'),
  /** Since Node 24: whether the end of a connection also destroys the responses that wait for their turn. */
  abortsResponses: endsByItself(),
  refusesManyFields,
  trackConnections,
  kCheckingInterval,
  connectionListener: method(http, '_connectionListener'),
}
