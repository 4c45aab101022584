'use strict'

// Sends the body of a plan. If the response is ours and its body methods are not patched, Rust sends it right after the
// head; otherwise a small body is sent by `end`, and a large one as a stream.

const { Readable } = require('node:stream')
const { kConnection } = require('../http/install.js')
const { native } = require('../engine.js')
const { fileError } = require('./errors.js')

/** The size of a read in bytes, and the most that waits for a slow response. */
const CHUNK = 64 * 1024

/** Sends the body of `plan`, whose headers are already set, and releases the plan. */
function sendBody(exchange, plan) {
  const { res } = exchange
  const connection = res._onPendingData?.[kConnection]
  if (plan.hasBody && connection?.endNatively?.(res, native, plan)) return plan.release()
  // Code that is hooked into the head may have ended the response.
  if (res.writableEnded) return plan.release()
  if (!plan.isStream) {
    const bytes = plan.hasBody ? plan.bytes() : undefined
    plan.release()
    res.end(bytes)
    return
  }
  const body = new Body(plan)
  body.on('error', (error) => {
    // Nothing was sent yet, so a proper error response is possible.
    if (res.headersSent) res.destroy()
    else exchange.fail(plan, error)
  })
  res.on('close', () => body.destroy())
  const { socket } = exchange.req
  if (res.socket === null && socket) {
    endWith(socket, body)
    // Do not read for a response that is queued behind others: the data would only pile up, for each pipelined request.
    res.once('socket', () => body.pipe(res))
  } else body.pipe(res)
}

/** The bodies of queued responses by socket. */
const waiting = new WeakMap()

/** A response that is queued behind others gets no event when its connection ends, so its body is destroyed here. */
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

/** A plan's body, read on the background thread pool on demand. */
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

  /** Receives the bytes read, or the system's error number. */
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
