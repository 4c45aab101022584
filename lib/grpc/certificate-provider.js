'use strict'

// Certificates that change while they are in use, as in @grpc/grpc-js's `experimental`: who listens to a provider is told of each that it gives, and of null
// where there is none.

const { readFile } = require('node:fs/promises')
const process = require('node:process')
const { clearInterval, setInterval } = require('node:timers')
const { isDeepStrictEqual } = require('node:util')

/** Reads files again and again, while somebody listens. */
class FileWatcherCertificateProvider {
  #config
  /** What was read, by kind; undefined for what has not been. */
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
    // Nobody has looked for a while.
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

/** What is in a file; null where there is none. */
async function contentOf(path) {
  if (path === undefined) return null
  try {
    return await readFile(path)
  } catch {
    return null
  }
}

/** What providers have given last, for who holds on to it. */
class Provided {
  /** `onUpdate` is called when all that there is to be is there, and with each change. */
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

  /** Who gives the same again changes nothing. */
  update(change) {
    const { ca, identity } = this
    Object.assign(this, change)
    const isOther = !isDeepStrictEqual([ca, identity], [this.ca, this.identity])
    if (this.isThere && isOther) this.onUpdate()
  }

  /** All has come, be it that there is none. */
  get isThere() {
    return this.ca !== undefined && this.identity !== undefined
  }

  /** `{ ca, cert, key }`, or null where something is missing. */
  get options() {
    const { ca, caProvider, identity, identityProvider } = this
    if ((caProvider !== null && !ca) || (identityProvider !== null && !identity)) return null
    return { ca: ca?.caCertificate, cert: identity?.certificate, key: identity?.privateKey }
  }
}

module.exports = { FileWatcherCertificateProvider, Provided }
