'use strict'

// A connection as clients have it.

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
/** Milliseconds after which a server that has not answered is given up. */
const CONNECT_TIMEOUT = 20_000
const ENHANCE_YOUR_CALM = 11
const TOO_MANY_PINGS = 'too_many_pings'

class ClientLink extends Link {
  /** `owner` has `options`, and hears `connected`, `left`, `calm` and `lost`. */
  constructor(id, owner, place) {
    super(id, false, owner.options)
    this.owner = owner
    this.place = place
    /** Channels whose calls have found no room. */
    this.waiters = new Set()
    this.settled = false
    /** Through a proxy, until that leads to the server. */
    this.tunnel = Tunnel.of(owner.options)
    /** Why the server takes no more calls, as a code of HTTP/2. */
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
    else this.lose(length === EOF ? new Error('it has ended the connection') : systemError(length, 'read'))
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

  /** Its streams have used up their numbers, or nearly: the next calls have another connection. */
  retire() {
    this.owner.left(this)
    this.drain()
  }

  closed(stream) {
    if (!this.calls.delete(stream)) return
    if (this.calls.size === 0) this.idle()
    if (this.waiters.size > 0) this.offer()
  }

  /** There may be room for calls that wait: channels take turns. */
  offer() {
    for (const channel of [...this.waiters]) {
      this.waiters.delete(channel)
      channel.pump()
      if (this.waiters.has(channel)) return
    }
  }

  /** There are no calls: what has not left by then is of no use, to a server that does not read. */
  finish() {
    super.finish()
    if (!this.closing) this.linger()
  }

  idle() {
    super.idle()
    if (!this.closing) this.unref()
  }

  /** What is to come goes elsewhere at once, however long the server keeps the connection. */
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
