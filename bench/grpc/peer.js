'use strict'

// One contender's server or client: `node peer.js NAME`.

const { expose } = require('../lib/child.js')
const { keepInFlight } = require('../lib/in-flight.js')
const { course, proto } = require('../rpc/course.js')

/** Each contender with its usual codec. */
const contenders = {
  ironwire() {
    const { grpc, protobuf } = require('../..')
    return { grpc, service: protobuf(proto).Catalog }
  },
  '@grpc/grpc-js'() {
    const { Course } = require('../rpc/course-protobufjs.js')
    const method = (name, responseStream) => ({
      path: `/Catalog/${name}`,
      requestStream: false,
      responseStream,
      requestSerialize: Course.toBuffer,
      requestDeserialize: Course.fromBuffer,
      responseSerialize: Course.toBuffer,
      responseDeserialize: Course.fromBuffer,
    })
    return { grpc: require('@grpc/grpc-js'), service: { Echo: method('Echo', false), Watch: method('Watch', true) } }
  },
}

const { grpc, service } = contenders[process.argv[2]]()

/** Reading the clock for each message would be most of the work. */
const TIMED_EVERY = 1024

/** The deadline of a call, in milliseconds. */
const PATIENCE = 60_000

let client

expose({
  listen() {
    const server = new grpc.Server()
    server.addService(service, {
      Echo({ request, metadata }, callback) {
        if (metadata.get('x-request-id').length === 1) callback(null, request)
        else callback(new Error('no x-request-id'))
      },
      Watch(call) {
        const go = () => {
          while (!call.cancelled && call.write(course));
          if (!call.cancelled) call.once('drain', go)
        }
        go()
      },
    })
    return new Promise((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) =>
        error ? reject(error) : resolve(port),
      )
    })
  },
  connect(port) {
    const Client = grpc.makeClientConstructor(service, 'Catalog')
    client = new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure())
  },
  run(inFlight, seconds) {
    return keepInFlight({
      call(callback) {
        const metadata = new grpc.Metadata()
        metadata.set('x-request-id', '2f1c9a7e5b3d4806')
        metadata.set('authorization', 'Bearer abcdefghijklmnopqrstuvwxyz')
        client.Echo(course, metadata, { deadline: Date.now() + PATIENCE }, callback)
      },
      accept: ({ id, title }) =>
        id === course.id && title === course.title ? undefined : `a reply of ${id}, ${title}, not what was sent`,
      inFlight,
      seconds,
    })
  },
  take(seconds) {
    const before = process.cpuUsage()
    const started = performance.now()
    const end = started + seconds * 1000
    let messages = 0
    return new Promise((resolve, reject) => {
      const call = client.Watch(course)
      let taken = false
      call.on('error', (error) => taken || reject(error))
      call.on('data', (message) => {
        if (message.id !== course.id) reject(new Error(`a message of ${message.id}, not ${course.id}`))
        if (taken || ++messages % TIMED_EVERY !== 0 || performance.now() < end) return
        taken = true
        const { user, system } = process.cpuUsage(before)
        call.cancel()
        resolve({ messages, cpu: user + system, rate: messages / ((performance.now() - started) / 1000) })
      })
    })
  },
})
