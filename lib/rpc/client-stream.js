'use strict'

// The stream of a call on the client's side.

const process = require('node:process')
const { CallStream } = require('./stream')
const { aborted, badMessage } = require('./errors')
const { Kind, Flag } = require('./protocol')

class ClientStream extends CallStream {
  /** `callback` receives the single reply of a call that streams in one direction only, to the server. */
  constructor(call, { encode, decode, window, callback }) {
    const takesStream = (call.flags & Flag.TAKES_STREAM) !== 0
    super({
      method: call.method,
      series: call.series,
      readable: takesStream,
      writable: (call.flags & Flag.STREAMS) !== 0,
      // The server's answer ends the call in both directions.
      allowHalfOpen: false,
      // A call that streams only to the server is not over when its last message is written: the reply follows.
      autoDestroy: takesStream,
      encode,
      decode,
      window,
    })
    this.call = call
    this.takesStream = takesStream
    /** The metadata of the server's answer. */
    this.trailers = undefined
    this.callback = callback
    /** Resolves or rejects the promise of the reply. */
    this.promised = null
    this.settleReply = null
    this.outcome = null
    /** An error that this end found in the answer. It replaces the outcome of the call. */
    this.complaint = null
    this.onEnded = null
    /** Set by `pump`: called when the call is over. */
    this.onOver = null
  }

  /** A promise of the single reply of a call that streams only to the server; undefined for other calls. */
  get reply() {
    if (this.takesStream) return undefined
    this.promised ??= new Promise((resolve, reject) => {
      this.settleReply = (error, reply) => (error ? reject(error) : resolve(reply))
      if (this.outcome !== null) this.settleReply(this.outcome.error, this.outcome.reply)
    })
    return this.promised
  }

  /** The request is written on this link. */
  open(link) {
    this.link = link
    this.sequence = this.call.sequence
    this.credit = link.peerWindow
    this.canSend = (this.call.flags & Flag.STREAMS) !== 0 && !this.writableEnded && !this.destroyed
    this.resumeWriting()
    this.finishWriting(this._final)
  }

  _final(callback) {
    if (this.over) return callback()
    if (this.link === null) {
      this.onEnded = callback
      return
    }
    this.canSend = false
    this.link.out.control(Kind.END, this.sequence, 0)
    callback()
  }

  /** Runs a `_final` that came before the request was written. */
  finishWriting(finish) {
    const { onEnded } = this
    if (onEnded === null) return
    this.onEnded = null
    finish.call(this, onEnded)
  }

  /** Ends the call here and at the server. A reader of the messages gets an AbortError. */
  cancel(reason) {
    if (this.over) return
    this.deafen()
    this.call.cancel(reason)
  }

  /** The callback of the call: it has ended. */
  conclude(error, reply, trailers) {
    if (this.complaint !== null) error = this.complaint
    this.trailers = trailers
    this.shut()
    this.onOver?.()
    this.finishWriting((callback) => callback())
    // Also runs when the writable side is not finished.
    if (this.takesStream) this.once('end', () => this.destroy()).endInput(error)
    else this.deliver(error, reply, trailers)
  }

  deliver(error, reply, trailers) {
    this.outcome = { error, reply }
    const { callback, settleReply } = this
    this.callback = null
    // One tick later, so that a program that asks for `reply` right after making the call still gets the error there.
    if (callback) {
      this.destroy()
      callback(error, reply, trailers)
    } else if (settleReply !== null) {
      settleReply(error, reply)
      this.destroy()
    } else if (error) process.nextTick(() => this.destroy(this.promised === null ? error : null))
    else this.destroy()
  }

  /** A message cannot be written: fails the call. */
  fail(error) {
    if (this.over) return
    this.complaint = error
    this.deafen()
    this.call.cancel()
  }

  misunderstood(cause) {
    this.complaint = badMessage(this.method, 'a message', cause)
    this.deafen()
    if (!this.over) this.call.cancel()
    else if (this.failure === null) {
      this.failure = this.complaint
      this.finishReading()
    }
  }

  breakOff(failure) {
    this.destroy(this.iterated && this.listenerCount('error') === 0 ? null : failure)
  }

  iterationLeft() {
    this.destroy()
  }

  _destroy(error, callback) {
    // An iteration must see an error here, not a normal end.
    if (!this.over) this.failure ??= error ?? aborted(this.method, this.link !== null)
    super._destroy(error, callback)
    if (!this.over) this.call.cancel()
  }
}

module.exports = { ClientStream }
