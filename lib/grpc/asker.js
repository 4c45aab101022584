'use strict'

const process = require('node:process')
const { Inbox } = require('./inbox.js')

/** The reader of a call's messages that is to be asked for each of them: behind `ask()`, `tell(message)` is called for one. */
class Asker {
  constructor(call, tell) {
    this.inbox = new Inbox(call, this)
    this.inbox.paused = true
    this.tell = tell
    /** One is wanted. */
    this.asked = false
  }

  ask() {
    if (this.asked) return
    this.asked = true
    process.nextTick(read, this)
  }

  /** From the inbox. Returns whether there may be another. */
  push(message) {
    this.asked = false
    this.tell(message)
    return this.asked
  }
}

/** Unless that has been told meanwhile. */
function read({ asked, inbox }) {
  if (asked) inbox.read()
}

module.exports = { Asker }
