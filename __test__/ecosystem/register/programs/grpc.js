// gRPC's own client and server, which stand on HTTP/2's streams, trailers and resets, with TLS and without.

const fs = require('node:fs')
const path = require('node:path')
const grpc = require('@grpc/grpc-js')

const fixtures = path.join(__dirname, '..', '..', '..', 'https', 'fixtures')
const pem = (name) => fs.readFileSync(path.join(fixtures, `${name}.pem`))

const json = {
  requestSerialize: (value) => Buffer.from(JSON.stringify(value)),
  requestDeserialize: (bytes) => JSON.parse(bytes),
  responseSerialize: (value) => Buffer.from(JSON.stringify(value)),
  responseDeserialize: (bytes) => JSON.parse(bytes),
}
const method = (name, requestStream, responseStream) => ({
  path: `/test.Echo/${name}`,
  requestStream,
  responseStream,
  ...json,
})
const Echo = {
  one: method('one', false, false),
  down: method('down', false, true),
  up: method('up', true, false),
  both: method('both', true, true),
}

const handlers = {
  one(call, callback) {
    if (call.request === 'fail') return callback({ code: grpc.status.NOT_FOUND, details: 'nothing there' })
    if (call.request === 'wait') return
    const trailer = new grpc.Metadata()
    trailer.set('x-trailer', 'there')
    callback(null, { length: call.request.length, asked: call.metadata.get('x-asked') }, trailer)
  },
  down(call) {
    for (let i = 0; i < call.request; i++) call.write(i)
    call.end()
  },
  up(call, callback) {
    let sum = 0
    call.on('data', (value) => {
      sum += value
    })
    call.on('end', () => callback(null, sum))
  },
  both(call) {
    call.on('data', (value) => call.write(value * 2))
    call.on('end', () => call.end())
  },
}

const all = async (stream) => (await stream.toArray()).reduce((sum, value) => sum + value, 0)

async function talk(name, serverCredentials, credentials, options) {
  const server = new grpc.Server()
  server.addService(Echo, handlers)
  const port = await new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', serverCredentials, (error, port) => (error ? reject(error) : resolve(port)))
  })
  const Client = grpc.makeGenericClientConstructor(Echo, 'Echo')
  const client = new Client(`127.0.0.1:${port}`, credentials, options)
  const one = (value, options) =>
    new Promise((resolve) => {
      const metadata = new grpc.Metadata()
      metadata.set('x-asked', 'this')
      const call = client.one(value, metadata, options ?? {}, (error, answer) => {
        resolve(error ? [error.code, error.details.replace(/ after .*/s, '')] : answer)
      })
      call.on('status', ({ metadata }) => console.log(name, 'trailer', metadata.get('x-trailer')))
    })

  console.log(name, await one('hello'))
  console.log(name, await one('x'.repeat(3_000_000)))
  console.log(name, await one('fail'))
  console.log(name, await one('wait', { deadline: Date.now() + 50 }))
  console.log(name, await all(client.down(2000)))
  console.log(
    name,
    await new Promise((resolve) => {
      const call = client.up((error, sum) => resolve(error ?? sum))
      for (let i = 0; i < 2000; i++) call.write(i)
      call.end()
    }),
  )
  const both = client.both()
  for (let i = 0; i < 2000; i++) both.write(i)
  both.end()
  console.log(name, await all(both))
  console.log(name, (await Promise.all(Array.from({ length: 300 }, () => one('many')))).length)
  client.close()
  await new Promise((resolve) => server.tryShutdown(resolve))
  console.log(name, 'closed')
}

async function main() {
  await talk('plain', grpc.ServerCredentials.createInsecure(), grpc.credentials.createInsecure())
  const cert_chain = Buffer.concat([pem('server-cert'), pem('between-cert')])
  const pairs = [{ private_key: pem('server-key'), cert_chain }]
  const secure = grpc.ServerCredentials.createSsl(null, pairs, false)
  const trusting = grpc.credentials.createSsl(pem('ca-cert'))
  await talk('secure', secure, trusting, {
    'grpc.ssl_target_name_override': 'localhost',
    'grpc.default_authority': 'localhost',
  })
}

main()
