'use strict'

// The stream of a call, as its caller has it.

const process = require('node:process')
const { CallStream } = require('./stream')
const { aborted, badMessage } = require('./errors')
const { Kind, Flag } = require('./protocol')

class ClientStream extends CallStream {
  /** `callback` gets the one reply of a call that streams messages only to the server. */
  constructor(call, { encode, decode, window, callback }) {
    const takesStream = (call.flags & Flag.TAKES_STREAM) !== 0
    super({
      method: call.method,
      series: call.series,
      readable: takesStream,
      writable: (call.flags & Flag.STREAMS) !== 0,
      // The server's answer ends the call.
      allowHalfOpen: false,
      // One that streams only to the server has not ended with its last message.
      autoDestroy: takesStream,
      encode,
      decode,
      window,
    })
    this.call = call
    this.takesStream = takesStream
    /** Metadata of the server's answer. */
    this.trailers = undefined
    this.callback = callback
    /** The promise of the reply, and what settles it. */
    this.promised = null
    this.settleReply = null
    this.outcome = null
    /** What this end has against the answer. */
    this.complaint = null
    this.onEnded = null
    /** A pump's, told of the end. */
    this.onOver = null
  }

  /** The one reply of a call that streams messages only to the server. */
  get reply() {
    if (this.takesStream) return undefined
    this.promised ??= new Promise((resolve, reject) => {
      this.settleReply = (error, reply) => (error ? reject(error) : resolve(reply))
      if (this.outcome !== null) this.settleReply(this.outcome.error, this.outcome.reply)
    })
    return this.promised
  }

  /** The request is written. */
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

  /** Goes on with an end of writing that came before the request was written. */
  finishWriting(finish) {
    const { onEnded } = this
    if (onEnded === null) return
    this.onEnded = null
    finish.call(this, onEnded)
  }

  /** Ends the call, also at the server. Whoever takes messages gets an AbortError. */
  cancel(reason) {
    if (this.over) return
    this.deafen()
    this.call.cancel(reason)
  }

  /** The call has ended: this is its callback. */
  conclude(error, reply, trailers) {
    if (this.complaint !== null) error = this.complaint
    this.trailers = trailers
    this.shut()
    this.onOver?.()
    this.finishWriting((callback) => callback())
    // Whatever it still has to write.
    if (this.takesStream) this.once('end', () => this.destroy()).endInput(error)
    else this.deliver(error, reply, trailers)
  }

  deliver(error, reply, trailers) {
    this.outcome = { error, reply }
    const { callback, settleReply } = this
    this.callback = null
    // Who asks for the reply right after the call, before anything of it can have come, asks in time.
    if (callback) {
      this.destroy()
      callback(error, reply, trailers)
    } else if (settleReply !== null) {
      settleReply(error, reply)
      this.destroy()
    } else if (error) process.nextTick(() => this.destroy(this.promised === null ? error : null))
    else this.destroy()
  }

  /** What was to be written cannot be. */
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
    // Whoever iterates must not take it for the end.
    if (!this.over) this.failure ??= error ?? aborted(this.method, this.link !== null)
    super._destroy(error, callback)
    if (!this.over) this.call.cancel()
  }
}

module.exports = { ClientStream }
