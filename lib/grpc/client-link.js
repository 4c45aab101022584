'use strict'

// The client's side of a connection: connecting, also through a proxy, and offering room to calls that wait.

const { Buffer } = require('node:buffer')
const dns = require('node:dns')
const { isIP } = require('node:net')
const { clearTimeout, setTimeout } = require('node:timers')
const { native } = require('../engine.js')
const { EOF } = require('../constants.js').errno
const { makeError, systemError } = require('../errors.js')
const { Link } = require('./link.js')
const { Tunnel } = require('./proxy.js')

const FastBuffer = Buffer[Symbol.species]
/** Milliseconds that a server has to accept the connection and to send its settings. */
const CONNECT_TIMEOUT = 20_000
const ENHANCE_YOUR_CALM = 11
const TOO_MANY_PINGS = 'too_many_pings'

class ClientLink extends Link {
  /** `owner` is a subchannel. It has `options`, and is notified through `connected`, `left`, `calm` and `lost`. */
  constructor(id, owner, place) {
    super(id, false, owner.options)
    this.owner = owner
    this.place = place
    /** Channels with calls that found no room on this connection. */
    this.waiters = new Set()
    this.settled = false
    /** Set until the proxy has opened the way to the server; null without a proxy. */
    this.tunnel = Tunnel.of(owner.options)
    /** The HTTP/2 error code of the server's GOAWAY; 0 if there was no error. */
    this.goaway = 0
    this.patience = setTimeout(() => {
      this.lose(new Error('Connection timed out'))
    }, CONNECT_TIMEOUT).unref()
  }

  connect() {
    const { host, path } = this.place
    if (path !== undefined) this.begun(native.connectPipe(this.id, path), path)
    else if (isIP(host) !== 0) this.connectTo(host)
    else {
      dns.lookup(host, (error, address) => {
        if (this.closing) return
        if (error !== null) this.lose(error)
        else this.connectTo(address)
      })
    }
  }

  connectTo(ip) {
    const { port } = this.place
    if (Number.isInteger(port) && port >= 0 && port < 65536) this.begun(native.connectTcp(this.id, ip, port), ip, port)
    else {
      const wrong = `Port should be >= 0 and < 65536. Received type ${typeof port} (${port}).`
      this.lose(makeError(RangeError, 'ERR_SOCKET_BAD_PORT', wrong))
    }
  }

  begun(status, where, port) {
    if (status < 0) this.lose(systemError(status, 'connect', where, port))
  }

  onConnected(error) {
    if (this.closing) return
    const { host, port, path } = this.place
    if (error < 0) this.lose(systemError(error, 'connect', host ?? path, port))
    else if (this.tunnel === null) this.attach()
    else this.tunnel.begin(this)
  }

  onRead(length, memory, offset) {
    const { tunnel } = this
    if (tunnel === null) super.onRead(length)
    else if (length > 0) tunnel.read(offset < 0 ? memory : new FastBuffer(memory, offset, length))
    else this.lose(length === EOF ? new Error('it ended the connection') : systemError(length, 'read'))
  }

  lose(error) {
    super.lose(this.tunnel === null ? error : this.tunnel.failure(this.place, error))
  }

  onSettings() {
    if (this.settled) this.offer()
    else {
      this.settled = true
      clearTimeout(this.patience)
      this.owner.connected(this)
    }
  }

  onGoaway(code, debug) {
    this.draining = true
    this.goaway = code
    if (code === ENHANCE_YOUR_CALM && debug === TOO_MANY_PINGS) this.owner.calm()
    this.owner.left(this)
    if (this.calls.size === 0) this.finish()
  }

  /** Called when the stream numbers are nearly used up: the next calls use another connection. */
  retire() {
    this.owner.left(this)
    this.drain()
  }

  closed(stream) {
    if (!this.calls.delete(stream)) return
    if (this.calls.size === 0) this.idle()
    if (this.waiters.size > 0) this.offer()
  }

  /** Calls that wait may find room now. Channels take turns. */
  offer() {
    for (const channel of [...this.waiters]) {
      this.waiters.delete(channel)
      channel.pump()
      if (this.waiters.has(channel)) return
    }
  }

  /**
   * There are no calls left, so unsent data is of no use: a server that does not read it is not waited for without
   * limit.
   */
  finish() {
    super.finish()
    if (!this.closing) this.linger()
  }

  idle() {
    super.idle()
    if (!this.closing) this.unref()
  }

  /** New calls use another connection at once, however long the server keeps this one open. */
  onFailed(code, why) {
    super.onFailed(code, why)
    this.onLost(this.failure)
    if (!this.closing) this.unref()
  }

  onLost(error) {
    clearTimeout(this.patience)
    this.owner.lost(this, error)
  }
}

module.exports = { ClientLink }
