'use strict'

// Detects who observes what core creates: performance observers and trace events, which core's constructor of responses
// serves, and hooks that are called for every async resource.

const { AsyncLocalStorage, createHook } = require('node:async_hooks')
const { PerformanceObserver } = require('node:perf_hooks')
const { inContext, stores } = require('../context.js')
const { shared } = require('../engine.js')
const { find, sampleResponse } = require('../core.js')

/**
 * `observed`: whether there is, or has been, a performance observer of http or a trace. `observe` is the observers' own
 * method without our detection, for probes.
 */
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
    // The prototype is frozen, so observers cannot be detected: assume that there is one.
    state.observed = true
  }
  return state
})

/** Returns the categories that are traced, in one text; undefined if there are none. */
const traced = categories()

function categories() {
  try {
    return require('node:trace_events').getEnabledCategories
  } catch {
    // Worker threads are not told, and Node can be built without traces.
    return () => 'unknown'
  }
}

/** Traces can be switched on at any time, in many ways, so this is checked for each new connection. */
function noticeTraces() {
  if (told.observed || traced() === undefined) return
  if (Object.hasOwn(sampleResponse(), '_traceEventId')) told.observed = true
}

/**
 * Hooks of the program that would be called for each request: `enabled` has those that are enabled. `stores` tells
 * whether an AsyncLocalStorage may have a context; since Node 24 that cannot be detected, and it stays true.
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
    // Before Node 24, AsyncLocalStorage uses one hook of its own, which is found here. It does not look at requests.
    const storage = new AsyncLocalStorage()
    // Not `undefined`: that is the store outside of run() as well, and without a change no hook is enabled.
    // And not in this context: since Node 24 it would not be empty any more, and each connection would keep it.
    inContext(() => storage.run(true, () => {}))
    storage.disable()
    own ??= null
  } catch {
    // The prototype is frozen, so hooks cannot be detected: assume that there is one.
    hooks.enabled.add(null)
  }
  return hooks
})
stores.possible = () => hooks.stores

module.exports = { told, noticeTraces, hooks }
