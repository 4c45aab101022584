'use strict'

// Certificates that change while servers and clients run, and server credentials that wrap others.

const assert = require('node:assert/strict')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { test } = require('node:test')
const { grpc, service } = require('./support.js')
const { ca, identity, of, pairs, same, connectTls, listen, ending } = require('./secure.js')

const caller = {
  one(call, callback) {
    callback(null, call.getAuthContext().sslPeerCertificate?.subject.CN ?? 'nobody')
  },
}

/** A temporary folder with a CA certificate, a key and a certificate. */
function folderOf(t, { key, cert }) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-grpc-'))
  t.after(() => fs.rmSync(folder, { recursive: true }))
  const file = (name) => path.join(folder, name)
  fs.writeFileSync(file('ca'), ca)
  fs.writeFileSync(file('key'), key)
  fs.writeFileSync(file('cert'), cert)
  return { caCertificateFile: file('ca'), privateKeyFile: file('key'), certificateFile: file('cert') }
}

/** A certificate provider whose updates the test supplies. */
class Provider {
  constructor(updates) {
    this.updates = updates
    this.listeners = { ca: new Set(), identity: new Set() }
  }

  add(kind, listener) {
    this.listeners[kind].add(listener)
    if (this.updates[kind] !== undefined) process.nextTick(listener, this.updates[kind])
  }

  give(kind, update) {
    this.updates[kind] = update
    for (const listener of this.listeners[kind]) listener(update)
  }

  addCaCertificateListener(listener) {
    this.add('ca', listener)
  }

  removeCaCertificateListener(listener) {
    this.listeners.ca.delete(listener)
  }

  addIdentityCertificateListener(listener) {
    this.add('identity', listener)
  }

  removeIdentityCertificateListener(listener) {
    this.listeners.identity.delete(listener)
  }

  get count() {
    return this.listeners.ca.size + this.listeners.identity.size
  }
}

const given = ({ key, cert }) => ({ privateKey: key, certificate: cert })

async function serving(t, S, credentials, options) {
  const server = new S.Server(options)
  server.addService(service, caller)
  t.after(() => server.forceShutdown())
  return { server, port: await listen(server, credentials) }
}

/** Calls until one succeeds, which happens once new certificates were read. Returns its result. */
async function eventually(client) {
  for (;;) {
    const seen = await ending(client)
    if (!Array.isArray(seen)) return seen
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

same('a file provider names the missing option', ({ S }) => {
  const seen = []
  for (const config of [{}, { certificateFile: 'x' }, { privateKeyFile: 'x', caCertificateFile: 'y' }]) {
    try {
      new S.experimental.FileWatcherCertificateProvider({ ...config, refreshIntervalMs: 1000 })
    } catch ({ message }) {
      seen.push(message)
    }
  }
  return seen
})

same('a file provider reports the contents of its files, and null for a missing file', async ({ S, t }) => {
  const files = folderOf(t, of('client'))
  const { FileWatcherCertificateProvider } = S.experimental
  const first = (config, kind) =>
    new Promise((resolve) => {
      const provider = new FileWatcherCertificateProvider({ ...config, refreshIntervalMs: 1000 })
      const listener = (update) => {
        provider[`remove${kind}CertificateListener`](listener)
        resolve(update && Object.entries(update).map(([name, bytes]) => [name, String(bytes)]))
      }
      provider[`add${kind}CertificateListener`](listener)
    })
  return [
    await first(files, 'Ca'),
    await first(files, 'Identity'),
    await first({ caCertificateFile: '/nowhere' }, 'Ca'),
    await first({ ...files, privateKeyFile: '/nowhere' }, 'Identity'),
  ]
})

test('a file provider reads changed files', async (t) => {
  const files = folderOf(t, of('client'))
  const { FileWatcherCertificateProvider } = grpc.experimental
  const provider = new FileWatcherCertificateProvider({ ...files, refreshIntervalMs: 5 })
  const other = of('other')
  // Watching files does not keep the process running, so the test does.
  const held = setInterval(() => {}, 1000)
  t.after(() => clearInterval(held))
  await new Promise((resolve) => {
    const listener = ({ certificate }) => {
      if (!certificate.equals(other.cert)) return fs.writeFileSync(files.certificateFile, other.cert)
      provider.removeIdentityCertificateListener(listener)
      resolve()
    }
    provider.addIdentityCertificateListener(listener)
  })
})

test('client and server have certificates from file providers', async (t) => {
  const { FileWatcherCertificateProvider, ...made } = grpc.experimental
  const shown = new FileWatcherCertificateProvider({ ...folderOf(t, identity), refreshIntervalMs: 1000 })
  const own = new FileWatcherCertificateProvider({ ...folderOf(t, of('client')), refreshIntervalMs: 1000 })
  const { port } = await serving(t, grpc, made.createCertificateProviderServerCredentials(shown, shown, true))
  const quick = { 'grpc.initial_reconnect_backoff_ms': 100 }
  const mutual = made.createCertificateProviderChannelCredentials(own, own)
  assert.equal(await eventually(connectTls(t, grpc, port, mutual, quick)), 'client')
  const none = made.createCertificateProviderChannelCredentials(own, null)
  assert.equal((await ending(connectTls(t, grpc, port, none)))[0], 14)
})

test('a server uses its latest certificate, and accepts no connection without one', async (t) => {
  const provider = new Provider({ ca: { caCertificate: ca } })
  const credentials = grpc.experimental.createCertificateProviderServerCredentials(provider, null, false)
  const { server, port } = await serving(t, grpc, credentials)
  const call = () => ending(connectTls(t, grpc, port))
  assert.equal((await call())[0], 14)
  provider.give('identity', given(identity))
  assert.equal(await call(), 'nobody')
  const before = credentials._acceptance()
  provider.give('identity', { ...given(identity) })
  assert.equal(credentials._acceptance(), before, 'the same again is nothing new')
  provider.give('identity', given(of('other')))
  assert.match((await call())[1], /altnames/)
  provider.give('identity', null)
  assert.equal((await call())[0], 14)
  const errors = []
  grpc.setLogger({ error: (...args) => errors.push(args.join(' ')) })
  t.after(() => grpc.setLogger(console))
  provider.give('identity', given({ ...identity, key: Buffer.from('x') }))
  assert.equal((await call())[0], 14)
  assert.match(errors[0], /Failed to set secure context with error /)
  provider.give('identity', given(identity))
  assert.equal(await call(), 'nobody')
  assert.equal(provider.count, 1)
  server.forceShutdown()
  await new Promise((resolve) => server.tryShutdown(resolve))
  assert.equal(provider.count, 0)
})

test('a client waits for its certificates, and stops listening to its providers when its connections end', async (t) => {
  const mutual = grpc.ServerCredentials.createSsl(ca, pairs(identity), true)
  const { server, port } = await serving(t, grpc, mutual)
  const provider = new Provider({ identity: given(of('client')) })
  const credentials = grpc.experimental.createCertificateProviderChannelCredentials(provider, provider)
  const client = connectTls(t, grpc, port, credentials)
  const seen = ending(client)
  while (provider.count === 0) await new Promise(setImmediate)
  assert.equal(provider.count, 2)
  provider.give('ca', { caCertificate: ca })
  assert.equal(await seen, 'client')
  server.forceShutdown()
  while (provider.count > 0) await new Promise(setImmediate)

  const missing = new Provider({ ca: null, identity: null })
  const nothing = grpc.experimental.createCertificateProviderChannelCredentials(missing, missing)
  const { port: another } = await serving(t, grpc, mutual)
  assert.deepEqual(await ending(connectTls(t, grpc, another, nothing)), [14, 'Failed to load credentials'])
})

test('interceptors of server credentials run before those of the server', async (t) => {
  const order = []
  const noting = (name) => (_method, call) => {
    order.push(name)
    return new grpc.ServerInterceptingCall(call)
  }
  const secure = grpc.ServerCredentials.createSsl(null, pairs(identity))
  const { createServerCredentialsWithInterceptors: withInterceptors } = grpc.experimental
  const credentials = withInterceptors(secure, [noting('credentials')])
  assert.ok(credentials._isSecure())
  const { port } = await serving(t, grpc, credentials, { interceptors: [noting('server')] })
  assert.equal(await ending(connectTls(t, grpc, port)), 'nobody')
  assert.deepEqual(order, ['credentials', 'server'])
})

test('a program’s own class of server credentials', async (t) => {
  class Toggled extends grpc.ServerCredentials {
    toggle(isOn) {
      this.updateSecureContextOptions(isOn ? identity : null)
    }
    _equals(other) {
      return this === other
    }
  }
  const credentials = new Toggled({})
  const { port } = await serving(t, grpc, credentials)
  for (const isOn of [true, false, true]) {
    credentials.toggle(isOn)
    const seen = await ending(connectTls(t, grpc, port))
    assert.equal(isOn ? seen : seen[0], isOn ? 'nobody' : 14)
  }
})
