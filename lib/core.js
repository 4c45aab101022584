'use strict'

// Every internal of Node that the http module leans on, found once, by probing objects of Node's own. Node keeps some of an object's state
// under symbols that it does not export; they are looked up by their descriptions. A name that a Node version lacks and that is needed
// stops the module from loading, with a message that says which.

const { http, net } = require('./genuine.js')
const EventEmitter = require('node:events')
const process = require('node:process')
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
const response = new http.ServerResponse({ method: 'GET', httpVersionMajor: 1, httpVersionMinor: 1, headers: {} })
const server = new http.Server()

const { emit } = EventEmitter.prototype
const { assignSocket, end, write, writeHead } = http.ServerResponse.prototype
const trapped = (trap, name) => trap(Object.create(response), name)

module.exports = {
  find,
  lacking,
  /** Which methods that have a faster way here were Node's own when this package came. */
  own: {
    assignSocket: isOwn((trap) => assignSocket.call(response, trap({}, '_httpMessage'))),
    end: isOwn((trap) => end.call(trapped(trap, 'finished'), 'x')),
    write: isOwn((trap) => write.call(trapped(trap, 'finished'), 'x')),
    writeHead: isOwn((trap) => writeHead.call(trapped(trap, '_header'), 200)),
  },
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
  /** The asynchronous id of a socket. */
  kAsyncId: need(new net.Socket(), 'async_id_symbol'),
  /** What the tables of listeners inherit from. */
  requestEvents: Object.getPrototypeOf(request._events),
  responseEvents: Object.getPrototypeOf(response._events),
  /** Classes given as options. */
  kIncomingMessage: need(server, 'IncomingMessage'),
  kServerResponse: need(server, 'ServerResponse'),
  kCapture: need(server, 'kCapture'),
  /** What runs after each of Node's callbacks: ticks and promise jobs. */
  runTicks: method(process, '_tickCallback').bind(process),
  connectionListener: method(http, '_connectionListener'),
  /** Node's own; `undefined`, which is nobody's, where somebody's is in its place. */
  emit: isOwn((trap) => emit.call(trap(new EventEmitter(), '_events'), 'probe')) ? emit : undefined,
}
