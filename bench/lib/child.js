'use strict'

// A child process that is measured, or that drives the measured one: pinned to a core, with functions that are called
// by name over Node's IPC channel.

const { spawn } = require('node:child_process')

/**
 * In the child: answers `call(method, ...args)` of the parent. Every child has `cpu()`: the user and kernel time of the
 * whole process in microseconds, including helper threads.
 */
function expose(methods) {
  const all = {
    ...methods,
    cpu: () => {
      const { user, system } = process.cpuUsage()
      return user + system
    },
  }
  process.on('message', async ({ id, method, args }) => {
    try {
      process.send({ id, value: await all[method](...args) })
    } catch (error) {
      process.send({ id, error: error.stack })
    }
  })
  // The parent is gone, so there is nothing left to do.
  process.on('disconnect', () => process.exit(0))
}

class Child {
  #child
  #pending = new Map()
  #next = 0

  constructor(file, args, core) {
    const command = [process.execPath, file, ...args]
    if (core !== undefined) command.unshift('taskset', '-c', String(core))
    this.#child = spawn(command[0], command.slice(1), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    this.#child.on('message', ({ id, value, error }) => {
      const { resolve, reject } = this.#pending.get(id)
      this.#pending.delete(id)
      if (error) reject(new Error(error))
      else resolve(value)
    })
    this.#child.on('error', (error) => this.#fail(error))
    this.#child.on('exit', (code, signal) =>
      this.#fail(new Error(`${file} ${args.join(' ')} ended: ${signal ?? code}`)),
    )
  }

  #fail(error) {
    for (const { reject } of this.#pending.values()) reject(error)
    this.#pending.clear()
  }

  call(method, ...args) {
    return new Promise((resolve, reject) => {
      const id = this.#next++
      this.#pending.set(id, { resolve, reject })
      this.#child.send({ id, method, args }, (error) => error && this.#fail(error))
    })
  }

  stop() {
    if (this.#child.exitCode !== null || this.#child.signalCode) return Promise.resolve()
    return new Promise((resolve) => {
      this.#child.once('exit', resolve)
      this.#child.kill()
    })
  }
}

/**
 * Starts children, given as `[file, args, core]` or as an object with the methods of a child. Runs `body` with them,
 * and stops them in any case.
 */
async function withChildren(starts, body) {
  const children = starts.map((start) => (Array.isArray(start) ? new Child(...start) : start))
  try {
    return await body(children)
  } finally {
    await Promise.all(children.map((child) => child.stop()))
  }
}

module.exports = { expose, withChildren }
