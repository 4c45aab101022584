'use strict'

// A connection that belonged to a socket before: with or without TLS, a client's or a server's.

const { Socket } = require('node:net')
const { native } = require('../engine.js')
const { systemError } = require('../errors.js')
const { kSecure } = require('../http/symbols.js')
const { Connection, open } = require('../net/handle.js')
const { takeReads } = require('../net/reads.js')
const { Socket: OurSocket, attach } = require('../net/socket.js')
const { Http2Connection } = require('./connection.js')

class TakenConnection extends Http2Connection {
  constructor(before, socket) {
    super(before.id, before.isTcp)
    /** The connection that was under the socket before. It still gets the events of TLS. */
    this.before = before
    this.secured = socket[kSecure] !== undefined
    attach(socket, this)
  }

  get alpnProtocol() {
    return this.before.alpnProtocol
  }

  onInsecure(...args) {
    this.before.onInsecure(...args)
  }

  onKeys(lines) {
    this.before.onKeys(lines)
  }

  onSession(name) {
    this.before.onSession(name)
  }

  onClose() {
    super.onClose()
    this.before.onClose()
  }
}

/** The same over a connection with Node's TLS: the plain data goes through a pair of sockets. */
class CarriedConnection extends TakenConnection {
  constructor(before, socket) {
    const pair = native.socketPair()
    if (typeof pair === 'number') throw systemError(pair, 'socketpair')
    const [near, far] = pair.map((fd) => open(fd, false))
    super(near, socket)
    this.foreign = before
    this.far = new OurSocket({ handle: far })
    before.yieldTo(this.far)
  }

  get alpnProtocol() {
    return this.foreign.alpnProtocol
  }

  get getsockname() {
    return this.foreign.getsockname
  }

  get getpeername() {
    return this.foreign.getpeername
  }

  ref() {
    super.ref()
    this.far.ref()
    this.foreign.ref()
  }

  unref() {
    super.unref()
    this.far.unref()
    this.foreign.unref()
  }

  onClose() {
    super.onClose()
    // Close Node's connection after everything has left.
    Connection.prototype.close.call(this.foreign)
  }
}

/** Whether a socket uses a connection of ironwire's that a session can take over. */
function isOurs(socket) {
  if (!(socket instanceof Socket)) return false
  const { _handle: handle } = socket
  // A connection that another protocol has taken over stays there.
  return handle instanceof Connection && !handle.closing && !handle.parsing && !handle.attached
}

/** Takes over the connection of a connected socket. `received` are the chunks that have arrived on it. */
function take(socket) {
  const { _handle: before } = socket
  const received = []
  for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) received.push(chunk)
  // Reading from the socket has resumed the connection: stop it.
  native.readStop(before.id)
  if (before.rest !== undefined) received.push(before.rest)
  before.rest = undefined
  received.push(...takeReads(before))
  const Class = before.carrier === undefined ? TakenConnection : CarriedConnection
  return { handle: new Class(before, socket), received }
}

module.exports = { isOurs, take }
