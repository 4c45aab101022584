'use strict'

// `grpc.health`: the service by which servers say whether they can serve (grpc.health.v1), with the API of npm
// `grpc-health-check`.

const { invalidArgType, invalidArgValue } = require('../errors.js')
const { status } = require('./constants.js')
const { definitionOf } = require('./definition.js')

const source = `syntax = "proto3";

package grpc.health.v1;

message HealthCheckRequest {
  string service = 1;
}

message HealthCheckResponse {
  enum ServingStatus {
    UNKNOWN = 0;
    SERVING = 1;
    NOT_SERVING = 2;
    SERVICE_UNKNOWN = 3;
  }
  ServingStatus status = 1;
}

message HealthListRequest {}

message HealthListResponse {
  map<string, HealthCheckResponse> statuses = 1;
}

service Health {
  rpc Check (HealthCheckRequest) returns (HealthCheckResponse);
  rpc Watch (HealthCheckRequest) returns (stream HealthCheckResponse);
  rpc List (HealthListRequest) returns (HealthListResponse);
}
`
const STATUSES = ['UNKNOWN', 'SERVING', 'NOT_SERVING']
/** `List` fails if there are more services than this, as in `grpc-health-check`. */
const MOST_LISTED = 100

let schema
let service

function schemaOf() {
  schema ??= require('../protobuf/index.js').parse(source, { filename: 'grpc/health/v1/health.proto', enums: 'string' })
  return schema
}

function serviceOf() {
  service ??= definitionOf(schemaOf().grpc.health.v1.Health)
  return service
}

function checked(name, value) {
  if (typeof name !== 'string') throw invalidArgType('service', 'of type string', name)
  if (!STATUSES.includes(value)) throw invalidArgValue('status', value, `must be one of ${STATUSES.join(', ')}`)
  return value
}

/** A client that watches a service. If it does not read, it only gets the last change later. */
class Watcher {
  #call
  #latest
  #blocked = false

  constructor(call) {
    this.#call = call
    call.on('drain', () => {
      this.#blocked = false
      if (this.#latest !== undefined) this.tell(this.#latest)
    })
  }

  tell(value) {
    this.#latest = undefined
    if (this.#blocked) this.#latest = value
    else this.#blocked = !this.#call.write({ status: value })
  }
}

class HealthImplementation {
  #statuses = new Map()
  #watchers = new Map()

  constructor(statuses = {}) {
    if (statuses === null || typeof statuses !== 'object') throw invalidArgType('statuses', 'of type object', statuses)
    for (const [name, value] of Object.entries(statuses)) this.#statuses.set(name, checked(name, value))
  }

  /** Sets the status of a service. The name `''` stands for the whole server. */
  setStatus(name, value) {
    this.#statuses.set(name, checked(name, value))
    for (const watcher of this.#watchers.get(name) ?? []) watcher.tell(value)
  }

  addToServer(server) {
    server.addService(serviceOf(), {
      check: ({ request }, callback) => this.#check(request.service, callback),
      watch: (call) => this.#watch(call, call.request.service),
      list: (_call, callback) => this.#list(callback),
    })
  }

  #check(name, callback) {
    const value = this.#statuses.get(name)
    if (value !== undefined) callback(null, { status: value })
    else callback({ code: status.NOT_FOUND, details: `Health status unknown for service ${name}` })
  }

  #watch(call, name) {
    const watcher = new Watcher(call)
    const watchers = this.#watchers.get(name) ?? new Set()
    this.#watchers.set(name, watchers.add(watcher))
    call.on('cancelled', () => {
      watchers.delete(watcher)
      if (watchers.size === 0 && this.#watchers.get(name) === watchers) this.#watchers.delete(name)
    })
    watcher.tell(this.#statuses.get(name) ?? 'SERVICE_UNKNOWN')
  }

  #list(callback) {
    if (this.#statuses.size > MOST_LISTED) {
      return callback({ code: status.RESOURCE_EXHAUSTED, details: 'Too many services to list.' })
    }
    callback(null, { statuses: new Map([...this.#statuses].map(([name, value]) => [name, { status: value }])) })
  }
}

module.exports = {
  HealthImplementation,
  /** The service definition, for clients. It is compiled on first use. */
  get service() {
    return serviceOf()
  },
  /** Its schema as `protobuf.parse()` returns it, for `ReflectionService`. */
  get schema() {
    return schemaOf()
  },
}
