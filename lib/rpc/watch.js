'use strict'

// What connections wait for: a preface, a sign of life, the end. A timer of Node's for each would be a quarter of what an idle connection
// costs, so those that wait equally long share one, and are links of a list in the order in which they are due.

const { AsyncResource } = require('node:async_hooks')
const { Deadlines } = require('./deadlines')
const { now } = require('./tick')

/** The shared timers belong to nobody: what the one who happens to start one keeps in an AsyncLocalStorage is not theirs. */
const nobody = new AsyncResource('IRONWIRE_RPC_WATCH', { requireManualDestroy: true })
// Whoever counts resources that were not ended (jest, for open handles) does not count this one.
nobody.emitDestroy()

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
    this.deadlines = new Deadlines((time) => this.expire(time))
  }

  /** What had only one link is not needed any more. */
  emptied() {
    this.deadlines.clear()
    this.lists.delete(this.milliseconds)
  }

  /** Sees to it that the first is called. */
  start() {
    const { due } = this.later
    if (due < this.deadlines.next) nobody.runInAsyncScope(this.deadlines.add, this.deadlines, due)
  }

  expire(time) {
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
    return Infinity
  }
}

module.exports = { Watched }
