'use strict'

// How etcd's own clients write down who serves what (client/v3/naming/endpoints): the key is the service, a slash and an id; the value is JSON, with
// `Op`, `Addr` and `Metadata`. What this package knows of an instance beside its address has a field of its own, which others pass over: resolvers in Go
// end their process over an object as `Metadata`, which they take for the key of a map.

/** Go's name for what is there. The other one, 1, is for what is gone, and no value says it. */
const ADD = 0
const TLS = /^tls:\/\//

const prefixOf = (service) => `${service}/`

const keyOf = (service, id) => prefixOf(service) + id

function textOf({ address, weight, zone, metadata }) {
  const ironwire = {
    ...(weight !== 1 && { weight }),
    ...(zone !== '' && { zone }),
    // Others would not know the scheme.
    ...(TLS.test(address) && { tls: true }),
    ...(Object.keys(metadata).length > 0 && { metadata }),
  }
  const more = Object.keys(ironwire).length > 0 && { ironwire }
  return JSON.stringify({ Op: ADD, Addr: address.replace(TLS, ''), Metadata: null, ...more })
}

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value)

/** The instance of an entry; null for what is none. */
function instanceOf({ key, value }, prefix) {
  let read
  try {
    read = JSON.parse(String(value))
  } catch {
    return null
  }
  if (typeof read?.Addr !== 'string' || read.Addr === '') return null
  const { Addr: address, Metadata, ironwire } = read
  const { weight, zone, tls, metadata } = isObject(ironwire) ? ironwire : { metadata: Metadata }
  return {
    id: String(key).slice(prefix.length),
    address: tls === true ? `tls://${address}` : address,
    weight: Number.isFinite(weight) && weight >= 0 ? weight : 1,
    zone: typeof zone === 'string' ? zone : '',
    metadata: isObject(metadata) ? textsOf(metadata) : {},
  }
}

const textsOf = (values) => Object.fromEntries(Object.entries(values).filter(([, value]) => typeof value === 'string'))

module.exports = { keyOf, prefixOf, textOf, instanceOf }
