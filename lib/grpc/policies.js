'use strict'

// Policies by the names that service configs have for them.
//
// new Policy(helper): `helper` has `take(address)`, which gives a subchannel, `isHealthy(address)`, `update(state, picker)` and `resolve()`.
// `subchannels()` are those that it has; `resolved(endpoints, config, note)` says whether that is of use; `unresolved(status)`, `connect()`, `reconsider()` when it has become otherwise which
// addresses are healthy, `destroy()`. `Policy.read(config)` gives its config, and throws what is wrong with it.

const policies = new Map()

function registerPolicy(name, Policy) {
  policies.set(name, Policy)
}

/** The first policy of a list that there is and that takes its config, in gRPC's own words; null for none. */
function choose(balancing) {
  for (const entry of balancing) {
    const [[name, config]] = Object.entries(entry)
    const Policy = policies.get(name)
    if (Policy === undefined) continue
    try {
      return { Policy, config: Policy.read(config ?? {}) }
    } catch {
      // Those behind it are for clients like this one.
    }
  }
  return null
}

module.exports = { registerPolicy, choose }
