'use strict'

// A client's socket: connected, so that the system passes on what comes from the server only, and says when nobody is there.

const { isIP } = require('node:net')
const dgram = require('../../dgram')
const { systemError } = require('../../errors')

class ClientWire {
  constructor({ host, port }, link) {
    this.link = link
    this.host = host
    this.port = port
    this.closing = false
    /** Bytes of datagrams. */
    this.received = 0
    this.sent = 0
    const socket = dgram.createSocket(isIP(host) === 6 ? 'udp6' : 'udp4')
    this.socket = socket
    socket.on('connect', () => link.open && link.attach(this))
    socket.on('message', (bytes) => {
      this.received += bytes.length
      if (link.open) link.onDatagram(bytes)
    })
    socket.on('error', (error) => this.fail(error))
    socket.connect(port, host)
  }

  send(bytes) {
    if (this.closing) return
    this.sent += bytes.length
    this.socket.send(bytes)
  }

  /** What the system cannot send of that size, it will not later either. */
  introduce(bytes) {
    this.sent += bytes.length
    this.socket.send(bytes, (error) => {
      if (error) this.fail(error)
    })
  }

  fail(error) {
    const { host, port } = this
    this.link.destroy(error.errno === undefined ? error : systemError(error.errno, 'connect', host, port))
  }

  cancel(number) {
    this.link.core.cancel(number)
  }

  bodyOf(number) {
    return this.link.core.bodyOf(number)
  }

  ref() {
    if (!this.closing) this.socket.ref()
  }

  unref() {
    if (!this.closing) this.socket.unref()
  }

  /** What was sent before leaves. */
  destroy() {
    if (this.closing) return
    this.link.core.bye()
    this.closing = true
    this.socket.close()
  }
}

module.exports = { ClientWire }
