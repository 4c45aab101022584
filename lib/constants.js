'use strict'

// The numbers that Rust and JavaScript share, as Rust says them (src/binding/constants.rs), in groups. To ask for one that there is not is
// a defect of this package, and said at once: behind each group's own numbers stands a prototype that throws.

const binding = require('../binding.js')

function group(name, numbers) {
  const behind = new Proxy(Object.prototype, {
    get(target, key) {
      if (typeof key === 'symbol' || key in target) return target[key]
      throw new ReferenceError(`ironwire: Rust has no ${name}.${key}`)
    },
  })
  return Object.freeze(Object.assign(Object.create(behind), numbers))
}

const groups = Object.entries(binding.constants()).map(([name, numbers]) => [name, group(name, numbers)])

module.exports = group('constants', Object.fromEntries(groups))
