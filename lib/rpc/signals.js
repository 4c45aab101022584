'use strict'

// Lets one AbortSignal end many calls. With one listener per call, adding and removing listeners would walk over all
// others. So each signal gets a single listener while there are calls to end, and none otherwise.

/** The callbacks of each signal in use; `fire` is its listener. */
const watched = new WeakMap()

class Watch {
  constructor() {
    this.callbacks = new Set()
    this.fire = () => {
      for (const callback of [...this.callbacks]) callback()
    }
  }
}

/** Calls `onAbort` when the signal aborts, until `forget` is called. */
function listen(signal, onAbort) {
  let watch = watched.get(signal)
  if (watch === undefined) {
    watch = new Watch()
    watched.set(signal, watch)
  }
  if (watch.callbacks.size === 0) signal.addEventListener('abort', watch.fire)
  watch.callbacks.add(onAbort)
}

/** Removes `onAbort`: its call is over. */
function forget(signal, onAbort) {
  const { callbacks, fire } = watched.get(signal)
  callbacks.delete(onAbort)
  if (callbacks.size === 0) signal.removeEventListener('abort', fire)
}

module.exports = { listen, forget }
