'use strict'

// What channelz can be asked for: see channelz.js.

const { shared } = require('../engine.js')

const OPTION = 'grpc.enable_channelz'

/**
 * Things by their numbers, which grow: channels, subchannels, servers and sockets, of all copies of this version. They are not held: a channel that
 * nobody has any more is nobody's concern.
 */
const registry = shared('channelz', () => {
  const kinds = { channel: new Map(), subchannel: new Map(), server: new Map(), socket: new Map() }
  const dropped = new FinalizationRegistry(({ kind, id }) => kinds[kind].delete(id))
  return { kinds, dropped, last: 0 }
})

/** Has `owner` be told of, unless its options do not want that; gives what it is known by. */
function register(kind, name, owner, options) {
  const ref = { kind, id: ++registry.last, name }
  if (options[OPTION] === 0) return ref
  registry.kinds[kind].set(ref.id, { ref, owner: new WeakRef(owner) })
  // The others say when they end.
  if (kind === 'channel' || kind === 'server') registry.dropped.register(owner, ref)
  return ref
}

function unregister(ref) {
  if (ref !== null) registry.kinds[ref.kind].delete(ref.id)
}

/** The thing of a number; nothing if there is none. */
const find = (kind, id) => registry.kinds[kind].get(Number(id))?.owner.deref()

/** Things from a number on. */
function* from(kind, start) {
  for (const [id, { owner }] of registry.kinds[kind]) {
    const thing = owner.deref()
    if (id >= start && thing !== undefined) yield thing
  }
}

module.exports = { register, unregister, find, from }
