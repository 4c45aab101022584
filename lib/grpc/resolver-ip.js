'use strict'

// The resolvers for `ipv4:…`, `ipv6:…`, `unix:…` and `unix-abstract:…`: names that are addresses.

const { isIPv4, isIPv6 } = require('node:net')
const process = require('node:process')
const { registerResolver, statusOrFromValue, unavailable } = require('./resolver.js')
const { splitHostPort } = require('./uri.js')

const DEFAULT_PORT = 443

/** Reports the same result always, once until it is destroyed. */
class FixedResolver {
  constructor(target, listener) {
    this.listener = listener
    this.result = this.constructor.read(target)
    this.told = false
  }

  updateResolution() {
    if (this.told) return
    this.told = true
    process.nextTick(() => {
      if (this.told) this.listener(this.result, {}, null, '')
    })
  }

  destroy() {
    this.told = false
  }

  static getDefaultAuthority() {
    return 'localhost'
  }
}

class IpResolver extends FixedResolver {
  static read({ scheme, path }) {
    const isAddress = scheme === 'ipv4' ? isIPv4 : isIPv6
    const endpoints = []
    for (const text of path.split(',')) {
      const place = splitHostPort(text)
      if (place === null || !isAddress(place.host)) return unavailable(`Failed to parse ${scheme} address ${text}`)
      endpoints.push({ addresses: [{ host: place.host, port: place.port ?? DEFAULT_PORT }] })
    }
    return statusOrFromValue(endpoints)
  }

  static getDefaultAuthority({ path }) {
    return path.split(',')[0]
  }
}

class PathResolver extends FixedResolver {
  static read({ authority, path }) {
    // `unix:///absolute` has an authority, which is empty.
    return statusOrFromValue([{ addresses: [{ path: authority === '' ? `/${path}` : path }] }])
  }
}

/** Linux's abstract socket names, which have no file. */
class AbstractResolver extends FixedResolver {
  static read({ path }) {
    return statusOrFromValue([{ addresses: [{ path: `\0${path}` }] }])
  }
}

registerResolver('ipv4', IpResolver)
registerResolver('ipv6', IpResolver)
registerResolver('unix', PathResolver)
registerResolver('unix-abstract', AbstractResolver)

module.exports = { DEFAULT_PORT }
