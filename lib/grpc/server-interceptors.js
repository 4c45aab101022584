'use strict'

// Server interceptors, as in @grpc/grpc-js. What is received passes up through their listeners to the handler, and its
// answer passes down through them. Calls without interceptors do not come this way.

const process = require('node:process')
const { native } = require('../engine.js')
const { fillAddress } = require('../net/handle.js')
const { Asker } = require('./asker.js')
const { builder } = require('./builder.js')
const { status } = require('./constants.js')
const { statusOf } = require('./errors.js')
const { Gate } = require('./gate.js')
const { Metadata } = require('./metadata.js')
const { Outbox } = require('./outbox.js')
const { ServerCall } = require('./server-call.js')
const { notify, run, ServerUnaryCall, ServerReadableStream } = require('./server-views.js')
const { ServerDuplexStream, ServerWritableStream } = require('./server-views.js')

const ServerListenerBuilder = builder({
  withOnReceiveMetadata: 'onReceiveMetadata',
  withOnReceiveMessage: 'onReceiveMessage',
  withOnReceiveHalfClose: 'onReceiveHalfClose',
  withOnCancel: 'onCancel',
})

const ResponderBuilder = builder({
  withStart: 'start',
  withSendMetadata: 'sendMetadata',
  withSendMessage: 'sendMessage',
  withSendStatus: 'sendStatus',
})

const pass = (value, next) => next(value)
const proceed = (next) => next()
const ignore = () => {}

/**
 * Passes what is received through an interceptor's listener to the listener above. A listener may work asynchronously;
 * later events wait for it.
 */
class InterceptedListener {
  constructor(listener, above) {
    this.listener = {
      onReceiveMetadata: listener?.onReceiveMetadata ?? pass,
      onReceiveMessage: listener?.onReceiveMessage ?? pass,
      onReceiveHalfClose: listener?.onReceiveHalfClose ?? proceed,
      onCancel: listener?.onCancel ?? ignore,
    }
    this.above = above
    this.cancelled = false
    this.gate = new Gate()
  }

  onReceiveMetadata(metadata) {
    if (this.cancelled) return
    const { gate } = this
    gate.takeMetadata()
    this.listener.onReceiveMetadata(metadata, (given) => {
      gate.passMetadata(() => this.tell((above) => above.onReceiveMetadata(given)))
    })
  }

  onReceiveMessage(message) {
    if (this.cancelled) return
    const { gate } = this
    gate.takeMessage()
    this.listener.onReceiveMessage(message, (given) => {
      gate.passMessage(() => this.tell((above) => above.onReceiveMessage(given)))
    })
  }

  onReceiveHalfClose() {
    if (this.cancelled) return
    this.listener.onReceiveHalfClose(() => {
      this.gate.passEnd(() => this.tell((above) => above.onReceiveHalfClose()))
    })
  }

  /** A cancelled call reports nothing else. */
  tell(what) {
    if (!this.cancelled) what(this.above)
  }

  onCancel() {
    this.cancelled = true
    this.listener.onCancel()
    this.above.onCancel()
  }
}

/** A call behind an interceptor. `responder` can change what is sent on it. */
class ServerInterceptingCall {
  constructor(nextCall, responder) {
    this.nextCall = nextCall
    this.responder = {
      start: responder?.start ?? proceed,
      sendMetadata: responder?.sendMetadata ?? pass,
      sendMessage: responder?.sendMessage ?? pass,
      sendStatus: responder?.sendStatus ?? pass,
    }
    this.begun = false
    this.gate = new Gate()
  }

  start(listener) {
    this.responder.start((given) => this.nextCall.start(new InterceptedListener(given, listener)))
  }

  sendMetadata(metadata) {
    const { gate, nextCall } = this
    this.begun = true
    gate.takeMetadata()
    this.responder.sendMetadata(metadata, (given) => gate.passMetadata(() => nextCall.sendMetadata(given)))
  }

  sendMessage(message, callback) {
    const { gate, nextCall } = this
    if (!this.begun) this.sendMetadata(new Metadata())
    gate.takeMessage()
    this.responder.sendMessage(message, (given) => gate.passMessage(() => nextCall.sendMessage(given, callback)))
  }

  sendStatus(end) {
    const { gate, nextCall } = this
    this.responder.sendStatus(end, (given) => {
      // Passing on no status does not end the call.
      if (given !== undefined) gate.passEnd(() => nextCall.sendStatus(given))
    })
  }

  startRead() {
    this.nextCall.startRead()
  }

  getPeer() {
    return this.nextCall.getPeer()
  }

  getDeadline() {
    return this.nextCall.getDeadline()
  }

  getHost() {
    return this.nextCall.getHost()
  }

  getAuthContext() {
    return this.nextCall.getAuthContext()
  }

  getConnectionInfo() {
    return this.nextCall.getConnectionInfo()
  }

  getMetricsRecorder() {
    return this.nextCall.getMetricsRecorder()
  }
}

/** The call below all interceptors. It reports to a listener. */
class ListenedServerCall extends ServerCall {
  constructor(link, stream, handler, timeout, text, interceptors) {
    super(link, stream, handler, timeout, text)
    this.interceptors = interceptors
    this.listener = undefined
    this.asker = new Asker(this, (message) => this.listener.onReceiveMessage(message))
    this.inbox = this.asker.inbox
    this.outbox = new Outbox(this)
    this.hasEnd = false
  }

  get beginsAtOnce() {
    return true
  }

  begin() {
    const { handler } = this
    const { path, type, deserialize, serialize } = handler
    const method = {
      path,
      requestStream: type === 'clientStream' || type === 'bidi',
      responseStream: type === 'serverStream' || type === 'bidi',
      requestDeserialize: deserialize,
      responseSerialize: serialize,
    }
    try {
      const top = this.interceptors.reduce((call, interceptor) => interceptor(method, call), this)
      top.start(new Handling(top, handler))
    } catch (error) {
      this.sendStatus({ code: status.UNKNOWN, details: 'Unknown error', metadata: null })
      throw error
    }
  }

  start(listener) {
    if (this.over) return
    this.listener = listener
    listener.onReceiveMetadata(this.metadata)
  }

  startRead() {
    if (this.over) return
    this.asker.ask()
    if (this.hasEnd) process.nextTick(() => this.tellEnd())
  }

  /** Like a message, the end is reported only when it is asked for. */
  tellEnd() {
    if (this.over) return
    this.hasEnd = !this.asker.asked
    if (this.hasEnd) return
    this.asker.asked = false
    this.listener.onReceiveHalfClose()
  }

  quit() {
    const isFirst = !this.notified
    super.quit()
    if (isFirst) this.scope.defer(process.nextTick, () => this.listener?.onCancel())
  }

  getConnectionInfo() {
    const [local, remote] = [{}, {}]
    fillAddress(local, native.localAddress(this.link.id))
    fillAddress(remote, native.peerAddress(this.link.id))
    return {
      localAddress: local.address,
      localPort: local.port,
      remoteAddress: remote.address,
      remotePort: remote.port,
    }
  }
}

/** The listener above all interceptors, which runs the handler. */
class Handling {
  constructor(call, handler) {
    this.call = call
    this.handler = handler
    this.takesStream = handler.type === 'clientStream' || handler.type === 'bidi'
    this.metadata = undefined
    this.request = undefined
    this.view = undefined
  }

  onReceiveMetadata(metadata) {
    const { call, handler } = this
    this.metadata = metadata
    if (!this.takesStream) call.startRead()
    else if (handler.type === 'bidi') this.run(new ServerDuplexStream(handler.path, call, metadata))
    else this.run(new ServerReadableStream(handler.path, call, metadata))
  }

  onReceiveMessage(message) {
    if (this.takesStream) return this.view.push(message)
    if (this.request !== undefined) return this.refuse('Received a second request message')
    this.request = message
    this.call.startRead()
  }

  onReceiveHalfClose() {
    const { call, handler, metadata, request } = this
    if (this.takesStream) return this.view.push(null)
    if (request === undefined) return this.refuse('Received no request message')
    const View = handler.type === 'unary' ? ServerUnaryCall : ServerWritableStream
    this.run(new View(handler.path, call, metadata, request))
  }

  onCancel() {
    if (this.view !== undefined) notify(this.view)
  }

  refuse(what) {
    const details = `${what} for server streaming method ${this.handler.path}`
    this.sendStatus({ code: status.UNIMPLEMENTED, details, metadata: null })
  }

  run(view) {
    const { handler } = this
    this.view = view
    const isOne = handler.type === 'unary' || handler.type === 'clientStream'
    run(this, handler, view, isOne ? (...answer) => this.respond(...answer) : undefined)
  }

  sendStatus(end) {
    this.call.sendStatus(end)
  }

  respond(error, value, trailers) {
    if (error) return this.sendStatus(statusOf(error, trailers))
    const end = { code: status.OK, details: 'OK', metadata: trailers ?? null }
    this.call.sendMessage(value, () => this.sendStatus(end))
  }
}

module.exports = { ListenedServerCall, ResponderBuilder, ServerInterceptingCall, ServerListenerBuilder }
