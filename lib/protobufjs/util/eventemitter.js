'use strict'

// The event emitter of protobufjs's services. It is a function and not a class, because older programs call it on their
// own objects.

function EventEmitter() {
  this._listeners = Object.create(null)
}

EventEmitter.prototype.on = function on(event, fn, context) {
  this._listeners[event] ??= []
  this._listeners[event].push({ fn, ctx: context || this })
  return this
}

EventEmitter.prototype.off = function off(event, fn) {
  if (event === undefined) this._listeners = Object.create(null)
  else if (fn === undefined) this._listeners[event] = []
  else if (this._listeners[event]) {
    // Removed in place, because an `emit` may be iterating over the list.
    const list = this._listeners[event]
    for (let i = list.length - 1; i >= 0; i--) if (list[i].fn === fn) list.splice(i, 1)
  }
  return this
}

EventEmitter.prototype.emit = function emit(event, ...args) {
  const list = this._listeners[event]
  for (let i = 0; list !== undefined && i < list.length; i++) list[i].fn.apply(list[i].ctx, args)
  return this
}

module.exports = EventEmitter
