'use strict'

// Every internal of Node that the http module leans on, found once, by probing objects of Node's own. Node keeps some of an object's state
// under symbols that it does not export; they are looked up by their descriptions. A name that a Node version lacks and that is needed
// stops the module from loading, with a message that says which.

const { http, net } = require('./genuine.js')
const fs = require('node:fs')
const { Buffer } = require('node:buffer')
const { channel } = require('node:diagnostics_channel')
const EventEmitter = require('node:events')
const process = require('node:process')
const { Readable, Writable } = require('node:stream')
const { clearInterval } = require('node:timers')
const { makeError } = require('./errors.js')

function lacking(what) {
  const message = `Node ${process.version} has no ${what}, which ironwire's http needs: use a version that package.json names under "engines"`
  return makeError(Error, 'IRONWIRE_UNSUPPORTED_NODE', message, lacking)
}

/** The symbol of that description on an object or its prototypes; `undefined` when there is none. */
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

/** A response of Node's that nobody asked for, to be looked at. Whoever listens for those that are made does not hear of it. */
function sampleResponse(options) {
  const make = () => new http.ServerResponse(sampleRequest, options)
  if (!created.hasSubscribers) return make()
  Object.defineProperty(created, 'hasSubscribers', { value: false, configurable: true })
  try {
    return make()
  } finally {
    delete created.hasSubscribers
  }
}

const created = channel('http.server.response.created')
const sampleRequest = { method: 'GET', httpVersionMajor: 1, httpVersionMinor: 1, headers: {} }

/**
 * Whether a method is Node's own, and not somebody's who replaced it before this package came: whoever did stands on the stack between its
 * caller and it. `call` calls it on an object where `trap` has put the first property that it reads; it gets no further.
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
    // Where intrinsics are frozen, this has no effect, and nobody has replaced anything.
    Reflect.set(Error, 'stackTraceLimit', 10)
    Reflect.set(Error, 'prepareStackTrace', (_error, sites) => sites.map((site) => site.getFileName()))
    call(trap)
  } catch {
    // That is how it ends.
  } finally {
    Reflect.set(Error, 'stackTraceLimit', stackTraceLimit)
    Reflect.set(Error, 'prepareStackTrace', prepareStackTrace)
  }
  if (!Array.isArray(files)) return true
  // The property, Node's frames, and this file again.
  const [here, ...rest] = files
  const between = rest.slice(0, rest.indexOf(here))
  return between.every((file) => file?.startsWith('node:') && file !== 'node:domain')
}

const request = new http.IncomingMessage(null)
const response = sampleResponse()
const server = new http.Server()
/** Has a server keep track of the connections that core's parser serves. */
const [trackConnections] = server.listeners('listening')
/** When it does, its timer is here, by which it ends those that take too long. */
const kCheckingInterval = kept(server, trackConnections, 'http.server.connectionsCheckingInterval')

/** A method of `object`'s, if it is Node's own; `property` is the first that it reads, when it is called with `args`. */
function own(object, name, property, ...args) {
  const { [name]: method } = object
  return isOwn((trap) => method.apply(trap(Object.create(object), property), args)) ? method : undefined
}

/** The symbol under which a listener keeps a timer. */
function kept(object, listener, description) {
  if (listener === undefined) throw lacking(`listener on its ${object.constructor.name}`)
  listener.call(object)
  const symbol = need(object, description)
  clearInterval(object[symbol])
  return symbol
}

/** What `look` finds; nothing where Node is not as it expects. */
function attempt(look) {
  try {
    return look()
  } catch {}
}

/** Whether a stream that is piped keeps its state in the fields that it is looked for in. */
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

function filesOfNode() {
  const { open, read, close, ReadStream } = fs
  const { prototype } = ReadStream
  const none = Function.prototype
  // With a descriptor, nothing is opened.
  const stream = new ReadStream('', { fd: 0, autoClose: false })
  const files = {
    open: isOwn((trap) => open(trap({}, 'href'), 'r', none)) && open,
    read: isOwn((trap) => read(trap({}, 'constructor'), Buffer.alloc(1), 0, 1, 0, none)) && read,
    close: isOwn((trap) => close(trap({}, 'constructor'), none)) && close,
    _read: own(prototype, '_read', 'pos', 1),
    prototype,
    kFs: find(stream, 'kFs'),
  }
  const { fd, end, autoClose, bytesRead } = stream
  const expected = fd === 0 && end === Number.POSITIVE_INFINITY && !autoClose && bytesRead === 0 && 'pos' in stream
  return expected && pipesAsExpected() && Object.values(files).every(Boolean) ? files : undefined
}

/** Whether a response that is destroyed before it has a socket is closed at once, and does not wait for one. */
function endsByItself() {
  const res = sampleResponse()
  // Nobody is to hear of it.
  res._closed = true
  res.destroy()
  return res.listenerCount('socket') === 0
}

const { assignSocket } = response
const { _addHeaderLine } = request

module.exports = {
  find,
  lacking,
  method,
  sampleResponse,
  /** Methods that there is a faster way past. `undefined`, which no object has for a method, where somebody's is in the place of Node's own. */
  own: {
    emit: own(new EventEmitter(), 'emit', '_events', 'x'),
    assignSocket: isOwn((trap) => assignSocket.call(response, trap({}, '_httpMessage'))) ? assignSocket : undefined,
    end: own(response, 'end', 'finished', 'x'),
    write: own(response, 'write', 'finished', 'x'),
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
  },
  /** How streams of files read, where that is Node's own: the functions that they call, and what they call them on. */
  files: attempt(filesOfNode),
  /** Headers of a request as an object, made when asked for, and how many raw strings they come from. */
  kHeaders: need(request, 'kHeaders'),
  kHeadersCount: need(request, 'kHeadersCount'),
  kTrailersCount: need(request, 'kTrailersCount'),
  /** Since Node 24: a request's signal lets go of the socket. */
  kDetachAbortSignal: find(request, 'kDetachAbortSignal'),
  /** Headers set on a response so far: lower-case name to [name, value]. */
  kOutHeaders: need(response, 'kOutHeaders'),
  kNeedDrain: need(response, 'kNeedDrain'),
  kCorked: need(response, 'corked'),
  /** Since Node 24: whether 'finish' was reached, and the callbacks of end(). */
  kWritableFinished: find(response, 'kWritableFinished'),
  kEndCallbacks: find(response, 'kEndCallbacks'),
  kRejectBodyWrites: need(response, 'kRejectNonStandardBodyWrites'),
  kUniqueHeaders: need(server, 'kUniqueHeaders'),
  /** The asynchronous id of a socket, and what it has under `_handle`. */
  kAsyncId: need(new net.Socket(), 'async_id_symbol'),
  kHandle: need(new net.Socket(), 'kHandle'),
  /** What the tables of listeners inherit from. */
  requestEvents: Object.getPrototypeOf(request._events),
  responseEvents: Object.getPrototypeOf(response._events),
  /** Classes given as options. */
  kIncomingMessage: need(server, 'IncomingMessage'),
  kServerResponse: need(server, 'ServerResponse'),
  kCapture: need(server, 'kCapture'),
  /** Since Node 22: whether requests without a body are read at all. */
  kOptimizeEmptyRequests: find(server, 'OptimizeEmptyRequestsOption'),
  /** Since Node 24: the end of a connection ends the responses that wait for their turn, too. */
  abortsResponses: endsByItself(),
  trackConnections,
  kCheckingInterval,
  connectionListener: method(http, '_connectionListener'),
}
