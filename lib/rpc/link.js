'use strict'

// A client's side of one connection: which calls are in flight on it, and which names the server knows by number.

const { Peer } = require('./peer')
const { Calls } = require('./calls')
const errors = require('./errors')
const { headroom } = require('./outgoing')
const { now } = require('./tick')
const { Kind, Reason, Status, MAX_METHODS, MAX_U32 } = require('./protocol')
const { LENGTH_SIZE, FRAME_HEAD, CODE_SIZE, DEADLINE_SIZE, ERROR_PREFIX } = require('./protocol')

/** Header of the largest request: with method number and milliseconds left. */
const REQUEST_HEAD = FRAME_HEAD - LENGTH_SIZE + CODE_SIZE + DEADLINE_SIZE
/** Where in what follows an error's status the code stands, behind its length. */
const CODE_AT = ERROR_PREFIX - CODE_SIZE

class Link extends Peer {
  constructor(client, endpoint) {
    const { options } = client
    super(options, 0)
    this.client = client
    this.endpoint = endpoint
    /** What to try when this does not come to be, or null. */
    this.next = null
    /** Whoever answers does not speak rpc, or no version of it that is spoken here. */
    this.foreign = false
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
    if (this.client.movesCalls) this.out.unsent = []
    this.endpoint.linkReady(this)
  }

  /** Sends a request, or throws and has not; the caller has seen that the link is `roomy`. Returns an error when it cannot be sent, else undefined. */
  send(call) {
    const { method, body, deadline } = call
    const length = REQUEST_HEAD + body.length
    if (length > this.peerMaxFrame) return errors.frameTooLarge(method, length, this.peerMaxFrame)
    if (call.signal !== undefined) headroom()
    let number = this.methods.get(method)
    if (number === undefined) {
      number = this.methods.size
      if (number === MAX_METHODS)
        return errors.tooManyCalls(method, `the connection already names ${MAX_METHODS} methods`)
      this.out.method(number, this.client.names.get(method))
      this.methods.set(method, number)
    }
    this.calls.take(call)
    call.position = this.out.position
    try {
      this.out.request(call.sequence, number, deadline === Infinity ? 0 : Math.min(deadline - now(), MAX_U32), body)
    } catch (error) {
      // The end of the stack, usually: the caller hears of it, and the call has never been.
      call.callback = null
      this.calls.pending--
      this.calls.release(call)
      throw error
    }
    call.body = null
    if (call.signal !== undefined) call.listen(() => this.cancel(call))
  }

  /** The caller waits for the answer no longer. */
  cancel(call) {
    const error = errors.aborted(call.method, true, call.signal.reason)
    this.out.control(Kind.CANCEL, call.sequence, 0)
    this.client.fail(this.calls.finish(call), error)
    this.rest()
  }

  /** Nobody needs the answer any more; the caller has another one. */
  drop(call) {
    this.out.control(Kind.CANCEL, call.sequence, 0)
    this.calls.finish(call)
    this.rest()
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

  abandon(error, reason) {
    this.foreign = reason === Reason.NOT_RPC
    super.abandon(error, reason)
  }

  farewell(reason, message) {
    this.foreign = reason === Reason.NOT_RPC
    super.farewell(reason, message)
  }

  /** Takes no new calls, and leaves when those in flight have ended. The server asks for it, or the client closes. */
  retire() {
    this.retiring = true
    this.endpoint.linkRetires(this)
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
    let overdue = 0
    for (const call of this.calls.slots) {
      if (call === undefined || call.callback === null) continue
      if (call.deadline > time) {
        if (call.deadline < next) next = call.deadline
        continue
      }
      overdue++
      this.client.stats.timeouts++
      const error = errors.timeout(call.method, call.timeout, true)
      this.client.fail(this.calls.finish(call), error)
    }
    if (overdue > 0) this.endpoint.timedOut(overdue)
    this.rest()
    return next
  }

  ended(error, accepted) {
    // Whatever is made anew now goes elsewhere, or waits.
    this.window = 0
    const lost = error ?? errors.protocol('The server ended the connection')
    for (const call of this.calls.slots) {
      if (call === undefined || call.callback === null) continue
      const { method } = call
      const sent = call.position < accepted
      const failure = this.client.closed ? errors.closed(method, sent) : errors.connectionLost(method, sent, lost)
      if (!this.client.revive(call, failure, this.out)) this.client.fail(this.calls.finish(call), failure)
    }
    this.endpoint.linkEnded(this, error === null && this.retiring ? null : lost)
  }
}

module.exports = { Link }
