'use strict'

// Who wants to know what core's constructor of responses begins, besides filling in fields: performance observers and traces.

const {
  http: { ServerResponse },
} = require('../genuine.js')
const { PerformanceObserver } = require('node:perf_hooks')
const { shared } = require('../engine.js')
const { find } = require('../core.js')

const sampleRequest = { method: 'GET', httpVersionMajor: 1, httpVersionMinor: 1, headers: {} }

/** `observed`: somebody does, or did. `observe` is the method of observers without our listening in: probes use it. */
const told = shared('http observers', () => {
  const sample = new ServerResponse(sampleRequest)
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
  if (!told.observed && Object.hasOwn(new ServerResponse(sampleRequest), '_traceEventId')) told.observed = true
}

module.exports = { told, noticeTraces }
