'use strict'

// @grpc/grpc-js as usually used: one channel, which is one connection. Typed messages use protobufjs.

const grpc = require('@grpc/grpc-js')
const { Course } = require('../course-protobufjs.js')
const { course } = require('../course.js')
const { ca, key, cert } = require('../identity.js')

const raw = { serialize: (bytes) => bytes, deserialize: (bytes) => bytes }
const typed = { serialize: Course.toBuffer, deserialize: Course.fromBuffer }

const method = (path, { serialize, deserialize }, responseStream = false) => ({
  path,
  requestStream: false,
  responseStream,
  requestSerialize: serialize,
  requestDeserialize: deserialize,
  responseSerialize: serialize,
  responseDeserialize: deserialize,
})

const methods = {
  echo: method('/bench.Catalog/Echo', raw),
  typed: method('/bench.Catalog/Typed', typed),
  watch: method('/bench.Catalog/Watch', typed, true),
}

/** Allows many bodies of 64 KiB and more. */
const options = { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 }

module.exports = {
  async listen(secure) {
    const server = new grpc.Server(options)
    const echo = ({ request }, callback) => callback(null, request)
    server.addService(methods, {
      echo,
      typed: echo,
      watch(call) {
        const go = () => {
          while (!call.cancelled && call.write(course));
          if (!call.cancelled) call.once('drain', go)
        }
        go()
      },
    })
    const { createSsl, createInsecure } = grpc.ServerCredentials
    const credentials = secure ? createSsl(null, [{ private_key: key, cert_chain: cert }]) : createInsecure()
    return new Promise((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', credentials, (error, port) => {
        if (error) reject(error)
        else resolve(port)
      })
    })
  },

  async connect(port, secure) {
    const { createSsl, createInsecure } = grpc.credentials
    // Channels to the same address share a connection unless told otherwise.
    const client = new grpc.Client(`localhost:${port}`, secure ? createSsl(ca) : createInsecure(), {
      ...options,
      'grpc.use_local_subchannel_pool': 1,
    })
    const watch = () =>
      client
        .makeServerStreamRequest(methods.watch.path, typed.serialize, typed.deserialize, course)
        .on('error', () => {})
    return {
      call: (body, callback) =>
        client.makeUnaryRequest(methods.echo.path, raw.serialize, raw.deserialize, body, callback),
      typed: (message, callback) =>
        client.makeUnaryRequest(methods.typed.path, typed.serialize, typed.deserialize, message, callback),
      async iterate(take) {
        const stream = watch()
        for await (const message of stream) if (!take(message)) break
        stream.cancel()
      },
      listen(take) {
        const stream = watch()
        return new Promise((resolve) => {
          stream.on('data', (message) => {
            if (take(message)) return
            stream.removeAllListeners('data')
            stream.cancel()
            resolve()
          })
        })
      },
    }
  },
}
