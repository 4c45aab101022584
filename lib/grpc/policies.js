'use strict'

// Load-balancing policies, by their names in service configs.
//
// A policy is made by `new Policy(helper)`. The helper has `take(address)`, which returns a subchannel,
// `isHealthy(address)`, `update(state, picker)`, and `resolve()`, which asks for the name to be resolved again.
//
// A policy has:
// - `resolved(endpoints, config, note)`, which returns whether the endpoints were usable
// - `unresolved(status)`, called when the name could not be resolved
// - `connect()`, called when there are calls
// - `reconsider()`, called when `isHealthy()` may answer otherwise
// - `subchannels()`, the subchannels in use
// - `destroy()`
// - the static `Policy.read(config)`, which returns its parsed config, or throws if that is invalid

const policies = new Map()

function registerPolicy(name, Policy) {
  policies.set(name, Policy)
}

/** The first policy of a list that is known and accepts its config; null if there is none. */
function choose(balancing) {
  for (const entry of balancing) {
    const [[name, config]] = Object.entries(entry)
    const Policy = policies.get(name)
    if (Policy === undefined) continue
    try {
      return { Policy, config: Policy.read(config ?? {}) }
    } catch {
      // The entries after it may be meant for clients like this one.
    }
  }
  return null
}

module.exports = { registerPolicy, choose }
