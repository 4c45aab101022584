'use strict'

// The constants that Rust and JavaScript share, in groups, as Rust defines them (src/binding/constants.rs). Reading a
// constant that does not exist is a bug in this package, so each group has a prototype that throws.

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
