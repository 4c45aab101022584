'use strict'

// Registries, servers and clients in a simulated world: a clock that jumps from event to event, and a network that
// delays, drops, duplicates and partitions. The registry's core, its clients, the resolver's cache and all their
// decisions are the real code.

const assert = require('node:assert')
const { EventEmitter } = require('node:events')
const { test } = require('node:test')
const { randomUUID } = require('node:crypto')
const { RegistryCore } = require('../../lib/rpc/registry/core.js')
const { RegistryClient } = require('../../lib/rpc/registry/client.js')
const { METHODS, SERVICE } = require('../../lib/rpc/registry/messages.js')
const { Holder } = require('../../lib/rpc/resolve/holder.js')
const { randomOf } = require('../chance')

const SEEDS = Number(process.env.SEEDS ?? 40)
const LEASE = 4000

/**
 * The time of a watch whose answer was lost, the pause after it, and how long instances are kept for a registry that
 * has lost its data. After this, all effects are over.
 */
const ALL_OVER = 35_000 + 5000 + 30_000 + 2 * LEASE

class World {
  constructor(seed) {
    this.random = randomOf(seed)
    this.time = 0
    this.count = 0
    this.timers = new Map()
    /** Pairs that cannot reach each other. */
    this.parted = new Set()
    this.calm = false
    /** Servers that run without a break, so no client may lose them. */
    this.steady = []
  }

  /** A clock for one life of a process; its timers end with that life. */
  clockOf(process) {
    const { life } = process
    return {
      now: () => this.time + process.skew,
      random: this.random,
      setTimeout: (callback, ms) => this.later(ms, () => process.alive && process.life === life && callback()),
      clearTimeout: (timer) => this.timers.delete(timer),
    }
  }

  later(ms, callback) {
    const timer = { at: this.time + Math.max(ms, 0), order: this.count++, callback }
    this.timers.set(timer, timer)
    return timer
  }

  below(n) {
    return Math.floor(this.random() * n)
  }

  /** Delivers a message, or loses it. */
  send(from, to, deliver) {
    const rough = !this.calm
    if (rough && (this.parted.has(`${from.name} ${to.name}`) || this.random() < 0.05)) return
    const times = rough && this.random() < 0.05 ? 2 : 1
    for (let i = 0; i < times; i++) {
      const delay = rough ? this.below(this.random() < 0.1 ? 2000 : 20) : 1
      this.later(delay, () => to.alive && deliver())
    }
  }

  /** Lets time pass, event by event. */
  async pass(ms) {
    const until = this.time + ms
    for (;;) {
      let next
      for (const timer of this.timers.values()) {
        if (next === undefined || timer.at < next.at || (timer.at === next.at && timer.order < next.order)) next = timer
      }
      if (next === undefined || next.at > until) break
      this.timers.delete(next)
      this.time = Math.max(this.time, next.at)
      next.callback()
    }
    this.time = until
    // Runs the real promise jobs and ticks.
    await new Promise(setImmediate)
  }
}

/** A process that lives, dies and starts again. */
class Process {
  constructor(world, name) {
    this.world = world
    this.name = name
    this.skew = 0
    this.live()
  }

  live() {
    this.alive = true
    this.life = {}
    this.clock = this.world.clockOf(this)
  }
}

class RegistryProcess extends Process {
  constructor(world) {
    super(world, 'registry')
    this.begin()
  }

  begin() {
    this.live()
    this.core = new RegistryCore(
      {
        epoch: randomUUID(),
        services: 10,
        instancesPerService: 100,
        instances: 100,
        serviceBytes: 100_000,
        nameBytes: 255,
        metadataBytes: 100,
        minLeaseMs: 100,
        maxLeaseMs: 60_000,
        watches: 100,
        waitMs: 60_000,
        recordsPerSnapshot: 10,
      },
      { clock: this.clock, onOpen() {}, onStatus() {} },
    )
  }

  die() {
    this.alive = false
    this.core.close()
  }
}

/** The rpc client by which a process calls a registry; it uses the simulated network. */
class Caller extends EventEmitter {
  constructor(process, registry) {
    super()
    this.process = process
    this.life = process.life
    this.registry = registry
  }

  call(path, body, { timeout }, callback) {
    const { process, registry, life } = this
    const { world } = process
    const method = METHODS.indexOf(path.slice(SERVICE.length + 2))
    let ended = false
    const end = (error, reply) => {
      if (ended) return
      ended = true
      if (process.alive && process.life === life) callback(error, reply)
    }
    world.later(timeout, () => end(Object.assign(new Error('no answer'), { code: 'IRONWIRE_RPC_TIMEOUT' })))
    world.send(process, registry, () => {
      registry.core.request(method, body, (code, message, reply) => {
        const error = code === null ? null : Object.assign(new Error(message), { code })
        world.send(registry, process, () => end(error, reply))
      })
    })
  }

  destroy() {}
}

class ServerProcess extends Process {
  constructor(world, name, registry) {
    super(world, name)
    this.registry = registry
    this.begin()
  }

  begin() {
    this.live()
    this.client = new RegistryClient(new Caller(this, this.registry), { clock: this.clock, host: '127.0.0.1' })
    // A new process has a new id, as ids chosen at random would be.
    this.id = `${this.name} ${this.world.count++}`
    this.registration = this.client.register('echo', { id: this.id, port: 1, lease: LEASE })
    this.registration.on('error', (error) => {
      this.failure = error
    })
  }

  die() {
    this.alive = false
  }
}

class ClientProcess extends Process {
  constructor(world, name, registry) {
    super(world, name)
    this.addresses = []
    this.client = new RegistryClient(new Caller(this, registry), { clock: this.clock })
    const holder = new Holder((instances) => {
      assert.ok(instances.length > 0, 'a list is never replaced by an empty one')
      this.addresses = instances.map(({ id }) => id)
      for (const id of world.steady) assert.ok(this.addresses.includes(id), `${this.name} never loses ${id}`)
    }, this.clock)
    this.client.watch('echo', (instances, epoch) => holder.tell(instances, epoch))
  }
}

/** Something fails, or is repaired. */
function disturb(world, registry, servers, clients) {
  const others = [...servers, ...clients]
  const other = others[world.below(others.length)]
  switch (world.below(8)) {
    case 0:
      if (registry.alive) registry.die()
      return
    case 1:
    case 2:
      if (!registry.alive) registry.begin()
      return
    case 3: {
      const server = servers[world.below(servers.length)]
      if (server.alive) server.die()
      else server.begin()
      return
    }
    case 4:
      world.parted.add(`${other.name} registry`)
      if (world.random() < 0.7) world.parted.add(`registry ${other.name}`)
      return
    case 5:
      world.parted.clear()
      return
    case 6:
      // The machine was suspended, or its clock was set.
      registry.skew += world.below(100_000) - 50_000
      return
    default:
      other.skew += world.below(10_000)
  }
}

async function simulate(seed) {
  const world = new World(seed)
  const registry = new RegistryProcess(world)
  const servers = Array.from({ length: 4 }, (_, i) => new ServerProcess(world, `server${i}`, registry))
  const clients = Array.from({ length: 3 }, (_, i) => new ClientProcess(world, `client${i}`, registry))
  for (let i = 0; i < 60; i++) {
    disturb(world, registry, servers, clients)
    await world.pass(world.below(5000))
  }
  // Everything works again, for as long as the longest timeout lasts.
  world.calm = true
  world.parted.clear()
  if (!registry.alive) registry.begin()
  for (const server of servers) if (!server.alive) server.begin()
  await world.pass(ALL_OVER)
  const expected = servers.map(({ id }) => id).sort()
  for (const server of servers) assert.strictEqual(server.failure, undefined)
  for (const client of clients) {
    assert.deepStrictEqual([...client.addresses].sort(), expected, `${client.name} knows who serves`)
  }

  // A client that knows the servers keeps them during an outage of any length, and also when the registry comes back
  // without data.
  world.steady = expected
  registry.die()
  await world.pass(100_000)
  registry.begin()
  await world.pass(ALL_OVER)
  for (const client of clients) assert.deepStrictEqual([...client.addresses].sort(), expected)
  world.steady = []
  // A server that dies now is noticed after its lease, and after the time for which instances are kept for the
  // registry's sake.
  servers[0].die()
  await world.pass(ALL_OVER)
  for (const client of clients)
    assert.deepStrictEqual(
      [...client.addresses].sort(),
      expected.filter((id) => id !== servers[0].id),
    )
  registry.die()
}

test(`what everybody knows of everybody, in ${SEEDS} worlds`, async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    await simulate(seed).catch((error) => {
      error.message = `seed ${seed}: ${error.message}`
      throw error
    })
  }
})
