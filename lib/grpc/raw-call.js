'use strict'

// `Channel.createCall`: calls that send and receive bytes, for interceptors and for programs that want to do that.

const process = require('node:process')
const { setImmediate } = require('node:timers')
const { Asker } = require('./asker.js')
const { ClientCall } = require('./client-call.js')
const { connectivityState, status } = require('./constants.js')
const { Metadata } = require('./metadata.js')
const { Outbox } = require('./outbox.js')

const same = (bytes) => bytes

let calls = 0

/** A call that reports to a listener. */
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

  /** If messages wait, an error is reported after them, as long as the listener keeps asking for messages. */
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
    /** Operations from before the call has begun. */
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

  /** Runs `code` now, or when the call has begun. */
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
