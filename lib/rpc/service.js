'use strict'

// Services of a schema: typed methods for clients and typed handlers for servers.

const { invalidArgType, invalidArgValue } = require('../errors')
const { codec } = require('./codecs')
const { Flag } = require('./protocol')

const lowerFirst = (name) => name[0].toLowerCase() + name.slice(1)

/**
 * The methods by their JavaScript name: `GetTitle` becomes `getTitle`, unless the service has a method of that name.
 */
function named(service) {
  if (service === null || typeof service !== 'object' || typeof service.methods !== 'object') {
    throw invalidArgType('service', "a service of a schema, such as messages.Library of 'protobuf()'", service)
  }
  const methods = new Map()
  for (const [name, method] of Object.entries(service.methods)) {
    const lower = lowerFirst(name)
    methods.set(lower in service.methods ? name : lower, method)
  }
  return methods
}

function shapeOf({ clientStreaming, serverStreaming }) {
  return (clientStreaming ? Flag.STREAMS : 0) | (serverStreaming ? Flag.TAKES_STREAM : 0)
}

/** An object with a function for each method of the service. */
function serviceClient(client, service) {
  const methods = {}
  for (const [name, method] of named(service)) {
    const { path } = method
    const types = codec(method.requestType, method.responseType)
    const shape = shapeOf(method)
    methods[name] =
      shape === 0
        ? (request, options, callback) => client.unary(path, request, options, callback, types)
        : (request, options, callback) => client.open(path, request, options, callback, types, shape)
  }
  return methods
}

/** Calls `add(path, handler, codec, shape)` for each handler of a service. */
function serviceHandlers(service, handlers, add) {
  const methods = named(service)
  if (handlers === null || typeof handlers !== 'object') throw invalidArgType('handlers', 'of type object', handlers)
  for (const [name, value] of Object.entries(handlers)) {
    if (typeof value === 'function' && !methods.has(name) && !(name in service.methods)) {
      const known = [...methods.keys()].join(', ')
      throw invalidArgValue('handlers', name, `has a handler for an unknown method: ${service.fullName} has ${known}`)
    }
  }
  for (const [name, method] of methods) {
    const handler = handlers[name] ?? handlers[method.name]
    if (handler === undefined) continue
    if (typeof handler !== 'function') throw invalidArgType(`handlers.${name}`, 'of type function', handler)
    add(method.path, handler.bind(handlers), codec(method.responseType, method.requestType), shapeOf(method))
  }
}

module.exports = { serviceClient, serviceHandlers, shapeOf }
