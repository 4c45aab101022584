'use strict'

// The UDP socket of a server.

const dns = require('node:dns')
const process = require('node:process')
const { isIP } = require('node:net')
const dgram = require('../../dgram')
const { Deadlines } = require('../deadlines')
const { enterBatch, leaveBatch, now } = require('../tick')
const { log, textOfPeer } = require('../log')
const { ServerCore } = require('./server-core')
const { DatagramSession } = require('./session')
const datagram = require('./datagram')

/** The wire of a session, which has no socket of its own. */
class SessionWire {
  constructor(listener, connection) {
    this.listener = listener
    this.connection = connection
    this.queued = 0
    // The listener counts bytes, including those of unknown senders.
    this.received = 0
    this.sent = 0
  }

  get remote() {
    return this.connection.from
  }

  answer(kind, flags, number, parts) {
    const { listener, connection } = this
    const bytes = datagram.answer(kind, flags, connection.id, number, parts)
    listener.ticks.add(listener.core.answer(connection, number, bytes, now()))
  }

  goaway(reason, text) {
    const { listener, connection } = this
    listener.transmit(datagram.goaway(connection.id, undefined, reason, text), connection.from)
  }

  destroy() {
    this.listener.core.drop(this.connection)
  }

  ref() {}

  unref() {}
}

class UdpListener {
  /** Binds `{ host, port, ipv6Only, reusePort }` for a server. */
  constructor(server, where, onBound) {
    this.server = server
    this.onBound = onBound
    this.socket = null
    this.bound = false
    this.closed = false
    this.onClosed = null
    this.core = new ServerCore(server.options.udp, server.options.maxCallsPerConnection, this)
    this.ticks = new Deadlines((time) => this.core.expire(time))
    const family = isIP(where.host)
    if (family !== 0) this.bind(where, where.host, family)
    else {
      dns.lookup(where.host, (error, address, found) => {
        if (this.closed) return
        if (error) this.fail(error)
        else this.bind(where, address, found)
      })
    }
  }

  bind({ port, ipv6Only, reusePort }, address, family) {
    const socket = dgram.createSocket({ type: family === 6 ? 'udp6' : 'udp4', ipv6Only, reusePort })
    this.socket = socket
    socket.on('error', (error) => this.fail(error))
    socket.on('message', (bytes, from) => this.take(bytes, from))
    socket.on('listening', () => {
      this.bound = true
      this.onBound?.()
    })
    // Exclusive: a process that shared the socket would receive a part of each client's datagrams.
    socket.bind({ port, address, exclusive: true })
    if (!this.server.refed) socket.unref()
  }

  /** Null while it is not bound. */
  address() {
    return this.bound && !this.closed ? this.socket.address() : null
  }

  /** The socket could not be bound. Errors after that concern single datagrams and are only logged. */
  fail(error) {
    if (this.closed) return
    if (this.bound) return log('rpc: over UDP: %s', error.message)
    this.end()
    this.server.udpFailed(error)
  }

  take(bytes, from) {
    this.server.counts.bytesIn += bytes.length
    enterBatch()
    try {
      this.ticks.add(this.core.receive(bytes, from, now()))
    } finally {
      leaveBatch()
    }
  }

  // ---- called by the core

  /** If the system is slow to send, the datagram is dropped: otherwise a client could make data pile up here. */
  transmit(bytes, { port, address }) {
    if (this.closed || this.socket.getSendQueueSize() > this.server.options.maxOutgoingBytes) return
    this.server.counts.bytesOut += bytes.length
    this.socket.send(bytes, port, address)
  }

  opened(connection) {
    const session = new DatagramSession(this.server, new SessionWire(this, connection))
    connection.session = session
    this.server.sessionBegun(session)
    log('rpc: a connection from %s, over UDP', textOfPeer(session.remote))
  }

  dropped(connection) {
    connection.session.destroy(null)
    this.rest()
  }

  request(connection, request, flags) {
    connection.session.request(request, flags)
  }

  /** A request was answered with an error because of a limit. */
  refused({ session }, request, limit) {
    session.refused(request, limit)
  }

  /** The limit of connections is reached. */
  turnedAway({ address: remoteAddress, port: remotePort, family: remoteFamily }) {
    const { maxConnections } = this.server.options.udp
    this.server.refuseConnection({ remoteAddress, remotePort, remoteFamily }, 'udp.maxConnections', maxConnections)
  }

  cancelled({ session }, number) {
    session.cancelled(number)
  }

  isFull({ session }) {
    return session.full
  }

  count(what) {
    this.server.stats[what]++
  }

  // ---- the end

  /** Takes no more calls, and lets running calls end. */
  close(onClosed) {
    this.onClosed = onClosed
    if (this.socket === null) return this.end()
    this.ticks.add(this.core.close(now()))
    this.rest()
  }

  /** Invalidates everything that clients know about this server. */
  renew() {
    this.core.renew()
  }

  /** While closing: ends when the last connection has ended. */
  rest() {
    if (this.core.closing && this.core.connections.size === 0) this.end()
  }

  end() {
    if (this.closed) return
    this.closed = true
    this.ticks.clear()
    const done = () => this.onClosed?.()
    if (this.socket === null) process.nextTick(done)
    else this.socket.close(done)
  }

  setRef(name) {
    if (!this.closed) this.socket?.[name]()
  }
}

module.exports = { UdpListener }
