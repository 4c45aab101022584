'use strict'

// The emitter of protobufjs's services: older programs call it as a function on objects of their own, so it is no class.

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
    // In place: an `emit` may be going through the list.
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
