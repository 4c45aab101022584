'use strict'

// All addresses of a name, and the places that SRV records (RFC 2782) name for a service.

const dns = require('node:dns')
const { isIP } = require('node:net')
const process = require('node:process')
const { setTimeout, clearTimeout } = require('node:timers')

/** The system's resolver does not say how long an answer is good: what is usual for names of services that move. */
const LOOK_EVERY = 30_000

/** Whoever cannot connect may ask sooner, but not more often than so. */
const LOOK_AGAIN = 1000

/** A record of weight 0 is to be chosen hardly ever where there are others, says the RFC. */
const HARDLY = 0.01

/** Looks now and then; `look(callback)` is a subclass's. */
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
        // A look that is under way will do.
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
    /** Without the service and its protocol. */
    this.domain = name.replace(/^_[^.]+\._[^.]+\./, '')
  }

  look(callback) {
    dns.resolveSrv(this.name, (error, records) => {
      if (error) return callback(error)
      // A single record of "." says that there is no such service.
      const places = records.filter(({ name }) => name !== '' && name !== '.')
      const address = ({ name, port, priority, weight }) => ({
        host: name,
        port,
        // Whoever answers the question about the records could name anybody: the name that was asked for is what counts (RFC 6125, 1.8).
        servername: this.domain,
        priority,
        weight: Math.max(weight, HARDLY),
      })
      callback(null, places.map(address))
    })
  }
}

module.exports = { DnsResolver, SrvResolver }
