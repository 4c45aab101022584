'use strict'

// A simulated world: its time jumps from event to event, its random numbers come from a seed, and its processes all
// live in this process.
//
// Node's clocks, timers and random numbers are replaced before lib/rpc is loaded, and are the real ones while no world is
// running, so lib/rpc does not know about this. Ticks and promise jobs are the real ones: they all run after each event,
// as after each callback in Node. A world runs without returning to the real event loop, so nothing else interferes and a
// seed always gives the same result.

const crypto = require('node:crypto')
const perfHooks = require('node:perf_hooks')
const process = require('node:process')
const timers = require('node:timers')

/** The world that is running, or null. */
let world = null

function replace(object, name, instead) {
  const real = object[name]
  object[name] = function (...args) {
    return world === null ? real.apply(this, args) : instead(...args)
  }
}

replace(timers, 'setTimeout', (callback, ms, ...args) => world.timer(() => callback(...args), ms))
replace(timers, 'setImmediate', (callback, ...args) => world.timer(() => callback(...args), 0))
replace(timers, 'clearImmediate', (immediate) => immediate?.cancel())
// The only interval in lib/rpc serves to keep the process running.
replace(timers, 'setInterval', () => world.timer(() => {}, Infinity))
replace(timers, 'clearTimeout', (timer) => timer?.cancel())
replace(timers, 'clearInterval', (timer) => timer?.cancel())
replace(perfHooks.performance, 'now', () => world.now)
replace(Date, 'now', () => Math.floor(world.now + world.wall))
replace(Math, 'random', () => world.random())
replace(crypto, 'randomUUID', () => `uuid ${world.count++}`)

const { native } = require('../../../lib/engine.js')
const { randomOf } = require('../../chance')

const runTicks = process._tickCallback.bind(process)

/**
 * How much later than due something may be noticed, in milliseconds: the rounding of two clocks, and the lateness of a
 * timer.
 */
const TICK = 6

/** A future event. It belongs to one life of a process, unless `owner` is null. */
class Event {
  constructor(at, order, owner, run) {
    this.at = at
    this.order = order
    this.owner = owner
    this.life = owner?.life
    this.run = run
  }

  cancel() {
    this.run = null
  }

  // As with Node's timers.
  ref() {
    return this
  }

  unref() {
    return this
  }

  isBefore(other) {
    return this.at < other.at || (this.at === other.at && this.order < other.order)
  }
}

/** Events, the next one first, in a binary heap. */
class Agenda {
  constructor() {
    this.events = []
  }

  push(event) {
    const { events } = this
    let at = events.length
    events.push(event)
    while (at > 0) {
      const above = (at - 1) >> 1
      if (!event.isBefore(events[above])) break
      events[at] = events[above]
      at = above
    }
    events[at] = event
  }

  first() {
    return this.events[0]
  }

  shift() {
    const { events } = this
    const first = events[0]
    const last = events.pop()
    if (events.length === 0) return first
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      if (below >= events.length) break
      if (below + 1 < events.length && events[below + 1].isBefore(events[below])) below++
      if (!events[below].isBefore(last)) break
      events[at] = events[below]
      at = below
    }
    events[at] = last
    return first
  }
}

class World {
  constructor(seed) {
    this.random = randomOf(seed)
    this.time = 1000 + this.random()
    /** How far the wall clock is ahead of `time`. */
    this.wall = 1.7e12
    this.count = 0
    this.agenda = new Agenda()
    /** The process that is working. */
    this.current = null
    /** The number of events so far, and a hash by which two runs can be compared. */
    this.turn = 0
    this.mark = 0
    this.failures = []
    this.thrown = 0
  }

  // ---- chance

  below(n) {
    return Math.floor(this.random() * n)
  }

  /** True with a probability of `share`. */
  chance(share) {
    return this.random() < share
  }

  pick(list) {
    return list[this.below(list.length)]
  }

  /** A number of milliseconds: mostly small, sometimes from the whole range. */
  span(most) {
    return this.random() * (this.chance(0.8) ? most / 10 : most)
  }

  // ---- time

  /** The time as the working process sees it. */
  get now() {
    return this.time + (this.current?.ahead ?? 0)
  }

  /** Like Node's timers: in whole milliseconds from the beginning of the turn, and a little late. */
  timer(run, ms) {
    const delay = ms >= 1 ? Math.min(ms, 2 ** 31 - 1) : 1
    return this.at(Math.floor(this.time) + delay + (this.chance(0.1) ? this.random() * 3 : 0), this.current, run)
  }

  at(time, owner, run) {
    const event = new Event(time, this.count++, owner, run)
    this.agenda.push(event)
    return event
  }

  later(ms, owner, run) {
    return this.at(this.now + ms, owner, run)
  }

  /** Lets time pass. */
  pass(ms) {
    const until = this.time + ms
    for (let event = this.agenda.first(); event !== undefined && event.at <= until; event = this.agenda.first()) {
      this.agenda.shift()
      if (event.run === null) continue
      this.time = Math.max(this.time, event.at)
      if (event.owner === null) event.run()
      else event.owner.take(event)
      if (this.failures.length > 0) return
    }
    this.time = until
  }

  /** Whether no more events are due, apart from permanent ones. */
  get isStill() {
    return this.agenda.events.every(
      ({ run, owner, life, at }) => run === null || at > this.time + 1e9 || owner?.life !== life,
    )
  }

  fail(message) {
    this.failures.push(`at ${Math.round(this.time)}: ${message}`)
  }

  // ---- programs

  /** Runs a part of a process's program, and then its ticks and promise jobs. */
  execute(owner, run) {
    this.current = owner
    this.turn++
    this.guard(run)
    for (;;) {
      const before = this.thrown
      this.guard(runTicks)
      if (this.thrown === before) break
    }
    this.current = null
    this.mark = (Math.imul(this.mark, 31) + Math.round(this.time * 1000) + owner.index) | 0
    const { ahead } = owner
    owner.ahead = 0
    if (ahead > 0) owner.stop(ahead)
  }

  guard(run) {
    try {
      run()
    } catch (error) {
      this.threw(error)
    }
  }

  /** As in the engine: the error reaches `uncaughtException`, and the rest of its async context is discarded. */
  threw(error) {
    this.thrown++
    native.uncaught(error)
  }
}

/** A process: it works, stops, continues, dies and starts again. */
class Process {
  constructor(world, name) {
    this.world = world
    this.name = name
    this.index = world.count++
    this.life = 0
    this.alive = false
    /** How long it has been working in this event. */
    this.ahead = 0
    this.stoppedUntil = 0
    /** What happened while it was stopped. */
    this.backlog = []
    /** When it was stopped: `[from, to]`. */
    this.pauses = []
  }

  live() {
    this.life++
    this.alive = true
    this.stoppedUntil = 0
    this.backlog = []
  }

  die() {
    this.life++
    this.alive = false
  }

  execute(run) {
    this.world.execute(this, run)
  }

  take(event) {
    if (!this.alive || event.life !== this.life) return
    if (this.world.time < this.stoppedUntil) this.backlog.push(event)
    else this.execute(event.run)
  }

  /** Stops for `ms`, like a process that is suspended or whose JavaScript blocks. */
  stop(ms) {
    const { world, life } = this
    const until = Math.max(this.stoppedUntil, world.time + ms)
    this.pauses.push([world.time, until])
    this.stoppedUntil = until
    world.at(until, null, () => {
      if (this.life !== life || world.time < this.stoppedUntil) return
      const { backlog } = this
      this.backlog = []
      for (const { owner, run } of backlog) if (run !== null) world.at(world.time, owner, run)
    })
  }

  /** The latest moment at which it can have noticed that it is `time`, give or take a tick. */
  noticed(time) {
    for (const [from, to] of this.pauses) if (from <= time + TICK && time < to) time = to
    return time
  }

  /** Works for `ms` within an event. */
  block(ms) {
    this.ahead += ms
  }
}

/** Runs `play(world)` in a new world, and throws its errors. */
function inWorld(seed, play) {
  const before = world
  const made = new World(seed)
  const uncaught = (error) => error?.isPlanned || made.fail(`uncaught ${error?.stack ?? error}`)
  const unhandled = (reason) => made.fail(`an unhandled rejection: ${reason?.stack ?? reason}`)
  const warned = (warning) => made.fail(`a warning: ${warning.stack}`)
  // The test runner's listeners would take planned exceptions for failures.
  const others = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', uncaught)
  process.on('unhandledRejection', unhandled)
  process.on('warning', warned)
  world = made
  try {
    play(made)
    if (made.failures.length > 0) throw new Error(made.failures.join('\n'))
    return made
  } finally {
    world = before
    process.off('uncaughtException', uncaught)
    for (const other of others) process.on('uncaughtException', other)
    process.off('unhandledRejection', unhandled)
    process.off('warning', warned)
  }
}

module.exports = { inWorld, Process, TICK }
