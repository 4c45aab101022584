'use strict'

// Three members under load, some of which are killed, stopped and restarted: no idempotent request fails, and each
// change is reported exactly once.

const assert = require('node:assert')
const { once } = require('node:events')
const { after, before, test } = require('node:test')
const { etcd, rpc } = require('../../index.js')
const { missing, startCluster } = require('./support.js')
const { serveRpc, until } = require('./tools.js')

const needsEtcd = { skip: missing, timeout: 240_000 }

let cluster

before(async () => {
  if (!missing) cluster = await startCluster(3)
})
after(() => cluster?.end())

function connect(t, options) {
  const client = etcd.connect(cluster.endpoints, options)
  t.after(() => client.close())
  return client
}

/** Keeps `inFlight` requests running until it is stopped. Failures are collected. */
function load(client, prefix, inFlight = 8) {
  const state = { done: 0, failed: [], written: new Map() }
  let stopped = false
  let number = 0
  const one = async (i) => {
    const key = `${prefix}${i}`
    while (!stopped) {
      const value = `${++number}`
      try {
        const { revision } = await client.put(key, value, { idempotent: true })
        state.written.set(key, value)
        const got = await client.get(key)
        // A member that was stopped may carry out an attempt of an earlier put that it still had, after later puts.
        const isRepeated = got?.modRevision > revision && Number(got.value) < Number(value)
        if (String(got?.value) !== value && !isRepeated) throw new Error(`${key} is ${got?.value}, not ${value}`)
        state.done++
      } catch (error) {
        state.failed.push(error)
      }
    }
  }
  const all = Promise.all(Array.from({ length: inFlight }, (_, i) => one(i)))
  return Object.assign(state, {
    /** Waits until `count` more requests are done. */
    more: async (count = 50) => {
      const from = state.done
      await until(() => state.failed.length > 0 || state.done >= from + count)
    },
    stop: async () => {
      stopped = true
      await all
      assert.deepStrictEqual(state.failed, [])
    },
  })
}

/** Records what a watch reports for each revision. */
function follow(client, prefix) {
  const watcher = client.watch({ prefix }, { initial: true })
  const state = { watcher, revisions: [], values: new Map(), resets: 0, last: 0 }
  watcher.on('reset', (entries, revision) => {
    state.resets++
    state.last = revision
    state.values = new Map(entries.map(({ key, value }) => [String(key), String(value)]))
  })
  watcher.on('events', (events) => {
    for (const { entry } of events) {
      state.revisions.push(entry.modRevision)
      state.values.set(String(entry.key), String(entry.value))
    }
  })
  return state
}

function assertInOrder(revisions) {
  for (let i = 1; i < revisions.length; i++) assert.ok(revisions[i] > revisions[i - 1], 'each revision once, in order')
}

test('members are killed under load, the leader among them', needsEtcd, async (t) => {
  const client = connect(t)
  const other = connect(t)
  const seen = follow(other, 'load/')
  await once(seen.watcher, 'reset')
  const lease = await client.lease(2)
  await lease.put('leased', 'x')
  const losses = []
  lease.on('lost', () => losses.push('lost'))
  const [one, two] = [await serveRpc(t, 'one'), await serveRpc(t, 'two')]
  const registry = rpc.connectRegistry(cluster.url)
  t.after(() => registry.destroy())
  for (const { port } of [one, two]) await once(registry.register('echo', { port }), 'registered')
  const caller = rpc.connect(`${cluster.url}/echo`)
  t.after(() => caller.close(() => {}))
  await until(() => caller.addresses.filter(({ connected }) => connected).length === 2)

  const running = load(client, 'load/')
  await running.more()
  for (const which of ['leader', 'follower', 'the one that is talked to']) {
    const leader = await cluster.leader()
    const talkedTo = () => client.endpoints.findIndex(({ connected }) => connected)
    await until(() => talkedTo() >= 0)
    const victim =
      which === 'leader'
        ? leader
        : which === 'follower'
          ? cluster.members.find((member) => member !== leader)
          : cluster.members[talkedTo()]
    await victim.kill()
    await running.more()
    await cluster.restart([victim])
    await running.more()
    assert.match(String(await caller.call('name')), /one|two/)
  }
  await running.stop()
  await until(() => [...running.written].every(([key, value]) => seen.values.get(key) === value))
  assert.strictEqual(seen.resets, 1)
  assertInOrder(seen.revisions)
  assert.strictEqual(caller.addresses.length, 2)
  // If the election took longer than the lease, the key must be written again.
  await until(async () => (await client.get('leased'))?.lease === lease.id)
  seen.watcher.close()
  await lease.revoke()
  await registry.close()
})

test('a leader that is stopped is not waited for', needsEtcd, async (t) => {
  const client = connect(t)
  const running = load(client, 'still/')
  await running.more()
  const leader = await cluster.leader()
  await leader.kill('SIGSTOP')
  await running.more(20)
  await leader.kill('SIGCONT')
  await running.more()
  await running.stop()
})

test('two of three members are down: requests wait until there is a leader again', needsEtcd, async (t) => {
  const client = connect(t)
  const running = load(client, 'quorum/', 4)
  await running.more(20)
  const [, ...gone] = cluster.members
  await Promise.all(gone.map((member) => member.kill()))
  // A member on its own still answers reads that accept old data.
  const [left] = cluster.members
  const alone = etcd.connect(left.endpoint)
  t.after(() => alone.close())
  assert.notStrictEqual(await alone.get('quorum/0', { serializable: true }), null)
  await cluster.restart(gone)
  await running.more(20)
  await running.stop()
})

test(
  'all members are killed and restarted, and a watch reads again what was compacted meanwhile',
  needsEtcd,
  async (t) => {
    const client = connect(t)
    const seen = follow(client, 'all/')
    await once(seen.watcher, 'reset')
    const running = load(client, 'all/', 4)
    await running.more(20)
    // The watch loses its stream, and the changes it has not seen are compacted before it can resume.
    const { stream } = seen.watcher
    const begin = stream.begin.bind(stream)
    const go = stream.go.bind(stream)
    stream.begin = stream.go = () => {}
    await Promise.all(cluster.members.map((member) => member.kill()))
    await cluster.restart()
    await running.more(20)
    const { revision } = await client.put('all/last', 'x', { idempotent: true })
    await client.compact(revision)
    stream.begin = begin
    stream.go = go
    const compacted = once(seen.watcher, 'compacted')
    stream.begin()
    assert.strictEqual((await compacted)[0].compactRevision, revision)
    await running.more(20)
    await running.stop()
    await until(() => [...running.written].every(([key, value]) => seen.values.get(key) === value))
    assert.strictEqual(seen.resets, 2)
    assertInOrder(seen.revisions)
    seen.watcher.close()
  },
)
