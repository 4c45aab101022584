'use strict'

// Calls that are made again when they fail in a way that their service says may pass. See gRPC's proposal A6.

const { clearTimeout, setTimeout } = require('node:timers')
const { now } = require('../rpc/tick.js')
const { jittered } = require('./backoff.js')

const NUL = '\0'
const PREVIOUS = 'grpc-previous-rpc-attempts'
/** Attempts of a call, whatever its service says. */
const MAX_ATTEMPTS = 5

/** Whether others may be made, when many have failed: one for all calls to a target. */
class Throttle {
  constructor({ maxTokens, tokenRatio }, before) {
    this.most = maxTokens
    this.ratio = tokenRatio
    this.tokens = before === undefined ? maxTokens : before.tokens * (maxTokens / before.most)
  }

  succeeded() {
    this.tokens = Math.min(this.tokens + this.ratio, this.most)
  }

  failed() {
    this.tokens = Math.max(this.tokens - 1, 0)
  }

  is({ maxTokens, tokenRatio }) {
    return this.most === maxTokens && this.ratio === tokenRatio
  }

  get allows() {
    return this.tokens > this.most / 2
  }
}

/** Milliseconds after which the server wants to be asked again: undefined if it does not say, -1 for never. */
function pushbackOf(metadata) {
  const [value] = metadata.get('grpc-retry-pushback-ms')
  if (value === undefined) return undefined
  return /^\d+$/.test(value) ? Number(value) : -1
}

/** Attempts that a policy has, within what its channel allows. */
const mostOf = (policy, { options }) =>
  Math.min(policy.attempts, options['grpc-node.retry_max_attempts_limit'] ?? MAX_ATTEMPTS)

/** What says of a call that it is not the first of its kind. */
const previousField = (count) => (count === 0 ? '' : `${PREVIOUS}${NUL}${count}${NUL}`)

const tellPrevious = (metadata, count) => metadata.set(PREVIOUS, String(count))

/** One attempt after the other. */
class Retry {
  constructor(call, policy) {
    const { channel, message, ownFields } = call
    this.call = call
    this.policy = policy
    this.most = mostOf(policy, channel)
    this.backoff = policy.initialBackoff
    this.fields = ownFields
    this.timer = undefined
    /** Bytes of a request that is kept for the next attempt; what streams keep is their outbox's. */
    this.kept = 0
    if (message !== undefined) {
      if (channel.retain(message.length, 0)) this.kept = message.length
      else this.most = 1
    }
  }

  /** Whether there is another attempt, when one has ended so. */
  takes(call, end) {
    if (call.begun || !this.policy.codes.has(end.code)) return false
    const { channel } = call
    channel.throttle?.failed()
    const pushback = pushbackOf(end.metadata)
    const mayRepeat = call.previous + 1 < this.most && call.isRepeatable && pushback !== -1
    if (!mayRepeat || !(channel.throttle?.allows ?? true)) return false
    call.link = null
    call.stream = 0
    this.timer = setTimeout(() => this.repeat(), Math.min(this.pause(pushback), Math.max(call.expires - now(), 0)))
    return true
  }

  pause(pushback) {
    const { initialBackoff, maxBackoff, backoffMultiplier } = this.policy
    const pause = pushback ?? jittered(this.backoff)
    this.backoff = pushback === undefined ? Math.min(this.backoff * backoffMultiplier, maxBackoff) : initialBackoff
    return pause
  }

  repeat() {
    const { call, fields } = this
    if (call.expires <= now()) return call.onDeadline()
    call.previous++
    call.ownFields = fields + previousField(call.previous)
    call.fields = call.ownFields
    call.repeat()
  }

  /** There are no more. */
  stop() {
    clearTimeout(this.timer)
    this.call.channel.release(this.kept)
    this.kept = 0
  }
}

module.exports = { Retry, Throttle, mostOf, previousField, pushbackOf, tellPrevious }
