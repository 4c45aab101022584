'use strict'

// A client's UDP socket. It is connected, so the system delivers only the server's datagrams and reports an unreachable
// port.

const { isIP } = require('node:net')
const dgram = require('../../dgram')
const { systemError } = require('../../errors')

class ClientWire {
  constructor({ host, port }, link) {
    this.link = link
    this.host = host
    this.port = port
    this.closing = false
    /** Bytes of datagrams received and sent. */
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

  /** If the system cannot send a datagram of this size now, it cannot later: the connection fails. */
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

  /** Datagrams sent before still leave. */
  destroy() {
    if (this.closing) return
    this.link.core.bye()
    this.closing = true
    this.socket.close()
  }
}

module.exports = { ClientWire }
