'use strict'

// `CallCredentials` as in @grpc/grpc-js: metadata that says on whose behalf a call is made, for example a token.

const { clearTimeout, setTimeout } = require('node:timers')
const { MAX_DELAY } = require('../delays.js')
const { now } = require('../rpc/tick.js')
const { status } = require('./constants.js')
const { ofControlPlane } = require('./errors.js')
const { Metadata, fieldOf, fieldsOf, isMetadata } = require('./metadata.js')
const { hostOf } = require('./uri.js')

const AUTHORIZATION = 'authorization'

class CallCredentials {
  /** `generate({ method_name, service_url }, callback)` calls `callback(error, metadata)`. */
  static createFromMetadataGenerator(generate) {
    return new Generated(generate)
  }

  /** `client` is an auth client of google-auth-library, or an object with the same methods. */
  static createFromGoogleCredential(client) {
    return new Generated(({ service_url: url }, callback) => {
      headersOf(client, url).then((headers) => callback(null, metadataOf(headers)), callback)
    })
  }

  static createEmpty() {
    return new Empty()
  }

  /** Returns credentials that add the metadata of both. */
  compose(other) {
    return other instanceof Empty ? this : new Composed([this, other])
  }
}

/** Old versions of google-auth-library have `getRequestMetadata()` with a callback instead. */
function headersOf(client, url) {
  if (typeof client.getRequestHeaders === 'function') return client.getRequestHeaders(url)
  return new Promise((resolve, reject) => {
    client.getRequestMetadata(url, (error, headers) => {
      if (error) reject(error)
      else if (headers) resolve(headers)
      else reject(new Error('Headers not set by metadata plugin'))
    })
  })
}

/** Newer versions return a `Headers` object, older ones a plain object. */
function metadataOf(headers) {
  const metadata = new Metadata()
  const fields = typeof headers.entries === 'function' ? headers.entries() : Object.entries(headers)
  for (const [name, value] of fields) metadata.add(name, value)
  return metadata
}

function checked(metadata) {
  if (isMetadata(metadata)) return metadata
  throw new TypeError(`Call credentials must give a Metadata object, but gave a value of type ${typeof metadata}`)
}

class Generated extends CallCredentials {
  constructor(generate) {
    super()
    this.generate = generate
  }

  generateMetadata(options) {
    return new Promise((resolve, reject) => {
      this.generate(options, (error, metadata) => {
        if (metadata === undefined) reject(error)
        else resolve(metadata ?? new Metadata())
      })
    })
  }

  _equals(other) {
    return this === other || (other instanceof Generated && this.generate === other.generate)
  }
}

class Composed extends CallCredentials {
  constructor(parts) {
    super()
    this.parts = parts
  }

  async generateMetadata(options) {
    const all = new Metadata()
    for (const metadata of await Promise.all(this.parts.map((part) => part.generateMetadata(options)))) {
      all.merge(metadata)
    }
    return all
  }

  compose(other) {
    return other instanceof Empty ? this : new Composed([...this.parts, other])
  }

  _equals(other) {
    if (this === other) return true
    if (!(other instanceof Composed) || other.parts.length !== this.parts.length) return false
    return this.parts.every((part, i) => part._equals(other.parts[i]))
  }
}

class Empty extends CallCredentials {
  async generateMetadata() {
    return new Metadata()
  }

  compose(other) {
    return other
  }

  _equals(other) {
    return other instanceof Empty
  }
}

/** The credentials of a call combined with those of its channel, or null if there are none. */
function credentialsOf(ofCall, ofChannel) {
  const credentials = ofCall ? ofCall.compose(ofChannel ?? new Empty()) : ofChannel
  return credentials instanceof Empty ? null : credentials
}

/**
 * Asks the call's credentials for their metadata and then begins the call with it. The call's deadline applies
 * meanwhile.
 */
function vouch(call) {
  const { channel, credentials, expires, host = channel.authority, method } = call
  const wait = Math.min(Math.max(expires - now(), 0), MAX_DELAY)
  if (expires !== Infinity) call.vouching = setTimeout(() => call.onDeadline(), wait)
  const [, service] = method.path.split('/')
  const proceed = (code) => (value) => {
    clearTimeout(call.vouching)
    if (!call.over) code(call, value)
  }
  const about = { method_name: method.path, service_url: `https://${hostOf(host)}/${service}` }
  // In the promise's constructor, because a program's own credentials may throw.
  new Promise((resolve) => resolve(credentials.generateMetadata(about)))
    .then(checked)
    .then(proceed(vouched), proceed(refused))
}

function vouched(call, metadata) {
  const mine = fieldOf(call.ownFields, AUTHORIZATION) === undefined ? 0 : 1
  if (mine + metadata.get(AUTHORIZATION).length > 1) {
    return call.fail(status.INTERNAL, `"${AUTHORIZATION}" metadata cannot have multiple values`)
  }
  call.fields = call.ownFields + fieldsOf(metadata)
  call.isVouchedFor = true
  call.channel.begin(call)
}

function refused(call, error) {
  const details = `Getting metadata from plugin failed with error: ${error?.message}`
  call.fail(...ofControlPlane(typeof error?.code === 'number' ? error.code : status.UNKNOWN, details))
}

module.exports = { CallCredentials, credentialsOf, vouch }
