'use strict'

// The rpc client over UDP: the client of client.js, with datagrams instead of a connection.

const { Buffer } = require('node:buffer')
const { Client } = require('../client')
const { Endpoint } = require('../endpoint')
const { refuseOverUdp } = require('../options')
const { now } = require('../tick')
const { SHAPE } = require('../failures')
const errors = require('../errors')
const { DatagramLink, sizeOf } = require('./link')

/** In milliseconds. The timeout of a call that has none: no call is repeated forever. */
const LONGEST_WAIT = 30_000

/** Lets a call be sent again. Its body is taken from its datagram (see `DatagramLink.keepBody`). */
class Repeatable {
  constructor() {
    this.hedge = Infinity
    this.tries = 0
    this.body = Buffer.alloc(0)
  }

  keep() {}
}

class UdpEndpoint extends Endpoint {
  get location() {
    return `udp://${super.location}`
  }

  createLink() {
    return new DatagramLink(this.client, this)
  }

  connect(link, address) {
    link.connect(address)
  }
}

/** A client of one server over UDP. Calls may be run twice, unless they are made with `idempotent: false`. */
class UdpClient extends Client {
  constructor(target, options) {
    super(target, options)
    Object.assign(this.stats, { resends: 0, ignored: 0 })
  }

  readTarget(target) {
    return target
  }

  get overUdp() {
    return true
  }

  get location() {
    return `udp://${super.location}`
  }

  begin() {
    refuseOverUdp(this.options)
    this.endpoint = new UdpEndpoint(this, this.target)
    this.endpoint.attempt()
  }

  make(entry, body, options, ...rest) {
    const call = super.make(entry, body, options, ...rest)
    if (call.timeout === Infinity) {
      call.timeout = LONGEST_WAIT
      call.deadline = now() + LONGEST_WAIT
    }
    call.kept = options?.idempotent === false ? null : new Repeatable()
    return call
  }

  /** Refuses at once what cannot be sent as a datagram, whether there is a server or not. */
  dispatch(call) {
    if ((call.flags & SHAPE) !== 0) return errors.notOverUdp(call.method, 'streams')
    const size = sizeOf(call)
    const { maxDatagramBytes } = this.options.udp
    if (size <= maxDatagramBytes) return super.dispatch(call)
    this.limitReached('udp.maxDatagramBytes', maxDatagramBytes)
    return errors.datagramTooLarge(call.method, size, maxDatagramBytes)
  }
}

module.exports = { UdpClient }
