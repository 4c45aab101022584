'use strict'

// What connections wait for: a preface, a sign of life, the end. A timer of Node's for each would be a quarter of what an idle connection
// costs, so those that wait equally long share one, and are links of a list in the order in which they are due.

const { AsyncResource } = require('node:async_hooks')
const { setTimeout, clearTimeout, setImmediate } = require('node:timers')
const { now } = require('./tick')

/** The longest delay that Node's timers take. */
const MAX_DELAY = 2 ** 31 - 1

/** The shared timers belong to nobody: what the one who happens to start one keeps in an AsyncLocalStorage is not theirs. */
const nobody = new AsyncResource('IRONWIRE_RPC_WATCH', { requireManualDestroy: true })

/** Who waits for one thing at a time, or nothing: a list of one then. */
class Watched {
  /** `lists` is the Map of those that a client's or server's connections are in, by milliseconds. */
  constructor(lists) {
    this.lists = lists
    this.earlier = this
    this.later = this
    /** By the clock of tick.js. */
    this.due = 0
    /** What is called then. */
    this.action = null
  }

  /** Has `action(this)` called after so many milliseconds, in the place of what was waited for. That does not keep the process running. */
  watch(milliseconds, action) {
    this.unwatch()
    const { lists } = this
    let list = lists.get(milliseconds)
    if (list === undefined) {
      list = new List(lists, milliseconds)
      lists.set(milliseconds, list)
    }
    this.due = now() + milliseconds
    this.action = action
    this.earlier = list.earlier
    this.later = list
    list.earlier.later = this
    list.earlier = this
    list.start()
  }

  unwatch() {
    const { earlier, later } = this
    this.action = null
    later.earlier = earlier
    earlier.later = later
    this.earlier = this
    this.later = this
    if (earlier === later) later.emptied()
  }

  emptied() {}

  /** It is due. */
  act(action) {
    action(this)
  }
}

/** The ends of a list. */
class List extends Watched {
  constructor(lists, milliseconds) {
    super(lists)
    this.milliseconds = milliseconds
    this.timer = null
  }

  /** What had only one link is not needed any more. */
  emptied() {
    clearTimeout(this.timer)
    this.lists.delete(this.milliseconds)
  }

  /**
   * Starts the timer, unless it runs. What has come is read before anybody is called: a process that has not run for
   * a while sees its timers first, so it is looked behind the next poll.
   */
  start() {
    if (this.timer !== null) return
    const delay = Math.min(Math.max(this.later.due - now(), 1), MAX_DELAY)
    this.timer = nobody.runInAsyncScope(setTimeout, undefined, () => setImmediate(() => this.fire()), delay).unref()
  }

  fire() {
    this.timer = null
    const time = now()
    try {
      while (this.later !== this && this.later.due <= time) {
        const first = this.later
        const { action } = first
        first.unwatch()
        first.act(action)
      }
    } finally {
      // Also behind one that threw.
      if (this.later !== this) this.start()
    }
  }
}

module.exports = { Watched }
