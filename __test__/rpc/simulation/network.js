'use strict'

// TCP between the processes of a world, in place of lib/rpc/transport.js. It delays, cuts at any byte, stalls,
// partitions, refuses and resets. Like TCP, it does not lose or duplicate bytes. A referee follows every connection and
// checks it against docs/rpc-protocol.md.

const { Buffer } = require('node:buffer')
const { EventEmitter } = require('node:events')
const process = require('node:process')
const constants = require('../../../lib/constants.js')
const transport = require('../../../lib/rpc/transport.js')

const Kind = constants.frame
const Flag = constants.rpcFlag
const Reason = constants.reason
const { PREFACE_SIZE, FRAME_HEAD, LENGTH_SIZE, MESSAGE_COST, WINDOW_UNIT } = constants.rpc
const { RECORDS, RECORD_WORDS } = constants.rpc
const { CURSOR } = constants.table

/** How Rust allocates memory: larger bodies have their own, the others share. */
const OWN = 4096
const SHARED = 8192
const READ_BUFFER = 65_536

const HAS_CODE = new Set([Kind.METHOD, Kind.REQUEST, Kind.ERROR, Kind.GOAWAY])

/** What a client sends about a call that it has made. */
const OF_CALLS = new Set([Kind.CANCEL, Kind.MESSAGE, Kind.END, Kind.CREDIT])

/** A simple splitter: cuts the bytes that were pushed into a preface and frames. */
class Splitter {
  constructor() {
    this.held = Buffer.alloc(0)
    this.greeted = false
  }

  *push(bytes) {
    this.held = this.held.length === 0 ? bytes : Buffer.concat([this.held, bytes])
    for (;;) {
      const { held } = this
      const size = this.greeted
        ? held.length < LENGTH_SIZE
          ? Infinity
          : LENGTH_SIZE + held.readUInt32BE(0)
        : PREFACE_SIZE
      if (held.length < size) return
      this.held = held.subarray(size)
      yield this.greeted ? frameOf(held.subarray(0, size)) : prefaceOf(held)
      this.greeted = true
    }
  }
}

/** With the fields of a record; see src/rpc/splitter.rs. */
const prefaceOf = (bytes) => ({
  kind: Kind.PREFACE,
  flags: bytes[5],
  sequence: bytes.readUInt32BE(12),
  code: bytes[4],
  amount: bytes.readUInt32BE(8),
  body: Buffer.alloc(0),
  length: bytes.readUInt16BE(6),
})

function frameOf(bytes) {
  const kind = bytes[4]
  const flags = bytes[5]
  let at = FRAME_HEAD
  let code = 0
  let amount = 0
  if (HAS_CODE.has(kind)) {
    code = bytes.readUInt16BE(at)
    at += 2
  }
  if (kind === Kind.CREDIT || (kind === Kind.REQUEST && (flags & Flag.DEADLINE) !== 0)) {
    amount = bytes.readUInt32BE(at)
    at += 4
  }
  const body = bytes.subarray(at)
  return {
    kind,
    flags,
    sequence: bytes.readUInt32BE(6),
    code,
    amount,
    body,
    length: body.length,
    size: bytes.length - LENGTH_SIZE,
  }
}

/** Units as the tables that Rust fills, each with the memory of its bodies. */
function* tablesOf(units) {
  let batch = []
  let size = 0
  for (const unit of units) {
    const { length } = unit.body
    if (length > 0 && size > 0 && (size >= OWN || length >= OWN || size + length > SHARED)) {
      yield tableOf(batch, size)
      batch = []
      size = 0
    }
    batch.push(unit)
    size += length
  }
  yield tableOf(batch, size)
}

function tableOf(units, size) {
  const table = new Uint32Array(RECORDS + units.length * RECORD_WORDS)
  const memory = Buffer.from(new ArrayBuffer(size))
  let used = 0
  for (const [i, { kind, flags, sequence, code, amount, body, length }] of units.entries()) {
    table.set([kind | (flags << 8), sequence, code, amount, used, length], RECORDS + i * RECORD_WORDS)
    memory.set(body, used)
    used += body.length
  }
  return { table, count: units.length, memory: memory.buffer }
}

/** One end of a connection: lib/rpc's side of it, and the kernel's. */
class Wire {
  constructor(network, owner, { isServer, maxFrame }) {
    this.network = network
    this.world = network.world
    this.owner = owner
    this.life = owner.life
    this.isServer = isServer
    this.maxFrame = maxFrame
    this.other = null
    this.peer = null
    this.closing = false
    this.ended = false
    this.failure = null
    this.left = 0
    /** Bytes that were received and written. */
    this.received = 0
    this.written = 0
    /** What the kernel has not accepted, and how many bytes of it are waiting. */
    this.waiting = []
    this.waitingBytes = 0
    this.inFlight = 0
    this.capacity = network.world.pick([600, 5000, 65_536, 1_000_000])
    this.awaited = false
    this.finSent = false
    /** What has arrived for this process. */
    this.inbox = []
    this.fin = false
    this.wasReset = false
    this.reading = false
    this.isScheduled = false
    /** The connection no longer exists at this end. */
    this.gone = false
    /** What is sent from here arrives in order, and not at all while it is held up. */
    this.arrivesAt = 0
    this.held = []
    this.heard = new Splitter()
    this.said = new Splitter()
    this.referee = null
    network.wires.add(this)
  }

  // ---- for lib/rpc

  get place() {
    return `IPv4 ${this.other.owner.host} 1`
  }

  get queued() {
    return this.closing ? this.left : this.waitingBytes
  }

  get sent() {
    return this.written - this.queued
  }

  ref() {}

  unref() {}

  start(peer) {
    this.peer = peer
    this.resume()
  }

  write(bytes, offset, length) {
    if (this.closing || this.ended) return true
    const copy = Buffer.from(bytes.subarray(offset, offset + length))
    for (const unit of this.said.push(copy)) this.referee.said(this, unit)
    this.waiting.push(copy)
    this.waitingBytes += length
    this.written += length
    this.pump()
    this.awaited ||= this.waitingBytes > 0
    return !this.awaited
  }

  pause() {
    this.reading = false
  }

  resume() {
    if (this.closing) return
    this.reading = true
    this.readLater()
  }

  end() {
    if (this.closing || this.ended) return
    this.ended = true
    this.pump()
  }

  destroy() {
    if (this.closing) return
    this.left = this.waitingBytes
    this.closing = true
    this.shut()
    this.world.later(0, this.owner, () => this.peer?.onClose(this.failure))
  }

  fail(error) {
    if (this.closing) return
    this.failure = error
    this.destroy()
  }

  // ---- the kernel

  pump() {
    if (this.wasReset) return this.readLater()
    while (this.waitingBytes > 0 && this.inFlight < this.capacity) {
      const [first] = this.waiting
      const part = first.subarray(0, Math.min(first.length, this.capacity - this.inFlight))
      if (part.length < first.length) this.waiting[0] = first.subarray(part.length)
      else this.waiting.shift()
      this.waitingBytes -= part.length
      this.inFlight += part.length
      this.network.carry(this, { data: part })
    }
    if (this.ended && this.waitingBytes === 0) this.sendFin()
  }

  sendFin() {
    if (this.finSent) return
    this.finSent = true
    this.network.carry(this, { fin: true })
  }

  /** The process has closed it, or is dead. */
  shut() {
    if (this.gone) return
    this.gone = true
    this.network.wires.delete(this)
    if (this.other === null || this.wasReset) return
    // Unread data causes a reset, so the sender learns that it was lost.
    if (this.inbox.length > 0) this.network.carry(this, { rst: true })
    else this.sendFin()
  }

  /** Called when something arrives from the other end. */
  arrived({ data, fin, rst, syn }) {
    if (syn) {
      if (this.gone) this.network.carry(this, { rst: true })
      else this.world.later(0, this.owner, () => this.connected())
    } else if (rst) {
      this.reset()
    } else if (this.gone) {
      this.network.carry(this, { rst: true })
    } else {
      if (fin) this.fin = true
      else this.inbox.push(data)
      this.readLater()
    }
  }

  reset() {
    if (this.gone) return
    this.wasReset = true
    this.inbox = []
    this.readLater()
  }

  connected() {
    if (this.closing) return
    this.peer.attach(this)
    this.start(this.peer)
  }

  readLater() {
    if (this.isScheduled || this.gone) return
    this.isScheduled = true
    this.world.later(0, this.owner, () => {
      this.isScheduled = false
      this.read()
    })
  }

  read() {
    if (this.closing) return
    // A writer notices the reset even while it does not read.
    if (this.wasReset && (this.reading || this.waitingBytes > 0)) return this.fail(systemError('ECONNRESET'))
    if (!this.reading) return
    if (this.inbox.length === 0) {
      if (this.fin) this.peer.onEnd()
      return
    }
    let bytes = this.inbox.length === 1 ? this.inbox[0] : Buffer.concat(this.inbox)
    // A read may end at any byte.
    const most = Math.min(READ_BUFFER, this.world.chance(0.1) ? 1 + this.world.below(bytes.length) : bytes.length)
    this.inbox = bytes.length > most ? [bytes.subarray(most)] : []
    bytes = bytes.subarray(0, most)
    this.received += bytes.length
    this.other.taken(bytes.length)
    if (this.inbox.length > 0 || this.fin) this.readLater()
    this.show(bytes)
  }

  /** The other end has read `length` bytes. */
  taken(length) {
    if (!this.awaited) {
      this.inFlight -= length
      return
    }
    // The sender learns this with the network's delay.
    this.network.kernelLater(this.other.owner, this.owner, () => {
      this.inFlight -= length
      this.world.later(0, this.owner, () => this.writable())
    })
  }

  show(bytes) {
    const units = []
    for (const unit of this.heard.push(bytes)) {
      if (unit.size > this.maxFrame)
        this.world.fail(`a frame of ${unit.size} bytes reaches who accepts ${this.maxFrame}`)
      this.referee.heard(this, unit)
      units.push(unit)
    }
    for (const { table, count, memory } of tablesOf(units)) {
      // A callback that throws affects only its own record.
      do {
        if (this.closing) return
        this.world.guard(() => this.peer.onFrames(table, count, memory))
      } while (table[CURSOR] < count)
    }
  }

  writable() {
    if (this.closing) return
    this.pump()
    if (this.waitingBytes > 0 || !this.awaited) return
    this.awaited = false
    this.peer.onDrain()
  }
}

function systemError(code) {
  return Object.assign(new Error(code), { code })
}

/** The listener, in place of transport.js's. */
class Acceptor extends EventEmitter {
  constructor(network, { maxConnections, maxFrameBytes }, onWire) {
    super()
    this.network = network
    this.owner = network.world.current
    this.maxConnections = maxConnections
    this.maxFrame = maxFrameBytes
    this.onWire = onWire
    this.listening = false
    this.port = 0
    this.connections = 0
  }

  listen(port) {
    const { owner, network } = this
    network.world.later(0, owner, () => {
      const key = `${owner.name} ${port}`
      if (network.listeners.has(key)) return this.emit('error', systemError('EADDRINUSE'))
      network.listeners.set(key, this)
      this.port = port
      this.listening = true
      this.emit('listening')
    })
  }

  address() {
    return { address: this.owner.host, family: 'IPv4', port: this.port }
  }

  close() {
    this.listening = false
    this.network.listeners.delete(`${this.owner.name} ${this.port}`)
    this.closeIfDrained()
  }

  closeIfDrained() {
    if (this.listening || this.connections > 0) return
    process.nextTick(() => this.emit('close'))
  }

  ref() {}

  unref() {}

  /** One of its connections has ended. */
  released() {
    this.connections--
    this.closeIfDrained()
  }

  /** The kernel has accepted a connection. */
  accept(wire) {
    if (wire.gone) return
    if (!this.listening || this.connections >= this.maxConnections) {
      wire.inbox.push(Buffer.alloc(1))
      wire.closing = true
      return wire.shut()
    }
    this.connections++
    this.onWire(wire)
  }
}

class Network {
  constructor(world) {
    this.world = world
    this.wires = new Set()
    /** Ends whose traffic is held up. */
    this.holding = new Set()
    /** By process and port. */
    this.listeners = new Map()
    /** Processes by the addresses of their machines, and the machines without power. */
    this.hosts = new Map()
    this.dark = new Set()
    /** Directions that are blocked, as 'from to'. */
    this.parted = new Set()
    /** The minimum delay in milliseconds, and the random part added to it. */
    this.latency = 0.05
    this.jitter = world.pick([0.1, 1, 5])
    this.connections = 0
    this.resets = 0
  }

  delay(from, to) {
    const { world } = this
    return (
      this.latency + (from.slow ?? 0) + (to.slow ?? 0) + world.random() * (world.chance(0.02) ? 20 : 1) * this.jitter
    )
  }

  isParted(from, to) {
    return this.parted.size > 0 && this.parted.has(`${from.name} ${to.name}`)
  }

  kernelLater(from, to, run) {
    this.world.later(this.delay(from, to), null, run)
  }

  /** Carries something from one end to the other, in order. */
  carry(wire, packet) {
    const { world } = this
    wire.arrivesAt = Math.max(wire.arrivesAt, world.now + this.delay(wire.owner, wire.other.owner))
    world.at(wire.arrivesAt, null, () => this.arrive(wire, packet))
  }

  arrive(wire, packet) {
    const from = wire.owner
    const to = wire.other.owner
    if (wire.held.length > 0 || this.isParted(from, to)) {
      wire.held.push(packet)
      this.holding.add(wire)
    } else this.deliver(wire, packet)
  }

  deliver(wire, packet) {
    if (!this.dark.has(wire.other.owner)) wire.other.arrived(packet)
  }

  /** Ends all disturbances. What was held up is delivered first. */
  heal() {
    this.parted.clear()
    for (const wire of this.holding) {
      const { held } = wire
      wire.held = []
      for (const packet of held) this.deliver(wire, packet)
    }
    this.holding.clear()
  }

  connect(owner, { host, port }, peer, { maxFrameBytes }) {
    const wire = new Wire(this, owner, { isServer: false, maxFrame: maxFrameBytes })
    wire.peer = peer
    this.knock(wire, this.hosts.get(host), port)
    return wire
  }

  knock(wire, target, port) {
    const { world } = this
    const { owner } = wire
    this.kernelLater(owner, target, () => {
      if (wire.gone || wire.life !== owner.life) return
      // The kernel keeps trying, longer than any client waits.
      if (this.dark.has(target) || this.isParted(owner, target)) {
        world.later(300 + world.below(700), null, () => this.knock(wire, target, port))
        return
      }
      const acceptor = this.listeners.get(`${target.name} ${port}`)
      if (acceptor === undefined || !target.alive) {
        this.kernelLater(target, owner, () => world.later(0, owner, () => wire.fail(systemError('ECONNREFUSED'))))
        return
      }
      const served = new Wire(this, target, { isServer: true, maxFrame: acceptor.maxFrame })
      served.other = wire
      wire.other = served
      wire.referee = served.referee = new Referee(world, `${owner.name} to ${target.name}`)
      this.connections++
      // The kernel answers, whether the process is working or not.
      this.carry(served, { syn: true })
      world.later(0, target, () => acceptor.accept(served))
    })
  }

  /** A process ends: because its machine loses power, or so that its kernel notifies the others. */
  bury(owner, isDark) {
    if (isDark) this.dark.add(owner)
    for (const [key, acceptor] of this.listeners) if (acceptor.owner === owner) this.listeners.delete(key)
    for (const wire of [...this.wires]) {
      if (wire.owner !== owner) continue
      wire.closing = true
      if (isDark) {
        wire.gone = true
        this.wires.delete(wire)
      } else wire.shut()
    }
  }

  /** Something between two ends has forgotten their connection. */
  break() {
    const wire = this.world.pick([...this.wires].filter(({ other }) => other !== null))
    if (wire === undefined) return
    this.resets++
    wire.reset()
    wire.other.reset()
  }
}

/** Follows one connection: checks what each end sends and receives. */
class Referee {
  constructor(world, name) {
    this.world = world
    this.name = name
    this.prefaces = { client: null, server: null }
    this.methods = 0
    /**
     * The client's calls by number: until the client has read the answer, and, on the server's side, until the answer
     * is sent.
     */
    this.asked = new Map()
    this.inFlight = 0
    this.taken = new Map()
    /** The turn in which the client was told to leave. */
    this.leftAt = Infinity
  }

  check(holds, what) {
    if (!holds) this.world.fail(`${this.name}: ${what}`)
  }

  said(wire, unit) {
    if (wire.isServer) this.serverSaid(unit)
    else this.clientSaid(unit)
  }

  heard(wire, unit) {
    if (wire.isServer) this.serverHeard(unit)
    else this.clientHeard(unit)
  }

  clientSaid({ kind, flags, sequence, code, size, body }) {
    // A GOAWAY is allowed before the server's preface was read, because it reports that none came.
    if (kind === Kind.PREFACE || kind === Kind.GOAWAY) return kind === Kind.GOAWAY && this.farewell(code, body)
    const { server } = this.prefaces
    this.check(server !== null, 'the client speaks before it has read the preface')
    if (server === null) return
    this.check(size <= server.maxFrame, `a frame of ${size} bytes for who accepts ${server.maxFrame}`)
    const call = this.asked.get(sequence)
    // What the client wrote before it read the answer is sent at the end of the turn.
    if (call?.answeredAt === this.world.turn && OF_CALLS.has(kind)) return
    const isOpen = call !== undefined && call.answeredAt === 0
    switch (kind) {
      case Kind.METHOD:
        return this.check(code === this.methods++, 'methods are numbered without a gap')
      case Kind.REQUEST:
        this.check(code < this.methods, 'a method that has no name')
        this.check(this.world.turn <= this.leftAt, 'a request after the farewell')
        if ((flags & Flag.ONE_WAY) !== 0) return
        this.check(call === undefined || call.answeredAt > 0, `number ${sequence} is in flight twice`)
        if (call === undefined || call.answeredAt > 0) this.inFlight++
        this.asked.set(sequence, {
          flags,
          credit: server.window,
          window: server.window,
          ended: false,
          cancelled: false,
          answeredAt: 0,
        })
        return this.check(this.inFlight <= server.maxCalls, `${this.inFlight} calls in flight, of ${server.maxCalls}`)
      case Kind.CANCEL:
        this.check(isOpen && !call.cancelled, 'the cancellation of no call')
        if (call !== undefined) call.cancelled = true
        return
      case Kind.MESSAGE:
        this.check(isOpen && (call.flags & Flag.STREAMS) !== 0 && !call.ended, 'a message of no stream')
        this.check(call === undefined || call.credit > 0, 'a message beyond the credit')
        if (call !== undefined) call.credit -= body.length + MESSAGE_COST
        return
      case Kind.END:
        this.check(isOpen && (call.flags & Flag.STREAMS) !== 0 && !call.ended, 'an end of no stream')
        if (call !== undefined) call.ended = true
        return
      default:
        this.check([Kind.PING, Kind.PONG, Kind.CREDIT, Kind.AUTH].includes(kind), `kind ${kind} from a client`)
    }
  }

  serverSaid({ kind, sequence, code, size, body }) {
    if (kind === Kind.PREFACE) return
    const { client } = this.prefaces
    if (client !== null)
      this.check(size <= client.maxFrame, `a frame of ${size} bytes for who accepts ${client.maxFrame}`)
    const call = this.taken.get(sequence)
    switch (kind) {
      case Kind.REPLY:
      case Kind.ERROR:
        this.check(call !== undefined, `an answer to number ${sequence}, which is not in flight`)
        return this.taken.delete(sequence)
      case Kind.MESSAGE:
        this.check(call !== undefined && (call.flags & Flag.TAKES_STREAM) !== 0, 'a message of no stream')
        this.check(call === undefined || call.credit > 0, 'a message beyond the credit')
        if (call !== undefined) call.credit -= body.length + MESSAGE_COST
        return
      case Kind.GOAWAY:
        return this.farewell(code, body)
      default:
        this.check([Kind.PING, Kind.PONG, Kind.CREDIT, Kind.AUTH].includes(kind), `kind ${kind} from a server`)
    }
  }

  /** No end may report that the protocol was broken. */
  farewell(code, body) {
    const isAllowed = code === Reason.SHUTDOWN || code === Reason.SILENT || code === Reason.SLOW_READER
    this.check(isAllowed, `a goaway for reason ${code}: ${body}`)
  }

  clientHeard({ kind, sequence, amount, code, length }) {
    const call = this.asked.get(sequence)
    if (kind === Kind.PREFACE) {
      this.prefaces.server = { maxFrame: amount, maxCalls: sequence, window: length * WINDOW_UNIT }
    } else if (kind === Kind.REPLY || kind === Kind.ERROR) {
      const isInFlight = call !== undefined && call.answeredAt === 0
      this.check(isInFlight, `the client hears an answer to number ${sequence}, which is not in flight`)
      if (!isInFlight) return
      call.answeredAt = this.world.turn
      this.inFlight--
    } else if (kind === Kind.CREDIT && call !== undefined) this.grant(call, amount)
    else if (kind === Kind.GOAWAY && code === Reason.SHUTDOWN) this.leftAt = Math.min(this.leftAt, this.world.turn)
  }

  serverHeard({ kind, flags, sequence, amount, length }) {
    if (kind === Kind.PREFACE) this.prefaces.client = { maxFrame: amount, window: length * WINDOW_UNIT }
    else if (kind === Kind.REQUEST && (flags & Flag.ONE_WAY) === 0) {
      const { window } = this.prefaces.client
      this.taken.set(sequence, { flags, credit: window, window })
    } else if (kind === Kind.CREDIT) {
      const call = this.taken.get(sequence)
      if (call !== undefined) this.grant(call, amount)
    }
  }

  grant(call, amount) {
    call.credit += amount
    this.check(call.credit <= call.window, `a credit of ${call.credit} bytes, above the window of ${call.window}`)
  }
}

/** Makes lib/rpc use the network while `run` runs. */
function over(network, run) {
  const { connect, Acceptor: real } = transport
  transport.connect = (place, peer, options) => network.connect(network.world.current, place, peer, options)
  transport.Acceptor = class extends Acceptor {
    constructor(options, onWire) {
      super(network, options, onWire)
    }
  }
  try {
    run()
  } finally {
    transport.connect = connect
    transport.Acceptor = real
  }
}

module.exports = { Network, over }
