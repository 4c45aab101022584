'use strict'

// How a plan's body leaves: by Rust, behind the head, where the response is ours and nobody has hooked into its body; otherwise as any
// body does, a small one in one `end`, a large one as a stream.

const { Readable } = require('node:stream')
const { kConnection } = require('../http/install.js')
const { native } = require('../engine.js')
const { fileError } = require('./errors.js')

/** What is read of a file in one go, and waits at most for a response that is slow to take it. */
const CHUNK = 64 * 1024

/** Sends the body of `plan`, whose headers are set, and lets go of the plan. */
function sendBody(exchange, plan) {
  const { res } = exchange
  const connection = res._onPendingData?.[kConnection]
  if (plan.hasBody && connection?.endNatively?.(res, native, plan)) return plan.release()
  // Who hooks into the head may have ended the response.
  if (res.writableEnded) return plan.release()
  if (!plan.isStream) {
    const bytes = plan.hasBody ? plan.bytes() : undefined
    plan.release()
    res.end(bytes)
    return
  }
  const body = new Body(plan)
  body.on('error', (error) => {
    // Nothing has left yet: it can still be said properly.
    if (res.headersSent) res.destroy()
    else exchange.fail(plan, error)
  })
  res.on('close', () => body.destroy())
  const { socket } = exchange.req
  if (res.socket === null && socket) {
    endWith(socket, body)
    // Nothing is read for a response that waits for its turn: it would only gather, for every request that a client sends ahead.
    res.once('socket', () => body.pipe(res))
  } else body.pipe(res)
}

/** By sockets, the bodies of responses that wait for their turn. */
const waiting = new WeakMap()

/** A response that waits for its turn behind others does not hear of the end of its connection: its body does. */
function endWith(socket, body) {
  let bodies = waiting.get(socket)
  if (bodies === undefined) {
    bodies = new Set()
    waiting.set(socket, bodies)
    socket.on('close', () => {
      for (const one of bodies) one.destroy()
    })
  }
  bodies.add(body)
  body.on('close', () => bodies.delete(body))
}

/** A plan's body, read on the background pool as it is asked for. */
class Body extends Readable {
  constructor(plan) {
    super({ highWaterMark: CHUNK })
    this.plan = plan
    this.offset = 0
  }

  _read() {
    const { plan, offset } = this
    const length = Math.min(CHUNK, plan.length - offset)
    if (length === 0) this.push(null)
    else plan.read(offset, length, this)
  }

  /** What was read; a number is the system's error. */
  onRead(bytes) {
    if (this.destroyed) return
    if (typeof bytes === 'number') return this.destroy(fileError(bytes, 'read', this.plan.path(), 500))
    this.offset += bytes.length
    this.push(bytes)
  }

  _destroy(error, callback) {
    this.plan.release()
    callback(error)
  }
}

module.exports = { sendBody }
