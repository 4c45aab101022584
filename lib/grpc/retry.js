'use strict'

// Retries: calls are made again if they fail with a status that their service config names. See gRPC's proposal A6.

const { clearTimeout, setTimeout } = require('node:timers')
const { now } = require('../rpc/tick.js')
const { jittered } = require('./backoff.js')

const NUL = '\0'
const PREVIOUS = 'grpc-previous-rpc-attempts'
/** Default limit of attempts per call, whatever the service config says. */
const MAX_ATTEMPTS = 5

/** Stops retries when many calls have failed. All calls to a target share one. */
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

/** Milliseconds after which the server wants the next attempt; undefined if it does not say, -1 if it wants none. */
function pushbackOf(metadata) {
  const [value] = metadata.get('grpc-retry-pushback-ms')
  if (value === undefined) return undefined
  return /^\d+$/.test(value) ? Number(value) : -1
}

/** The number of attempts of a policy, within the limit of the channel. */
const mostOf = (policy, { options }) =>
  Math.min(policy.attempts, options['grpc-node.retry_max_attempts_limit'] ?? MAX_ATTEMPTS)

/** The header field with the number of earlier attempts; empty for the first attempt. */
const previousField = (count) => (count === 0 ? '' : `${PREVIOUS}${NUL}${count}${NUL}`)

const tellPrevious = (metadata, count) => metadata.set(PREVIOUS, String(count))

/** Makes the attempts of a call one after the other. */
class Retry {
  constructor(call, policy) {
    const { channel, message, ownFields } = call
    this.call = call
    this.policy = policy
    this.most = mostOf(policy, channel)
    this.backoff = policy.initialBackoff
    this.fields = ownFields
    this.timer = undefined
    /**
     * Bytes of a single request message that is kept for the next attempt. Request streams are kept by their outbox.
     */
    this.kept = 0
    if (message !== undefined) {
      if (channel.retain(message.length, 0)) this.kept = message.length
      else this.most = 1
    }
  }

  /** Called when an attempt has ended. Returns whether there is another one. */
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

  /** Called when there are no more attempts. */
  stop() {
    clearTimeout(this.timer)
    this.call.channel.release(this.kept)
    this.kept = 0
  }
}

module.exports = { Retry, Throttle, mostOf, previousField, pushbackOf, tellPrevious }
