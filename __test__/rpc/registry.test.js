'use strict'

// The addressing server over rpc: leases, watches, what survives a crash, and what happens if the disk fails.

const assert = require('node:assert')
const { spawn } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { once } = require('node:events')
const { test } = require('node:test')
const { rpc } = require('../../index.js')
const { freePort } = require('../ports.js')
const { named, tally, connectedTo, until } = require('./tools')

const SERVER = path.join(__dirname, 'fixtures/registry.js')
const posix = { skip: process.platform === 'win32' }

/** On a port that nobody else takes while the registry is away. */
async function listen(t, options, port) {
  const registry = rpc.createRegistry(options)
  registry.listen(port ?? (await freePort()))
  await once(registry, 'listening')
  registry.url = `registry://127.0.0.1:${registry.address().port}`
  t.after(() => {
    if (registry.listening) registry.close(() => {})
    registry.server.closeAllConnections()
  })
  return registry
}

function connect(t, url) {
  const client = rpc.connectRegistry(url)
  t.after(() => client.destroy())
  return client
}

const folders = []
// After all tests, because then no process writes there any more.
test.after(() => {
  for (const folder of folders) fs.rmSync(folder, { recursive: true, force: true, maxRetries: 20 })
})

function newFolder() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-registry-'))
  folders.push(folder)
  return folder
}

async function register(client, service, instance) {
  const registration = client.register(service, instance)
  await once(registration, 'registered')
  return registration
}

/** Keeps the last report of a watch. */
function follow(client, service) {
  const seen = { ids: [], times: 0 }
  client.watch(service, (instances) => {
    seen.ids = instances.map(({ id }) => id)
    seen.instances = instances
    seen.times++
  })
  return seen
}

/** A registry in its own process, which can be killed. */
async function spawned(t, env = {}, command = [process.execPath, SERVER]) {
  const child = spawn(command[0], command.slice(1), {
    env: { ...process.env, PORT: String(await freePort()), ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    text += chunk
  })
  await until(() => text.includes('\n') || child.exitCode !== null)
  return { child, port: Number(text), url: `registry://127.0.0.1:${Number(text)}` }
}

test('a registered instance is reported with all its data until it is removed', async (t) => {
  const registry = await listen(t)
  assert.strictEqual(registry.address().address, '127.0.0.1', 'of this machine only, if nobody says otherwise')
  const client = connect(t, registry.url)
  const seen = follow(client, 'echo')
  const instance = { id: 'a', port: 1, weight: 0, zone: 'z', metadata: { version: '1', __proto__: null } }
  const a = await register(client, 'echo', instance)
  await register(client, 'echo', { id: 'b', address: 'unix:/run/b.sock' })
  await until(() => seen.ids.length === 2)
  assert.deepStrictEqual(seen.instances, [
    { id: 'a', address: '127.0.0.1:1', weight: 0, zone: 'z', metadata: { version: '1' } },
    { id: 'b', address: 'unix:/run/b.sock', weight: 1, zone: '', metadata: {} },
  ])
  assert.deepStrictEqual(await client.list(), [{ name: 'echo', instances: 2 }])
  const { services, instances } = registry.stats
  assert.deepStrictEqual({ services, instances }, { services: 1, instances: 2 })
  await a.close()
  await until(() => seen.ids.length === 1)
  await client.close()
  assert.strictEqual(registry.stats.instances, 0, 'a client that closes takes out what it has put in')
  await registry.close()
})

test('a lease is kept alive for as long as its owner lives, and no longer', async (t) => {
  const registry = await listen(t, { minLease: 50 })
  const [mine, other] = [connect(t, registry.url), connect(t, registry.url)]
  const seen = follow(mine, 'echo')
  await register(mine, 'echo', { id: 'kept', port: 1, lease: 1500 })
  await register(other, 'echo', { id: 'lost', port: 2, lease: 1500 })
  await until(() => seen.ids.length === 2)
  // The instance disappears without unregistering.
  other.destroy()
  await until(() => seen.ids.length === 1)
  assert.deepStrictEqual(seen.ids, ['kept'])
})

test('a registry that has lost its data gets it again', async (t) => {
  const registry = await listen(t)
  const { port } = registry.address()
  const client = connect(t, registry.url)
  const registration = await register(client, 'echo', { port: 1 })
  const events = []
  for (const name of ['lost', 'registered', 'error']) registration.on(name, () => events.push(name))
  await registry.close()
  const next = await listen(t, undefined, port)
  await until(() => next.stats.instances === 1)
  await until(() => events.length === 2)
  assert.deepStrictEqual(events, ['lost', 'registered'])
})

test('a client that starts before the registry registers when that is available', async (t) => {
  const gone = await listen(t)
  const { port } = gone.address()
  await gone.close()
  const client = connect(t, gone.url)
  const registration = client.register('echo', { port: 1 })
  await once(client, 'reconnect')
  const registry = await listen(t, undefined, port)
  await once(registration, 'registered')
  assert.strictEqual(registry.stats.instances, 1)
})

test('the latest owner of an id keeps it, and the earlier one does not register again', async (t) => {
  const registry = await listen(t, { minLease: 50 })
  const [first, second] = [connect(t, registry.url), connect(t, registry.url)]
  const old = await register(first, 'echo', { id: 'one', port: 1, lease: 1500 })
  const seen = follow(first, 'echo')
  await register(second, 'echo', { id: 'one', port: 2, lease: 1500 })
  const [error] = await once(old, 'error')
  assert.strictEqual(error.code, 'IRONWIRE_REGISTRY_REPLACED')
  await until(() => seen.instances?.[0].address === '127.0.0.1:2')
  await old.close()
  assert.strictEqual(registry.stats.instances, 1, 'what is not its own it cannot take out')
})

test('a permanent refusal is an error at once; a registration without room is retried', async (t) => {
  const registry = await listen(t, { maxInstances: 1 })
  const client = connect(t, registry.url)
  const wordy = client.register('echo', { port: 1, metadata: { text: 'x'.repeat(5000) } })
  const [error] = await once(wordy, 'error')
  assert.strictEqual(error.code, 'IRONWIRE_REGISTRY_INVALID')
  assert.match(error.message, /4096 bytes at most, not 5005/)
  const first = await register(client, 'echo', { port: 1 })
  const second = client.register('echo', { port: 2 })
  const [full] = await once(second, 'retry')
  assert.strictEqual(full.code, 'IRONWIRE_REGISTRY_FULL')
  await first.close()
  await once(second, 'registered')
  const wrong = [
    [{ port: 99999 }, /instance\.port/],
    [{ address: 'nonsense' }, /'instance\.address' must read like/],
    [{ address: 'registry://a/b' }, /must be one place/],
    [{ port: 1, weight: -1 }, /instance\.weight/],
    [{ port: 1, metadata: { a: 1 } }, /instance\.metadata\.a/],
    [{ prt: 1 }, /instance\.prt/],
  ]
  for (const [instance, message] of wrong) assert.throws(() => client.register('echo', instance), { message })
  const far = rpc.connectRegistry('registry://192.0.2.1')
  assert.throws(() => far.register('echo', { port: 1 }), {
    message: /must be given: it is where other machines reach this one/,
  })
  far.destroy()
})

test('acknowledged registrations and their owners survive kill -9', posix, async (t) => {
  const folder = newFolder()
  const first = await spawned(t, { FOLDER: folder })
  const client = connect(t, first.url)
  const registrations = await Promise.all(
    Array.from({ length: 50 }, (_, i) => register(client, 'echo', { id: `i${i}`, port: i + 1 })),
  )
  await registrations[7].close()
  const lost = []
  for (const registration of registrations) registration.on('lost', () => lost.push(registration.id))
  first.child.kill('SIGKILL')
  await once(first.child, 'exit')
  await spawned(t, { FOLDER: folder, PORT: String(first.port) })
  const seen = follow(connect(t, first.url), 'echo')
  await until(() => seen.times > 0)
  assert.deepStrictEqual(
    [...seen.ids].sort(),
    registrations
      .filter((_, i) => i !== 7)
      .map(({ id }) => id)
      .sort(),
  )
  // Each keep-alive finds its lease, so nobody has to register again.
  client.keepAlive()
  await client.list()
  assert.deepStrictEqual(lost, [])
})

test("a folder is one registry's at a time", posix, async (t) => {
  const folder = newFolder()
  await listen(t, { folder })
  const second = rpc.createRegistry({ folder })
  const [error] = await once(second, 'error')
  assert.strictEqual(error.code, 'IRONWIRE_REGISTRY_LOCKED')
  const file = path.join(folder, 'file')
  fs.writeFileSync(file, '')
  const third = rpc.createRegistry({ folder: file })
  const [wrong] = await once(third, 'error')
  assert.strictEqual(wrong.path, file)
  assert.match(wrong.code, /ENOTDIR|EEXIST/)
})

test('a damaged file is reported and kept, and does not keep the registry from starting', async (t) => {
  const folder = newFolder()
  const first = await listen(t, { folder })
  const client = connect(t, first.url)
  for (const id of ['a', 'b', 'c']) await register(client, 'echo', { id, port: 1 })
  client.destroy()
  await first.close()
  const [journal] = fs.readdirSync(folder).filter((name) => name.startsWith('journal.'))
  const file = path.join(folder, journal)
  const whole = fs.readFileSync(file)
  fs.writeFileSync(file, whole.subarray(0, -5))
  const registry = rpc.createRegistry({ folder })
  const [error] = await once(registry, 'damaged')
  assert.strictEqual(error.code, 'IRONWIRE_REGISTRY_DAMAGED')
  assert.match(error.message, new RegExp(`${journal}.damaged: only \\d+ of ${whole.length - 5} bytes`))
  assert.deepStrictEqual(fs.readFileSync(`${file}.damaged`), whole.subarray(0, -5))
  assert.strictEqual(registry.stats.instances, 2)
  assert.notStrictEqual(registry.stats.epoch, first.stats.epoch)
  await registry.close()
})

test('with a full disk, registrations are refused and everything else continues', posix, async (t) => {
  const folder = newFolder()
  // No file may be larger than 4 KiB.
  const limited = ['bash', '-c', `ulimit -f 4 && exec ${process.execPath} ${SERVER}`]
  const { url, child, port } = await spawned(t, { FOLDER: folder }, limited)
  const client = connect(t, url)
  const registered = []
  const refused = []
  const all = Array.from({ length: 40 }, (_, i) => {
    const registration = client.register('echo', { id: `i${i}`, port: 1, metadata: { text: 'x'.repeat(500) } })
    registration.once('registered', () => registered.push(registration.id))
    registration.once('retry', (error) => {
      refused.push(error.code)
      registration.close().catch(() => {})
    })
    return new Promise((resolve) => registration.once('registered', resolve).once('retry', resolve))
  })
  await Promise.all(all)
  assert.ok(registered.length < 40 && refused.length > 0, `${registered.length} ${refused.length}`)
  assert.ok(
    refused.every((code) => code === 'IRONWIRE_REGISTRY_STORAGE'),
    `${new Set(refused)}`,
  )
  const seen = follow(client, 'echo')
  await until(() => seen.times > 0 || registered.length === 0)
  assert.deepStrictEqual([...seen.ids].sort(), [...registered].sort(), 'what was refused has not happened')
  child.kill('SIGKILL')
  await once(child, 'exit')
  await spawned(t, { FOLDER: folder, PORT: String(port) })
  const again = follow(connect(t, url), 'echo')
  await until(() => again.times > 0)
  for (const id of registered) assert.ok(again.ids.includes(id), `${id} was acknowledged`)
})

test('a service is called by its name, wherever it is, with the registry or without', async (t) => {
  const registry = await listen(t)
  const { port } = registry.address()
  const [a, b, c] = [await named(t, 'a'), await named(t, 'b'), await named(t, 'c')]
  const registrar = connect(t, registry.url)
  const first = await register(registrar, 'who', { address: a.place })
  await register(registrar, 'who', { address: b.place })
  const client = rpc.connect(`${registry.url}/who`, { balance: { policy: 'round-robin' } })
  t.after(() => client.destroy())
  await connectedTo(client, 2)
  assert.deepStrictEqual(await tally(client, 10), { a: 5, b: 5 })
  await register(registrar, 'who', { address: c.place })
  await connectedTo(client, 3)
  assert.deepStrictEqual(await tally(client, 9), { a: 3, b: 3, c: 3 })
  await first.close()
  await until(() => client.addresses.length === 2)
  assert.deepStrictEqual(await tally(client, 10), { b: 5, c: 5 })

  // The registry stops, and has no data when it comes back.
  await registry.close()
  assert.deepStrictEqual(await tally(client, 10), { b: 5, c: 5 })
  const changes = []
  client.on('addresses', (addresses) => changes.push(addresses.length))
  const next = await listen(t, undefined, port)
  await until(() => next.stats.instances === 2 && next.stats.watches === 1)
  assert.deepStrictEqual(await tally(client, 10), { b: 5, c: 5 })
  assert.ok(
    changes.every((count) => count === 2),
    `it never flapped: ${changes}`,
  )
  // When the last instance disappears, its address stays: trying it is better than having none.
  await registrar.close()
  await until(() => next.stats.instances === 0)
  assert.ok(client.addresses.length > 0)
  await tally(client, 10)
})

test('the registry can be called with its schema alone', async (t) => {
  const { protobuf } = require('../../index.js')
  const schema = protobuf(fs.readFileSync(path.join(__dirname, '../../lib/rpc/registry.proto')))
  const { methods } = protobuf.service(schema, 'ironwire.registry.v1.Registry')
  const registry = await listen(t)
  const client = rpc.connect(`127.0.0.1:${registry.address().port}`)
  t.after(() => client.destroy())
  const call = async ({ path: name, requestType, responseType }, request) =>
    responseType.decode(await client.call(name, requestType.encode(request)))
  const { epoch } = await call(methods.Register, {
    service: 's',
    instance: { id: 'i', address: 'a:1' },
    lease_ms: 1,
    owner: 'o',
  })
  const present = await call(methods.Watch, { service: 's', wait_ms: 1000 })
  assert.deepStrictEqual([present.epoch, present.instances.length], [epoch, 1])
  const late = await call(methods.Watch, { service: 's', epoch, revision: present.revision, wait_ms: 1 })
  assert.strictEqual(late.unchanged, true)
  await assert.rejects(client.call(methods.Watch.path, Buffer.from([255])), { code: 'IRONWIRE_REGISTRY_INVALID' })
  // A caller that has disconnected leaves no watch behind.
  const controller = new AbortController()
  const given = client.call(
    methods.Watch.path,
    methods.Watch.requestType.encode({ ...present, service: 's', wait_ms: 60_000 }),
    { signal: controller.signal },
  )
  await until(() => registry.stats.watches === 1)
  controller.abort()
  await assert.rejects(given, { code: 'IRONWIRE_RPC_ABORTED' })
  await until(() => registry.stats.watches === 0)
})

test('options are checked', () => {
  const wrong = [
    [{ folder: 1 }, /options\.folder/],
    [{ minLease: 0 }, /options\.minLease/],
    [{ minLease: 10, maxLease: 5 }, /options\.maxLease/],
    [{ data: 'x' }, /options\.data/],
  ]
  for (const [options, message] of wrong) assert.throws(() => rpc.createRegistry(options), { message })
})
