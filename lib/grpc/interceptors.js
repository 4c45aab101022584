'use strict'

// Client interceptors, as in @grpc/grpc-js. What is sent passes down through them to a call of the channel, and what is
// received passes up through their listeners. `Client` decides which calls come this way.

const { answer, endStream } = require('./client-call.js')
const { status } = require('./constants.js')
const { Metadata } = require('./metadata.js')
const { builder } = require('./builder.js')
const { Gate } = require('./gate.js')

class InterceptorConfigurationError extends Error {
  constructor(message) {
    super(message)
    this.name = 'InterceptorConfigurationError'
    Error.captureStackTrace(this, InterceptorConfigurationError)
  }
}

const ListenerBuilder = builder({
  withOnReceiveMetadata: 'onReceiveMetadata',
  withOnReceiveMessage: 'onReceiveMessage',
  withOnReceiveStatus: 'onReceiveStatus',
})

const RequesterBuilder = builder({
  withStart: 'start',
  withSendMessage: 'sendMessage',
  withHalfClose: 'halfClose',
  withCancel: 'cancel',
})

const ignore = () => {}
const pass = (value, next) => next(value)
const proceed = (next) => next()

/** A listener with all methods, each bound to the given object. */
const complete = (listener) => ({
  onReceiveMetadata: listener?.onReceiveMetadata?.bind(listener) ?? ((_metadata) => {}),
  onReceiveMessage: listener?.onReceiveMessage?.bind(listener) ?? ignore,
  onReceiveStatus: listener?.onReceiveStatus?.bind(listener) ?? ignore,
})

/**
 * Whether a listener ends the chain: its `onReceiveMetadata` has no second parameter, `next`, to pass the metadata on
 * with.
 */
const isFinal = ({ onReceiveMetadata }) => onReceiveMetadata !== undefined && onReceiveMetadata.length === 1

/**
 * Passes what is received through an interceptor's listener to the listener above. A listener may work asynchronously;
 * later events wait for it.
 */
class InterceptedListener {
  constructor(listener, above) {
    this.listener = {
      onReceiveMetadata: listener.onReceiveMetadata ?? pass,
      onReceiveMessage: listener.onReceiveMessage ?? pass,
      onReceiveStatus: listener.onReceiveStatus ?? pass,
    }
    this.above = above
    this.gate = new Gate()
  }

  onReceiveMetadata(metadata) {
    const { above, gate } = this
    gate.takeMetadata()
    this.listener.onReceiveMetadata(metadata, (given) => gate.passMetadata(() => above.onReceiveMetadata(given)))
  }

  onReceiveMessage(message) {
    const { above, gate } = this
    gate.takeMessage()
    this.listener.onReceiveMessage(message, (given) => gate.passMessage(() => above.onReceiveMessage(given)))
  }

  onReceiveStatus(end) {
    const { above, gate } = this
    this.listener.onReceiveStatus(end, (given) => {
      // Passing on no status does not end the call.
      if (given !== undefined) gate.passEnd(() => above.onReceiveStatus(given))
    })
  }
}

/** A call behind an interceptor. `requester` can change what is sent on it. */
class InterceptingCall {
  constructor(nextCall, requester) {
    this.nextCall = nextCall
    this.requester = {
      start: requester?.start ?? ((metadata, listener, next) => next(metadata, listener)),
      sendMessage: requester?.sendMessage ?? pass,
      halfClose: requester?.halfClose ?? proceed,
      cancel: requester?.cancel ?? proceed,
    }
    this.gate = new Gate()
  }

  cancelWithStatus(code, details) {
    this.requester.cancel(() => this.nextCall.cancelWithStatus(code, details))
  }

  getPeer() {
    return this.nextCall.getPeer()
  }

  getAuthContext() {
    return this.nextCall.getAuthContext()
  }

  start(metadata, listener) {
    const { gate, nextCall } = this
    const above = complete(listener)
    gate.takeMetadata()
    this.requester.start(metadata, above, (given, below) => {
      const next = isFinal(below) ? below : new InterceptedListener(below, above)
      gate.passMetadata(() => nextCall.start(given, next))
    })
  }

  sendMessage(message) {
    this.sendMessageWithContext({}, message)
  }

  sendMessageWithContext(context, message) {
    const { gate, nextCall } = this
    gate.takeMessage()
    this.requester.sendMessage(message, (given) => {
      gate.passMessage(() => nextCall.sendMessageWithContext(context, given))
    })
  }

  startRead() {
    this.nextCall.startRead()
  }

  halfClose() {
    const { gate, nextCall } = this
    this.requester.halfClose(() => gate.passEnd(() => nextCall.halfClose()))
  }
}

/** The call below all interceptors: a raw call of the channel, with messages instead of bytes. */
class BottomCall {
  constructor(call, method) {
    this.call = call
    this.method = method
  }

  cancelWithStatus(code, details) {
    this.call.cancelWithStatus(code, details)
  }

  getPeer() {
    return this.call.getPeer()
  }

  getAuthContext() {
    return this.call.getAuthContext()
  }

  start(metadata, listener) {
    const { call, method } = this
    const above = complete(listener)
    let failure
    let received = false
    call.start(metadata, {
      onReceiveMetadata: (head) => above.onReceiveMetadata(head),
      onReceiveMessage: (bytes) => {
        let message
        try {
          message = method.responseDeserialize(bytes)
        } catch (error) {
          const details = `Response message parsing error: ${textOf(error)}`
          failure = { code: status.INTERNAL, details, metadata: new Metadata() }
          return call.cancelWithStatus(failure.code, details)
        }
        received = true
        above.onReceiveMessage(message)
        // Keep reading, to notice a second response, which is an error.
        if (!method.responseStream) call.startRead()
      },
      onReceiveStatus: (end) => {
        if (!received && !method.responseStream) above.onReceiveMessage(null)
        above.onReceiveStatus(failure ?? end)
      },
    })
    if (!method.responseStream) call.startRead()
  }

  sendMessage(message) {
    this.sendMessageWithContext({}, message)
  }

  sendMessageWithContext(context, message) {
    let bytes
    try {
      bytes = this.method.requestSerialize(message)
    } catch (error) {
      const details = `Request message serialization failure: ${textOf(error)}`
      return this.call.cancelWithStatus(status.INTERNAL, details)
    }
    this.call.sendMessageWithContext(context, bytes)
  }

  startRead() {
    this.call.startRead()
  }

  halfClose() {
    this.call.halfClose()
  }
}

const textOf = (error) => error?.message ?? error

function callOf(channel, method, { deadline = Infinity, host, parent = null, propagate_flags: flags, credentials }) {
  const call = channel.createCall(method.path, deadline, host, parent, flags)
  if (credentials) call.setCredentials(credentials)
  return new BottomCall(call, method)
}

const ONE_KIND = 'Only one of these is allowed.'

/** The interceptors and their providers in the options of a client or a call; undefined if there are none. */
function interceptorsOf({ interceptors, interceptor_providers: providers }) {
  if (!(interceptors?.length > 0 || providers?.length > 0)) return undefined
  return { interceptors: interceptors ?? [], providers: providers ?? [] }
}

/** Makes a call with the interceptors of its options, or else with those of the client. */
function intercepted(ofClient, method, options, channel) {
  const ofCall = interceptorsOf(options)
  if (ofCall !== undefined && ofCall.interceptors.length > 0 && ofCall.providers.length > 0) {
    const what = 'Both interceptors and interceptor_providers were passed as call options.'
    throw new InterceptorConfigurationError(`${what} ${ONE_KIND}`)
  }
  const { interceptors, providers } = ofCall ?? ofClient ?? { interceptors: [], providers: [] }
  const all = [...interceptors, ...providers.map((provide) => provide(method))].filter(Boolean)
  const bottom = (given) => callOf(channel, method, given)
  const top = all.reduceRight((next, interceptor) => (given) => interceptor(given, next), bottom)
  return top({ ...options, method_definition: method })
}

/** The listener above all interceptors. It reports to `view`, the object that the caller has, or to `callback`. */
function listenerOf(view, call, method, callback) {
  let over = false
  let response = null
  return {
    onReceiveMetadata: (metadata) => view.emit('metadata', metadata),
    onReceiveMessage: (message) => {
      if (method.responseStream) return view.push(message)
      if (response !== null) call.cancelWithStatus(status.UNIMPLEMENTED, 'Too many responses received')
      response = message
    },
    onReceiveStatus: (end) => {
      if (over) return
      over = true
      if (method.responseStream) endStream(view, end)
      else answer(callback, end, response !== null, response)
      view.emit('status', end)
    },
  }
}

/** Begins a call. `properties` are what a `callInvocationTransformer` gets and returns. */
function begin(ofClient, properties) {
  const {
    argument,
    metadata,
    call: view,
    channel,
    methodDefinition: method,
    callOptions: options,
    callback,
  } = properties
  const call = intercepted(ofClient, method, options, channel)
  view.call = call
  call.start(metadata, listenerOf(view, call, method, callback))
  if (!method.requestStream) {
    call.sendMessage(argument)
    call.halfClose()
  }
  return view
}

module.exports = {
  InterceptingCall,
  InterceptorConfigurationError,
  ListenerBuilder,
  ONE_KIND,
  RequesterBuilder,
  begin,
  interceptorsOf,
}
