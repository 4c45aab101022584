'use strict'

// What makes a lean object widen: accessors for every property that a core constructor sets, and a way to give an object all
// of those properties at once.

/** On a lean object: its connection. `null` once the object is a genuine core one. */
const lean = Symbol('ironwire.lean')

/** On an HTTP socket: its connection, until another protocol takes over. On a server: all its connections. */
const kConnection = Symbol('ironwire.connection')
const kConnections = Symbol('ironwire.connections')

/** EventEmitter makes these by itself when they are missing, so listeners can be added to a lean object. */
const EVENTS = new Set(['_events', '_eventsCount', '_maxListeners'])

const isCapture = (key) => typeof key === 'symbol' && key.description === 'kCapture'

/**
 * For every own property of `sample`, a core object, that neither `prototype` nor the lean object itself (`own`) has: an
 * accessor that first runs `widen(this)`, after which the property is the object's own.
 *
 * Returns a function that gives a lean object all those properties, past the accessors, so that the core constructor
 * finds them. (To change the object's prototype instead costs 50 µs on Node 20: V8 makes each such object shapes of its own.)
 */
function defineWidening(prototype, sample, own, widen) {
  const keys = Reflect.ownKeys(sample).filter((key) => !own.includes(key))
  for (const key of keys) {
    const mine = Object.getOwnPropertyDescriptor(prototype, key)
    if (EVENTS.has(key) || isCapture(key)) continue
    Object.defineProperty(prototype, key, {
      configurable: true,
      get:
        mine?.get ??
        function () {
          widen(this)
          return this[key]
        },
      set:
        mine?.set ??
        function (value) {
          widen(this)
          this[key] = value
        },
    })
  }
  // Listeners that are there already must stay; without any, EventEmitter makes the two.
  const fields = keys.filter((key) => key !== '_events' && key !== '_eventsCount')
  const Stamp = stamp(fields)
  const rest = fields.slice(FIELDS)
  return (object) => {
    const maxListeners = object._maxListeners
    new Stamp(object)
    for (const key of rest) Object.defineProperty(object, key, { writable: true, enumerable: true, configurable: true })
    if (maxListeners !== undefined) object._maxListeners = maxListeners
  }
}

/** More than core objects have (37 in Node 25); what is beyond is defined one by one. */
const FIELDS = 56

/** A constructor whose fields land on the object it is given. */
class Given {
  constructor(object) {
    // biome-ignore lint/correctness/noConstructorReturn: that is the point.
    return object
  }
}

/**
 * A class with a field for each of the first keys. Fields are defined, not assigned, so accessors on the prototype do not see it, and they
 * keep the object's fast shape, which adding a dozen properties by computed name would not.
 */
function stamp(keys) {
  const key = (i) => keys[Math.min(i, keys.length - 1)]
  return class extends Given {
    [key(0)];
    [key(1)];
    [key(2)];
    [key(3)];
    [key(4)];
    [key(5)];
    [key(6)];
    [key(7)];
    [key(8)];
    [key(9)];
    [key(10)];
    [key(11)];
    [key(12)];
    [key(13)];
    [key(14)];
    [key(15)];
    [key(16)];
    [key(17)];
    [key(18)];
    [key(19)];
    [key(20)];
    [key(21)];
    [key(22)];
    [key(23)];
    [key(24)];
    [key(25)];
    [key(26)];
    [key(27)];
    [key(28)];
    [key(29)];
    [key(30)];
    [key(31)];
    [key(32)];
    [key(33)];
    [key(34)];
    [key(35)];
    [key(36)];
    [key(37)];
    [key(38)];
    [key(39)];
    [key(40)];
    [key(41)];
    [key(42)];
    [key(43)];
    [key(44)];
    [key(45)];
    [key(46)];
    [key(47)];
    [key(48)];
    [key(49)];
    [key(50)];
    [key(51)];
    [key(52)];
    [key(53)];
    [key(54)];
    [key(55)]
  }
}

module.exports = { lean, kConnection, kConnections, defineWidening }
