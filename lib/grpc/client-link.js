'use strict'

// A connection as clients have it.

const { clearTimeout, setTimeout } = require('node:timers')
const { native } = require('../engine.js')
const { systemError } = require('../errors.js')
const { Link } = require('./link.js')

/** Milliseconds after which a server that has not answered is given up. */
const CONNECT_TIMEOUT = 20_000

class ClientLink extends Link {
  /** `owner` has `options`, and hears `connected`, `left`, `lost` and `pump`. */
  constructor(id, owner, place) {
    super(id, false, owner.options)
    this.owner = owner
    this.place = place
    this.settled = false
    /** Why the server takes no more calls, as a code of HTTP/2. */
    this.goaway = 0
    this.patience = setTimeout(() => {
      this.lose(new Error('Connection timed out'))
    }, CONNECT_TIMEOUT).unref()
  }

  connect() {
    const { id, place } = this
    const { ip, port, path } = place
    const begun = path === undefined ? native.connectTcp(id, ip, port) : native.connectPipe(id, path)
    if (begun < 0) this.lose(systemError(begun, 'connect', ip ?? path, port))
  }

  onConnected(error) {
    if (this.closing) return
    const { ip, port, path } = this.place
    if (error < 0) this.lose(systemError(error, 'connect', ip ?? path, port))
    else this.attach()
  }

  onSettings() {
    if (this.settled) this.owner.pump()
    else {
      this.settled = true
      clearTimeout(this.patience)
      this.owner.connected(this)
    }
  }

  onGoaway(code) {
    this.draining = true
    this.goaway = code
    this.owner.left(this)
    if (this.calls.size === 0) this.finish()
  }

  closed(stream) {
    if (!this.calls.delete(stream)) return
    if (this.calls.size === 0) this.idle()
    if (this.owner.pending.length > 0) this.owner.pump()
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
