'use strict'

// Clients, servers and a registry in a simulated world, the failures there, and the rules that must hold in spite of
// them.

// This comes first, because it must be loaded before lib/rpc.
const { inWorld, Process } = require('./world.js')
const { Network, over } = require('./network.js')
const { Made, MadeStream, METHODS, PLAIN, STREAMS, addMethods, bodyOf, fate, sleep } = require('./calls.js')
const timers = require('node:timers')
const { native } = require('../../../lib/engine.js')
const rpc = require('../../../lib/rpc/index.js')
const { Link } = require('../../../lib/rpc/link.js')
const { HEALTH_METHOD } = require('../../../lib/rpc/health.js')

const SERVICE = 'things'
const REGISTRY_PORT = 7400
const LEASE = 3000

/**
 * The milliseconds after which every client knows everything again: the longest pauses between two attempts and between
 * two probes of an ejected server. With a registry, also a silent connection, a lease, and the time for which instances
 * are kept for the registry's sake.
 */
const HEALING = 20_000
const HEALING_WITH_REGISTRY = 60_000

/** Timeout in milliseconds with which a repeatable call must not fail: it is longer than the life of many servers. */
const LONG = 40_000

/** The number of registry addresses so far, in all worlds. */
let registries = 0

/** Servers, each on its own machine. */
class ServerProcess extends Process {
  constructor(cluster, number) {
    super(cluster.world, `server${number}`)
    const { world, network } = cluster
    this.cluster = cluster
    this.host = `10.0.0.${number}`
    this.port = 3000
    this.weight = world.pick([1, 1, 1, 2, 5])
    this.zone = world.pick(['', 'a', 'b'])
    this.options = this.chooseOptions()
    network.hosts.set(this.host, this)
    this.begin()
  }

  chooseOptions() {
    const { world, isSteady } = this
    const { isGentle } = this.cluster
    return {
      ...this.cluster.shared,
      maxConcurrency: isSteady ? 10_000 : world.pick([1, 5, 50, 65_536]),
      maxCallsPerConnection: isSteady ? 4096 : world.pick([1, 4, 50, 4096]),
      maxStrays: world.pick([50, 65_536]),
      maxStraysPerConnection: world.pick([20, 4096]),
      strayTimeout: world.pick([500, 5000]),
      // If little may wait, streams in both directions can block each other until their deadlines.
      maxPendingBytes: isGentle ? 64 * 2 ** 20 : world.pick([20_000, 64 * 2 ** 20]),
      maxFrameBytes: world.pick([3000, 16 * 2 ** 20]),
      streamWindow: world.pick([1024, 8192, 2 ** 20]),
      handshakeTimeout: 1000,
      pingInterval: world.pick([1000, 2000]),
      pingTimeout: isGentle ? 5000 : world.pick([200, 1000]),
      closeTimeout: 60_000,
      maxConnectionAge: world.pick([Infinity, Infinity, 1500, 5000]),
      maxConnectionAgeGrace: isGentle ? Infinity : world.pick([Infinity, 200]),
      propagate: world.chance(0.2),
    }
  }

  get isSteady() {
    return this.cluster.isSteady && this.name === 'server0'
  }

  get place() {
    return { host: this.host, port: this.port, weight: this.weight, zone: this.zone, id: this.id }
  }

  begin() {
    const { world, cluster } = this
    this.live()
    cluster.network.dark.delete(this)
    this.id = `${this.name} ${world.count++}`
    this.isDraining = false
    this.client = null
    this.execute(() => {
      const server = rpc.createServer(this.options)
      this.server = server
      server.on('handlerError', (error) => {
        if (error?.code !== 'ERR_FATE' && !error?.code?.startsWith('IRONWIRE_RPC'))
          world.fail(`a handler failed: ${error?.stack ?? error}`)
      })
      addMethods(this)
      if (world.chance(0.2)) {
        server.use(async (call, next) => {
          if (call.method === 'slow') await sleep(1)
          return next()
        })
      }
      server.listen(this.port, this.host)
      if (cluster.registry === null) return
      this.registryClient = rpc.connectRegistry(cluster.registry.target, cluster.shared)
      this.registryClient.on('error', () => {})
      this.registration = this.registryClient.register(SERVICE, { ...this.place, lease: LEASE })
      this.registration.on('error', (error) => world.fail(`${this.name} cannot register: ${error.stack}`))
    })
    cluster.tell()
  }

  /** Its client for calls to other servers, made on first use. */
  get caller() {
    const { cluster, name, world } = this
    if (this.client === null) {
      this.client = rpc.connect(
        { resolve: (update) => cluster.resolve(update) },
        { timeout: 2000, ...patience(cluster) },
      )
      this.client.on('error', (error) => world.fail(`${name}'s client gave up: ${error.stack}`))
    }
    return this.client
  }

  /** Dies without notice. */
  kill(isDark) {
    this.die()
    this.cluster.network.bury(this, isDark)
  }

  /** Shuts down gracefully, and starts again when its clients have left. */
  drain() {
    const { cluster, server, world } = this
    this.isDraining = true
    this.execute(() => {
      this.registration?.close(() => {})
      server.close(() => {
        closeClient(this.client, () => {
          this.registryClient?.destroy()
          world.later(world.span(300), null, () => {
            if (!this.isDraining) return
            this.checkAtRest()
            this.kill(false)
            if (cluster.isMovable) this.port++
            this.begin()
          })
        })
      })
    })
    cluster.tell()
  }

  /** Checks that nothing is left when nobody makes calls any more. */
  checkAtRest() {
    const { server, name, world } = this
    const is = (what, value, expected = 0) => {
      if (value !== expected) world.fail(`${name} has ${value} ${what} left`)
    }
    is('handlers at work', server.running)
    is('calls in the queue', server.queue.size)
    is('strays', server.strays.size)
    for (const session of server.sessions) {
      is('calls', session.calls.size)
      is('waiting calls', session.waiting.size)
      is('one-way calls', session.oneWays)
      is('strays of a connection', session.strays)
      is('pending bytes', session.pendingBytes)
      is('blocked streams', session.blocked.size)
    }
    is('calls made', this.client?.pending ?? 0)
  }
}

/** A server may not have called anybody. */
function closeClient(client, callback) {
  if (client === null) callback()
  else client.close(callback)
}

/** Client options with which a dead server is noticed soon. */
const patience = ({ world, isGentle, shared }) => ({
  ...shared,
  handshakeTimeout: 1000,
  pingInterval: world.pick([700, 2000]),
  pingTimeout: isGentle ? 5000 : world.pick([200, 500]),
  reconnect: { initialDelay: world.pick([1, 20, 100]), maxDelay: world.pick([200, 1000]) },
})

class ClientProcess extends Process {
  constructor(cluster, number) {
    super(cluster.world, `client${number}`)
    const { world, network } = cluster
    this.cluster = cluster
    this.host = `10.0.1.${number}`
    network.hosts.set(this.host, this)
    this.kind = world.pick(cluster.kinds)
    this.begin()
  }

  begin() {
    this.live()
    /** The earlier clients of the process, and how many of them have not closed. */
    this.former = []
    this.closing = 0
    this.connect()
  }

  /** Replaces the client; the old one is closed gracefully or at once. */
  renew(atOnce) {
    const { client } = this
    this.former.push(client)
    this.closing++
    this.execute(() => {
      if (!atOnce) return client.close(() => this.closing--)
      client.once('close', () => this.closing--)
      client.destroy()
    })
    this.connect()
  }

  connect() {
    const { world, cluster } = this
    /** If true, idempotent calls must not fail as long as any server runs. */
    this.isSure = world.chance(0.5)
    const options = {
      ...patience(cluster),
      timeout: world.pick([300, 3000, 30_000]),
      queue: this.isSure || world.chance(0.8),
      maxQueuedCalls: this.isSure ? undefined : world.pick([undefined, undefined, 5]),
      maxInFlight: world.pick([1, 10, 4096]),
      streamWindow: world.pick([1024, 8192, 2 ** 20]),
      maxPendingBytes: cluster.isGentle ? 64 * 2 ** 20 : world.pick([20_000, 64 * 2 ** 20]),
      balance: { policy: world.pick(['least-loaded', 'round-robin']), ejectAfter: world.pick([1, 5]) },
      retry: this.isSure
        ? { ratio: 1, perSecond: 10_000, attempts: 1000 }
        : world.pick([undefined, false, { attempts: 1 }]),
    }
    if (this.kind !== 'direct' && world.chance(0.3)) options.balance.zone = world.pick(['a', 'b'])
    this.execute(() => {
      this.client = rpc.connect(this.target, options)
      this.client.on('error', (error) => world.fail(`${this.name} gave up: ${error.stack}`))
      let known = 0
      this.client.on('addresses', ({ length }) => {
        if (length === 0 && known > 0) world.fail(`${this.name} has forgotten everybody`)
        known = length
      })
      if (world.chance(0.15)) {
        this.client.use((call, next) => {
          call.metadata.set('seen', 'yes')
          return next()
        })
      }
    })
  }

  get target() {
    const { cluster } = this
    switch (this.kind) {
      case 'direct':
        return `${cluster.servers[0].host}:${cluster.servers[0].port}`
      case 'list':
        return cluster.servers.map(({ place: { id, ...place } }) => place)
      case 'registry':
        return `${cluster.registry.target}/${SERVICE}`
      default:
        return { resolve: (update) => cluster.resolve(update) }
    }
  }

  /** Whether calls that must not fail are in flight. */
  get isBusySurely() {
    return this.cluster.made.some(({ isSure, ends, owner }) => isSure && ends === 0 && owner === this)
  }

  /** Whether this client knows a server to which nothing happens. */
  get hasSteady() {
    const { cluster, client } = this
    if (!cluster.isSteady) return false
    if (this.kind === 'direct') return true
    return client.addresses.some(
      ({ address, weight }) => weight > 0 && address === `${cluster.servers[0].host}:${cluster.servers[0].port}`,
    )
  }

  checkAtRest() {
    for (const client of [...this.former, this.client]) this.checkClient(client)
    if (this.closing > 0) this.world.fail(`${this.closing} clients of ${this.name} have not closed`)
  }

  checkClient(client) {
    const { name, world } = this
    const is = (what, value, expected = 0) => {
      if (value !== expected) world.fail(`${name} has ${value} ${what}, not ${expected}`)
    }
    is('calls pending', client.pending)
    is('calls waiting', client.waiting.length)
    is('bytes waiting', client.waiting.bytes)
    for (const link of client.links) {
      is('calls unanswered', link.calls.unanswered)
      is('bytes pending', link.pendingBytes)
      is('streams blocked', link.blocked.size)
    }
    const { calls, replies, errors, oneWay } = client.stats
    is('calls ended', replies + errors + oneWay, calls)
    is('unknown answers', client.stats.unknownAnswers)
  }
}

class RegistryProcess extends Process {
  constructor(cluster) {
    super(cluster.world, 'registry')
    this.cluster = cluster
    this.host = '10.0.2.0'
    this.begin()
  }

  begin() {
    this.live()
    this.cluster.network.dark.delete(this)
    this.execute(() => {
      this.registry = rpc.createRegistry({ ...this.cluster.shared, server: { pingInterval: 1000, pingTimeout: 500 } })
      this.registry.listen(REGISTRY_PORT, this.host)
    })
  }

  kill(isDark) {
    this.registry.core.close()
    this.die()
    this.cluster.network.bury(this, isDark)
  }

  /**
   * An address that no other client uses: clients of one address in the same process would share a connection, even
   * with those that have died.
   */
  get target() {
    const number = registries++
    const host = `11.${number >> 16}.${(number >> 8) & 255}.${number & 255}`
    this.cluster.network.hosts.set(host, this)
    return `registry://${host}:${REGISTRY_PORT}`
  }
}

class Cluster {
  constructor(world) {
    this.world = world
    this.network = new Network(world)
    this.made = []
    this.updates = new Set()
    const mode = world.pick(['gentle', 'steady', 'wild'])
    /** Nothing dies and nothing is lost: whatever ends is closed gracefully. */
    this.isGentle = mode === 'gentle'
    /** The first server is left alone. */
    this.isSteady = mode === 'steady'
    /** Servers may start again at another address, which only a registry or a resolver knows. */
    this.isMovable = world.chance(0.3)
    this.kinds = this.isMovable ? ['registry', 'resolver'] : ['direct', 'list', 'list', 'registry', 'resolver']
    /** Options that all of them share, if any. */
    this.shared = world.chance(0.2) ? { secret: 'told to nobody else' } : {}
    this.registry = null
    this.servers = []
    this.clients = []
  }

  begin() {
    const { world } = this
    this.registry = new RegistryProcess(this)
    for (let i = 1 + world.below(4); i > 0; i--) this.servers.push(new ServerProcess(this, this.servers.length))
    for (let i = 1 + world.below(3); i > 0; i--) this.clients.push(new ClientProcess(this, this.clients.length))
  }

  /** The program's own resolver: reports the servers that listen or are about to. */
  resolve(update) {
    const entry = { update, owner: this.world.current }
    this.updates.add(entry)
    update(null, this.places)
    return { close: () => this.updates.delete(entry) }
  }

  get places() {
    const alive = this.servers.filter(({ alive, isDraining }) => alive && !isDraining)
    return (alive.length > 0 ? alive : this.servers).map(({ place }) => place)
  }

  tell() {
    const { world } = this
    for (const entry of this.updates) {
      world.later(world.span(100), entry.owner, () => this.updates.has(entry) && entry.update(null, this.places))
    }
  }

  // ---- calls

  /** Called when a handler runs for the call with this body. */
  ran(body, owner) {
    const made = this.made[body.readUInt32BE()]
    const { running, strays, options } = owner.server
    if (running > options.maxConcurrency) made.fail(`is one of ${running} at work, of ${options.maxConcurrency}`)
    if (strays.size >= options.maxStrays) made.fail(`runs beside ${strays.size} strays, of ${options.maxStrays}`)
    made.runs++
    return made
  }

  /** A random process makes a random call, or several at once. */
  call() {
    const { world } = this
    const owner = world.pick(this.clients)
    if (!owner.alive) return
    const count = world.chance(0.2) ? 1 + world.below(20) : 1
    world.at(world.time, owner, () => {
      for (let i = 0; i < count; i++) this.make(owner, owner.client, this.chooseMethod(), {})
    })
  }

  chooseMethod() {
    const { world } = this
    if (world.chance(0.55)) return METHODS[world.pick(PLAIN)]
    if (world.chance(0.35)) return METHODS[world.pick(STREAMS)]
    return world.pick(Object.values(METHODS))
  }

  make(owner, client, what, options, isSimple = false) {
    const { world } = this
    if (what.stream !== undefined) return this.makeStream(owner, client, what)
    const made = new Made(this, owner, client, what)
    const { id } = made
    made.options = options
    if (!isSimple) this.chooseOptions(made)
    const body = bodyOf(id, made.size)
    const check = (reply, metadata) => {
      if (options.oneWay) return
      if (!reply.equals(bodyOf(id, made.size))) made.fail(`got the answer ${reply.toString('latin1', 0, 20)}`)
      if (what.name === 'later' && metadata !== undefined && typeof metadata.get('served') !== 'string')
        made.fail('lost its metadata')
    }
    const end = (error, reply, metadata) => {
      made.end(error, reply, () => check(reply, metadata))
      made.onEnd?.(error, reply)
      if (!isSimple && world.chance(0.02)) throw fate(true)
      if (!isSimple && world.chance(0.05)) this.make(owner, client, METHODS.echo, {})
    }
    const name = what.name
    made.deadline = this.deadlineOf(made)
    if (!isSimple && options.parent === undefined && world.chance(0.2)) {
      client.call(name, body, options).then(
        (reply) => made.end(null, reply, check),
        (error) => made.end(error),
      )
    } else {
      const call = client.call(name, body, options, end)
      if (made.cancelsIn !== undefined) {
        timers.setTimeout(() => {
          if (made.ends > 0) return
          made.abortedAt = world.now
          call.cancel()
        }, made.cancelsIn)
      }
    }
    // The caller may reuse the body now.
    body.fill(0xff)
    made.isMaking = false
    return made
  }

  makeStream(owner, client, what) {
    const { world } = this
    const made = new MadeStream(this, owner, client, what)
    const { options } = made
    options.timeout = world.pick([500, 5000, 15_000])
    if (world.chance(0.2)) options.metadata = { id: String(made.id) }
    this.maybeAbort(made)
    made.deadline = this.deadlineOf(made)
    made.begin()
    made.isMaking = false
    return made
  }

  chooseOptions(made) {
    const { world } = this
    const { options, owner, what } = made
    if (world.chance(0.2)) made.size = world.pick([1, 40, 400])
    else if (world.chance(0.03)) made.size = world.pick([5000, 20_000])
    if (world.chance(0.3)) options.timeout = world.pick([1, 20, 200, 2000, LONG])
    else if (world.chance(0.05)) options.deadline = Date.now() + world.below(2000) - 20
    if (what.isShort) options.timeout = world.pick([1, 20, 200, 2000, 5000])
    if (world.chance(0.15)) options.metadata = { id: String(made.id) }
    if (world.chance(0.4)) {
      options.idempotent = true
      if (world.chance(0.3)) options.hedge = world.pick([1, 20, 100])
    }
    if (what.name === 'echo' && world.chance(0.1)) {
      made.what = { name: 'one way' }
      options.oneWay = true
      delete options.idempotent
      delete options.hedge
    }
    const isGood = PLAIN.includes(what.name) && options.idempotent && !options.oneWay && made.size < 1000
    if (isGood && !made.isTooLate && owner.isSure && owner.hasSteady && world.chance(0.7)) {
      options.timeout = LONG
      delete options.deadline
      made.isSure = true
    } else this.maybeAbort(made)
  }

  maybeAbort(made) {
    const { world } = this
    if (world.chance(0.08)) {
      const controller = new AbortController()
      made.options.signal = controller.signal
      timers.setTimeout(() => {
        if (made.ends === 0) made.abortedAt = world.now
        controller.abort()
      }, world.span(500))
    } else if (made.what.stream === undefined && world.chance(0.05)) made.cancelsIn = world.span(500)
  }

  deadlineOf({ options, client, what }) {
    const { world } = this
    const {
      timeout = options.deadline === undefined && what.stream === undefined ? client.options.timeout : Infinity,
    } = options
    const own = options.deadline === undefined ? Infinity : options.deadline - world.wall
    return Math.max(world.now, Math.min(world.now + timeout, own, world.now + (options.parent?.remaining ?? Infinity)))
  }

  // ---- failures

  disturb() {
    const { world } = this
    const others = this.isSteady ? this.servers.slice(1) : this.servers
    const server = others.length > 0 ? world.pick(others) : null
    const client = world.pick(this.clients)
    if (this.isGentle) return this.disturbGently(server, client)
    switch (world.below(14)) {
      case 0:
      case 1:
        return server?.alive && !server.isDraining && this.restart(server, world.chance(0.3))
      case 2:
        return server?.alive && !server.isDraining && server.drain()
      case 3:
        return server?.stop(world.span(4000))
      case 4:
        return client.stop(world.span(1500))
      case 5:
        if (server !== null)
          this.part(
            server,
            world.pick(
              [...this.clients, ...this.servers, this.registry].filter(
                (other) => other !== this.servers[0] || !this.isSteady,
              ),
            ),
          )
        return
      case 6:
        return this.part(client, this.isSteady ? this.registry : world.pick([...this.servers, this.registry]))
      case 7:
        return this.network.heal()
      case 8:
        if (this.registry.alive) this.registry.kill(world.chance(0.3))
        else this.registry.begin()
        return
      case 9:
        return this.network.break()
      case 10:
        if (server !== null) server.slow = world.chance(0.5) ? world.span(100) : 0
        return
      case 11:
        world.wall += world.below(100_000) - 50_000
        for (const { alive, server } of others) if (alive && world.chance(0.3)) server.healthy = !server.healthy
        return
      case 12:
        return this.registry.stop(world.span(5000))
      default:
        if (!client.alive) return
        if (world.chance(0.5)) this.restart(client, world.chance(0.3))
        else if (!client.isBusySurely) client.renew(world.chance(0.5))
    }
  }

  disturbGently(server, client) {
    const { world } = this
    switch (world.below(5)) {
      case 4:
        return client.renew(false)
      case 0:
        return server.alive && !server.isDraining && server.drain()
      case 1:
        return world.pick([server, client]).stop(world.span(150))
      case 2:
        server.slow = world.chance(0.5) ? world.span(20) : 0
        return
      default:
        world.wall += world.below(100_000) - 50_000
    }
  }

  restart(owner, isDark) {
    const { world } = this
    if (owner.kill !== undefined) owner.kill(isDark)
    else {
      owner.die()
      this.network.bury(owner, isDark)
      this.network.dark.delete(owner)
    }
    for (const entry of this.updates) if (entry.owner === owner) this.updates.delete(entry)
    this.tell()
    world.later(world.span(2000), null, () => {
      if (owner.alive) return
      if (this.isMovable && owner.port !== undefined && world.chance(0.5)) owner.port++
      owner.begin()
    })
  }

  part(one, other) {
    const { world, network } = this
    if (one === other) return
    network.parted.add(`${one.name} ${other.name}`)
    if (world.chance(0.7)) network.parted.add(`${other.name} ${one.name}`)
  }

  // ---- the course of a world

  play() {
    const { world } = this
    this.begin()
    world.pass(world.span(500))
    const disturbance = world.pick([0, 0.05, 0.2])
    for (let i = 40 + world.below(80); i > 0 && world.failures.length === 0; i--) {
      this.call()
      if (world.chance(disturbance)) this.disturb()
      world.pass(world.span(150))
    }
    this.calm()
    world.pass(this.clients.some(({ kind }) => kind === 'registry') ? HEALING_WITH_REGISTRY : HEALING)
    for (const step of [this.checkHealed, this.checkEnds, this.finish]) {
      if (world.failures.length > 0) return
      step.call(this)
    }
  }

  /** Ends all failures. */
  calm() {
    this.network.heal()
    if (!this.registry.alive) this.registry.begin()
    for (const server of this.servers) {
      server.slow = 0
      server.server.healthy = true
    }
  }

  /** Checks that everybody reaches everybody and that nothing is left of the failures. */
  checkHealed() {
    const { world } = this
    for (const owner of [...this.servers, ...this.clients]) if (!owner.alive) world.fail(`${owner.name} is not back`)
    for (const { name, client } of this.clients) {
      const isWell = () =>
        client.addresses === undefined
          ? client.connected
          : client.addresses.length === this.servers.length &&
            client.addresses.every(({ connected, ejected }) => connected && !ejected)
      // A connection may just have reached its age limit.
      for (let i = 0; i < 20 && !isWell(); i++) world.pass(100)
      if (!isWell()) world.fail(`${name} is not connected to all: ${JSON.stringify(client.addresses)}`)
    }
    if (world.failures.length > 0) return
    const last = []
    for (const owner of this.clients) {
      owner.execute(() => {
        for (let i = 0; i < 10; i++) {
          const made = this.make(owner, owner.client, METHODS.echo, { timeout: 2000 }, true)
          made.isSure = owner.client.options.queue && owner.client.options.maxQueuedCalls > 5
          last.push(made)
        }
      })
    }
    world.pass(2500)
    for (const made of last) if (made.ends !== 1) made.fail('has not ended in a world that is well')
  }

  checkEnds() {
    for (const made of this.made) made.conclude()
    for (const owner of [...this.clients, ...this.servers]) owner.checkAtRest()
  }

  /** Closes everything and checks that nothing is left. */
  finish() {
    const { world } = this
    let left = 0
    const closed = () => left--
    for (const owner of this.clients) {
      left++
      owner.execute(() => owner.client.close(closed))
    }
    world.pass(1000)
    for (const owner of this.servers) {
      left += 3
      owner.execute(() => {
        closeClient(owner.client, closed)
        owner.registryClient.close(closed)
        owner.server.close(closed)
      })
    }
    world.pass(10_000)
    left++
    this.registry.execute(() => this.registry.registry.close(closed))
    world.pass(10_000)
    if (left > 0) world.fail(`${left} ends have not come`)
    if (this.network.wires.size > 0) world.fail(`${this.network.wires.size} ends of connections are left`)
    if (!world.isStill) world.fail('timers are left')
  }
}

/** Checks that a client may send a call over this link. */
function checkSend(world, link, call) {
  const { endpoint, client } = link
  const check = (holds, what) => holds || world.fail(`a call of ${call.method} is sent ${what}`)
  check(link.open && !link.retiring, 'where none may be sent')
  check(link.roomy, 'where there is no room')
  check(call.callback !== null, 'that has ended')
  if (client.members === undefined || call.method === HEALTH_METHOD) return
  check(client.members.get(endpoint.key) === endpoint, 'to an address that is no more')
  for (const { link: other, tier, weight, ejected } of client.members.values()) {
    if (other === null || weight === 0 || ejected) continue
    check(!endpoint.ejected, 'to one that is ejected')
    check(endpoint.tier <= tier, 'to one that is further away')
  }
}

/** Checks every call that is sent during `run`. */
function watching(world, run) {
  const { send } = Link.prototype
  Link.prototype.send = function (call) {
    checkSend(world, this, call)
    return send.call(this, call)
  }
  try {
    run()
  } finally {
    Link.prototype.send = send
  }
}

/** Makes registries answer several watches in a reproducible order; Rust's hash map would give a random one. */
function inOrder(run) {
  const { registryAnswer } = native
  const answers = []
  native.registryAnswer = (number) => {
    if (answers.length === 0) {
      for (let one = registryAnswer(number); one !== undefined; one = registryAnswer(number)) answers.push(one)
      answers.sort(([one], [other]) => one - other)
    }
    return answers.shift()
  }
  try {
    run()
  } finally {
    native.registryAnswer = registryAnswer
  }
}

/** Runs one world. Throws if a rule was broken. */
function simulate(seed) {
  let cluster
  const world = inWorld(seed, (made) => {
    cluster = new Cluster(made)
    over(cluster.network, () => watching(made, () => inOrder(() => cluster.play())))
  })
  return { world, cluster }
}

module.exports = { simulate }
