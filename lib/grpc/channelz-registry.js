'use strict'

// The registry of everything that channelz reports; the service itself is in channelz.js.

const { shared } = require('../engine.js')

const OPTION = 'grpc.enable_channelz'

/**
 * Channels, subchannels, servers and sockets by id, in ascending order. All copies of this version share it. References
 * are weak, so that channels and servers which nobody uses are garbage-collected.
 */
const registry = shared('channelz', () => {
  const kinds = { channel: new Map(), subchannel: new Map(), server: new Map(), socket: new Map() }
  const dropped = new FinalizationRegistry(({ kind, id }) => kinds[kind].delete(id))
  return { kinds, dropped, last: 0 }
})

/** Registers `owner`, unless its options disable channelz. Returns its reference in any case. */
function register(kind, name, owner, options) {
  const ref = { kind, id: ++registry.last, name }
  if (options[OPTION] === 0) return ref
  registry.kinds[kind].set(ref.id, { ref, owner: new WeakRef(owner) })
  // Subchannels and sockets always unregister themselves when they end.
  if (kind === 'channel' || kind === 'server') registry.dropped.register(owner, ref)
  return ref
}

function unregister(ref) {
  if (ref !== null) registry.kinds[ref.kind].delete(ref.id)
}

/** The object with an id; undefined if there is none. */
const find = (kind, id) => registry.kinds[kind].get(Number(id))?.owner.deref()

/** The objects whose id is `start` or higher. */
function* from(kind, start) {
  for (const [id, { owner }] of registry.kinds[kind]) {
    const thing = owner.deref()
    if (id >= start && thing !== undefined) yield thing
  }
}

module.exports = { register, unregister, find, from }
