'use strict'

// What several tests of HTTPS share.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const fs = require('node:fs')
const https = require('node:https')
const path = require('node:path')
const { setImmediate } = require('node:timers/promises')
const tls = require('node:tls')

const file = (name) => path.join(__dirname, 'fixtures', name)
const pem = (name) => fs.readFileSync(file(name))

const ca = pem('ca-cert.pem')
/** The server's identity, with the certificate between it and the authority. */
const identity = { key: pem('server-key.pem'), cert: Buffer.concat([pem('server-cert.pem'), pem('between-cert.pem')]) }
const of = (name) => ({ key: pem(`${name}-key.pem`), cert: pem(`${name}-cert.pem`) })

/** What a client needs to trust the server. */
const trusting = { ca, servername: 'localhost', host: '127.0.0.1' }

async function listen(server) {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return server.address().port
}

/** One request of Node's client; resolves to status and text, rejects with the client's error. */
async function ask(port, options = {}, body = undefined) {
  const req = https.request({ port, ...trusting, agent: false, ...options })
  req.end(body)
  const [res] = await once(req, 'response')
  const chunks = []
  for await (const chunk of res) chunks.push(chunk)
  return { status: res.statusCode, body: Buffer.concat(chunks) }
}

/** A connection of Node's `tls` that is secured. */
async function secure(port, options = {}) {
  const socket = tls.connect({ port, ...trusting, ...options })
  await once(socket, 'secureConnect')
  return socket
}

/** Waits until no more than so many of the engine's slots are in use: what was closed is gone some turns later. */
async function emptied(slots = 0) {
  const { usage } = require('../../lib/engine.js')
  for (const end = Date.now() + 20_000; usage().slots > slots && Date.now() < end; ) await setImmediate()
  assert.ok(usage().slots <= slots, `${usage().slots} slots are in use`)
}

module.exports = { file, pem, ca, identity, of, trusting, listen, ask, secure, emptied }
