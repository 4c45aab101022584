'use strict'

// Keeps one backend process alive: starts it, learns its port, starts it again when it ends, waiting longer each time.

const { fork } = require('node:child_process')
const { EventEmitter } = require('node:events')

/** The wait before the first restart. Long enough that a person sees the gap, short enough not to mind it. */
const FIRST_WAIT_MS = 1000
const LONGEST_WAIT_MS = 8000
/** A backend that lived this long was healthy, so its next restart starts from the first wait again. */
const HEALTHY_AFTER_MS = 10_000
/** A backend that has not ended this long after being told to is killed. */
const STOP_WITHIN_MS = 1500

/** Events: `up` ({ pid, port }), `down` ({ reason, retryInMs }). */
class Supervisor extends EventEmitter {
  #script
  #child = null
  #timer = null
  #failures = 0
  #stopping = false

  constructor(script) {
    super()
    this.#script = script
  }

  get pid() {
    return this.#child?.pid ?? null
  }

  start() {
    if (this.#stopping) return
    const startedAt = Date.now()
    const child = fork(this.#script, [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    this.#child = child
    child.once('message', ({ port }) => this.emit('up', { pid: child.pid, port }))
    // 'error' without 'exit' means that the process could not be started at all.
    child.once('error', (error) => this.#ended(child, startedAt, error.message))
    child.once('exit', (code, signal) => {
      this.#ended(child, startedAt, signal ? `killed by ${signal}` : `exited with code ${code}`)
    })
  }

  /** Kills the backend as a crash would. Returns whether there was one to kill. */
  kill() {
    return this.#child?.kill('SIGKILL') ?? false
  }

  /** Ends the backend for good. */
  stop(callback) {
    this.#stopping = true
    clearTimeout(this.#timer)
    const child = this.#child
    if (!child) {
      process.nextTick(callback)
      return
    }
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS)
    child.once('exit', () => {
      clearTimeout(timer)
      callback()
    })
    if (child.connected) child.disconnect()
  }

  #ended(child, startedAt, reason) {
    if (this.#child !== child) return
    this.#child = null
    if (this.#stopping) return
    this.#failures = Date.now() - startedAt > HEALTHY_AFTER_MS ? 1 : this.#failures + 1
    const retryInMs = Math.min(FIRST_WAIT_MS * 2 ** (this.#failures - 1), LONGEST_WAIT_MS)
    this.#timer = setTimeout(() => this.start(), retryInMs)
    this.emit('down', { reason, retryInMs })
  }
}

module.exports = { Supervisor }
