'use strict'

// Calls over UDP in a simulated world: a clock that jumps from event to event, and a network that the test controls.
// The code that handles datagrams is the real one.

const { randomBytes } = require('node:crypto')
const { ClientCore } = require('../../lib/rpc/udp/client-core.js')
const { ServerCore } = require('../../lib/rpc/udp/server-core.js')
const { DatagramCalls } = require('../../lib/rpc/udp/calls.js')
const { Call, Method } = require('../../lib/rpc/calls.js')
const datagram = require('../../lib/rpc/udp/datagram.js')
const { randomOf } = require('../chance')

const { Kind } = datagram
const ECHO = new Method('echo', 0)
const UDP = { maxDatagramBytes: 1200, resendAfter: 250, maxResendAfter: 4000, maxInFlight: 128 }
const SERVER_UDP = {
  maxDatagramBytes: 1200,
  maxConnections: 4096,
  maxAnswers: 65_536,
  maxAnswerBytes: 2 ** 24,
  answerLifetime: 30_000,
}

/**
 * `fate(bytes, index, world)` returns the delays of the copies of a datagram that arrive: `[1]` for one copy after a
 * millisecond.
 */
class World {
  constructor({ seed = 1, fate = () => [1] } = {}) {
    this.random = randomOf(seed)
    this.fate = fate
    this.time = 1000
    this.events = []
    this.order = 0
    this.datagrams = 0
    /** Receivers by address. */
    this.places = new Map()
  }

  below(n) {
    return Math.floor(this.random() * n)
  }

  later(ms, run) {
    const event = { at: this.time + Math.max(ms, 0), order: this.order++, run }
    this.events.push(event)
    return event
  }

  send(bytes, from, to) {
    // A datagram that is sent again uses the same memory.
    const copy = Buffer.from(bytes)
    for (const delay of this.fate(copy, this.datagrams++, this)) {
      this.later(delay, () => this.places.get(keyOf(to))?.receive(Buffer.from(copy), from))
    }
  }

  pass(ms) {
    const end = this.time + ms
    for (;;) {
      let next
      for (const event of this.events) {
        if (next === undefined || event.at < next.at || (event.at === next.at && event.order < next.order)) next = event
      }
      if (next === undefined || next.at > end) break
      this.events.splice(this.events.indexOf(next), 1)
      this.time = next.at
      next.run()
    }
    this.time = end
  }
}

const keyOf = ({ address, port }) => `${address} ${port}`

/** Wakes its owner at the time it has asked for, as `Deadlines` does. */
class Alarm {
  constructor(world, run) {
    this.world = world
    this.run = run
    this.event = null
  }

  add(at) {
    if (at === Infinity || (this.event !== null && this.event.at <= at)) return
    this.clear()
    this.event = this.world.later(at - this.world.time, () => {
      this.event = null
      this.add(this.run(this.world.time))
    })
  }

  clear() {
    const at = this.world.events.indexOf(this.event)
    if (at >= 0) this.world.events.splice(at, 1)
    this.event = null
  }
}

class SimServer {
  /** `handle(text, answer)` calls `answer` with a text, now or later. */
  constructor(world, place, handle, udp = {}, maxCalls = 4096) {
    this.world = world
    this.place = place
    this.handle = handle
    this.core = new ServerCore({ ...SERVER_UDP, ...udp }, maxCalls, this)
    this.alarm = new Alarm(world, (time) => this.core.expire(time))
    this.alive = true
    this.full = false
    /** How often each call was run, by connection and number. */
    this.runs = new Map()
    this.cancels = []
    /** Names of unknown methods that were called. */
    this.others = []
    this.opens = 0
    this.turned = 0
    this.refusals = []
    this.counts = { duplicates: 0, ignored: 0 }
    world.places.set(keyOf(place), this)
  }

  die() {
    this.alive = false
    this.alarm.clear()
    this.world.places.delete(keyOf(this.place))
  }

  receive(bytes, from) {
    if (this.alive) this.alarm.add(this.core.receive(bytes, from, this.world.time))
  }

  transmit(bytes, to) {
    if (this.alive) this.world.send(bytes, this.place, to)
  }

  opened() {
    this.opens++
  }

  dropped() {}

  refused(_connection, _request, limit) {
    this.refusals.push(limit)
  }

  turnedAway() {
    this.turned++
  }

  count(what) {
    this.counts[what]++
  }

  isFull() {
    return this.full
  }

  request(connection, request, flags) {
    const { number, name, body } = request
    if (String(name) !== 'echo') return this.others.push(name)
    const isOneWay = flags !== 0
    const key = `${connection.id.toString('hex')} ${number} ${isOneWay}`
    this.runs.set(key, (this.runs.get(key) ?? 0) + 1)
    this.handle(String(body), (text) => {
      if (!this.alive || isOneWay) return
      const bytes = datagram.answer(Kind.REPLY, 0, connection.id, number, [Buffer.from(text)])
      this.alarm.add(this.core.answer(connection, number, bytes, this.world.time))
    })
  }

  cancelled(connection, number) {
    this.cancels.push(number)
    const bytes = datagram.answer(Kind.ERROR, 0, connection.id, number, [Buffer.from([1, 5, 0, 0])])
    this.core.answer(connection, number, bytes, this.world.time)
  }
}

class SimClient {
  constructor(world, place, server, udp = {}) {
    this.world = world
    this.place = place
    this.server = server
    this.udp = { ...UDP, ...udp }
    /** Calls that wait to be sent. */
    this.waiting = []
    this.counts = { resends: 0, ignored: 0 }
    this.unknownAnswers = 0
    this.lostWhy = []
    this.ends = []
    this.farewells = []
    this.restarts = 0
    this.retiring = false
    this.alarm = new Alarm(world, (time) => this.core.tick(time))
    world.places.set(keyOf(place), this)
    this.begin()
  }

  begin() {
    const { udp, world } = this
    const options = { udp, most: udp.maxInFlight, silence: 10_000, patience: 10_000 }
    this.core = new ClientCore(options, this, world.random, randomBytes(8))
    this.calls = new DatagramCalls(udp.maxInFlight, (number) => this.core.forget(number))
    this.alarm.add(this.core.start(world.time))
  }

  /** Makes a call. `end(error, reply)` is called when it ends. */
  call(text, timeout, end) {
    const call = new Call(ECHO, Buffer.from(text), Infinity, (error, reply) => {
      this.ends.push({ text, error, reply })
      end?.(error, reply)
    })
    call.deadline = this.world.time + timeout
    call.text = text
    this.waiting.push(call)
    this.world.later(timeout, () => this.expire(call))
    this.pump()
    return call
  }

  pump() {
    while (this.waiting.length > 0 && !this.retiring && this.calls.unanswered < this.core.room) {
      const call = this.waiting.shift()
      this.calls.take(call)
      const request = { name: Buffer.from('echo'), metadata: null, body: Buffer.from(call.text), flags: 0 }
      this.alarm.add(this.core.request(call.sequence, request, call.deadline, this.world.time))
    }
  }

  expire(call) {
    if (call.callback === null) return
    this.end(call, 'timeout')
    this.pump()
  }

  end(call, error, reply) {
    if (this.waiting.includes(call)) {
      this.waiting.splice(this.waiting.indexOf(call), 1)
      const { callback } = call
      call.callback = null
      callback(error, reply)
    } else this.calls.finish(call, null)(error, reply)
  }

  cancel(call) {
    this.core.cancel(call.sequence)
    this.end(call, 'cancelled')
    this.pump()
  }

  /** Moves the client to another address, as a NAT that has forgotten it does. */
  move(place) {
    this.world.places.delete(keyOf(this.place))
    this.place = place
    this.world.places.set(keyOf(place), this)
  }

  receive(bytes, from) {
    // The socket is connected, so it receives only from the server.
    if (keyOf(from) !== keyOf(this.server)) return
    this.alarm.add(this.core.receive(bytes, this.world.time))
    this.pump()
  }

  transmit(bytes) {
    this.world.send(bytes, this.place, this.server)
  }

  introduce(bytes) {
    this.transmit(bytes)
  }

  welcomed() {}

  restarted() {
    this.restarts++
  }

  answered(kind, number, code, payload) {
    const call = this.calls.find(number)
    if (call === undefined) {
      this.unknownAnswers++
      return
    }
    this.calls.release(call)
    if (kind === Kind.REPLY) this.calls.finish(call, null)(null, String(payload))
    else this.calls.finish(call, null)({ code, text: String(payload.subarray(2)) })
  }

  refused(number) {
    const call = this.calls.find(number)
    if (call === undefined) return
    this.core.forget(number)
    this.calls.release(call)
    this.calls.pending--
    this.waiting.push(call)
  }

  farewell(reason) {
    this.farewells.push(reason)
    if (reason === 0) this.retiring = true
    else this.lost(`farewell ${reason}`)
  }

  count(what) {
    this.counts[what]++
  }

  /** Connects anew, with the calls that were in flight. */
  lost(why) {
    this.lostWhy.push(why)
    const left = this.calls.slots.filter((call) => call !== undefined)
    this.alarm.clear()
    this.waiting.unshift(...left)
    this.begin()
  }
}

const PLACE = { address: '10.0.0.1', family: 'IPv4', port: 3001 }
const HOME = { address: '10.0.0.2', family: 'IPv4', port: 5000 }

module.exports = { World, SimServer, SimClient, PLACE, HOME, UDP, SERVER_UDP }
