'use strict'

// How etcd's own clients write down who serves what (client/v3/naming/endpoints): the key is the service, a slash and an id; the value is JSON. What
// this package knows of an instance beside its address is in `Metadata`, where others have texts of their own, too.

const { invalidArgValue } = require('../../errors')

/** Go's name for what is there. The other one, 1, is for what is gone, and no value says it. */
const ADD = 0
/** What in `Metadata` is not what the instance itself says. */
const OURS = ['weight', 'zone', 'tls']
const TLS = /^tls:\/\//

const prefixOf = (service) => `${service}/`

const keyOf = (service, id) => prefixOf(service) + id

function textOf({ address, weight, zone, metadata }) {
  for (const name of OURS) {
    if (!Object.hasOwn(metadata, name)) continue
    throw invalidArgValue(`instance.metadata.${name}`, metadata[name], 'has a name that is taken in etcd')
  }
  const more = { ...metadata }
  if (weight !== 1) more.weight = weight
  if (zone !== '') more.zone = zone
  // Others would not know the scheme.
  if (TLS.test(address)) more.tls = true
  return JSON.stringify({
    Op: ADD,
    Addr: address.replace(TLS, ''),
    Metadata: Object.keys(more).length === 0 ? null : more,
  })
}

/** The instance of an entry; null for what is none. */
function instanceOf({ key, value }, prefix) {
  let read
  try {
    read = JSON.parse(String(value))
  } catch {
    return null
  }
  if (typeof read?.Addr !== 'string' || read.Addr === '') return null
  const { Addr: address, Metadata } = read
  const isObject = typeof Metadata === 'object' && Metadata !== null && !Array.isArray(Metadata)
  const { weight, zone, tls, ...rest } = isObject ? Metadata : {}
  return {
    id: String(key).slice(prefix.length),
    address: tls === true ? `tls://${address}` : address,
    weight: Number.isFinite(weight) && weight >= 0 ? weight : 1,
    zone: typeof zone === 'string' ? zone : '',
    metadata: Object.fromEntries(Object.entries(rest).filter(([, text]) => typeof text === 'string')),
  }
}

module.exports = { keyOf, prefixOf, textOf, instanceOf }
