'use strict'

const process = require('node:process')
const { Inbox } = require('./inbox.js')

/**
 * A reader of a call's messages for interceptors, which ask for each message: every `ask()` leads to at most one
 * `tell(message)`.
 */
class Asker {
  constructor(call, tell) {
    this.inbox = new Inbox(call, this)
    this.inbox.paused = true
    this.tell = tell
    /** Whether a message was asked for and has not been told yet. */
    this.asked = false
  }

  ask() {
    if (this.asked) return
    this.asked = true
    process.nextTick(read, this)
  }

  /** Called by the inbox. Returns whether `tell()` has asked for another message. */
  push(message) {
    this.asked = false
    this.tell(message)
    return this.asked
  }
}

/** Not if a message has arrived in the meantime. */
function read({ asked, inbox }) {
  if (asked) inbox.read()
}

module.exports = { Asker }
