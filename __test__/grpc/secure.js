'use strict'

// Helpers for the tests of TLS and credentials. The certificates are those of the HTTPS tests.

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { ca, identity, of } = require('../https/support.js')
const { grpc, peer, missing, service, outcome } = require('./support.js')

const ways = [
  ['ours, both', grpc, grpc],
  ['our server', grpc, peer],
  ['our client', peer, grpc],
]

/**
 * Runs `run({ S, C, t })` with servers and clients of both implementations and checks that the results are the same.
 */
function same(name, run) {
  test(name, { skip: missing }, async (t) => {
    const expected = await run({ S: peer, C: peer, t })
    for (const [name, S, C] of ways) {
      await t.test(name, async (t) => assert.deepEqual(await run({ S, C, t }), expected))
    }
  })
}

const pairs = ({ key, cert }) => [{ private_key: key, cert_chain: cert }]

/** A server over TLS until the test ends. Returns its port. */
async function serveTls(t, S, handlers, { roots = null, shown = identity, asks = false, options } = {}) {
  const server = new S.Server(options)
  server.addService(service, handlers)
  t.after(() => server.forceShutdown())
  return await listen(server, S.ServerCredentials.createSsl(roots, pairs(shown), asks))
}

const listen = (server, credentials) =>
  new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, port) => (error ? reject(error) : resolve(port)))
  })

/** A client of a target until the test ends. */
function connectTls(t, C, target, credentials = C.credentials.createSsl(ca), options = {}) {
  const Client = C.makeClientConstructor(service, 'Texts')
  const address = typeof target === 'number' ? `localhost:${target}` : target
  const client = new Client(address, credentials, { 'grpc.use_local_subchannel_pool': 1, ...options })
  t.after(() => client.close())
  return client
}

/** The response of a call, or its code and text without the parts that only one implementation adds. */
async function ending(client, ...args) {
  const seen = await outcome((callback) => client.one('x', ...args, callback))
  const [, code, details] = seen.find(([event]) => event === 'status')
  if (code === 0) return seen.find(([event]) => event === 'callback')[1]
  const around = /^No connection established\. Last error: (Error( \[\w+\])?: )?|\.? Resolution note: .*$/gs
  return [code, details.replace(around, '')]
}

module.exports = { ca, identity, of, pairs, same, serveTls, connectTls, listen, ending }
