'use strict'

// The stream of a call on the server's side.

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
      // A stream that only receives does not end with the caller's last message: the answer follows.
      autoDestroy: takesStream,
      encode,
      decode,
      window,
    })
    /** The ServerCall. */
    this.context = context
    this.link = context.session
    this.sequence = context.sequence
    this.credit = this.link.peerWindow
    this.canSend = takesStream
    /** Whether everything was written: what follows is the answer. */
    this.complete = false
    /** Set by `pump`: called when the call is over. */
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

  /** The call was cut for this reason: its caller no longer waits. */
  cutOff(reason) {
    this.failure = reason
    this.inputEnded = true
    this.finished()
    this.tearDown(reason)
  }

  /** The call was answered. */
  finished() {
    this.shut()
    this.onOver?.()
  }

  /** Destroys the stream once everything was written. */
  close() {
    if (this.complete) this.once('finish', () => this.tearDown(null))
    else this.tearDown(null)
  }

  /** An error without a listener must not become an uncaught exception: a handler need not listen. */
  tearDown(error) {
    destroy.call(this, this.listenerCount('error') > 0 ? error : null)
  }

  /** The handler, or Node's stream code, fails the call. */
  destroy(error) {
    if (this.destroyed) return this
    if (!this.over) this.link.answer(this.context, error ?? new Error('The handler destroyed its stream'))
    this.tearDown(error ?? null)
    return this
  }

  /** A message cannot be written: fails the call. */
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

  /** A handler that stops reading early may still answer. */
  iterationLeft() {
    this.deafen()
  }
}

module.exports = { ServerStream }
