'use strict'

// A client's side of one connection: which calls are in flight on it, and which names the server knows by number.

const { Peer } = require('./peer')
const { Calls } = require('./calls')
const errors = require('./errors')
const { headroom } = require('./outgoing')
const { listen } = require('./signals')
const { now } = require('./tick')
const { Kind, Reason, Status, MAX_METHODS } = require('./protocol')
const { LENGTH_SIZE, FRAME_HEAD, CODE_SIZE, DEADLINE_SIZE, ERROR_PREFIX } = require('./protocol')

/** Header of the largest request: with method number and milliseconds left. */
const REQUEST_HEAD = FRAME_HEAD - LENGTH_SIZE + CODE_SIZE + DEADLINE_SIZE
/** Where in what follows an error's status the code stands, behind its length. */
const CODE_AT = ERROR_PREFIX - CODE_SIZE

class Link extends Peer {
  constructor(client, options) {
    super(options, 0)
    this.client = client
    this.calls = new Calls(options.maxInFlight)
    this.methods = new Map()
    /** How many calls may be unanswered: the lower of both ends' limits. */
    this.window = 0
    /** The server has said farewell or the client is closing: no new calls, leave after the last answer. */
    this.retiring = false
  }

  get roomy() {
    return this.calls.unanswered < this.window && !this.out.congested
  }

  ready() {
    if (this.peerMaxCalls === 0) return this.abandon(errors.protocol('The server accepts no calls'), Reason.PROTOCOL)
    this.window = Math.min(this.options.maxInFlight, this.peerMaxCalls)
    this.client.linkReady(this)
  }

  /** Sends a request, or throws and has not; the caller has seen that the link is `roomy`. Returns an error when it cannot be sent, else undefined. */
  send(method, nameBytes, body, deadline, timeout, signal, callback) {
    const length = REQUEST_HEAD + body.length
    if (length > this.peerMaxFrame) return errors.frameTooLarge(method, length, this.peerMaxFrame)
    if (signal !== undefined) headroom()
    let number = this.methods.get(method)
    if (number === undefined) {
      number = this.methods.size
      if (number === MAX_METHODS)
        return errors.tooManyCalls(method, `the connection already names ${MAX_METHODS} methods`)
      this.out.method(number, nameBytes)
      this.methods.set(method, number)
    }
    const call = this.calls.take()
    call.callback = callback
    call.method = method
    call.deadline = deadline
    call.timeout = timeout
    call.position = this.out.position
    try {
      this.out.request(call.sequence, number, deadline === Infinity ? 0 : Math.min(deadline - now(), 0xffffffff), body)
    } catch (error) {
      // The end of the stack, usually: the caller hears of it, and the call has never been.
      call.callback = null
      this.calls.pending--
      this.calls.release(call)
      throw error
    }
    if (signal !== undefined) this.listen(call, signal)
  }

  listen(call, signal) {
    call.signal = signal
    call.onAbort = () => {
      const error = errors.aborted(call.method, true, signal.reason)
      this.out.control(Kind.CANCEL, call.sequence, 0)
      this.client.fail(this.calls.finish(call), error)
      this.rest()
    }
    listen(signal, call.onAbort)
  }

  /** A reply: the one frame that is worth a path of its own. */
  carry(sequence, body) {
    const { calls } = this
    const call = calls.find(sequence)
    if (call === undefined) {
      this.client.stats.unknownAnswers++
      return
    }
    calls.release(call)
    if (call.callback === null) {
      this.client.stats.lateAnswers++
      return
    }
    this.client.stats.replies++
    calls.finish(call)(null, body)
  }

  frame(kind, sequence, status, body) {
    if (kind !== Kind.ERROR) return
    const call = this.calls.find(sequence)
    if (call === undefined) {
      this.client.stats.unknownAnswers++
      return
    }
    this.calls.release(call)
    if (call.callback === null) {
      this.client.stats.lateAnswers++
      return
    }
    // The splitter has checked that the code fits.
    const codeEnd = CODE_AT + body.readUInt16BE(0)
    const code = body.toString('utf8', CODE_AT, codeEnd)
    const error = errors.remote(call.method, status, code, body.toString('utf8', codeEnd))
    this.client.stats.errors++
    // The server's clock may be the first to see a deadline.
    if (status === Status.DEADLINE) this.client.stats.timeouts++
    this.calls.finish(call)(error)
  }

  /** Takes no new calls, and leaves when those in flight have ended. The server asks for it, or the client closes. */
  retire() {
    this.retiring = true
    this.client.linkRetires(this)
    this.rest()
  }

  rest() {
    if (this.retiring && this.calls.pending === 0) this.leave()
  }

  settled() {
    if (this.retiring) this.rest()
    else this.client.pump()
  }

  relieved() {
    this.client.pump()
  }

  /** Ends the overdue calls and returns the earliest deadline left. */
  expire(time) {
    let next = Infinity
    for (const call of this.calls.slots) {
      if (call.callback === null) continue
      if (call.deadline > time) {
        if (call.deadline < next) next = call.deadline
        continue
      }
      this.client.stats.timeouts++
      const error = errors.timeout(call.method, call.timeout, true)
      this.client.fail(this.calls.finish(call), error)
    }
    this.rest()
    return next
  }

  ended(error, accepted) {
    const lost = error ?? errors.protocol('The server ended the connection')
    for (const call of this.calls.slots) {
      if (call.callback === null) continue
      const { method } = call
      const sent = call.position < accepted
      const failure = this.client.closed ? errors.closed(method, sent) : errors.connectionLost(method, sent, lost)
      this.client.fail(this.calls.finish(call), failure)
    }
    this.client.linkEnded(this, error === null && this.retiring ? null : lost)
  }
}

module.exports = { Link }
