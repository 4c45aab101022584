'use strict'

// What an environment has once, however often this package is evaluated in it: jest does so for each file of tests, and so does
// whoever empties `require.cache`. The copy that made it answers the later ones over a diagnostics channel, since a channel of one
// name is the same in every realm of the environment, and in no other environment.

const { channel, subscribe } = require('node:diagnostics_channel')

/** What `make` gave the first time that it was asked for under `name`. Names say a path or a version: copies may differ. */
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
