'use strict'

// Service definitions, from schemas of @grpc/proto-loader or of ironwire's `protobuf`, and the client classes made from
// them.

const { Client } = require('./client.js')

const lowerFirst = (name) => name[0].toLowerCase() + name.slice(1)

/** The definition of a method in a schema of ironwire's `protobuf`. */
function methodOf({ name, path, clientStreaming, serverStreaming, requestType, responseType }) {
  return {
    path,
    requestStream: Boolean(clientStreaming),
    responseStream: Boolean(serverStreaming),
    requestSerialize: (message) => requestType.encode(message ?? {}),
    requestDeserialize: (bytes) => requestType.decode(bytes),
    responseSerialize: (message) => responseType.encode(message ?? {}),
    responseDeserialize: (bytes) => responseType.decode(bytes),
    originalName: lowerFirst(name),
  }
}

/** The methods of a service by name, from either kind of schema. */
function definitionOf(service) {
  const { methods, fullName } = service
  if (typeof fullName !== 'string' || typeof methods !== 'object' || methods === null) return service
  return Object.fromEntries(Object.entries(methods).map(([name, method]) => [name, methodOf(method)]))
}

/** Names that objects have already. */
const isReserved = (name) => name === '__proto__' || name === 'prototype' || name === 'constructor'

function makeClientConstructor(service, serviceName) {
  const methods = definitionOf(service)
  class ServiceClient extends Client {}
  for (const [name, method] of Object.entries(methods)) {
    if (isReserved(name)) continue
    if (name.startsWith('$')) throw new Error('Method names cannot start with $')
    const call = Client.methodOf(method)
    ServiceClient.prototype[name] = Object.assign(call, method)
    if (method.originalName && !isReserved(method.originalName)) ServiceClient.prototype[method.originalName] = call
  }
  ServiceClient.service = methods
  ServiceClient.serviceName = serviceName ?? service.name
  return ServiceClient
}

function loadPackageDefinition(definition) {
  const result = {}
  for (const [fullName, value] of Object.entries(definition)) {
    const packages = fullName.split('.')
    if (packages.some(isReserved)) continue
    const name = packages.pop()
    let place = result
    for (const part of packages) {
      place[part] ??= {}
      place = place[part]
    }
    place[name] = 'format' in value ? value : makeClientConstructor(value, name)
  }
  return result
}

module.exports = { definitionOf, makeClientConstructor, loadPackageDefinition }
