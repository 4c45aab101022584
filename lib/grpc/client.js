'use strict'

// `Client` as in @grpc/grpc-js: the base class of all service clients.

const { setImmediate } = require('node:timers')
const { Channel } = require('./channel.js')
const { connectivityState } = require('./constants.js')
const { ClientCall, ClientUnaryCall, ClientReadableStream } = require('./client-call.js')
const { ClientDuplexStream, ClientWritableStream } = require('./client-call.js')
const { ONE_KIND, begin, interceptorsOf } = require('./interceptors.js')
const { Metadata, isMetadata } = require('./metadata.js')

const NOTHING = Object.freeze({})
const ONE_EACH = { requestStream: false, responseStream: false }
const MANY_TO_ONE = { requestStream: true, responseStream: false }
const ONE_TO_MANY = { requestStream: false, responseStream: true }
const MANY_EACH = { requestStream: true, responseStream: true }

const isObject = (value) => typeof value === 'object' && value !== null

/** Sorts the arguments `(metadata?, options?, callback?)`. */
function withCallback(first, second, third) {
  if (typeof first === 'function') return { metadata: undefined, options: NOTHING, callback: first }
  if (typeof second === 'function') return { ...withoutCallback(first, undefined), callback: second }
  const pair = isMetadata(first) && isObject(second)
  const single = second === undefined && (first === undefined || isObject(first))
  if (pair && typeof third === 'function') return { metadata: first, options: second, callback: third }
  if (third === undefined && (pair || single)) return { ...withoutCallback(first, second), callback: undefined }
  throw new Error('Incorrect arguments passed')
}

/** A promise of the response, for a call without a callback. */
function promised(given) {
  return new Promise((resolve, reject) => {
    given.callback = (error, value) => (error === null ? resolve(value) : reject(error))
  })
}

function withoutCallback(first, second) {
  if (isMetadata(first)) return { metadata: first, options: second ?? NOTHING }
  return { metadata: undefined, options: first ?? NOTHING }
}

class Client {
  #channel
  #interceptors
  #transform
  /**
   * Whether all calls go through interceptors.js, which handles everything unusual, also call transformers and foreign
   * channels.
   */
  #isUnusual

  constructor(address, credentials, options = {}) {
    const { channelFactoryOverride: makeChannel, channelOverride, ...given } = options
    const { interceptors, interceptor_providers, callInvocationTransformer, ...rest } = given
    this.#interceptors = interceptorsOf({ interceptors, interceptor_providers })
    if (interceptors?.length > 0 && interceptor_providers?.length > 0) {
      const what = 'Both interceptors and interceptor_providers were passed as options to the client constructor.'
      throw new Error(`${what} ${ONE_KIND}`)
    }
    this.#transform = callInvocationTransformer
    this.#channel =
      channelOverride ?? makeChannel?.(address, credentials, rest) ?? new Channel(address, credentials, rest)
    const isUsual = this.#interceptors === undefined && !this.#transform && this.#channel instanceof Channel
    this.#isUnusual = !isUsual
  }

  close() {
    this.#channel.close()
  }

  getChannel() {
    return this.#channel
  }

  waitForReady(deadline, callback) {
    const channel = this.#channel
    const look = (error) => {
      if (error) return callback(new Error('Failed to connect before the deadline'))
      try {
        const state = channel.getConnectivityState(true)
        if (state !== connectivityState.READY) return channel.watchConnectivityState(channel.state, deadline, look)
      } catch {
        return callback(new Error('The channel has been closed'))
      }
      callback()
    }
    setImmediate(look)
  }

  makeUnaryRequest(path, requestSerialize, responseDeserialize, argument, ...rest) {
    return this.#unary({ path, requestSerialize, responseDeserialize, ...ONE_EACH }, argument, rest)
  }

  makeClientStreamRequest(path, requestSerialize, responseDeserialize, ...rest) {
    return this.#clientStream({ path, requestSerialize, responseDeserialize, ...MANY_TO_ONE }, rest)
  }

  makeServerStreamRequest(path, requestSerialize, responseDeserialize, argument, ...rest) {
    return this.#serverStream({ path, requestSerialize, responseDeserialize, ...ONE_TO_MANY }, argument, rest)
  }

  makeBidiStreamRequest(path, requestSerialize, responseDeserialize, ...rest) {
    return this.#bidi({ path, requestSerialize, responseDeserialize, ...MANY_EACH }, rest)
  }

  #unary(method, argument, rest) {
    const given = withCallback(...rest)
    if (given.callback !== undefined) return this.#begin(new ClientUnaryCall(), method, given, argument)
    const response = promised(given)
    return Object.assign(response, { call: this.#begin(new ClientUnaryCall(), method, given, argument) })
  }

  #clientStream(method, rest) {
    const given = withCallback(...rest)
    if (given.callback !== undefined) return this.#begin(new ClientWritableStream(), method, given)
    const response = promised(given)
    // A caller that is still writing may await `response` later, so a failure before that is not an unhandled
    // rejection.
    response.catch(() => {})
    return Object.assign(this.#begin(new ClientWritableStream(), method, given), { response })
  }

  #serverStream(method, argument, rest) {
    return this.#begin(new ClientReadableStream(), method, withoutCallback(...rest), argument)
  }

  #bidi(method, rest) {
    return this.#begin(new ClientDuplexStream(), method, withoutCallback(...rest))
  }

  /** Begins a call. `view` is the object that the caller gets. */
  #begin(view, method, { metadata, options, callback }, argument) {
    if (this.#isUnusual || options.interceptors !== undefined || options.interceptor_providers !== undefined) {
      return this.#intercept(view, method, { metadata, options, callback }, argument)
    }
    const call = new ClientCall(this.#channel, method, metadata, options)
    call.show(view)
    call.callback = callback
    if (method.requestStream) call.start()
    else call.send(argument)
    return view
  }

  #intercept(view, method, { metadata = new Metadata(), options, callback }, argument) {
    const given = { argument, metadata, call: view, channel: this.#channel, methodDefinition: method, callback }
    const properties = { ...given, callOptions: options }
    return begin(this.#interceptors, this.#transform?.(properties) ?? properties)
  }

  /** Makes the client's function for a method of the service. */
  static methodOf(method) {
    const { requestStream, responseStream } = method
    if (requestStream && responseStream) {
      return function (...rest) {
        return this.#bidi(method, rest)
      }
    }
    if (requestStream) {
      return function (...rest) {
        return this.#clientStream(method, rest)
      }
    }
    if (responseStream) {
      return function (argument, ...rest) {
        return this.#serverStream(method, argument, rest)
      }
    }
    return function (argument, ...rest) {
      return this.#unary(method, argument, rest)
    }
  }
}

module.exports = { Client }
