'use strict'

// The timeouts of connections (preface, ping, end). A Node timer for each would be a quarter of an idle connection's
// cost. So all connections with the same timeout share one timer, and form a linked list in the order in which they are
// due.

const { AsyncResource } = require('node:async_hooks')
const { Deadlines } = require('./deadlines')
const { now } = require('./tick')

/** Shared timers must not run in the async context of the connection that happens to start one. */
const nobody = new AsyncResource('IRONWIRE_RPC_WATCH', { requireManualDestroy: true })
// Tools that report open resources (jest, for example) must not report this one.
nobody.emitDestroy()

/** An object with at most one timeout at a time. Without one, it is a list of its own. */
class Watched {
  /** `lists` is the Map of all lists of a client or server, by milliseconds. */
  constructor(lists) {
    this.lists = lists
    this.earlier = this
    this.later = this
    /** The due time by the clock of tick.js. */
    this.due = 0
    /** The function to call then. */
    this.action = null
  }

  /**
   * Calls `action(this)` after `milliseconds`, and replaces an earlier timeout. This does not keep the process running.
   */
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

  /** Runs the action when it is due. */
  act(action) {
    action(this)
  }
}

/** The head of a list. */
class List extends Watched {
  constructor(lists, milliseconds) {
    super(lists)
    this.milliseconds = milliseconds
    this.deadlines = new Deadlines((time) => this.expire(time))
  }

  /** The last member was removed: drops the list. */
  emptied() {
    this.deadlines.clear()
    this.lists.delete(this.milliseconds)
  }

  /** Sets the timer for the first member. */
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
      // Also after an action that threw.
      if (this.later !== this) this.start()
    }
    return Infinity
  }
}

module.exports = { Watched }
