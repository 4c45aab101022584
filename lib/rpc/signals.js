'use strict'

// One signal may well end many calls, and a listener of its own for each would make every call walk over all others'. So a signal has
// one listener, however many calls it can end, and none when there are none.

/** What each signal that can end calls has to do; `fire` is its listener. */
const watched = new WeakMap()

class Watch {
  constructor() {
    this.callbacks = new Set()
    this.fire = () => {
      for (const callback of [...this.callbacks]) callback()
    }
  }
}

/** Calls `onAbort` when the signal aborts, unless `forget` comes first. */
function listen(signal, onAbort) {
  let watch = watched.get(signal)
  if (watch === undefined) {
    watch = new Watch()
    watched.set(signal, watch)
  }
  if (watch.callbacks.size === 0) signal.addEventListener('abort', watch.fire)
  watch.callbacks.add(onAbort)
}

/** The call of `onAbort` is over. */
function forget(signal, onAbort) {
  const { callbacks, fire } = watched.get(signal)
  callbacks.delete(onAbort)
  if (callbacks.size === 0) signal.removeEventListener('abort', fire)
}

module.exports = { listen, forget }
