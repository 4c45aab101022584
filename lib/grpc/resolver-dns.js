'use strict'

// The resolver for `dns:…`, the default scheme: host names.

const dns = require('node:dns')
const { isIP } = require('node:net')
const { clearTimeout, setImmediate, setTimeout } = require('node:timers')
const { registerResolver, statusOrFromValue, unavailable } = require('./resolver.js')
const { DEFAULT_PORT } = require('./resolver-ip.js')
const { serviceConfigOf } = require('./service-config.js')
const { splitHostPort, uriToString } = require('./uri.js')

const MIN_TIME_BETWEEN = 30_000
/** A name's service config is in the TXT records of the name with this prefix, or of the name itself. */
const PREFIX = '_grpc_config.'

class DnsResolver {
  constructor(target, listener, options) {
    this.target = target
    this.listener = listener
    this.place = splitHostPort(target.path)
    /** Looks up service configs, and also addresses if the target names a DNS server. */
    this.resolver = null
    this.readsConfigs =
      options['grpc.service_config_disable_resolution'] !== 1 && !/^(?:.*\.)?localhost$/.test(this.place?.host ?? '')
    this.percentage = Math.random() * 100
    this.minTime = options['grpc.dns_min_time_between_resolutions_ms'] ?? MIN_TIME_BETWEEN
    /** Runs while the name must not be looked up again; `again` says that this was wanted meanwhile. */
    this.timer = undefined
    this.again = false
    /** Replaced after `destroy()`, so that answers to earlier queries are ignored. */
    this.round = null
    this.asking = false
    this.asksConfig = false
    this.addresses = null
    this.config = null
    this.told = false
  }

  updateResolution() {
    const { place } = this
    if (place === null) this.tell(unavailable(`Failed to parse DNS address ${uriToString(this.target)}`), false)
    else if (isIP(place.host) !== 0) this.tell(statusOrFromValue([this.endpoint(place.host)]), true)
    else if (this.timer !== undefined) this.again = true
    else this.ask()
  }

  /** Reports a result that needs no lookup. With `once`, only the first time. */
  tell(result, once) {
    if (once && this.told) return
    this.told = true
    this.round ??= {}
    const { round } = this
    setImmediate(() => {
      if (this.round === round) this.listener(result, {}, null, '')
    })
  }

  endpoint(host) {
    return { addresses: [{ host, port: this.place.port ?? DEFAULT_PORT }] }
  }

  ask() {
    if (this.asking) return
    const { place } = this
    this.round ??= {}
    const { round } = this
    if (this.resolver === null) {
      this.resolver = new dns.Resolver()
      if (this.target.authority) this.resolver.setServers([this.target.authority])
    }
    this.again = false
    this.asking = true
    this.addresses = null
    this.lookup(place.host, (error, hosts) => {
      if (this.round !== round) return
      this.asking = false
      if (error)
        this.listener(unavailable(`Name resolution failed for target ${uriToString(this.target)}`), {}, this.config, '')
      else {
        this.rest()
        this.addresses = statusOrFromValue(hosts.map((host) => this.endpoint(host)))
        this.listener(this.addresses, {}, this.config, '')
      }
    })
    if (this.readsConfigs && !this.asksConfig) this.askConfig(place.host, round)
  }

  lookup(host, callback) {
    if (!this.target.authority) {
      dns.lookup(host, { all: true }, (error, found) =>
        callback(
          error,
          found?.map(({ address }) => address),
        ),
      )
      return
    }
    const found = [[], []]
    let left = 2
    const take = (i) => (error, hosts) => {
      if (error === null) found[i] = hosts
      if (--left > 0) return
      const all = found.flat()
      callback(all.length === 0 ? (error ?? new Error('No addresses')) : null, all)
    }
    this.resolver.resolve4(host, take(0))
    this.resolver.resolve6(host, take(1))
  }

  askConfig(host, round) {
    this.asksConfig = true
    const ask = (names) => {
      this.resolver.resolveTxt(names[0], (error, records) => {
        if (this.round !== round) return
        const found = error === null ? this.read(records) : null
        if (found === null && names.length > 1) return ask(names.slice(1))
        this.asksConfig = false
        // If the records could not be read, the last config stays in use.
        if (error === null) this.useConfig(found)
      })
    }
    ask([PREFIX + host, host])
  }

  read(records) {
    try {
      const config = serviceConfigOf(records, this.percentage)
      return config === null ? null : statusOrFromValue(config)
    } catch (error) {
      return unavailable(`Parsing service config failed with error ${error.message}`)
    }
  }

  /** A new service config is reported together with the current addresses. */
  useConfig(config) {
    const changed = config !== null || this.config !== null
    this.config = config
    if (changed && this.addresses !== null) this.listener(this.addresses, {}, config, '')
  }

  rest() {
    this.timer = setTimeout(() => {
      this.timer = undefined
      if (this.again) this.ask()
    }, this.minTime).unref()
  }

  destroy() {
    clearTimeout(this.timer)
    this.timer = undefined
    this.resolver?.cancel()
    this.round = null
    this.again = false
    this.asking = false
    this.asksConfig = false
    this.addresses = null
    this.config = null
    this.told = false
  }

  static getDefaultAuthority({ path }) {
    return path
  }
}

registerResolver('dns', DnsResolver)

module.exports = { DnsResolver }
