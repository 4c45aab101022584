'use strict'

// The addressing server: a registry that is reached over rpc.

const process = require('node:process')
const { randomUUID } = require('node:crypto')
const { EventEmitter } = require('node:events')
const path = require('node:path')
const { invalidArgType, fileSystemError, makeError } = require('../../errors')
const { refuseUnknown } = require('../../options')
const { checkObject, integer } = require('../options')
const { secretOption } = require('../secret')
const { RpcError } = require('../errors')
const { Server } = require('../server')
const { RegistryCore } = require('./core')
const { METHODS, SERVICE } = require('./messages')
const { clock } = require('./clock')

const DEFAULT_PORT = 7400

/** In bytes. Larger than any valid request, which holds some hundred leases. */
const MAX_REQUEST = 256 * 1024

const HOUR = 3_600_000
const MAX = 2 ** 31 - 1

/** Each limit with its default and the reason for its value. */
function registryOptions(options = {}) {
  checkObject(options)
  const { folder, server } = options
  if (folder !== undefined && typeof folder !== 'string') {
    throw invalidArgType('options.folder', 'of type string', folder)
  }
  if (server !== undefined) checkObject(server, 'options.server')
  const number = (name, fallback, min = 1) => integer(options, name, fallback, min, MAX)
  const minLease = number('minLease', 1000)
  const limits = {
    // In milliseconds. Shorter leases would expire with every delay of a loaded machine; longer ones keep dead
    // instances for too long.
    minLease,
    maxLease: integer(options, 'maxLease', Math.max(HOUR, minLease), minLease, MAX),
    maxServices: number('maxServices', 10_000),
    maxInstances: number('maxInstances', 100_000),
    maxInstancesPerService: number('maxInstancesPerService', 10_000),
    // All instances of a service are sent in one frame. This is half of the default frame limit.
    maxServiceBytes: integer(options, 'maxServiceBytes', 8 * 2 ** 20, 1, 15 * 2 ** 20),
    // In bytes: enough for a version, a region and some flags. Larger data belongs elsewhere.
    maxMetadataBytes: integer(options, 'maxMetadataBytes', 4096, 0, 65536),
    // A watch takes some hundred bytes plus the name.
    maxWatches: number('maxWatches', 65_536),
    // At the start, reading a snapshot and this many records takes less than a second.
    recordsPerSnapshot: number('recordsPerSnapshot', 10_000),
  }
  refuseUnknown(options, ['folder', 'server', 'secret', 'tls', ...Object.keys(limits)])
  return { ...limits, folder: folder === undefined ? undefined : path.resolve(folder) }
}

/** The options of the rpc server. */
function reachedBy(options = {}, { maxWatches }) {
  const secret = secretOption(options, 'secret')
  return {
    // Each watch occupies a handler while it waits.
    maxConcurrency: maxWatches + 65_536,
    maxFrameBytes: MAX_REQUEST,
    ...(secret === null ? {} : { secret }),
    ...('tls' in options && { tls: options.tls }),
    ...options.server,
  }
}

/** The options that Rust reads. */
function coreOptions(options) {
  return {
    folder: options.folder,
    epoch: randomUUID(),
    services: options.maxServices,
    instancesPerService: options.maxInstancesPerService,
    instances: options.maxInstances,
    serviceBytes: options.maxServiceBytes,
    nameBytes: 255,
    metadataBytes: options.maxMetadataBytes,
    minLeaseMs: options.minLease,
    maxLeaseMs: options.maxLease,
    watches: options.maxWatches,
    // Long enough to make idle watches cheap, and short enough to notice within a minute that a client is unreachable.
    waitMs: 60_000,
    recordsPerSnapshot: options.recordsPerSnapshot,
  }
}

class Registry extends EventEmitter {
  constructor(options) {
    super()
    this.options = registryOptions(options)
    this.server = new Server(reachedBy(options, this.options))
    METHODS.forEach((name, method) => {
      this.server.method(`/${SERVICE}/${name}`, (body, callback, call) => this.serve(method, body, callback, call))
    })
    this.server.on('listening', () => this.emit('listening'))
    this.server.on('error', (error) => this.emit('error', error))
    this.server.on('protocolError', (error, peer) => this.emit('protocolError', error, peer))
    /** The arguments of a `listen` that was called before the folder was open. */
    this.asked = null
    this.opened = false
    this.closed = false
    this.warned = false
    this.core = new RegistryCore(coreOptions(this.options), {
      clock,
      onOpen: (error, status) => this.ready(error, status),
      onStatus: (status) => this.look(status),
    })
  }

  get listening() {
    return this.server.listening
  }

  address() {
    return this.server.address()
  }

  /** Like `setSecureContext` of an rpc server. */
  setSecureContext(options) {
    this.server.setSecureContext(options)
  }

  /** `{ epoch, services, instances, watches }`; all undefined while the folder is being opened and after the end. */
  get stats() {
    const { epoch, services, instances, watches } = this.core.status ?? {}
    return { epoch, services, instances, watches }
  }

  /** Like `listen` of an rpc server, but the port defaults to 7400. */
  listen(...args) {
    if (args.length === 0 || typeof args[0] === 'function') args.unshift(DEFAULT_PORT)
    if (this.opened) this.server.listen(...args)
    else this.asked = args
    return this
  }

  ready(error, status) {
    if (error) return this.emit('error', this.explain(error))
    this.opened = true
    for (const { file, whole, length } of status.cuts) {
      this.warn(
        'damaged',
        makeError(
          Error,
          'IRONWIRE_REGISTRY_DAMAGED',
          `${path.join(this.options.folder, file)}: only ${whole} of ${length} bytes are whole records. The rest is ignored; the file is kept`,
        ),
      )
    }
    if (this.asked !== null && !this.closed) this.server.listen(...this.asked)
    this.asked = null
  }

  explain({ errno, code }) {
    const { folder } = this.options
    if (code === 'EAGAIN' || code === 'EWOULDBLOCK') {
      return makeError(Error, 'IRONWIRE_REGISTRY_LOCKED', `The folder ${folder} is in use by another registry`)
    }
    return fileSystemError(errno, 'open', folder)
  }

  /** Called after each disk operation. */
  look({ errno, error }) {
    if (errno === undefined) {
      this.warned = false
      return
    }
    // One warning each time the disk begins to fail.
    if (this.warned) return
    this.warned = true
    const message = `The registry cannot write to ${this.options.folder}: ${error}. Requests that it refuses because of this had no effect`
    this.warn('storageError', makeError(Error, 'IRONWIRE_REGISTRY_STORAGE', message))
  }

  /** Emits an error event, or a process warning if there is no listener, so that it is not missed. */
  warn(event, error) {
    if (!this.emit(event, error)) process.emitWarning(error)
  }

  serve(method, body, callback, call) {
    // The callback is not called before the handler has returned.
    const ticket = this.core.request(method, body, (code, message, reply) => {
      if (code === null) callback(null, reply)
      else callback(new RpcError(code, message))
    })
    if (!this.core.waiting.has(ticket)) return
    call.signal.addEventListener('abort', () => {
      this.core.cancel(ticket)
      // The handler is done and gives its place back.
      callback(null, null)
    })
  }

  /**
   * Takes no new connections. Watches are answered with an error, so that their clients reconnect to another registry,
   * or later.
   */
  close(callback) {
    if (callback === undefined) {
      return new Promise((resolve, reject) => this.close((error) => (error ? reject(error) : resolve())))
    }
    if (typeof callback !== 'function') throw invalidArgType('callback', 'of type function', callback)
    this.closed = true
    const end = (error) => {
      this.core.close()
      if (!error) this.emit('close')
      callback(error)
    }
    if (!this.server.listening) return process.nextTick(end)
    this.server.close(end)
    for (const [ticket, answer] of this.core.waiting) {
      this.core.cancel(ticket)
      answer('IRONWIRE_REGISTRY_CLOSING', 'The registry is closing')
    }
  }

  ref() {
    this.server.ref()
    return this
  }

  unref() {
    this.server.unref()
    return this
  }
}

module.exports = { Registry }
