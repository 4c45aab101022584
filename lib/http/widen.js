'use strict'

// What makes a lean object widen: accessors for every property that a core constructor sets.

/** On a lean object: its connection. `null` once the object is a genuine core one. */
const lean = Symbol('ironwire.lean')

/** EventEmitter makes these by itself when they are missing, so listeners can be added to a lean object. */
const EVENTS = new Set(['_events', '_eventsCount', '_maxListeners'])

/**
 * For every own property of `sample`, a core object, that neither `prototype` nor the lean object itself (`own`) has: an
 * accessor that first runs `widen(this)`, after which the property is the object's own.
 */
function defineWidening(prototype, sample, own, widen) {
  for (const key of Reflect.ownKeys(sample)) {
    const mine = Object.getOwnPropertyDescriptor(prototype, key)
    if (own.includes(key) || EVENTS.has(key) || (typeof key === 'symbol' && key.description === 'kCapture')) continue
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
}

module.exports = { lean, defineWidening }
