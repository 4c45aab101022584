'use strict'

// Methods in front of core's, on core's own prototypes, for the messages of our servers; all others go on to core's at once. That is where
// programs look for them: tracers replace them there, frameworks put objects between a response and its prototype, subclasses
// call `super`. So whoever replaces one of them is obeyed, before or after.

const {
  http: { IncomingMessage, OutgoingMessage, ServerResponse },
} = require('../genuine.js')
const { inspect } = require('node:util')
const { own, requestEvents, responseEvents } = require('../core.js')
const { named } = require('../inherit.js')

/**
 * The connection that a response goes out on, as a property of the function that core tells about queued bytes, which is the
 * connection's own. Copies of this package in one process share the methods, and with them the symbol.
 */
const kConnection = Symbol.for('ironwire.http.connection.1')

/** Lower-cased header names; names come from peers, so the table is bounded. */
const lowerCased = new Map()
function lowerCase(name) {
  let lower = lowerCased.get(name)
  if (lower === undefined) {
    lower = name.toLowerCase()
    if (lowerCased.size < 1024 && name.length < 64) lowerCased.set(name, lower)
  }
  return lower
}

function install() {
  if (OutgoingMessage.prototype.end[kConnection]) return

  // Somebody's method that was there before is called first, and in the end calls core's: there is no place below it for ours.
  const place = Object.hasOwn(ServerResponse.prototype, 'end') ? ServerResponse.prototype : OutgoingMessage.prototype
  const { end } = place
  place.end = named(end, function (chunk, encoding, callback) {
    const connection = this._onPendingData?.[kConnection]
    if (connection === undefined) return end.call(this, chunk, encoding, callback)
    if (own.end) return connection.endResponse(this, chunk, encoding, callback, end)
    connection.awaitFinish(this)
    return end.call(this, chunk, encoding, callback)
  })
  mark(OutgoingMessage.prototype.end)

  if (own.write) {
    const { write } = OutgoingMessage.prototype
    const ours = named(write, function (chunk, encoding, callback) {
      const connection = this._onPendingData?.[kConnection]
      if (connection === undefined) return write.call(this, chunk, encoding, callback)
      return connection.writeResponse(this, chunk, encoding, callback, write)
    })
    mark(ours)
    OutgoingMessage.prototype.write = ours
  }

  // What is emitted is nothing to us, but for what concerns a stream that is piped into a response. Somebody's that was there before stays.
  if (own.emit && !Object.hasOwn(ServerResponse.prototype, 'emit')) {
    const ours = named(own.emit, function (event, ...args) {
      if (event === 'pipe' || event === 'unpipe' || event === 'drain') {
        this._onPendingData?.[kConnection]?.pipe(this, event, args[0])
      }
      // Not bound: who replaces it on every emitter is obeyed.
      return OutgoingMessage.prototype.emit.call(this, event, ...args)
    })
    mark(ours)
    ServerResponse.prototype.emit = ours
  }

  if (own.writeHead) {
    const { writeHead, writeHeader } = ServerResponse.prototype
    ServerResponse.prototype.writeHead = named(writeHead, function (statusCode, reason, obj) {
      const connection = this._onPendingData?.[kConnection]
      if (connection?.writeHead(this, statusCode, reason, obj)) return this
      return writeHead.call(this, statusCode, reason, obj)
    })
    if (writeHeader === writeHead) ServerResponse.prototype.writeHeader = ServerResponse.prototype.writeHead
  }

  // Node's rules for repeated headers are core's; a name seen for the first time needs none of them.
  const { _addHeaderLine } = own
  if (_addHeaderLine) {
    IncomingMessage.prototype._addHeaderLine = named(_addHeaderLine, function (field, value, dest) {
      const name = lowerCase(field)
      if (dest[name] === undefined && name !== 'set-cookie') dest[name] = value
      else _addHeaderLine.call(this, field, value, dest)
    })
  }

  // What is printed of our messages is what Node prints of its own, whose headers are read before anybody sees them.
  printed(IncomingMessage, requestEvents, (req) => req.socket?._httpMessage?.req === req && req.headers)
  printed(ServerResponse, responseEvents)
}

/** Has `prepare` called on a message that is about to be printed, as all that is ours in it otherwise shows. */
function printed(Message, events, prepare) {
  const value = function () {
    prepare?.(this)
    if (Object.hasOwn(this, '_events') && this._events) Object.setPrototypeOf(this._events, events)
    return this
  }
  Object.defineProperty(Message.prototype, inspect.custom, { value, configurable: true, writable: true })
}

/** Marks a method as ours. By itself, as whoever wraps it may give all its properties to the wrapper (shimmer does). */
function mark(method) {
  method[kConnection] = method
}

function isOurs(method) {
  return method[kConnection] === method
}

/** Whether nobody sees a response's body go by: the methods that it would be given to are ours, in front of Node's own. */
function isBodyUnseen(res) {
  return own.end !== undefined && isOurs(res.end) && isOurs(res.write)
}

/** Whether nobody is told of a response's events but its listeners. */
function emitsByItself(res) {
  return isOurs(res.emit) && OutgoingMessage.prototype.emit === own.emit
}

module.exports = { install, emitsByItself, isBodyUnseen, isOurs, kConnection }
