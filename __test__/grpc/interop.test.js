'use strict'

// gRPC's interop tests: our client and server with each other and with those of @grpc/grpc-js. Other implementations
// are tested in __test__/grpc-interop.

const path = require('node:path')
const { describe, test } = require('node:test')
const { protobuf } = require('ironwire')
const { grpc, peer, loader, missing, bind } = require('./support.js')
const { cases } = require('./interop/cases.js')
const { service } = require('./interop/service.js')
const { ca, identity, pairs } = require('./secure.js')

const file = path.join(__dirname, 'interop', 'test.proto')
const ours = protobuf.loadSync(file).grpc.testing

/** Service definitions as a user of each implementation would load them. */
function definitions(module) {
  if (module === grpc) return ours
  const { TestService, UnimplementedService } = module.loadPackageDefinition(
    loader.loadSync(file, { keepCase: true, defaults: true, oneofs: true }),
  ).grpc.testing
  return { TestService: TestService.service, UnimplementedService: UnimplementedService.service }
}

/** The clients that the test cases use. */
function clients(module, address, credentials) {
  const { TestService, UnimplementedService } = definitions(module)
  const connect = (definition = TestService) =>
    new (module.makeClientConstructor(definition, 'Test'))(address, credentials, {
      'grpc.use_local_subchannel_pool': 1,
    })
  return { module, connect, client: connect(), other: connect(UnimplementedService) }
}

const plain = (S, C) => [S.ServerCredentials.createInsecure(), C.credentials.createInsecure()]
const secure = (S, C) => [S.ServerCredentials.createSsl(null, pairs(identity)), C.credentials.createSsl(ca)]
const overTls = ['large_unary', 'ping_pong', 'custom_metadata', 'status_code_and_message', 'channel_soak']

for (const [name, S, C, make, names] of [
  ['ours, both', grpc, grpc, plain, Object.keys(cases)],
  ['our server', grpc, peer, plain, Object.keys(cases)],
  ['our client', peer, grpc, plain, Object.keys(cases)],
  ['our server, over TLS', grpc, peer, secure, overTls],
  ['our client, over TLS', peer, grpc, secure, overTls],
]) {
  describe(name, { skip: name !== 'ours, both' && missing }, () => {
    for (const name of names) {
      test(name, async (t) => {
        const [mine, yours] = make(S, C)
        const server = new S.Server()
        server.addService(definitions(S).TestService, service(S))
        t.after(() => server.forceShutdown())
        const peers = clients(C, `localhost:${await bind(S, server, 'localhost:0', mine)}`, yours)
        t.after(() => peers.client.close())
        t.after(() => peers.other.close())
        await cases[name](peers)
      })
    }
  })
}
