'use strict'

// What HTTP/2's servers have in common, with TLS and without.

const { http2 } = require('../genuine.js')
const { invalidArgType } = require('../errors.js')
const { checked } = require('./settings.js')

const kCore = Symbol('server of core')
const kOptions = Symbol('options')
const kRejection = Symbol.for('nodejs.rejection')

/** The class of HTTP/2's servers over a class of servers. */
function serving(Server) {
  return class extends Server {
    constructor(options, given) {
      super(given)
      this[kOptions] = { ...options, settings: { ...options.settings } }
      this.timeout = 0
      this.sessions = new Set()
    }

    get options() {
      return this[kOptions]
    }

    setTimeout(msecs = 0, callback = undefined) {
      this.timeout = msecs
      if (callback !== undefined) {
        if (typeof callback !== 'function') throw invalidArgType('callback', 'of type function', callback)
        this.on('timeout', callback)
      }
      return this
    }

    updateSettings(settings) {
      Object.assign(this[kOptions].settings, checked(settings))
    }

    /** Takes no further connections, and no further streams on those that there are. */
    close(callback) {
      super.close(callback)
      for (const session of this.sessions) session.close()
      // Newer Nodes end theirs, too. It says that it was not listening.
      this[kCore]?.close(() => {})
      return this
    }

    async [Symbol.asyncDispose]() {
      await new Promise((resolve, reject) => this.close((error) => (error ? reject(error) : resolve())))
    }

    [kRejection](error, event, ...args) {
      if (event === 'stream' || event === 'request') {
        const [first, res] = args
        const stream = event === 'stream' ? first : res.stream
        if (event === 'request' && !res.headersSent) {
          for (const name of res.getHeaderNames()) res.removeHeader(name)
          res.statusCode = 500
          res.end(require('node:http').STATUS_CODES[500])
        } else if (event === 'stream' && !stream.headersSent) {
          stream.respond({ ':status': 500 })
          stream.end()
        } else stream.destroy(error)
        return
      }
      super[kRejection]?.(error, event, ...args)
    }
  }
}

/**
 * `hidden` is a server that never listens: what it has to say, `server` does. `answer` is asked before, and what it returns counts, unless that is
 * undefined.
 */
function speakFor(server, hidden, answer) {
  hidden.emit = (name, ...args) => answer?.(name, args) ?? server.emit(name, ...args)
}

/** A server of core's, which never listens. `event` is the one that brings it connections. */
function coreOf(server, event, create) {
  if (server[kCore] === undefined) {
    const genuine = create(server.options)
    const { emit } = genuine
    // Core looks for these on its own server.
    genuine.on('request', () => {})
    speakFor(server, genuine, (name, args) => {
      if (name === event) return emit.call(genuine, name, ...args)
      if (name === 'close') return false
      if (name !== 'stream' || server.listenerCount('request') === 0) return undefined
      // It is core's listener that makes requests of streams.
      server.emit(name, ...args)
      return emit.call(genuine, name, ...args)
    })
    Object.defineProperty(genuine, 'timeout', { get: () => server.timeout })
    server[kCore] = genuine
  }
  return server[kCore]
}

/** The options of the part that speaks HTTP/1. */
function http1Options(options) {
  const { Http1IncomingMessage: IncomingMessage, Http1ServerResponse: ServerResponse, http1Options } = options
  return { ...options, IncomingMessage, ServerResponse, ...http1Options }
}

module.exports = { coreOf, http1Options, http2, serving, speakFor }
