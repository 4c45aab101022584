'use strict'

// Applies the method config of a service config to a call.

const { status } = require('./constants.js')
const { Hedging } = require('./hedging.js')
const { Retry } = require('./retry.js')
const { now } = require('../rpc/tick.js')

/** Returns true if the channel need not begin the call: it has failed, or hedging has begun it. */
function apply(config, call) {
  call.config = config
  if (config === null) return false
  const { channel, message, outbox } = call
  if (config.timeout !== Infinity) {
    call.deadline = Math.min(call.deadline, Date.now() + config.timeout)
    call.expires = Math.min(call.expires, now() + config.timeout)
    channel.deadlines.add(call.expires)
  }
  call.waitsForReady ??= config.waitsForReady
  call.maxSend = Math.min(call.maxSend, config.maxSend)
  call.maxReceive = config.maxReceive
  const written = message === undefined ? (outbox?.messages ?? []) : [message]
  if (written.some(({ length }) => length > call.maxSend)) {
    call.fail(status.RESOURCE_EXHAUSTED, `Attempted to send message with a size larger than ${call.maxSend}`)
    return true
  }
  if (!channel.retries) return false
  if (config.retry !== null) call.policy = new Retry(call, config.retry)
  if (config.hedging === null) return false
  channel.drop(call)
  const hedging = new Hedging(call, config.hedging)
  call.policy = hedging
  hedging.start()
  return true
}

module.exports = { apply }
