'use strict'

// Values that exist once per environment, however often this package is evaluated: jest evaluates it for each test
// file, and clearing `require.cache` does so too. The first copy passes the value to later ones through a diagnostics
// channel, because a channel of a given name is the same in all realms of an environment.

const { channel, subscribe } = require('node:diagnostics_channel')

/**
 * Returns the value that `make` gave the first time for `name`. The name should contain a path or a version, because
 * copies may differ.
 */
function once(name, make) {
  const key = `ironwire:${name}`
  const request = { found: undefined }
  channel(key).publish(request)
  if (request.found !== undefined) return request.found
  const made = make()
  subscribe(key, (asked) => {
    asked.found = made
  })
  return made
}

module.exports = { once }
