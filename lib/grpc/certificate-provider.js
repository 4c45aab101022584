'use strict'

// Certificate providers, as in `experimental` of @grpc/grpc-js: they supply certificates that change while in use. A
// provider calls its listeners with each update, or with null if it has no certificate.

const { readFile } = require('node:fs/promises')
const process = require('node:process')
const { clearInterval, setInterval } = require('node:timers')
const { isDeepStrictEqual } = require('node:util')

/** Reads certificate files at regular intervals, as long as it has listeners. */
class FileWatcherCertificateProvider {
  #config
  /** The last content of the files, by kind; undefined before they were read. */
  #latest = { ca: undefined, identity: undefined }
  #listeners = { ca: new Set(), identity: new Set() }
  #timer
  #readAt = -Infinity
  #reading = false

  constructor(config) {
    const { certificateFile, privateKeyFile, caCertificateFile } = config
    if ((certificateFile === undefined) !== (privateKeyFile === undefined)) {
      throw new Error('certificateFile and privateKeyFile must be set or unset together')
    }
    if (certificateFile === undefined && caCertificateFile === undefined) {
      throw new Error('At least one of certificateFile and caCertificateFile must be set')
    }
    this.#config = config
  }

  addCaCertificateListener(listener) {
    this.#add('ca', listener)
  }

  removeCaCertificateListener(listener) {
    this.#remove('ca', listener)
  }

  addIdentityCertificateListener(listener) {
    this.#add('identity', listener)
  }

  removeIdentityCertificateListener(listener) {
    this.#remove('identity', listener)
  }

  #add(kind, listener) {
    this.#listeners[kind].add(listener)
    this.#watch()
    const update = this.#latest[kind]
    if (update !== undefined) process.nextTick(listener, update)
  }

  #remove(kind, listener) {
    const { ca, identity } = this.#listeners
    this.#listeners[kind].delete(listener)
    if (ca.size > 0 || identity.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #watch() {
    if (this.#timer !== undefined) return
    const { refreshIntervalMs } = this.#config
    const age = Date.now() - this.#readAt
    // Nobody has listened for a while, so the content may be out of date.
    if (age > 2 * refreshIntervalMs) this.#latest = { ca: undefined, identity: undefined }
    if (age > refreshIntervalMs) this.#read()
    this.#timer = setInterval(() => this.#read(), refreshIntervalMs).unref()
  }

  async #read() {
    if (this.#reading) return
    this.#reading = true
    const { certificateFile, privateKeyFile, caCertificateFile } = this.#config
    const [certificate, privateKey, caCertificate] = await Promise.all(
      [certificateFile, privateKeyFile, caCertificateFile].map(contentOf),
    )
    this.#reading = false
    this.#readAt = Date.now()
    this.#latest = {
      ca: caCertificate && { caCertificate },
      identity: certificate && privateKey && { certificate, privateKey },
    }
    for (const kind of ['identity', 'ca']) {
      for (const listener of this.#listeners[kind]) listener(this.#latest[kind])
    }
  }
}

/** The content of a file; null if there is no path or the file cannot be read. */
async function contentOf(path) {
  if (path === undefined) return null
  try {
    return await readFile(path)
  } catch {
    return null
  }
}

/** The latest updates of a CA provider and an identity provider. It listens to them while it is held. */
class Provided {
  /**
   * Either provider may be null. `onUpdate` is called when the last missing update has arrived, and after each change.
   */
  constructor(caProvider, identityProvider, onUpdate) {
    this.caProvider = caProvider
    this.identityProvider = identityProvider
    this.onUpdate = onUpdate
    this.holders = 0
    this.ca = caProvider === null ? null : undefined
    this.identity = identityProvider === null ? null : undefined
    this.onCa = (update) => this.update({ ca: update })
    this.onIdentity = (update) => this.update({ identity: update })
  }

  hold() {
    if (this.holders++ > 0) return
    this.caProvider?.addCaCertificateListener(this.onCa)
    this.identityProvider?.addIdentityCertificateListener(this.onIdentity)
  }

  release() {
    if (--this.holders > 0) return
    this.caProvider?.removeCaCertificateListener(this.onCa)
    this.identityProvider?.removeIdentityCertificateListener(this.onIdentity)
  }

  /** An update without a change is not passed on. */
  update(change) {
    const { ca, identity } = this
    Object.assign(this, change)
    const isOther = !isDeepStrictEqual([ca, identity], [this.ca, this.identity])
    if (this.isThere && isOther) this.onUpdate()
  }

  /** Whether every provider has reported, even if it reported null. */
  get isThere() {
    return this.ca !== undefined && this.identity !== undefined
  }

  /** `{ ca, cert, key }`, or null if a provider has no certificate. */
  get options() {
    const { ca, caProvider, identity, identityProvider } = this
    if ((caProvider !== null && !ca) || (identityProvider !== null && !identity)) return null
    return { ca: ca?.caCertificate, cert: identity?.certificate, key: identity?.privateKey }
  }
}

module.exports = { FileWatcherCertificateProvider, Provided }
