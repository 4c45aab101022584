'use strict'

// A client's side of one connection: the calls in flight on it, and the method names that the server knows by number.

const { Peer } = require('./peer')
const { ClientHandshake, announcesSecret } = require('./handshake')
const { Calls } = require('./calls')
const errors = require('./errors')
const { headroom } = require('./outgoing')
const { now } = require('./tick')
const { decodeMetadata } = require('./metadata')
const { Kind, Flag, Reason, Origin, FULL_VERSION, MAX_METHODS, MAX_U32 } = require('./protocol')
const { LENGTH_SIZE, FRAME_HEAD, CODE_SIZE, AMOUNT_SIZE, BLOCK_SIZE } = require('./protocol')

const { ONE_WAY } = Flag
/** The size of the largest request header without metadata: with method number and timeout. */
const REQUEST_HEAD = FRAME_HEAD - LENGTH_SIZE + CODE_SIZE + AMOUNT_SIZE

/** The peer speaks another protocol, or no version of rpc that this client knows. */
const NOT_RPC = "does not speak ironwire's rpc"

/** The feature that a call needs and that version 1 of the protocol lacks. */
function beyondVersion1({ flags }) {
  if ((flags & (Flag.STREAMS | Flag.TAKES_STREAM)) !== 0) return 'streams'
  return (flags & Flag.METADATA) !== 0 ? 'metadata' : 'one-way calls'
}

class Link extends Peer {
  constructor(client, endpoint) {
    const { options } = client
    super(options, client.watches, 0)
    this.client = client
    this.endpoint = endpoint
    /** Tries the next address if this link fails to connect; null if there is none. */
    this.next = null
    /**
     * What the peer does not speak, if it is probably not our server at all (see `Endpoint.failed`); empty otherwise.
     */
    this.foreign = ''
    this.calls = new Calls(options.maxInFlight)
    /** The number of each method by its index in the client's list, and how many numbers are assigned. */
    this.numbers = []
    this.named = 0
    /** The largest number of unanswered calls: the lower of both ends' limits. */
    this.window = 0
    /**
     * The server said goodbye, or the client is closing: the link takes no new calls and ends after the last answer.
     */
    this.retiring = false
    /** Whether calls could ever use this link. */
    this.opened = false
    if (options.secret !== null) this.handshake = new ClientHandshake(options.secret)
  }

  /** The TLS handshake is complete: checks the server's identity. */
  encrypted(peer) {
    const problem = this.wire.tls.refusal(peer)
    if (problem === undefined) {
      this.wire.trust()
      return this.attach(this.wire)
    }
    const why = `The server at ${this.endpoint.location} could not prove that it is the right one: ${problem.message}`
    this.destroy(errors.untrusted(why, problem))
  }

  /**
   * The error that the connection ends with when TLS fails because of `cause`. `isNone` means that the server does not
   * speak TLS.
   */
  insecure(cause, isNone) {
    const { location } = this.endpoint
    if (this.opened) return errors.protocol(`TLS with the server at ${location} failed: ${cause.message}`, cause)
    if (!isNone) return errors.tlsFailed(`There is no TLS with the server at ${location}: ${cause.message}`, cause)
    this.foreign = "does not speak TLS: give the server the option 'tls', or take it from this client"
    return cause
  }

  /**
   * Handles the server's preface. With a secret, the preface is used only after the server has proven that it knows it.
   */
  meet(preface) {
    const { handshake, endpoint } = this
    const isWanted = announcesSecret(preface)
    if (handshake === null) {
      if (!isWanted) return this.welcome(preface)
      return this.distrust(
        `The server at ${endpoint.location} takes only clients that know its secret: give it as the option 'secret'`,
      )
    }
    // A server that does not ask for the secret need not know it, so nothing shows who it is.
    if (!isWanted) {
      const why = "give the server the same option 'secret', or take it from this client"
      return this.distrust(
        `The server at ${endpoint.location} has no secret, so nothing shows that it is the right one: ${why}`,
      )
    }
    this.expect('The server did not prove that it knows the secret')
  }

  /** Handles the server's nonce, and later its proof. */
  prove(body) {
    const { handshake } = this
    if (handshake.nonce === null) this.out.auth(handshake.respond(body))
    else if (handshake.isAnsweredBy(body)) this.welcome(handshake.preface)
    else
      this.distrust(
        `The server at ${this.endpoint.location} does not know the secret of this client: check that both have the same`,
      )
  }

  distrust(why) {
    this.abandon(errors.unauthenticated(why), Reason.UNAUTHENTICATED)
  }

  get roomy() {
    const { calls } = this
    if (calls.unwritten !== null) calls.reclaim()
    return calls.unanswered < this.window && !this.out.congested
  }

  ready() {
    if (this.peerMaxCalls === 0) return this.abandon(errors.protocol('The server accepts no calls'), Reason.PROTOCOL)
    this.window = Math.min(this.options.maxInFlight, this.peerMaxCalls)
    if (this.client.movesCalls) this.out.unsent = []
    this.client.opened(this)
    this.endpoint.linkReady(this)
  }

  /**
   * Sends a request; the caller has checked that the link is `roomy`. Returns an error when the request cannot be sent,
   * else undefined. If it throws, nothing was sent.
   */
  send(call) {
    const { entry, body, deadline, flags } = call
    let length = REQUEST_HEAD + body.length
    if (flags !== 0) {
      if (this.version < FULL_VERSION) return errors.unsupported(entry.name, beyondVersion1(call))
      if (call.metadata !== null) length += call.metadata.length
      headroom()
    }
    if (length > this.peerMaxFrame) {
      this.limitReached('maxFrameBytes', this.peerMaxFrame)
      return errors.frameTooLarge(entry.name, length, this.peerMaxFrame)
    }
    if (call.watches) headroom()
    let number = this.numbers[entry.index]
    if (number === undefined) {
      number = this.named
      if (number === MAX_METHODS) {
        this.limitReached('methods', MAX_METHODS)
        return errors.tooManyCalls(entry.name, `the connection already names ${MAX_METHODS} methods`)
      }
      this.out.method(number, entry.bytes)
      this.numbers[entry.index] = number
      this.named++
    }
    const remaining = deadline === Infinity ? 0 : Math.min(deadline - now(), MAX_U32)
    if ((flags & ONE_WAY) !== 0) {
      this.out.flaggedRequest(0, number, remaining, call)
      call.owner = this
      return this.client.sentOneWay(call)
    }
    this.calls.take(call)
    call.position = this.out.position
    try {
      if (flags === 0) this.out.request(call.sequence, number, remaining, body)
      else this.out.flaggedRequest(call.sequence, number, remaining, call)
    } catch (error) {
      // Usually the stack is exhausted. The caller gets the exception, and the call counts as never made.
      const { calls } = this
      call.callback = null
      call.nextUnwritten = calls.unwritten
      calls.unwritten = call
      calls.pending--
      throw error
    }
    call.body = null
    call.owner = this
    if (call.watches) call.listen((reason) => this.abort(call, reason))
    if (call.stream !== null) call.stream.open(this)
  }

  /** The caller no longer waits for the answer. */
  abort(call, reason) {
    headroom()
    const error = errors.aborted(call.method, true, reason)
    this.out.control(Kind.CANCEL, call.sequence, 0)
    this.client.fail(this.calls.finish(call, error), error)
    this.rest()
  }

  /** The answer is no longer needed: the other attempt of a hedged call was answered. */
  drop(call) {
    this.out.control(Kind.CANCEL, call.sequence, 0)
    this.calls.finish(call, null)
    this.rest()
  }

  /** Handles a reply. It has a method of its own because it is the hot path. */
  carry(sequence, body, _code, flags) {
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
    if (flags !== 0 || call.decode !== null) return this.deliver(call, body, flags)
    calls.finish(call, null)(null, body)
  }

  /** Handles a reply with metadata, or one that must be decoded. */
  deliver(call, body, flags) {
    const { client, calls } = this
    let metadata
    let reply = body
    let error = null
    if ((flags & Flag.METADATA) !== 0) {
      const found = decodeMetadata(body, client.options)
      metadata = found.metadata
      reply = body.subarray(found.end)
      if (found.above !== null) {
        this.limitReached(found.limit)
        error = errors.metadataTooLarge(call.method, found.above)
      }
    }
    if (error === null && call.decode !== null) {
      try {
        reply = call.decode(reply)
      } catch (cause) {
        error = errors.badMessage(call.method, 'the reply', cause)
      }
    }
    const callback = calls.finish(call, error)
    if (error !== null) callback(error)
    else if (metadata === undefined) callback(null, reply)
    else callback(null, reply, metadata)
  }

  /** The stream of a call whose caller still waits. */
  streamOf(sequence) {
    const call = this.calls.find(sequence)
    if (call === undefined) this.client.stats.unknownAnswers++
    else if (call.stream !== null) return call.callback === null ? undefined : call.stream
    else
      this.abandon(
        errors.protocol(`The peer sent a message for call ${sequence}, which has no stream`),
        Reason.PROTOCOL,
      )
    return undefined
  }

  frame(kind, sequence, code, body, flags) {
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
    const error = this.failure(call.method, code, body, flags)
    // The server's clock may reach the deadline first.
    if ((code & 0xff) === Origin.DEADLINE) this.client.stats.timeouts++
    this.calls.finish(call, error)(error)
  }

  abandon(error, reason) {
    if (reason === Reason.NOT_RPC) this.foreign = NOT_RPC
    super.abandon(error, reason)
  }

  farewell(reason, message) {
    if (reason === Reason.NOT_RPC) this.foreign = NOT_RPC
    if (reason === Reason.UNAUTHENTICATED) {
      const why =
        this.handshake === null || this.handshake.nonce === null
          ? `refuses this client: ${message}`
          : 'does not accept the secret of this client: check that both have the same'
      return this.destroy(errors.unauthenticated(`The server at ${this.endpoint.location} ${why}`))
    }
    super.farewell(reason, message)
  }

  /** Decodes an error frame. The Rust splitter has already checked that it is complete. */
  failure(method, code, body, flags) {
    let at = 0
    let metadata
    let details
    if ((flags & Flag.METADATA) !== 0) {
      const found = decodeMetadata(body, this.client.options)
      // Metadata above the limit must not hide the error itself.
      metadata = found.metadata ?? undefined
      if (found.above !== null) this.limitReached(found.limit)
      at = found.end
    }
    if ((flags & Flag.DETAILS) !== 0) {
      const end = at + BLOCK_SIZE + body.readUInt16BE(at)
      details = body.subarray(at + BLOCK_SIZE, end)
      at = end
    }
    const codeAt = at + BLOCK_SIZE
    const codeEnd = codeAt + body.readUInt16BE(at)
    return errors.remote(method, {
      origin: code & 0xff,
      status: code >> 8,
      code: body.toString('utf8', codeAt, codeEnd),
      message: body.toString('utf8', codeEnd),
      metadata,
      details,
    })
  }

  limitReached(limit, value = this.options[limit]) {
    const { client, endpoint } = this
    client.limits.reached(limit, value, () => endpoint.location, { client, target: endpoint.location })
  }

  /** Takes no new calls and ends after the calls in flight: the server asked for it, or the client is closing. */
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
      this.client.fail(this.calls.finish(call, error), error)
    }
    if (overdue > 0) this.endpoint.timedOut(overdue)
    this.rest()
    return next
  }

  ended(error, accepted) {
    // From here on the link is not `roomy`: calls that are sent again use another link, or wait.
    this.window = 0
    this.tally(this.client.counts)
    const lost = error ?? errors.protocol('The server ended the connection')
    for (const call of this.calls.slots) {
      if (call === undefined || call.callback === null) continue
      const { method } = call
      const sent = call.position < accepted
      const failure = this.client.closed ? errors.closed(method, sent) : errors.connectionLost(method, sent, lost)
      if (!this.client.revive(call, failure, this.out)) this.client.fail(this.calls.finish(call, failure), failure)
    }
    const { client, endpoint, retiring } = this
    client.ended(this, error === null && (retiring || endpoint.stopped || client.closed) ? null : lost)
    endpoint.linkEnded(this, error === null && retiring ? null : lost)
  }
}

module.exports = { Link }
