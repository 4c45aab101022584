'use strict'

// A real etcd: keys and registrations stay available when etcd is killed, compacts its history, lets leases expire, and
// requires passwords.

const assert = require('node:assert')
const { spawn } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { once } = require('node:events')
const { after, before, test } = require('node:test')
const { etcd, grpc, rpc } = require('../../index.js')
const { serve, service } = require('../grpc/support.js')
const { ca, file, identity, of } = require('../https/support.js')
const { missing, startCluster } = require('./support.js')
const { serveRpc, until } = require('./tools.js')

const needsEtcd = { skip: missing, timeout: 120_000 }
const INDEX = JSON.stringify(require.resolve('../../index.js'))

let cluster

before(async () => {
  if (!missing) cluster = await startCluster()
})
after(() => cluster?.end())

function connect(t, options) {
  const client = etcd.connect(cluster.endpoints, options)
  t.after(() => client.close())
  return client
}

test('keys of all kinds: put, get, ranges, delete', needsEtcd, async (t) => {
  const client = connect(t)
  const odd = Buffer.from([255, 0, 254])
  const first = await client.put(odd, Buffer.alloc(70_000, 7))
  assert.strictEqual((await client.get(odd)).value.equals(Buffer.alloc(70_000, 7)), true)
  for (const key of ['k/b', 'k/a', 'k/ä', 'k']) await client.put(key, `of ${key}`)
  const { entries, count, more, revision } = await client.range({ prefix: 'k/' }, { limit: 2 })
  assert.deepStrictEqual([entries.map(({ key }) => String(key)), count, more], [['k/a', 'k/b'], 3, true])
  assert.strictEqual(revision, first.revision + 4)
  const newest = await client.range(
    { prefix: 'k' },
    { sort: { by: 'modRevision', order: 'descending' }, keysOnly: true },
  )
  assert.deepStrictEqual(
    newest.entries.map(({ key, value }) => `${key}${value}`),
    ['k', 'k/ä', 'k/a', 'k/b'],
  )
  assert.strictEqual((await client.range({ prefix: '' }, { countOnly: true })).count, 5)
  assert.strictEqual((await client.range({ from: odd })).count, 1)
  const { previous } = await client.put('k', 'new', { previous: true })
  assert.strictEqual(String(previous.value), 'of k')
  assert.strictEqual(String((await client.get('k', { revision: revision })).value), 'of k')
  assert.strictEqual((await client.delete({ prefix: '' }, { previous: true })).previous.length, 5)
  assert.strictEqual(await client.get('k'), null)
})

test('transactions are all or nothing', needsEtcd, async (t) => {
  const client = connect(t)
  const take = (who) => ({
    compare: [{ key: 'lock', createRevision: 0 }],
    success: [{ put: 'lock', value: who }],
    failure: [{ get: 'lock' }],
  })
  const replies = await Promise.all(['a', 'b', 'c', 'd'].map((who) => client.txn(take(who))))
  const won = replies.filter(({ succeeded }) => succeeded)
  assert.strictEqual(won.length, 1)
  const owner = String((await client.get('lock')).value)
  for (const { succeeded, results } of replies) {
    if (!succeeded) assert.strictEqual(String(results[0].entries[0].value), owner)
  }
  const twice = {
    success: [
      { put: 'x', value: '1' },
      { put: 'x', value: '2' },
    ],
  }
  await assert.rejects(client.txn(twice), {
    code: 'IRONWIRE_ETCD_REFUSED',
    details: 'etcdserver: duplicate key given in txn request',
  })
  const nested = {
    success: [{ txn: { compare: [{ key: { prefix: 'lock' }, version: 0, is: '>' }], success: [{ get: 'lock' }] } }],
  }
  const { results } = await client.txn(nested)
  assert.deepStrictEqual([results[0].succeeded, results[0].results[0].count], [true, 1])
  await client.delete('lock')
})

test('a watch reports every change, and can start from a revision', needsEtcd, async (t) => {
  const client = connect(t)
  const { revision } = await client.put('w/0', 'x')
  const watcher = client.watch({ prefix: 'w/' }, { revision, previous: true })
  const seen = []
  watcher.on('put', ({ key, value }, previous) =>
    seen.push([String(key), String(value), previous && String(previous.value)]),
  )
  watcher.on('delete', ({ key }, previous) => seen.push([String(key), null, String(previous.value)]))
  await client.put('w/0', 'y')
  await client.txn({ success: [{ put: 'w/1', value: '1' }, { delete: 'w/0' }] })
  await client.delete({ prefix: 'w/' })
  await until(() => seen.length === 5)
  assert.deepStrictEqual(seen, [
    ['w/0', 'x', null],
    ['w/0', 'y', 'x'],
    ['w/1', '1', null],
    ['w/0', null, 'y'],
    ['w/1', null, '1'],
  ])
  watcher.close()
})

test('compacted revisions are an error for a request, and a watch reads again', needsEtcd, async (t) => {
  const client = connect(t)
  const { revision } = await client.put('c/1', 'x')
  await client.put('c/1', 'y')
  const last = await client.put('c/2', 'z')
  await client.compact(last.revision, { physical: true })
  await assert.rejects(client.get('c/1', { revision }), { code: 'IRONWIRE_ETCD_COMPACTED' })
  await assert.rejects(client.compact(revision), { code: 'IRONWIRE_ETCD_COMPACTED' })
  const watcher = client.watch({ prefix: 'c/' }, { revision })
  const [[lost], [entries]] = await Promise.all([once(watcher, 'compacted'), once(watcher, 'reset')])
  assert.deepStrictEqual(lost, { revision, compactRevision: last.revision })
  assert.deepStrictEqual(
    entries.map(({ value }) => String(value)),
    ['y', 'z'],
  )
  const put = once(watcher, 'put')
  await client.put('c/3', 'w')
  assert.strictEqual(String((await put)[0].key), 'c/3')
  watcher.close()
})

test('the keys of a dead process disappear with its lease', needsEtcd, async (t) => {
  const client = connect(t)
  const program = `
    const { etcd } = require(${INDEX})
    const client = etcd.connect(${JSON.stringify(cluster.endpoints)})
    client.lease(1).then((lease) => lease.put('dead', String(lease.ttl))).then(() => console.log('put'))`
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  const mine = await client.lease(5)
  await mine.put('alive', '')
  await once(child.stdout, 'data')
  const watcher = client.watch('dead', { initial: true })
  await once(watcher, 'reset')
  const deleted = once(watcher, 'delete')
  child.kill('SIGKILL')
  await deleted
  assert.notStrictEqual(await client.get('alive'), null)
  watcher.close()
  await mine.revoke()
  assert.strictEqual(await client.get('alive'), null)
})

test('a lease that was revoked elsewhere is granted again, with its keys', needsEtcd, async (t) => {
  const client = connect(t)
  const lease = await client.lease(2)
  await lease.put('leased', 'x')
  const granted = once(lease, 'granted')
  const { id } = lease
  await client.call('Lease/LeaseRevoke', { id })
  await granted
  await until(async () => (await client.get('leased'))?.lease === lease.id)
  assert.notStrictEqual(lease.id, id)
  const { keys, grantedTtl } = await client.call('Lease/LeaseTimeToLive', { id: lease.id, keys: true })
  assert.deepStrictEqual([keys.map(String), grantedTtl], [['leased'], lease.ttl])
  await lease.revoke()
})

test(
  'etcd in the place of the registry: servers register, clients find them, in the layout of etcd’s own clients',
  needsEtcd,
  async (t) => {
    const client = connect(t)
    const registry = rpc.connectRegistry(cluster.url)
    t.after(() => registry.destroy())
    const [one, other] = [await serveRpc(t, 'one'), await serveRpc(t, 'other')]
    const metadata = { version: '1.4' }
    const mine = registry.register('courses', { id: 'a', port: one.port, weight: 2, zone: 'eu', metadata, lease: 3000 })
    await once(mine, 'registered')
    // As Go's endpoints.Manager writes it, without a weight.
    await client.put(
      'courses/b',
      JSON.stringify({ Op: 0, Addr: `127.0.0.1:${other.port}`, Metadata: { lang: 'go', cores: 4 } }),
    )
    await client.put('courses/c', 'nothing of the kind')
    const entry = await client.get('courses/a')
    assert.deepStrictEqual(JSON.parse(String(entry.value)), {
      Op: 0,
      Addr: `127.0.0.1:${one.port}`,
      // An object here would make resolvers in Go fail.
      Metadata: null,
      ironwire: { weight: 2, zone: 'eu', metadata },
    })
    assert.deepStrictEqual(
      (await registry.list()).filter(({ name }) => name === 'courses'),
      [{ name: 'courses', instances: 2 }],
    )
    let known
    registry.watch('courses', (instances, epoch) => (known = { instances, epoch }))
    await until(() => known?.instances.length === 2)
    assert.deepStrictEqual(known.instances, [
      { id: 'a', address: `127.0.0.1:${one.port}`, weight: 2, zone: 'eu', metadata },
      { id: 'b', address: `127.0.0.1:${other.port}`, weight: 1, zone: '', metadata: { lang: 'go' } },
    ])
    const caller = rpc.connect(`${cluster.url}/courses`)
    t.after(() => caller.close(() => {}))
    await until(() => caller.addresses.filter(({ connected }) => connected).length === 2)
    const names = new Set()
    await until(async () => names.add(String(await caller.call('name'))).size === 2)
    await client.delete('courses/b')
    await until(() => caller.addresses.length === 1)
    assert.strictEqual(String(await caller.call('name')), 'one')
    // Another process registers the same id.
    const replaced = once(mine, 'error')
    await client.put('courses/a', String(entry.value))
    await client.call('Lease/LeaseRevoke', { id: mine.lease.id })
    assert.strictEqual((await replaced)[0].code, 'IRONWIRE_REGISTRY_REPLACED')
    const again = registry.register('courses', { id: 'a', port: one.port })
    await once(again, 'registered')
    await registry.close()
    assert.strictEqual((await client.range({ prefix: 'courses/' })).count, 1, 'what was registered is taken out')
    await client.delete({ prefix: 'courses/' })
  },
)

test(
  'etcd is killed and comes back: requests wait, watches and leases go on, calls know nothing of it',
  needsEtcd,
  async (t) => {
    const client = connect(t)
    const server = await serveRpc(t, 'here')
    const registry = rpc.connectRegistry(cluster.url)
    t.after(() => registry.destroy())
    await once(registry.register('echo', { port: server.port, lease: 2000 }), 'registered')
    const caller = rpc.connect(`${cluster.url}/echo`)
    t.after(() => caller.close(() => {}))
    const lease = await client.lease(60)
    const { revision } = await lease.put('r/leased', '')
    // etcd may execute requests of different streams in any order.
    const watcher = client.watch({ prefix: 'r/' }, { revision: revision + 1 })
    const seen = []
    watcher.on('put', ({ value }) => seen.push(String(value)))
    await client.put('r/1', 'first')
    await until(() => seen.length === 1)
    assert.strictEqual(String(await caller.call('name')), 'here')
    await cluster.members[0].kill()
    const waiting = [client.get('r/1'), client.put('r/2', 'second', { idempotent: true })]
    assert.strictEqual(String(await caller.call('name')), 'here', 'addresses stay')
    await cluster.restart()
    assert.strictEqual(String((await waiting[0]).value), 'first')
    await waiting[1]
    await until(() => seen.length === 2)
    assert.deepStrictEqual(seen, ['first', 'second'])
    assert.strictEqual((await client.call('Lease/LeaseTimeToLive', { id: lease.id })).grantedTtl, 60)
    assert.strictEqual(String(await caller.call('name')), 'here')
    watcher.close()
    await lease.revoke()
  },
)

test('grpc targets that name services in etcd', needsEtcd, async (t) => {
  const client = connect(t)
  const registry = rpc.connectRegistry(cluster.url)
  t.after(() => registry.destroy())
  const registrations = {}
  for (const name of ['one', 'other']) {
    const { port } = await serve(t, grpc, { one: (_, callback) => callback(null, name) })
    registrations[name] = registry.register('texts/all', { port })
    await once(registrations[name], 'registered')
  }
  await client.put('texts/all/none', JSON.stringify({ Op: 0, Addr: '127.0.0.1:1', ironwire: { weight: 0 } }))
  await client.put('texts/all/wrong', JSON.stringify({ Op: 0, Addr: 'no address' }))
  const Texts = grpc.makeClientConstructor(service, 'Texts')
  const insecure = grpc.credentials.createInsecure()
  const turns = JSON.stringify({ methodConfig: [], loadBalancingConfig: [{ round_robin: {} }] })
  const caller = new Texts(`${cluster.url}/texts/all`, insecure, { 'grpc.service_config': turns })
  t.after(() => caller.close())
  const names = new Set()
  await until(async () => names.add(await caller.one('who')).size === 2)
  assert.strictEqual(caller.getChannel().authority, 'texts%2Fall')
  await registrations.one.close()
  await until(async () => (await Promise.all([caller.one('who'), caller.one('who')])).join() === 'other,other')
  for (const target of ['etcd://a:x/b', 'etcd://a,/b', 'etcd://a', 'etcd://a/']) {
    assert.throws(() => new Texts(target, insecure), { code: 'ERR_INVALID_ARG_VALUE' })
  }
  const wrong = { 'ironwire.etcd': { user: 'me' } }
  assert.throws(() => new Texts('etcd://a/b', insecure, wrong), { code: 'IRONWIRE_UNKNOWN_OPTION' })
  await registry.close()
  await client.delete({ prefix: 'texts/' })
})

test('TLS, also mutual, with endpoints and with rpc targets', needsEtcd, async (t) => {
  const chain = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-etcd-tls-')), 'chain.pem')
  fs.writeFileSync(chain, identity.cert)
  t.after(() => fs.rmSync(path.dirname(chain), { recursive: true, force: true }))
  const flags = ['--cert-file', chain, '--key-file', file('server-key.pem')]
  flags.push('--client-cert-auth', '--trusted-ca-file', file('ca-cert.pem'))
  const tls = { ca, ...of('client'), servername: 'localhost' }
  const secure = await startCluster(1, { flags, scheme: 'https', ready: { tls } })
  t.after(() => secure.end())
  const client = etcd.connect(secure.endpoints, { tls })
  t.after(() => client.close())
  await client.put('a', 'x')
  assert.strictEqual(String((await client.get('a')).value), 'x')
  for (const [wrong, reason] of [
    [{ ca, servername: 'localhost' }, /certificate/i],
    [{ ...tls, servername: 'elsewhere' }, /altnames/],
    [{ ...of('client'), servername: 'localhost' }, /certificate/i],
  ]) {
    const refused = etcd.connect(secure.endpoints, { tls: wrong, timeout: 100 })
    let error
    do error = await refused.get('a').catch((error) => error)
    while (error.cause === undefined)
    assert.strictEqual(error.sent, false)
    assert.match(error.message, reason)
    refused.close()
  }
  const server = await serveRpc(t, 'here')
  const registry = rpc.connectRegistry(secure.url, { tls })
  await once(registry.register('echo', { port: server.port }), 'registered')
  const caller = rpc.connect(`${secure.url}/echo`, { registryTls: tls })
  assert.strictEqual(String(await caller.call('name')), 'here')
  await caller.close()
  await registry.close()
})

test('names, passwords and permissions', needsEtcd, async (t) => {
  const open = connect(t)
  const rights = { permType: 2, key: 'ours/', rangeEnd: 'ours0' }
  for (const [name, message] of [
    ['UserAdd', { name: 'root', password: 'all' }],
    ['RoleAdd', { name: 'root' }],
    ['UserGrantRole', { user: 'root', role: 'root' }],
    ['UserAdd', { name: 'ada', password: 'p@ss/word' }],
    ['RoleAdd', { name: 'ours' }],
    ['RoleGrantPermission', { name: 'ours', perm: rights }],
    ['UserGrantRole', { user: 'ada', role: 'ours' }],
    ['AuthEnable', {}],
  ]) {
    await open.call(`Auth/${name}`, message)
  }
  const root = connect(t, { username: 'root', password: 'all' })
  try {
    await assert.rejects(open.get('ours/1'), { code: 'IRONWIRE_ETCD_UNAUTHENTICATED' })
    await assert.rejects(connect(t, { username: 'ada', password: 'no' }).get('ours/1'), {
      code: 'IRONWIRE_ETCD_UNAUTHENTICATED',
    })
    const ada = connect(t, { username: 'ada', password: 'p@ss/word' })
    await ada.put('ours/1', 'x')
    await assert.rejects(ada.put('theirs', 'x'), { code: 'IRONWIRE_ETCD_DENIED', sent: false })
    const [denied] = await once(ada.watch('theirs'), 'error')
    assert.strictEqual(denied.code, 'IRONWIRE_ETCD_DENIED')
    const watcher = ada.watch({ prefix: 'ours/' }, { initial: true })
    await once(watcher, 'reset')
    // Its tokens are lost with the member.
    await cluster.members[0].kill()
    await cluster.restart(cluster.members, { username: 'root', password: 'all' })
    const put = once(watcher, 'put')
    await ada.put('ours/2', 'y', { idempotent: true })
    assert.strictEqual(String((await put)[0].value), 'y')
    watcher.close()
    // rpc's targets can contain the user and password, as URLs do.
    const server = await serveRpc(t, 'here')
    const url = cluster.url.replace('etcd://', 'etcd://ada:p%40ss%2Fword@')
    const registry = rpc.connectRegistry(url)
    t.after(() => registry.destroy())
    await once(registry.register('ours', { port: server.port }), 'registered')
    const caller = rpc.connect(`${url}/ours`)
    assert.strictEqual(String(await caller.call('name')), 'here')
    await caller.close()
    const { port } = await serve(t, grpc, { one: (_, callback) => callback(null, 'here') })
    await once(registry.register('ours/grpc', { port }), 'registered')
    const who = { username: 'ada', password: 'p@ss/word' }
    const texts = new (grpc.makeClientConstructor(service, 'Texts'))(
      `${cluster.url}/ours/grpc`,
      grpc.credentials.createInsecure(),
      { 'ironwire.etcd': who },
    )
    assert.strictEqual(await texts.one('where'), 'here')
    texts.close()
    const [refused] = await once(registry.register('theirs', { port: 1 }), 'error')
    assert.strictEqual(refused.code, 'IRONWIRE_RPC_UNAUTHENTICATED')
    const barred = rpc.connect(`${url.replace('ada', 'eve')}/ours`)
    t.after(() => barred.close(() => {}))
    await assert.rejects(barred.call('name'), { code: 'IRONWIRE_RPC_UNAUTHENTICATED', sent: false })
    await registry.close()
  } finally {
    await root.call('Auth/AuthDisable')
  }
})
