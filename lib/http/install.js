'use strict'

// Puts methods in front of core's, on core's own prototypes. They handle the messages of our servers and pass all
// others on to core at once. Programs expect the methods on these prototypes: tracers replace them there, frameworks
// put objects between a response and its prototype, subclasses call `super`. So a replacement takes effect whether it
// was made before or after ours.

const {
  http: { IncomingMessage, OutgoingMessage, ServerResponse },
} = require('../genuine.js')
const { inspect } = require('node:util')
const { own, requestEvents, responseEvents } = require('../core.js')
const { named } = require('../inherit.js')

/**
 * The key under which the connection of a response is found. It is a property of the function that core calls with the
 * change in queued bytes (`_onPendingData`), which belongs to the connection. The symbol is a registered one because
 * copies of this package in one process share the methods.
 */
const kConnection = Symbol.for('ironwire.http.connection.1')

/** Lower-cased header names. The names come from peers, so the size of the table is limited. */
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

  // If other code has already replaced the method, its replacement is called first and calls core's in the end. Ours
  // cannot be put below it, so it only waits for 'finish'.
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

  // Only the events of streams piped into a response matter here. If other code has already replaced `emit`, its
  // replacement stays.
  if (own.emit && !Object.hasOwn(ServerResponse.prototype, 'emit')) {
    const ours = named(own.emit, function (event, ...args) {
      if (event === 'pipe' || event === 'unpipe' || event === 'drain') {
        this._onPendingData?.[kConnection]?.pipe(this, event, args[0])
      }
      // Looked up at each call, so that replacing `emit` for all emitters takes effect.
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

  // Core knows the rules for repeated headers. The first occurrence of a name needs none of them.
  const { _addHeaderLine } = own
  if (_addHeaderLine) {
    IncomingMessage.prototype._addHeaderLine = named(_addHeaderLine, function (field, value, dest) {
      const name = lowerCase(field)
      if (dest[name] === undefined && name !== 'set-cookie') dest[name] = value
      else _addHeaderLine.call(this, field, value, dest)
    })
  }

  // Our messages must print like Node's. Node's server has read a request's headers before the application gets it, so
  // they are read here before printing.
  printed(IncomingMessage, requestEvents, (req) => req.socket?._httpMessage?.req === req && req.headers)
  printed(ServerResponse, responseEvents)
}

/**
 * Before a message is printed, calls `prepare` on it and gives its `_events` core's prototype: otherwise the message
 * would not print like Node's.
 */
function printed(Message, events, prepare) {
  const value = function () {
    prepare?.(this)
    if (Object.hasOwn(this, '_events') && this._events) Object.setPrototypeOf(this._events, events)
    return this
  }
  Object.defineProperty(Message.prototype, inspect.custom, { value, configurable: true, writable: true })
}

/**
 * Marks a method as ours. The value of the mark is the method itself, because a wrapper may copy all properties of what
 * it wraps (shimmer does).
 */
function mark(method) {
  method[kConnection] = method
}

function isOurs(method) {
  return method[kConnection] === method
}

/** Whether nothing else sees a response's body: its `end` and `write` are ours, in front of Node's own. */
function isBodyUnseen(res) {
  return own.end !== undefined && isOurs(res.end) && isOurs(res.write)
}

/** Whether only listeners see a response's events: `emit` is not replaced. */
function emitsByItself(res) {
  return isOurs(res.emit) && OutgoingMessage.prototype.emit === own.emit
}

module.exports = { install, emitsByItself, isBodyUnseen, isOurs, kConnection }
