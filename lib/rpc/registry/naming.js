'use strict'

// The format in which etcd's own clients register endpoints (client/v3/naming/endpoints): the key is the service, a
// slash and an id; the value is JSON with `Op`, `Addr` and `Metadata`. Everything else that this package knows about an
// instance is in a field of its own, which other clients ignore. It is not in `Metadata`, because resolvers in Go use
// that value as a map key and crash on an object.

/** The Go client's number for an added endpoint. 1 would mean a deleted one, but is never stored. */
const ADD = 0
const TLS = /^tls:\/\//

const prefixOf = (service) => `${service}/`

const keyOf = (service, id) => prefixOf(service) + id

function textOf({ address, weight, zone, metadata }) {
  const ironwire = {
    ...(weight !== 1 && { weight }),
    ...(zone !== '' && { zone }),
    // Other clients would not know the scheme.
    ...(TLS.test(address) && { tls: true }),
    ...(Object.keys(metadata).length > 0 && { metadata }),
  }
  const more = Object.keys(ironwire).length > 0 && { ironwire }
  return JSON.stringify({ Op: ADD, Addr: address.replace(TLS, ''), Metadata: null, ...more })
}

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value)

/** The instance in an entry; null if the entry holds none. */
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
