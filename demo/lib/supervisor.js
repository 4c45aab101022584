'use strict'

// Keeps one backend process alive: starts it, and restarts it when it ends, with growing delays.

const { fork } = require('node:child_process')
const { EventEmitter } = require('node:events')

const LONGEST_WAIT_MS = 8000
/** A backend that lived for this long was healthy, so its next restart has the initial delay again. */
const HEALTHY_AFTER_MS = 10_000
/** A backend that has not ended this long after it was told to is killed. */
const STOP_WITHIN_MS = 1500

/** Emits `change` when its process has started or ended. */
class Supervisor extends EventEmitter {
  #script
  #args
  #firstWaitMs
  #child = null
  #timer = null
  #startsAt = 0
  #failures = 0
  #stopping = false

  /** Why the last process ended, and the number of processes that have ended. */
  reason = null
  ended = 0

  /** `args` are the script's arguments. `firstWaitMs` is the initial delay before a restart. */
  constructor(script, args, firstWaitMs) {
    super()
    this.#script = script
    this.#args = args
    this.#firstWaitMs = firstWaitMs
  }

  get pid() {
    return this.#child?.pid ?? null
  }

  /** The time until the next process starts, in milliseconds; null while there is one. */
  get startsInMs() {
    return this.#timer && Math.max(0, this.#startsAt - Date.now())
  }

  start() {
    this.#timer = null
    if (this.#stopping) return
    const startedAt = Date.now()
    const child = fork(this.#script, this.#args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    this.#child = child
    // 'error' without 'exit' means that the process could not be started at all.
    child.once('error', (error) => this.#ended(child, startedAt, error.message))
    child.once('exit', (code, signal) => {
      this.#ended(child, startedAt, signal ? `killed by ${signal}` : `exited with code ${code}`)
    })
    this.emit('change')
  }

  /** Kills the backend, as in a crash. Returns whether there was a process to kill. */
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
    this.reason = reason
    this.ended += 1
    if (this.#stopping) return
    this.#failures = Date.now() - startedAt > HEALTHY_AFTER_MS ? 1 : this.#failures + 1
    const wait = Math.min(this.#firstWaitMs * 2 ** (this.#failures - 1), Math.max(this.#firstWaitMs, LONGEST_WAIT_MS))
    this.#startsAt = Date.now() + wait
    this.#timer = setTimeout(() => this.start(), wait)
    this.emit('change')
  }
}

module.exports = { Supervisor }
