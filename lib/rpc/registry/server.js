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

/** Above every request that keeps to the limits: some hundred leases. What is larger was not meant for a registry. */
const MAX_REQUEST = 256 * 1024

const HOUR = 3_600_000
const MAX = 2 ** 31 - 1

/** Each limit with its default and why it has that value. */
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
    // Shorter leases end with every hiccup of a loaded machine; longer ones keep the dead for too long.
    minLease,
    maxLease: integer(options, 'maxLease', Math.max(HOUR, minLease), minLease, MAX),
    maxServices: number('maxServices', 10_000),
    maxInstances: number('maxInstances', 100_000),
    maxInstancesPerService: number('maxInstancesPerService', 10_000),
    // All of a service's instances are told in one frame: half of what one may have.
    maxServiceBytes: integer(options, 'maxServiceBytes', 8 * 2 ** 20, 1, 15 * 2 ** 20),
    // Room for a version, a region, some flags; what is more belongs elsewhere.
    maxMetadataBytes: integer(options, 'maxMetadataBytes', 4096, 0, 65536),
    // A watch costs some hundred bytes, and a name.
    maxWatches: number('maxWatches', 65_536),
    // Reading a snapshot and so many records takes less than a second.
    recordsPerSnapshot: number('recordsPerSnapshot', 10_000),
  }
  refuseUnknown(options, ['folder', 'server', 'secret', 'tls', ...Object.keys(limits)])
  return { ...limits, folder: folder === undefined ? undefined : path.resolve(folder) }
}

/** Those of the server that it is reached by. */
function reachedBy(options = {}, { maxWatches }) {
  const secret = secretOption(options, 'secret')
  return {
    // Watches wait in a handler each.
    maxConcurrency: maxWatches + 65_536,
    maxFrameBytes: MAX_REQUEST,
    ...(secret === null ? {} : { secret }),
    ...('tls' in options && { tls: options.tls }),
    ...options.server,
  }
}

/** What Rust reads. */
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
    // Long enough to make idle watches cheap, short enough that what is behind a dead router is given up within a minute.
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
    /** Arguments of a `listen` that came before the folder was open. */
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

  /** As a server's. */
  setSecureContext(options) {
    this.server.setSecureContext(options)
  }

  /** `{ epoch, services, instances, watches }`; nothing while the folder is being opened, and after the end. */
  get stats() {
    const { epoch, services, instances, watches } = this.core.status ?? {}
    return { epoch, services, instances, watches }
  }

  /** As a server's, with a port as well where none is said: 7400. */
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

  /** The disk has been at work. */
  look({ errno, error }) {
    if (errno === undefined) {
      this.warned = false
      return
    }
    // One for each time that it begins to fail.
    if (this.warned) return
    this.warned = true
    const message = `The registry cannot write to ${this.options.folder}: ${error}. What it refuses because of that has not happened`
    this.warn('storageError', makeError(Error, 'IRONWIRE_REGISTRY_STORAGE', message))
  }

  /** Nobody may miss it: where nobody listens, Node prints it. */
  warn(event, error) {
    if (!this.emit(event, error)) process.emitWarning(error)
  }

  serve(method, body, callback, call) {
    // Not before the handler has returned: it says nothing, and answers by its callback.
    const ticket = this.core.request(method, body, (code, message, reply) => {
      if (code === null) callback(null, reply)
      else callback(new RpcError(code, message))
    })
    if (!this.core.waiting.has(ticket)) return
    call.signal.addEventListener('abort', () => {
      this.core.cancel(ticket)
      // The handler is done: its place is free.
      callback(null, null)
    })
  }

  /** Takes no new connections; watches are answered with an error, so that their clients come back to another registry, or later. */
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
