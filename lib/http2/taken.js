'use strict'

// A connection that was a socket's before: of TLS or not, a client's or a server's.

const { Socket } = require('node:net')
const { native } = require('../engine.js')
const { kSecure } = require('../http/symbols.js')
const { Connection } = require('../net/handle.js')
const { takeReads } = require('../net/reads.js')
const { attach } = require('../net/socket.js')
const { Http2Connection } = require('./connection.js')

class TakenConnection extends Http2Connection {
  constructor(before, socket) {
    super(before.id, before.isTcp)
    /** What was under the socket: it goes on hearing of TLS. */
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

/** Whether a socket is over a connection of ours that can be taken. */
function isOurs(socket) {
  if (!(socket instanceof Socket)) return false
  const { _handle: handle } = socket
  // One that another protocol has taken is that one's.
  return handle instanceof Connection && !handle.closing && !handle.parsing && !handle.attached
}

/** Takes a socket's connection, which is connected. `received` is what has come on it. */
function take(socket) {
  const { _handle: before } = socket
  const received = []
  for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) received.push(chunk)
  // To take what is there has it read on.
  native.readStop(before.id)
  if (before.rest !== undefined) received.push(before.rest)
  before.rest = undefined
  received.push(...takeReads(before))
  return { handle: new TakenConnection(before, socket), received }
}

module.exports = { isOurs, take }
