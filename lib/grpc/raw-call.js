'use strict'

// `Channel.createCall`: calls whose messages are bytes, for interceptors, and for whoever wants them so.

const process = require('node:process')
const { setImmediate } = require('node:timers')
const { Asker } = require('./asker.js')
const { ClientCall } = require('./client-call.js')
const { connectivityState, status } = require('./constants.js')
const { Metadata } = require('./metadata.js')
const { Outbox } = require('./outbox.js')

const same = (bytes) => bytes

let calls = 0

/** One of which a listener hears. */
class ListenedCall extends ClientCall {
  constructor(channel, path, metadata, options, listener) {
    super(channel, { path, requestSerialize: same, responseDeserialize: same }, metadata, options)
    this.listener = listener
    this.asker = new Asker(this, (message) => listener.onReceiveMessage(message))
    this.inbox = this.asker.inbox
    this.outbox = new Outbox(this, channel.retries)
  }

  startRead() {
    this.asker.ask()
  }

  /** Messages that come with an error are told before it, as long as the listener goes on asking for them. */
  end(end) {
    const { length } = this.inbox.waiting
    if (end.code === status.OK || length === 0) return super.end(end)
    this.scope.defer(setImmediate, () => {
      if (this.inbox.waiting.length < length) this.end(end)
      else super.end(end)
    })
  }

  tellMetadata(metadata) {
    this.listener.onReceiveMetadata(metadata)
  }

  tell(end) {
    this.listener.onReceiveStatus(end)
  }
}

class RawCall {
  constructor(channel, path, options) {
    this.channel = channel
    this.path = path
    this.options = options
    this.number = calls++
    this.call = null
    /** What was done before it has begun. */
    this.early = []
  }

  start(metadata, listener) {
    const { channel, path, options, early } = this
    if (channel.state === connectivityState.SHUTDOWN) {
      const details = 'Channel closed before call started'
      const end = { code: status.UNAVAILABLE, details, metadata: new Metadata() }
      return process.nextTick(() => listener.onReceiveStatus(end))
    }
    const call = new ListenedCall(channel, path, metadata, options, listener)
    this.call = call
    this.early = []
    call.start()
    for (const code of early) code(call)
  }

  /** Now, or when it has begun. */
  with(code) {
    if (this.call === null) this.early.push(code)
    else code(this.call)
  }

  cancelWithStatus(code, details) {
    this.with((call) => call.cancelWithStatus(code, details))
  }

  sendMessageWithContext(context, bytes) {
    this.with((call) => call.sendMessageWithContext(context, bytes))
  }

  startRead() {
    this.with((call) => call.startRead())
  }

  halfClose() {
    this.with((call) => call.halfClose())
  }

  getPeer() {
    return this.call?.getPeer() ?? this.channel.getTarget()
  }

  getAuthContext() {
    return this.call?.getAuthContext() ?? null
  }

  getCallNumber() {
    return this.number
  }

  setCredentials(credentials) {
    this.options = { ...this.options, credentials }
  }
}

module.exports = { RawCall }
