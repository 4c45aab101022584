'use strict'

// gRPC's interop tests: our client and our server, with each other and with those of @grpc/grpc-js. Other peers are in __test__/grpc-interop.

const path = require('node:path')
const { describe, test } = require('node:test')
const { protobuf } = require('ironwire')
const { grpc, peer, loader, missing, bind } = require('./support.js')
const { cases } = require('./interop/cases.js')
const { service } = require('./interop/service.js')

const file = path.join(__dirname, 'interop', 'test.proto')
const ours = protobuf.loadSync(file).grpc.testing

/** Services as users of each implementation have them. */
function definitions(module) {
  if (module === grpc) return ours
  const { TestService, UnimplementedService } = module.loadPackageDefinition(
    loader.loadSync(file, { keepCase: true, defaults: true, oneofs: true }),
  ).grpc.testing
  return { TestService: TestService.service, UnimplementedService: UnimplementedService.service }
}

function clients(module, address, credentials = module.credentials.createInsecure()) {
  const { TestService, UnimplementedService } = definitions(module)
  const connect = (definition = TestService) =>
    new (module.makeClientConstructor(definition, 'Test'))(address, credentials, {
      'grpc.use_local_subchannel_pool': 1,
    })
  return { module, connect, client: connect(), other: connect(UnimplementedService) }
}

for (const [name, S, C] of [
  ['ours, both', grpc, grpc],
  ['our server', grpc, peer],
  ['our client', peer, grpc],
]) {
  describe(name, { skip: name !== 'ours, both' && missing }, () => {
    for (const [name, run] of Object.entries(cases)) {
      test(name, async (t) => {
        const server = new S.Server()
        server.addService(definitions(S).TestService, service(S))
        t.after(() => server.forceShutdown())
        const peers = clients(C, `127.0.0.1:${await bind(S, server)}`)
        t.after(() => peers.client.close())
        t.after(() => peers.other.close())
        await run(peers)
      })
    }
  })
}
