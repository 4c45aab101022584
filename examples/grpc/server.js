'use strict'

// A gRPC server with all four kinds of calls, health checking and reflection: `grpcurl -plaintext localhost:50051 list`
// lists its services. On SIGTERM it reports that it is no longer healthy, lets running calls end, and exits.

const path = require('node:path')
const { grpc, protobuf } = require('../..')

const root = protobuf.loadSync(path.join(__dirname, 'shop.proto'))
const products = [
  { name: 'a wire', price: 2.5 },
  { name: 'a nail', price: 0.1 },
  { name: 'an iron', price: 40 },
]

const server = new grpc.Server()
server.addService(root.shop.Shop, {
  // One message in each direction. A handler without a callback parameter may return a promise.
  async find(call) {
    const product = products.find(({ name }) => name.includes(call.request.text))
    if (product === undefined) {
      throw Object.assign(new Error(`there is no "${call.request.text}"`), { code: grpc.status.NOT_FOUND })
    }
    return product
  },

  // Many messages from the server. `write` returns false when the server should wait for the client.
  search(call) {
    for (const product of products) if (product.name.includes(call.request.text)) call.write(product)
    call.end()
  },

  // Many messages from the client.
  buy(call, callback) {
    const receipt = { products: 0, total: 0 }
    call.on('data', ({ price }) => {
      receipt.products++
      receipt.total += price
    })
    call.on('end', () => callback(null, receipt))
  },

  // Many messages in both directions.
  haggle(call) {
    call.on('data', ({ name, price }) => call.write({ name, price: price / 2 }))
    call.on('end', () => call.end())
  },
})

const health = new grpc.health.HealthImplementation({ '': 'SERVING', 'shop.Shop': 'SERVING' })
health.addToServer(server)
new grpc.reflection.ReflectionService([root, grpc.health.schema]).addToServer(server)

const place = `127.0.0.1:${process.env.PORT ?? 50051}`
server.bindAsync(place, grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error
  console.log(`The shop is open at 127.0.0.1:${port}`)
})

process.on('SIGTERM', () => {
  health.setStatus('', 'NOT_SERVING')
  health.setStatus('shop.Shop', 'NOT_SERVING')
  server.tryShutdown(() => console.log('The shop is closed'))
})
