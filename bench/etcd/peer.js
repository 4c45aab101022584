'use strict'

// One contender's client: `node peer.js NAME`.

const { expose } = require('../lib/child.js')
const { keepInFlight } = require('../lib/in-flight.js')

const KEY = 'bench/key'
const VALUE = 'thirty-two bytes of what is there'.slice(0, 32)

/** Each has `put()`, which returns a promise, and `get(callback)`, which calls back with the value. */
const contenders = {
  ironwire(endpoint) {
    const { etcd } = require('../..')
    const client = etcd.connect(endpoint)
    return {
      put: () => client.put(KEY, VALUE),
      get: (callback) => client.get(KEY, (error, entry) => callback(error, entry?.value)),
    }
  },
  '@grpc/grpc-js'(endpoint) {
    const grpc = require('@grpc/grpc-js')
    const protobufjs = require('protobufjs')
    const { TEXT } = require('../../lib/etcd/schema.js')
    const { root } = protobufjs.parse(TEXT, { keepCase: false })
    const method = (name, request, response) => {
      const [In, Out] = [root.lookupType(`etcdserverpb.${request}`), root.lookupType(`etcdserverpb.${response}`)]
      return {
        path: `/etcdserverpb.KV/${name}`,
        requestStream: false,
        responseStream: false,
        requestSerialize(message) {
          const bytes = In.encode(message).finish()
          return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
        },
        responseDeserialize: (bytes) => Out.decode(bytes),
      }
    }
    const KV = {
      Range: method('Range', 'RangeRequest', 'RangeResponse'),
      Put: method('Put', 'PutRequest', 'PutResponse'),
    }
    const client = new (grpc.makeClientConstructor(KV, 'KV'))(endpoint, grpc.credentials.createInsecure())
    const [key, value] = [Buffer.from(KEY), Buffer.from(VALUE)]
    const metadata = new grpc.Metadata()
    metadata.set('hasleader', 'true')
    return {
      put: () =>
        new Promise((resolve, reject) =>
          client.Put({ key, value }, metadata, { deadline: Date.now() + 30_000 }, (error) =>
            error ? reject(error) : resolve(),
          ),
        ),
      get: (callback) =>
        client.Range({ key }, metadata, { deadline: Date.now() + 30_000 }, (error, reply) =>
          callback(error, reply?.kvs[0].value),
        ),
    }
  },
}

let client

expose({
  async connect(endpoint) {
    client = contenders[process.argv[2]](endpoint)
    // etcd may still be starting.
    for (let attempt = 1; ; attempt++) {
      try {
        return void (await client.put())
      } catch (error) {
        if (attempt === 20) throw error
        await new Promise((resolve) => setTimeout(resolve, 250))
      }
    }
  },
  run(inFlight, seconds) {
    return keepInFlight({
      call: client.get,
      accept: (value) => (value?.length === VALUE.length ? undefined : `a value of ${value?.length} bytes`),
      inFlight,
      seconds,
    })
  },
})
