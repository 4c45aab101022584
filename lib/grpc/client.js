'use strict'

// `Client` as in @grpc/grpc-js.

const { setImmediate } = require('node:timers')
const { Channel } = require('./channel.js')
const { connectivityState } = require('./constants.js')
const { ClientCall, ClientUnaryCall, ClientReadableStream } = require('./client-call.js')
const { ClientDuplexStream, ClientWritableStream } = require('./client-call.js')
const { unsupported } = require('./errors.js')
const { isMetadata } = require('./metadata.js')

const NOTHING = Object.freeze({})

const isObject = (value) => typeof value === 'object' && value !== null

/** `(metadata?, options?, callback?)`. */
function withCallback(first, second, third) {
  if (typeof first === 'function') return { metadata: undefined, options: NOTHING, callback: first }
  if (typeof second === 'function') return { ...withoutCallback(first, undefined), callback: second }
  const pair = isMetadata(first) && isObject(second)
  const single = second === undefined && (first === undefined || isObject(first))
  if (pair && typeof third === 'function') return { metadata: first, options: second, callback: third }
  if (third === undefined && (pair || single)) return { ...withoutCallback(first, second), callback: undefined }
  throw new Error('Incorrect arguments passed')
}

/** The response of a call whose caller gives no callback. */
function promised(call) {
  return new Promise((resolve, reject) => {
    call.callback = (error, value) => (error === null ? resolve(value) : reject(error))
  })
}

function withoutCallback(first, second) {
  if (isMetadata(first)) return { metadata: first, options: second ?? NOTHING }
  return { metadata: undefined, options: first ?? NOTHING }
}

class Client {
  #channel

  constructor(address, credentials, options = {}) {
    for (const name of ['interceptors', 'interceptor_providers']) {
      if (options[name]?.length > 0) throw unsupported(`'${name}' of clients`)
    }
    for (const name of ['callInvocationTransformer', 'channelFactoryOverride']) {
      if (options[name]) throw unsupported(`'${name}' of clients`)
    }
    // What is the client's is none of its connection's, which others may share.
    const { interceptors, interceptor_providers, callInvocationTransformer, channelOverride, ...rest } = options
    this.#channel = channelOverride ?? new Channel(address, credentials, rest)
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
    return this.#unary({ path, requestSerialize, responseDeserialize }, argument, rest)
  }

  makeClientStreamRequest(path, requestSerialize, responseDeserialize, ...rest) {
    return this.#clientStream({ path, requestSerialize, responseDeserialize }, rest)
  }

  makeServerStreamRequest(path, requestSerialize, responseDeserialize, argument, ...rest) {
    return this.#serverStream({ path, requestSerialize, responseDeserialize }, argument, rest)
  }

  makeBidiStreamRequest(path, requestSerialize, responseDeserialize, ...rest) {
    return this.#bidi({ path, requestSerialize, responseDeserialize }, rest)
  }

  #unary(method, argument, rest) {
    const { metadata, options, callback } = withCallback(...rest)
    const call = new ClientCall(this.#channel, method, metadata, options)
    const view = new ClientUnaryCall(call)
    call.view = view
    if (callback === undefined) {
      const response = promised(call)
      call.send(argument)
      return Object.assign(response, { call: view })
    }
    call.callback = callback
    call.send(argument)
    return view
  }

  #clientStream(method, rest) {
    const { metadata, options, callback } = withCallback(...rest)
    const call = new ClientCall(this.#channel, method, metadata, options)
    const view = new ClientWritableStream(call)
    call.view = view
    if (callback === undefined) {
      view.response = promised(call)
      // Whoever still writes hears of it when he asks.
      view.response.catch(() => {})
    } else call.callback = callback
    call.start()
    return view
  }

  #serverStream(method, argument, rest) {
    const { metadata, options } = withoutCallback(...rest)
    const call = new ClientCall(this.#channel, method, metadata, options)
    const view = new ClientReadableStream(call)
    call.view = view
    call.send(argument)
    return view
  }

  #bidi(method, rest) {
    const { metadata, options } = withoutCallback(...rest)
    const call = new ClientCall(this.#channel, method, metadata, options)
    const view = new ClientDuplexStream(call)
    call.view = view
    call.start()
    return view
  }

  /** The function that calls a method. */
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
