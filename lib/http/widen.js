'use strict'

// What makes a lean object widen: accessors for every field that a core constructor sets, and a way to give an object all of
// those fields at once.

const EventEmitter = require('node:events')

/** On a lean object: itself. `null` once the object is a genuine core one. */
const lean = Symbol.for('ironwire.lean')

/**
 * On a lean object: its connection. On an HTTP socket: the same, until another protocol takes over. Both symbols are the registry's,
 * because the traps below may be another copy's of this module.
 */
const kConnection = Symbol.for('ironwire.connection')
/** On a server: all its connections. */
const kConnections = Symbol('ironwire.connections')
/** On a server: how many more requests get genuine objects, since a listener has put prototypes of its own under some. */
const kReparenting = Symbol('ironwire.reparenting')

/** EventEmitter makes these by itself when they are missing, so listeners can be added to a lean object. */
const EVENTS = new Set(Reflect.ownKeys(new EventEmitter()))

/** What a core constructor sets, but for `own`, which the lean object has. */
function fieldsOf(sample, own) {
  return Reflect.ownKeys(sample).filter((key) => !own.includes(key) && !EVENTS.has(key))
}

/**
 * A function that gives an object all the fields at once, past the accessors, so that the core constructor finds them. (To change
 * the object's prototype instead costs 50 µs on Node 20: V8 makes each such object shapes of its own.)
 */
function stamping(fields, makeStamp) {
  const { Stamp, rest } = makeStamp(fields)
  return (object) => {
    new Stamp(object)
    for (const key of rest) define(object, key)
  }
}

function define(object, key) {
  Object.defineProperty(object, key, { value: undefined, writable: true, enumerable: true, configurable: true })
}

/**
 * Puts accessors for the fields on `prototype`, which is core's: on a lean object they first run `connection[widen](object)`, after
 * which the field is the object's own.
 *
 * They stand there, not on a prototype of ours, because applications put objects of theirs between (Express does, with every
 * request): whatever the chain then is, it ends in core's. A genuine object has the fields itself and never meets them, but for
 * the moment of its construction: the first field that core sets brings all of them, so that this costs it 0.1 µs.
 */
function trap(prototype, fields, stamp, widen, construct) {
  // Another copy of this module has done it.
  if (Object.hasOwn(prototype, fields[0])) return
  const last = fields[fields.length - 1]
  let first
  for (const key of fields) {
    Object.defineProperty(prototype, key, {
      configurable: true,
      get() {
        const object = this[lean]
        if (object == null) return
        object[kConnection][widen](object)
        return this[key]
      },
      set(value) {
        const object = this[lean]
        first ??= key
        if (object != null) object[kConnection][widen](object)
        else if (key === first && !Object.hasOwn(this, last)) stamp(this)
        else if (!Object.hasOwn(this, key)) define(this, key)
        this[key] = value
      },
    })
  }
  construct()
}

/** Lets fields that `prototype` answers itself be assigned: that widens. */
function settable(prototype, fields, widen) {
  for (const key of fields) {
    const mine = Object.getOwnPropertyDescriptor(prototype, key)
    if (mine === undefined || mine.set !== undefined) continue
    mine.set = function (value) {
      if (this[lean] !== null) widen(this[lean])
      this[key] = value
    }
    Object.defineProperty(prototype, key, mine)
  }
}

module.exports = { lean, kConnection, kConnections, kReparenting, fieldsOf, stamping, settable, trap }
