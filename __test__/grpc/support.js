'use strict'

// Servers and clients of either implementation: ours, and @grpc/grpc-js if it is installed (by the benchmarks or the
// ecosystem tests).

const { createRequire } = require('node:module')
const path = require('node:path')
const grpc = require('../../lib/grpc')
const { freePort } = require('../ports.js')

const root = path.resolve(__dirname, '../..')

function find(name) {
  for (const place of ['bench', '__test__/ecosystem']) {
    try {
      return createRequire(path.join(root, place, 'package.json'))(name)
    } catch (error) {
      if (error.code !== 'MODULE_NOT_FOUND') throw error
    }
  }
}

const peer = find('@grpc/grpc-js')
const loader = find('@grpc/proto-loader')
const missing = peer === undefined && 'neither the benches nor the tests of the ecosystem are installed'

/** Methods whose messages are text. */
const text = { to: (value) => Buffer.from(value), from: (bytes) => String(bytes) }

const method = (name, requestStream, responseStream, { to, from } = text) => ({
  path: `/test.Texts/${name}`,
  requestStream,
  responseStream,
  requestSerialize: to,
  requestDeserialize: from,
  responseSerialize: to,
  responseDeserialize: from,
})

const service = {
  one: method('One', false, false),
  many: method('Many', false, true),
  gather: method('Gather', true, false),
  chat: method('Chat', true, true),
}

/** A server with `handlers` until the test ends. Returns it and its port, which nobody else takes when it is gone. */
async function serve(t, module, handlers, options = {}, definition = service) {
  const server = new module.Server(options)
  server.addService(definition, handlers)
  t?.after(() => server.forceShutdown())
  const port = await bind(module, server, `127.0.0.1:${await freePort()}`)
  return { server, port }
}

function bind(module, server, address = '127.0.0.1:0', credentials = module.ServerCredentials.createInsecure()) {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => (error ? reject(error) : resolve(port)))
  })
}

/** A client until the test ends. */
function connect(t, module, port, options = {}, definition = service) {
  const Client = module.makeClientConstructor(definition, 'Texts')
  const settings = { 'grpc.use_local_subchannel_pool': 1, ...options }
  const client = new Client(`127.0.0.1:${port}`, module.credentials.createInsecure(), settings)
  t?.after(() => client.close())
  return client
}

/** The events of a call, in order, up to its status. `make(callback)` starts the call. */
function outcome(make) {
  return new Promise((resolve) => {
    const seen = []
    const call = make((error, value) => seen.push(['callback', error === null ? value : plain(error)]))
    call.on('metadata', (metadata) => seen.push(['metadata', mapOf(metadata)]))
    call.on('error', (error) => seen.push(['error', plain(error)]))
    if (call.read !== undefined) {
      call.on('data', (message) => seen.push(['data', message]))
      call.on('end', () => seen.push(['end']))
    }
    call.on('status', ({ code, details, metadata }) => {
      seen.push(['status', code, details, mapOf(metadata)])
      setImmediate(resolve, seen)
    })
  })
}

const plain = ({ code, details, message, metadata }) => ({ code, details, message, metadata: mapOf(metadata) })

/** Metadata as an object, without fields of HTTP. */
function mapOf(metadata) {
  const { date, ...map } = metadata.getMap()
  delete map['grpc-accept-encoding']
  return map
}

module.exports = { grpc, peer, loader, missing, service, method, serve, bind, connect, outcome, mapOf }
