'use strict'

// Who wants to know what core begins besides what it was called for: performance observers and traces hear of what its constructor of responses
// does, hooks of every asynchronous resource.

const { AsyncLocalStorage, createHook } = require('node:async_hooks')
const { PerformanceObserver } = require('node:perf_hooks')
const { shared } = require('../engine.js')
const { find, sampleResponse } = require('../core.js')

/** `observed`: somebody does, or did. `observe` is the method of observers without our listening in: probes use it. */
const told = shared('http observers', () => {
  const sample = sampleResponse()
  const { observe } = PerformanceObserver.prototype
  const state = {
    observed: find(sample, 'ServerResponseStatistics') !== undefined || Object.hasOwn(sample, '_traceEventId'),
    observe,
  }
  try {
    PerformanceObserver.prototype.observe = function (options) {
      if (options?.type === 'http' || options?.entryTypes?.includes('http')) state.observed = true
      return observe.call(this, options)
    }
  } catch {
    // The prototype is frozen: there is no other way to learn of it.
    state.observed = true
  }
  return state
})

/** Traces can be switched on at any time, in many ways: each new connection looks. */
function noticeTraces() {
  if (!told.observed && Object.hasOwn(sampleResponse(), '_traceEventId')) told.observed = true
}

/**
 * Hooks of the program's, which each request would be told to as an asynchronous resource: `enabled` has those that are; `stores` says whether
 * there may be contexts of an AsyncLocalStorage, which since Node 24 nobody is told of.
 */
const hooks = shared('http hooks', () => {
  const hooks = { enabled: new Set(), stores: true }
  const prototype = Object.getPrototypeOf(createHook({}))
  const { enable, disable } = prototype
  let own
  try {
    prototype.enable = function () {
      if (own === undefined) own = this
      if (this === own) hooks.stores = true
      else hooks.enabled.add(this)
      return enable.call(this)
    }
    prototype.disable = function () {
      if (this === own) hooks.stores = false
      else hooks.enabled.delete(this)
      return disable.call(this)
    }
    // Before Node 24, what holds the contexts is a hook itself. It does not look at requests.
    const storage = new AsyncLocalStorage()
    // Not with `undefined`, which is what there is without.
    storage.run(true, () => {})
    storage.disable()
    own ??= null
  } catch {
    // The prototype is frozen: there is no way to learn of hooks.
    hooks.enabled.add(null)
  }
  return hooks
})

module.exports = { told, noticeTraces, hooks }
