'use strict'

// A fake etcd member. A test says what it answers, and it records the requests.

const grpc = require('../../lib/grpc')
const { methods } = require('../../lib/etcd/schema.js')

const HEADER = { clusterId: 1, memberId: 1, revision: 10, raftTerm: 1 }

const LEADER_LOST = { code: grpc.status.UNAVAILABLE, details: 'etcdserver: no leader' }

/** Methods by service, as `addService()` takes them. */
function services() {
  const found = new Map()
  for (const { name, path, isStream, requestType, responseType } of methods().values()) {
    const [service, method] = name.split('/')
    if (!found.has(service)) found.set(service, {})
    found.get(service)[method] = {
      path,
      requestStream: isStream,
      responseStream: isStream,
      requestSerialize: (message) => requestType.encode(message),
      requestDeserialize: (bytes) => requestType.decode(bytes),
      responseSerialize: (message) => responseType.encode(message),
      responseDeserialize: (bytes) => responseType.decode(bytes),
    }
  }
  return found
}

class Member {
  /**
   * `handlers` by `Service/Method`. A handler of a unary method returns the answer or throws an error, which becomes
   * the answer; one of a stream returns nothing.
   */
  constructor(handlers) {
    this.handlers = handlers
    /** `[method, request, metadata]` of each request. */
    this.seen = []
    this.streams = new Set()
    this.server = new grpc.Server({ 'grpc.max_receive_message_length': -1 })
    for (const [service, definition] of services()) {
      const implementation = {}
      for (const [name, { requestStream }] of Object.entries(definition)) {
        implementation[name] = requestStream ? this.stream(`${service}/${name}`) : this.unary(`${service}/${name}`)
      }
      this.server.addService(definition, implementation)
    }
  }

  unary(name) {
    return ({ request, metadata }, callback) => {
      this.seen.push([name, request, metadata.getMap()])
      Promise.resolve()
        .then(() => this.handlerOf(name)(request, metadata.getMap()))
        .then(
          (reply) => reply !== undefined && callback(null, { header: HEADER, ...reply }),
          (error) => callback(error),
        )
    }
  }

  stream(name) {
    return (call) => {
      this.streams.add(call)
      call.on('cancelled', () => this.streams.delete(call))
      call.on('error', () => {})
      call.on('data', (request) => {
        this.seen.push([name, request, call.metadata.getMap()])
        this.handlerOf(name)(request, call)
      })
      call.on('end', () => call.end())
    }
  }

  handlerOf(name) {
    const handler = this.handlers[name]
    if (handler === undefined) throw Object.assign(new Error('not here'), { code: grpc.status.UNIMPLEMENTED })
    return handler
  }

  /** How often a method was called. */
  times(name) {
    return this.seen.filter(([method]) => method === name).length
  }

  listen(port = 0) {
    return new Promise((resolve, reject) => {
      this.server.bindAsync(`127.0.0.1:${port}`, grpc.ServerCredentials.createInsecure(), (error, bound) => {
        if (error) return reject(error)
        this.port = bound
        this.endpoint = `127.0.0.1:${bound}`
        resolve(this)
      })
    })
  }

  close() {
    this.server.forceShutdown()
  }
}

/** A fake member until the test ends. */
async function member(t, handlers = {}) {
  const one = await new Member(handlers).listen()
  t.after(() => one.close())
  return one
}

function refuse({ code, details }) {
  return () => {
    throw Object.assign(new Error(details), { code, details })
  }
}

const entry = (key, value = 'value', revision = 5) => ({
  key: Buffer.from(key),
  value: Buffer.from(value),
  createRevision: revision,
  modRevision: revision,
  version: 1,
})

const found = (key, value) => () => ({ kvs: [entry(key, value)], count: 1 })

module.exports = { HEADER, LEADER_LOST, member, refuse, entry, found }
