'use strict'

const { setMaxListeners, getMaxListeners, defaultMaxListeners } = require('node:events')

/** More listeners than calls can be pending at a client of the largest limits. */
const MANY = 2 ** 18

/** Calls `onAbort` once when the signal aborts. One signal may well end many calls: that is no leak to warn of. */
function listen(signal, onAbort) {
  // A signal of a library's own is no EventTarget of Node's, and has nothing that warns.
  if (signal instanceof EventTarget && getMaxListeners(signal) === defaultMaxListeners) setMaxListeners(MANY, signal)
  signal.addEventListener('abort', onAbort, { once: true })
}

module.exports = { listen }
