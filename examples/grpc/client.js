'use strict'

// Calls the server of server.js: `PORT=50051 node examples/grpc/client.js`.

const path = require('node:path')
const { grpc, protobuf } = require('../..')

const { Shop } = protobuf.loadSync(path.join(__dirname, 'shop.proto')).shop
const Client = grpc.makeClientConstructor(Shop)
const place = `127.0.0.1:${process.env.PORT ?? 50051}`
const client = new Client(place, grpc.credentials.createInsecure())

/** Options with a deadline: the call must end within five seconds. */
const soon = () => ({ deadline: Date.now() + 5000 })

async function main() {
  // Without a callback, a call with a single response returns a promise.
  const wire = await client.find({ text: 'wire' }, soon())
  console.log(`${wire.name} is ${wire.price}`)

  // An error has the code and the details that the server has set.
  await client.find({ text: 'gold' }, soon()).catch(({ code, details }) => console.log(grpc.status[code], '-', details))

  // Several responses are a stream. It is iterable, and the server waits while nobody reads.
  for await (const { name } of client.search({ text: 'a' }, soon())) console.log(`found: ${name}`)

  const basket = client.buy(soon())
  basket.write({ name: 'a wire', price: 2.5 })
  basket.end({ name: 'an iron', price: 40 })
  const { products, total } = await basket.response
  console.log(`${products} products for ${total}`)

  const haggling = client.haggle(soon())
  haggling.write({ name: 'an iron', price: 40 })
  for await (const { price } of haggling) {
    console.log(`offered for ${price}`)
    if (price > 15) haggling.write({ name: 'an iron', price })
    else haggling.end()
  }

  // The health check that load balancers use.
  const health = new (grpc.makeClientConstructor(grpc.health.service))(place, grpc.credentials.createInsecure())
  console.log('shop.Shop:', (await health.check({ service: 'shop.Shop' }, soon())).status)
  health.close()
  client.close()
}

main()
