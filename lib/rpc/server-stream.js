'use strict'

// The stream of a call, as its handler has it.

const { CallStream } = require('./stream')

const destroy = CallStream.prototype.destroy

class ServerStream extends CallStream {
  constructor(context, { streams, takesStream, encode, decode, window }) {
    super({
      method: context.method,
      series: context.series,
      readable: streams,
      writable: takesStream,
      allowHalfOpen: true,
      // Nor with the last message of its caller.
      autoDestroy: takesStream,
      encode,
      decode,
      window,
    })
    /** The call itself. */
    this.context = context
    this.link = context.session
    this.sequence = context.sequence
    this.credit = this.link.peerWindow
    this.canSend = takesStream
    /** What was written is sent, and what follows is the answer. */
    this.complete = false
    /** A pump's, told of the end. */
    this.onOver = null
  }

  get metadata() {
    return this.context.metadata
  }

  get trailers() {
    return this.context.trailers
  }

  set trailers(metadata) {
    this.context.trailers = metadata
  }

  get request() {
    return this.context.request
  }

  get peer() {
    return this.context.peer
  }

  get remaining() {
    return this.context.remaining
  }

  get deadline() {
    return this.context.deadline
  }

  get signal() {
    return this.context.signal
  }

  _final(callback) {
    this.complete = true
    callback()
    if (!this.over) this.link.answer(this.context, null, undefined)
  }

  /** Nobody waits for more: the call was cut, for this reason. */
  cutOff(reason) {
    this.failure = reason
    this.inputEnded = true
    this.finished()
    this.tearDown(reason)
  }

  /** The call is answered. */
  finished() {
    this.shut()
    this.onOver?.()
  }

  /** Leaves nothing behind. */
  close() {
    if (this.complete) this.once('finish', () => this.tearDown(null))
    else this.tearDown(null)
  }

  /** A handler need not listen: an error that nobody listens to is no exception of the process's. */
  tearDown(error) {
    destroy.call(this, this.listenerCount('error') > 0 ? error : null)
  }

  /** The handler, or Node's machinery, fails the call. */
  destroy(error) {
    if (this.destroyed) return this
    if (!this.over) this.link.answer(this.context, error ?? new Error('The handler destroyed its stream'))
    this.tearDown(error ?? null)
    return this
  }

  /** What was to be written cannot be. */
  fail(error) {
    if (!this.over) this.link.fail(this.context, error)
  }

  misunderstood(cause) {
    this.deafen()
    this.link.refuseMessage(this.context, cause)
  }

  breakOff(failure) {
    this.tearDown(failure)
  }

  /** A handler that has seen enough may still answer. */
  iterationLeft() {
    this.deafen()
  }
}

module.exports = { ServerStream }
