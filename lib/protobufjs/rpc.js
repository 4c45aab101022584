'use strict'

// Services over any transport: `rpcImpl(method, requestBytes, callback)`.

const { setTimeout } = require('node:timers')
const util = require('./util/index.js')

/** A function and not a class, because static code calls it on its own objects. */
function Service(rpcImpl, requestDelimited, responseDelimited) {
  if (typeof rpcImpl !== 'function') throw TypeError('rpcImpl must be a function')
  util.EventEmitter.call(this)
  this.rpcImpl = rpcImpl
  this.requestDelimited = Boolean(requestDelimited)
  this.responseDelimited = Boolean(responseDelimited)
}

Service.prototype = Object.create(util.EventEmitter.prototype, {
  constructor: { value: Service, writable: true, configurable: true },
})

/** Calls a method. Returns a promise if there is no callback. */
Service.prototype.rpcCall = function rpcCall(method, requestCtor, responseCtor, request, callback) {
  if (!request) throw TypeError('request must be specified')
  if (!callback) return util.asPromise(rpcCall, this, method, requestCtor, responseCtor, request)
  if (!this.rpcImpl) {
    setTimeout(() => callback(Error('already ended')), 0)
    return undefined
  }
  const failed = (error) => {
    this.emit('error', error, method)
    return callback(error)
  }
  const answered = (error, response) => {
    if (error) return failed(error)
    if (response === null) {
      this.end(true)
      return undefined
    }
    let message = response
    if (!(response instanceof responseCtor)) {
      try {
        message = responseCtor[this.responseDelimited ? 'decodeDelimited' : 'decode'](response)
      } catch (error) {
        return failed(error)
      }
    }
    this.emit('data', message, method)
    return callback(null, message)
  }
  try {
    const bytes = requestCtor[this.requestDelimited ? 'encodeDelimited' : 'encode'](request).finish()
    return this.rpcImpl(method, bytes, answered)
  } catch (error) {
    this.emit('error', error, method)
    setTimeout(() => callback(error), 0)
    return undefined
  }
}

/** Ends the service. Tells the transport, unless that has ended the service itself. */
Service.prototype.end = function end(endedByRPC) {
  if (!this.rpcImpl) return this
  if (!endedByRPC) this.rpcImpl(null, null, null)
  this.rpcImpl = null
  this.emit('end').off()
  return this
}

module.exports = { Service }
