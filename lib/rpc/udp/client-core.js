'use strict'

// The client's side of rpc over UDP, without I/O: its input is the time and received datagrams, its output datagrams to
// send and the outcome of calls. It introduces itself, repeats what is not answered, and detects a server that has
// forgotten it or is gone.

const { Buffer } = require('node:buffer')
const { randomBytes } = require('node:crypto')
const datagram = require('./datagram')
const { Pace } = require('./pace')

const { Kind, CONNECTION_SIZE } = datagram

/** A request in flight. */
class Sent {
  constructor(bytes, deadline) {
    this.bytes = bytes
    this.deadline = deadline
    this.sentAt = 0
    this.tries = 0
    this.resendAt = 0
    /** Whether the server has said that it is working on the request. */
    this.working = false
  }
}

/**
 * The client core calls these methods of its host: `transmit(bytes)`; `introduce(bytes)` with a datagram of the largest
 * size; `welcomed(limit)` each time the server has accepted the client, with the largest size that both accept; before
 * that `restarted()`, if it is another server than the one that the calls in flight were sent to; `answered(kind,
 * number, code, payload, flags)`; `refused(number)` for a call that was not run; `farewell(reason, text)`; `lost(why)`,
 * after which nothing more follows; and `count(what)` to count `'resends'` and `'ignored'` datagrams.
 */
class ClientCore {
  /**
   * `most` is the largest number of calls in flight. `silence` is how long a server that owes an answer may send
   * nothing, and `patience` the same for its first datagram, both in milliseconds.
   */
  constructor({ udp, most, silence, patience }, host, random = Math.random, connection = randomBytes(CONNECTION_SIZE)) {
    this.host = host
    /** The largest datagram that this end sends and accepts, in bytes. */
    this.limit = udp.maxDatagramBytes
    this.most = most
    this.silence = silence
    this.patience = patience
    this.connection = connection
    this.pace = new Pace(udp, random)
    this.token = null
    this.incarnation = null
    /**
     * What the server accepts: the size of datagrams and the number of calls in flight; and the number of calls that
     * both ends accept.
     */
    this.serverLimit = 0
    this.serverWindow = 0
    this.window = 0
    /** The introduction that is not answered yet, with its tries and times; null when the server knows this client. */
    this.greeting = null
    /** How often the server has forgotten this client since its last answer. */
    this.forgotten = 0
    this.sent = new Map()
    this.oneWays = 0
    /** Since when the server has sent nothing although it owes an answer. */
    this.quietSince = 0
  }

  /** Whether calls can be sent. */
  get ready() {
    return this.token !== null && this.greeting === null
  }

  /** How many calls may be in flight. */
  get room() {
    return this.ready ? Math.min(this.window, Math.floor(this.pace.window)) : 0
  }

  /** Introduces this end, also repeatedly. Returns the time at which `tick` must be called. */
  start(time) {
    this.quietSince = time
    const pause = this.forgotten === 0 ? 0 : this.pace.wait(this.forgotten)
    this.greeting = { tries: 0, sentAt: 0, resendAt: time + pause }
    return this.tick(time)
  }

  greet(time) {
    const { greeting } = this
    greeting.tries++
    greeting.sentAt = time
    greeting.resendAt = time + this.pace.wait(greeting.tries)
    this.host.introduce(datagram.hello(this.connection, this.limit))
  }

  /** Sends `{ name, metadata, body, flags }`. Returns the latest time at which `tick` must be called. */
  request(number, call, deadline, time) {
    const bytes = datagram.request(this.connection, number, this.limit, call)
    if (this.sent.size === 0) this.quietSince = time
    const sent = new Sent(bytes, deadline)
    this.sent.set(number, sent)
    this.transmit(sent, time)
    return Math.min(sent.resendAt, this.quietSince + this.silence)
  }

  /** Sends a one-way request, once. */
  oneWay(call, deadline, time) {
    const bytes = datagram.request(this.connection, this.oneWays++, this.limit, call)
    this.transmit(new Sent(bytes, deadline), time)
  }

  transmit(sent, time) {
    sent.tries++
    sent.sentAt = time
    sent.resendAt = time + this.pace.wait(sent.tries)
    datagram.stamp(sent.bytes, this.token, Math.min(Math.max(sent.deadline - time, 1), 2 ** 32 - 1))
    this.host.transmit(sent.bytes)
  }

  /** The body of a call in flight; null for an unknown call. */
  bodyOf(number) {
    const sent = this.sent.get(number)
    return sent === undefined ? null : datagram.bodyOf(sent.bytes)
  }

  /** The answer is not needed any more. */
  forget(number) {
    this.sent.delete(number)
  }

  /** Tells the server that the answer is not needed. The datagram may get lost. */
  cancel(number) {
    if (this.ready) this.host.transmit(datagram.control(Kind.CANCEL, this.connection, this.token, number))
  }

  /** Tells the server that this end leaves. */
  bye() {
    if (this.token !== null) this.host.transmit(datagram.control(Kind.BYE, this.connection, this.token))
  }

  /**
   * Does what is due. Returns the time at which it must be called again; Infinity if nothing is due until something
   * else happens.
   */
  tick(time) {
    if (this.greeting !== null) {
      const patience = this.token === null ? this.patience : this.silence
      const end = this.quietSince + patience
      if (time >= end) return this.lose(patience)
      if (this.greeting.resendAt <= time) this.greet(time)
      return Math.min(this.greeting.resendAt, end)
    }
    if (this.sent.size === 0) return Infinity
    const end = this.quietSince + this.silence
    if (time >= end) return this.lose(this.silence)
    let next = end
    for (const sent of this.sent.values()) {
      if (sent.resendAt <= time) this.resend(sent, time)
      if (sent.resendAt < next) next = sent.resendAt
    }
    return next
  }

  lose(milliseconds) {
    this.host.lost(`The server said nothing within ${milliseconds} ms`)
    return Infinity
  }

  resend(sent, time) {
    this.host.count('resends')
    // A missing first answer may mean a slow handler. If the repeat is not answered either, it is probably a loss.
    if (sent.tries === 2 && !sent.working) this.pace.lost(time)
    this.transmit(sent, time)
  }

  /** Handles a datagram with any content. Returns the latest time at which `tick` must be called. */
  receive(bytes, time) {
    const head = datagram.readHead(bytes)
    if (head === null || !datagram.isOf(head, this.connection)) return this.ignore()
    switch (head.kind) {
      case Kind.WELCOME:
        return this.welcome(datagram.readWelcome(head), time)
      case Kind.UNKNOWN:
        return this.unknown(head, time)
      case Kind.REPLY:
      case Kind.ERROR:
      case Kind.WORKING:
      case Kind.GOAWAY:
        return this.answer(head, datagram.readAnswer(head), time)
      default:
        return this.ignore()
    }
  }

  ignore() {
    this.host.count('ignored')
    return Infinity
  }

  welcome(read, time) {
    if (read === null) return this.ignore()
    // A second answer, to a repeated introduction.
    if (this.greeting === null) return Infinity
    if (this.greeting.tries === 1) this.pace.measured(time - this.greeting.sentAt)
    this.greeting = null
    this.quietSince = time
    this.token = Buffer.from(read.token)
    // Requests in flight have the size and the slots that the previous server accepted.
    if (read.limit < this.serverLimit || read.window < this.serverWindow) {
      this.host.lost('The server now accepts smaller or fewer calls than before')
      return Infinity
    }
    this.serverLimit = read.limit
    this.serverWindow = read.window
    this.window = Math.min(this.most, read.window)
    const before = this.incarnation
    this.incarnation = Buffer.from(read.incarnation)
    if (before !== null && !before.equals(this.incarnation)) this.host.restarted()
    let next = Infinity
    for (const sent of this.sent.values()) {
      sent.working = false
      this.host.count('resends')
      this.transmit(sent, time)
      if (sent.resendAt < next) next = sent.resendAt
    }
    this.host.welcomed(Math.min(this.limit, read.limit))
    return next
  }

  unknown(head, time) {
    if (datagram.readToken(head) === null) return this.ignore()
    if (!this.ready || !datagram.hasToken(head, this.token)) return Infinity
    const next = this.start(time)
    this.forgotten++
    return next
  }

  answer({ kind, flags }, read, time) {
    if (read === null) return this.ignore()
    this.quietSince = time
    const { number, code, payload } = read
    if (kind === Kind.GOAWAY) {
      if ((flags & datagram.REFUSES) !== 0) this.host.refused(number)
      this.host.farewell(code, payload)
      return Infinity
    }
    this.forgotten = 0
    const sent = this.sent.get(number)
    if (kind === Kind.WORKING) {
      if (sent === undefined) return Infinity
      sent.working = true
      sent.resendAt = time + this.pace.longWait
      return sent.resendAt
    }
    if (sent !== undefined) {
      this.sent.delete(number)
      if (sent.tries === 1) {
        this.pace.measured(time - sent.sentAt)
        this.pace.arrived(this.window)
      } else if (!sent.working) this.pace.lost(time)
    }
    this.host.answered(kind, number, code, payload, flags)
    return Infinity
  }
}

module.exports = { ClientCore }
