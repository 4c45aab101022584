'use strict'

// The server's side of rpc over UDP, without I/O: its input is the time and received datagrams, its output datagrams to
// send and requests. It keeps state only for clients that have proven their address, passes each call to its handler
// once, and keeps answers for clients that have not received them.

const { Buffer } = require('node:buffer')
const { randomBytes } = require('node:crypto')
const { Queue } = require('../queue')
const { Flag, Origin, Reason } = require('../protocol')
const { status: Status } = require('../status')
const datagram = require('./datagram')
const { Replay } = require('./replay')
const { Tokens, LIFETIME } = require('./tokens')

const { Kind, MIN_DATAGRAM, CONNECTION_SIZE, slotOf, countOf } = datagram

const FROM_CLIENTS = new Set([Kind.REQUEST, Kind.CANCEL, Kind.BYE])

/** The cost of an answer besides its bytes, counted in `maxAnswerBytes`. */
const ANSWER_COST = 64
/**
 * How often silent connections are searched for, and how long a finished one is kept while the server closes, in
 * milliseconds.
 */
const SWEEP = 1000
const LINGER = 1000

/** The last call of a slot. */
class Entry {
  constructor(count) {
    this.count = count
    /** The answer's datagram; null while the handler runs, empty when it is not kept any more. */
    this.answer = null
    /** Its share of `maxAnswerBytes`. */
    this.cost = 0
    this.answeredAt = 0
    this.queued = false
  }
}

/** A client that has proven its address, and the state of its calls. */
class Connection {
  constructor(key, id, token, from, time) {
    this.key = key
    this.id = id
    this.token = token
    this.from = from
    this.heardAt = time
    /** The last call of each slot. */
    this.slots = new Map()
    this.running = 0
    this.open = true
    this.replay = new Replay()
    /** Set by the host. */
    this.session = null
  }
}

/**
 * The server core calls these methods of its host: `transmit(bytes, from)`; `opened(connection)` and
 * `dropped(connection)`; `request(connection, request, flags)`, which the host answers through `answer` unless the
 * flags say that it is one-way; `cancelled(connection, number)`; `refused(connection, request, limit)` for a refused
 * call and `turnedAway(from)` for a refused connection; and `count(what)` to count `'duplicates'` and `'ignored'`
 * datagrams. `isFull(connection)` returns whether too much of the connection is pending to accept another call.
 */
class ServerCore {
  constructor(udp, maxCalls, host) {
    this.host = host
    this.limit = udp.maxDatagramBytes
    this.maxCalls = Math.min(maxCalls, datagram.SLOTS - 1)
    this.maxConnections = udp.maxConnections
    this.maxAnswers = udp.maxAnswers
    this.maxAnswerBytes = udp.maxAnswerBytes
    this.answerLifetime = udp.answerLifetime
    /**
     * Not shorter than the lifetime of its token: otherwise a late request could open the connection again and run
     * twice.
     */
    this.connectionLifetime = Math.max(udp.answerLifetime, LIFETIME)
    this.connections = new Map()
    this.entries = 0
    this.bytes = 0
    /** Entries with an answer, the oldest first. */
    this.answered = new Queue()
    this.sweepAt = Infinity
    this.closing = false
    this.renew()
  }

  /** Invalidates all tokens, and shows clients that their calls are unknown here. */
  renew() {
    this.tokens = new Tokens()
    this.incarnation = randomBytes(CONNECTION_SIZE)
  }

  /** Handles a datagram with any content. Returns the latest time at which `expire` must be called. */
  receive(bytes, from, time) {
    const head = datagram.readHead(bytes)
    if (head === null) return this.ignore()
    const { kind } = head
    if (kind === Kind.HELLO) return this.hello(head, from, time)
    if (datagram.readToken(head) === null || !FROM_CLIENTS.has(kind)) return this.ignore()
    const request = kind === Kind.REQUEST ? datagram.readRequest(head) : null
    if (kind === Kind.REQUEST && (request === null || bytes.length > this.limit)) return this.ignore()
    const connection = this.identify(head, from, time, request)
    if (connection === undefined) return this.nextTime
    connection.heardAt = time
    if (request !== null) this.request(connection, request, head.flags)
    else if (kind === Kind.BYE) this.drop(connection)
    else this.cancel(connection, datagram.readNamed(head))
    return this.nextTime
  }

  ignore() {
    this.host.count('ignored')
    return Infinity
  }

  /** Sends a token, in fewer bytes than the hello has. The server keeps no state for it. */
  hello(head, from, time) {
    if (head.bytes.length < MIN_DATAGRAM) return this.ignore()
    if (this.closing) return Infinity
    const connection = datagram.connectionOf(head)
    if (this.isFull(time) && !this.connections.has(datagram.keyOf(head))) {
      this.refuse(connection, undefined, from, datagram.FULL)
      return this.nextTime
    }
    const token = this.tokens.make(connection, from, time)
    const { limit, maxCalls: window, incarnation } = this
    this.host.transmit(datagram.welcome(connection, { token, limit, window, incarnation }), from)
    return Infinity
  }

  isFull(time) {
    if (this.connections.size < this.maxConnections) return false
    if (time >= this.sweepAt) this.sweep(time)
    return this.connections.size >= this.maxConnections
  }

  refuse(id, request, from, reason) {
    if (reason === datagram.FULL) this.host.turnedAway(from)
    const text = Buffer.from(
      reason === datagram.FULL ? `The server has ${this.maxConnections} connections already` : 'The server shuts down',
    )
    this.host.transmit(datagram.goaway(id, request?.number, reason, text), from)
  }

  /**
   * Finds the connection of a datagram. A client that has moved to another address, for example behind a NAT, keeps its
   * connection once it has proven the new address.
   */
  identify(head, from, time, request) {
    const key = datagram.keyOf(head)
    const known = this.connections.get(key)
    if (known !== undefined && isFrom(known, from) && datagram.hasToken(head, known.token)) return known
    const id = datagram.connectionOf(head)
    const token = datagram.readToken(head)
    if (!this.tokens.check(token, id, from, time)) {
      if (request !== null) this.host.transmit(datagram.unknown(id, token), from)
      return undefined
    }
    if (known !== undefined) {
      known.token = Buffer.from(token)
      known.from = placeOf(from)
      return known
    }
    // A cancel or a bye for an unknown connection.
    if (request === null) return undefined
    const reason = this.closing ? Reason.SHUTDOWN : this.isFull(time) ? datagram.FULL : undefined
    if (reason !== undefined) {
      if ((head.flags & Flag.ONE_WAY) === 0) this.refuse(id, request, from, reason)
      return undefined
    }
    const connection = new Connection(key, Buffer.from(id), Buffer.from(token), placeOf(from), time)
    this.connections.set(key, connection)
    if (this.sweepAt === Infinity) this.sweepAt = time + SWEEP
    this.host.opened(connection)
    return connection
  }

  request(connection, request, flags) {
    if ((flags & Flag.ONE_WAY) !== 0) return this.oneWay(connection, request, flags)
    const { number } = request
    const slot = slotOf(number)
    const count = countOf(number)
    const entry = connection.slots.get(slot)
    if (entry !== undefined) {
      const ahead = (count - entry.count) | 0
      if (ahead <= 0) {
        this.host.count('duplicates')
        if (ahead === 0) this.repeat(connection, number, entry.answer)
        return
      }
    }
    if (this.closing) return this.refuse(connection.id, request, connection.from, Reason.SHUTDOWN)
    const cost = ANSWER_COST + Math.min(request.limit, this.limit) + request.body.length
    const refusal = this.refusal(connection, slot, entry, cost)
    if (refusal !== null) {
      const [limit, why] = refusal
      this.host.refused(connection, request, limit)
      return this.fail(connection, number, Origin.TOO_MANY_CALLS, Status.RESOURCE_EXHAUSTED, why)
    }
    if (entry === undefined) this.entries++
    else this.leave(connection, slot, entry)
    // `cancelled` in `leave` may have made the host drop the connection.
    if (!connection.open) return
    const next = new Entry(count)
    connection.slots.set(slot, next)
    connection.running++
    next.cost = cost
    this.bytes += cost
    this.host.request(connection, request, flags)
  }

  /** Answers a repeated request with what is known of its answer. */
  repeat(connection, number, answer) {
    if (answer === NONE) {
      const why = `its answer is not kept for longer than ${this.answerLifetime} ms`
      return this.fail(connection, number, Origin.ANSWER_GONE, Status.UNAVAILABLE, why)
    }
    this.host.transmit(answer ?? datagram.working(connection.id, number), connection.from)
  }

  /**
   * The limit because of which a call is refused, and the reason in words; null to accept it. A call is refused if its
   * answer could not be kept, because a repeat would then run it twice.
   */
  refusal(connection, slot, entry, cost) {
    const { maxCalls, maxAnswers, maxAnswerBytes } = this
    if (slot >= maxCalls) return ['maxCallsPerConnection', `${maxCalls} calls of this connection may be unanswered`]
    if (entry === undefined && this.entries >= maxAnswers) {
      return ['udp.maxAnswers', `${maxAnswers} answers are kept already`]
    }
    if (this.bytes - (entry?.cost ?? 0) + cost > maxAnswerBytes) {
      return ['udp.maxAnswerBytes', `more than ${maxAnswerBytes} bytes of answers would be kept`]
    }
    return this.host.isFull(connection) ? ['maxPendingBytes', 'too much of this connection waits already'] : null
  }

  fail({ id, from }, number, origin, status, message) {
    const start = Buffer.from([status, origin, 0, 0])
    this.host.transmit(datagram.answer(Kind.ERROR, 0, id, number, [start, Buffer.from(message)]), from)
  }

  /** The client has reused the slot: it has received the previous answer, or does not wait for it. */
  leave(connection, slot, entry) {
    this.bytes -= entry.cost
    entry.cost = 0
    if (entry.answer === null) {
      connection.running--
      entry.answer = NONE
      this.host.cancelled(connection, datagram.numberOf(slot, entry.count))
    } else this.answered.remove(entry)
  }

  oneWay(connection, request, flags) {
    if (!connection.replay.accept(request.number)) this.host.count('duplicates')
    else if (this.closing || this.host.isFull(connection)) this.host.count('ignored')
    else this.host.request(connection, request, flags)
  }

  cancel(connection, number) {
    const entry = number === null ? undefined : connection.slots.get(slotOf(number))
    if (entry === undefined) return
    if (entry.count === countOf(number) && entry.answer === null) this.host.cancelled(connection, number)
  }

  /**
   * Handles the handler's answer, given as a datagram. The call may have ended already. Returns the latest time at
   * which `expire` must be called.
   */
  answer(connection, number, bytes, time) {
    const entry = connection.slots.get(slotOf(number))
    if (entry === undefined || entry.count !== countOf(number) || entry.answer !== null) return Infinity
    const cost = ANSWER_COST + bytes.length
    this.bytes += cost - entry.cost
    entry.cost = cost
    entry.answer = bytes
    entry.answeredAt = time
    connection.running--
    connection.heardAt = Math.max(connection.heardAt, time)
    this.answered.push(entry)
    this.host.transmit(bytes, connection.from)
    return this.nextTime
  }

  // ---- timeouts

  get nextTime() {
    const first = this.answered.first()
    return Math.min(this.sweepAt, first === undefined ? Infinity : first.answeredAt + this.answerLifetime)
  }

  /**
   * Drops answers and connections that were kept for long enough. Returns the time at which it must be called again.
   */
  expire(time) {
    for (;;) {
      const entry = this.answered.first()
      if (entry === undefined || entry.answeredAt + this.answerLifetime > time) break
      this.answered.remove(entry)
      this.bytes -= entry.cost
      entry.cost = 0
      entry.answer = NONE
    }
    if (time >= this.sweepAt) this.sweep(time)
    return this.nextTime
  }

  sweep(time) {
    const silence = this.closing ? LINGER : this.connectionLifetime
    let next = time + SWEEP
    for (const connection of this.connections.values()) {
      const end = connection.heardAt + silence
      if (connection.running > 0) continue
      if (end <= time) this.drop(connection)
      else if (end < next) next = end
    }
    this.sweepAt = this.connections.size === 0 ? Infinity : next
  }

  // ---- the end

  /**
   * Takes no further calls. Clients may still ask for a recent answer for a moment. Returns the time at which `expire`
   * must be called.
   */
  close(time) {
    this.closing = true
    this.sweep(time)
    return this.nextTime
  }

  drop(connection) {
    if (!connection.open) return
    connection.open = false
    this.connections.delete(connection.key)
    for (const entry of connection.slots.values()) {
      this.entries--
      this.bytes -= entry.cost
      entry.cost = 0
      entry.answer ??= NONE
      this.answered.remove(entry)
    }
    connection.slots.clear()
    this.host.dropped(connection)
  }
}

const NONE = Buffer.alloc(0)

const placeOf = ({ address, family, port }) => ({ address, family, port })

function isFrom({ from }, { address, port }) {
  return from.port === port && from.address === address
}

module.exports = { ServerCore }
