'use strict'

// Certificates that are replaced while servers and channels run.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { test } = require('node:test')
const core = require('node:tls')
const { grpc, bind, service } = require('./support.js')
const { ca, identity, of } = require('./secure.js')
const { getLogger } = require('../../lib/grpc/logging.js')

const { FileWatcherCertificateProvider } = grpc.experimental
const { createCertificateProviderChannelCredentials, createCertificateProviderServerCredentials } = grpc.experimental
const client = of('client')
const stranger = of('stranger')
const HANDLERS = { one: (call, callback) => callback(null, call.getAuthContext().sslPeerCertificate?.subject.CN ?? '') }

/** Files of an identity, in a folder of their own; `put` replaces them. */
function files(t, given) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-certificates-'))
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }))
  const place = (name) => path.join(folder, name)
  const put = ({ key, cert, roots = ca }) => {
    for (const [name, bytes] of Object.entries({ key, cert, ca: roots })) {
      if (bytes === undefined) continue
      fs.writeFileSync(place(`${name}.new`), bytes)
      fs.renameSync(place(`${name}.new`), place(name))
    }
  }
  if (given !== undefined) put(given)
  const config = { certificateFile: place('cert'), privateKeyFile: place('key'), caCertificateFile: place('ca') }
  return { put, provider: new FileWatcherCertificateProvider({ ...config, refreshIntervalMs: 5 }) }
}

async function serve(t, credentials) {
  const server = new grpc.Server()
  server.addService(service, HANDLERS)
  t.after(() => server.forceShutdown())
  return await bind(grpc, server, 'localhost:0', credentials)
}

/** One call over a connection of its own. */
async function ask(t, port, credentials) {
  const options = { 'grpc.use_local_subchannel_pool': 1, 'grpc.initial_reconnect_backoff_ms': 10 }
  const one = new (grpc.makeClientConstructor(service, 'Texts'))(`localhost:${port}`, credentials, options)
  t.after(() => one.close())
  const answer = await one.one('x', { deadline: Date.now() + 20_000 }).catch(({ code }) => grpc.status[code])
  one.close()
  return answer
}

/** The certificate that a server shows. */
async function shown(port) {
  const socket = core.connect({ port, host: 'localhost', rejectUnauthorized: false, ALPNProtocols: ['h2'] })
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  const { subject } = socket.getPeerCertificate()
  socket.destroy()
  return subject.CN
}

const until = async (condition) => {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5))
}

test('both sides take what the files have', async (t) => {
  const mine = files(t, identity)
  const yours = files(t, client)
  const port = await serve(t, createCertificateProviderServerCredentials(mine.provider, mine.provider, true))
  const roots = yours.provider
  assert.equal(await ask(t, port, createCertificateProviderChannelCredentials(roots, yours.provider)), 'client')
  assert.equal(await ask(t, port, createCertificateProviderChannelCredentials(roots, null)), 'UNAVAILABLE')
})

test('a server shows the latest certificate, and the last good one while files are broken', async (t) => {
  const mine = files(t, identity)
  const port = await serve(t, createCertificateProviderServerCredentials(mine.provider, null, false))
  const before = await shown(port)
  const said = []
  const standard = getLogger()
  grpc.setLogger({ error: (text) => said.push(text) })
  t.after(() => grpc.setLogger(standard))
  // Of two files that belong together, one is new.
  mine.put({ key: stranger.key })
  await until(() => said.length > 0)
  assert.match(said[0], /^Failed to create TLS of new certificates: /)
  assert.equal(await shown(port), before)
  mine.put({ key: stranger.key, cert: stranger.cert })
  await until(async () => (await shown(port)) !== before)
})

test('a channel waits for certificates, and takes those that there are when it connects', async (t) => {
  const mine = files(t, identity)
  const port = await serve(t, createCertificateProviderServerCredentials(mine.provider, mine.provider, true))
  const yours = files(t)
  const credentials = createCertificateProviderChannelCredentials(yours.provider, yours.provider)
  assert.equal(await ask(t, port, credentials), 'UNAVAILABLE')
  yours.put(client)
  await until(async () => (await ask(t, port, credentials)) === 'client')
  yours.put({ ...client, roots: stranger.cert })
  await until(async () => (await ask(t, port, credentials)) === 'UNAVAILABLE')
})

test('what is wrong is said', () => {
  const refreshIntervalMs = 1000
  for (const config of [
    { refreshIntervalMs },
    { refreshIntervalMs, certificateFile: 'x' },
    { refreshIntervalMs, privateKeyFile: 'x', caCertificateFile: 'y' },
    { caCertificateFile: 'y' },
    { caCertificateFile: 'y', refreshIntervalMs: 0 },
  ]) {
    assert.throws(() => new FileWatcherCertificateProvider(config))
  }
})
