'use strict'

// Resolvers for DNS: all addresses of a name, or the places that SRV records (RFC 2782) give for a service.

const dns = require('node:dns')
const { isIP } = require('node:net')
const process = require('node:process')
const { setTimeout, clearTimeout } = require('node:timers')

/**
 * In milliseconds. The system's resolver does not tell how long an answer is valid; this is a usual time for services
 * that move.
 */
const LOOK_EVERY = 30_000

/** A failed connection triggers an earlier lookup, but not more often than this, in milliseconds. */
const LOOK_AGAIN = 1000

/** RFC 2782: a record of weight 0 is rarely selected if there are others. */
const HARDLY = 0.01

/** Repeats a lookup periodically. `look(callback)` is implemented by subclasses. */
class Periodic {
  resolve(update) {
    let timer = null
    let looked = 0
    let closed = false
    const look = () => {
      looked = Date.now()
      this.look((error, addresses) => {
        if (closed) return
        timer = setTimeout(look, LOOK_EVERY).unref()
        if (error) update(error)
        else update(null, addresses)
      })
    }
    look()
    return {
      refresh() {
        // A lookup is already under way.
        if (timer === null || closed) return
        clearTimeout(timer)
        timer = setTimeout(look, Math.max(looked + LOOK_AGAIN - Date.now(), 0)).unref()
      },
      close() {
        closed = true
        clearTimeout(timer)
      },
    }
  }
}

class DnsResolver extends Periodic {
  constructor(host, port) {
    super()
    this.host = host
    this.port = port
  }

  look(callback) {
    const { host, port } = this
    if (isIP(host)) return process.nextTick(callback, null, [{ host, port }])
    dns.lookup(host, { all: true, verbatim: true }, (error, found) => {
      if (error) callback(error)
      else
        callback(
          null,
          found.map(({ address }) => ({ host: address, port, servername: host })),
        )
    })
  }
}

class SrvResolver extends Periodic {
  constructor(name) {
    super()
    this.name = name
    /** The name without the service and protocol labels. */
    this.domain = name.replace(/^_[^.]+\._[^.]+\./, '')
  }

  look(callback) {
    dns.resolveSrv(this.name, (error, records) => {
      if (error) return callback(error)
      // A single record with the name "." says that the service does not exist.
      const places = records.filter(({ name }) => name !== '' && name !== '.')
      const address = ({ name, port, priority, weight }) => ({
        host: name,
        port,
        // A forged DNS answer could name any host, so the certificate must match the name that was asked for (RFC 6125,
        // 1.8).
        servername: this.domain,
        priority,
        weight: Math.max(weight, HARDLY),
      })
      callback(null, places.map(address))
    })
  }
}

module.exports = { DnsResolver, SrvResolver }
