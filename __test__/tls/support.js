'use strict'

// What several tests of TLS share; certificates are those of HTTPS's tests.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const { it } = require('node:test')
const core = require('node:tls')
const { tls } = require('../..')
const { identity, listen } = require('../https/support.js')

/** Whether a socket's TLS is done by rustls. */
const isOurs = (socket) => socket._handle?.secured === true

/**
 * Runs a scenario with a server of either module, and what it returns must be the same, with what was noted meanwhile. `options` can be a function of
 * the module and the notes. `check` is held against ours. The TLS of all sockets of our server must be
 * rustls's, or with `foreign` Node's.
 */
function same(name, options, scenario, check, foreign = false) {
  it(name, async () => {
    const results = []
    for (const module of [core, tls]) {
      const notes = []
      const own = typeof options === 'function' ? options(module, notes) : options
      const server = module.createServer({ ...identity, ...own })
      const sockets = new Set()
      let strangers = 0
      server.on('secureConnection', (socket) => {
        if (isOurs(socket) === foreign) strangers++
        sockets.add(socket)
      })
      try {
        results.push([await scenario(await listen(server), server, module), notes])
      } finally {
        for (const socket of sockets) socket.destroy()
        server.close()
      }
      if (module === tls) assert.equal(strangers, 0, `sockets whose TLS is ${foreign ? "rustls's" : "Node's"}`)
    }
    assert.deepEqual(results[1], results[0])
    check?.(...results[1])
  })
}

/** The next connection of a server that is secured. */
const served = async (server) => (await once(server, 'secureConnection'))[0]

async function textOf(stream) {
  let text = ''
  for await (const chunk of stream.setEncoding('latin1')) text += chunk
  return text
}

/** Names of events as they come, until the last of them. */
async function eventsOf(emitter, names, last = 'close') {
  const seen = []
  for (const name of names) emitter.on(name, () => seen.push(name))
  // `once` would end with an error that is among them.
  await new Promise((resolve) => emitter.once(last, resolve))
  return seen
}

module.exports = { isOurs, same, served, textOf, eventsOf }
