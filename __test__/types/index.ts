// Compiled, never run: `tsc -p __test__/types` holds index.d.ts to what the package offers.

import ironwire, { version } from 'ironwire'

version satisfies string
ironwire.version satisfies string

// @ts-expect-error: exports are read-only
ironwire.version = '2'
// @ts-expect-error: nothing is exported under a name that does not exist
ironwire.nothing

import { protobuf } from 'ironwire'

const person = protobuf('message Person { required int32 age = 16; }', { int64: 'bigint' }).Person
person.encode({ age: 1 })
// @ts-expect-error: an option must be one that exists
protobuf('', { int64: 'long' })
protobuf.unknownFields satisfies symbol
protobuf.decodeStream(person, process.stdin, { maxSize: 5 }) satisfies AsyncIterable<unknown>
process.stdin.pipe(new protobuf.DelimitedDecoder(person, { maxSize: 5, readableHighWaterMark: 2 }))
const { methods } = protobuf.service({}, 'a.B')
methods.Get.requestType.decode(new Uint8Array())
// @ts-expect-error: a path is text, and services are typed where nothing is known of the schema, too
protobuf.service(protobuf(''), 'a.B').methods.Get.path satisfies number
protobuf.reflect(person).fields[0].label satisfies 'optional' | 'required' | 'repeated' | 'map'
protobuf.reflect({}).services[0].methods.Get.path satisfies string
// @ts-expect-error: fields are read-only
protobuf.reflect(person).fields[0].number = 1
declare const options: protobuf.Options
protobuf(null, options)

import { subscribe } from 'node:diagnostics_channel'
import { codec, net, rpc } from 'ironwire'

codec.readInt16BE(new Uint8Array(2), 0) satisfies number
codec.readBigUint64LE(Buffer.alloc(8)) satisfies bigint
codec.writeUIntBE(Buffer.alloc(3), 5, 0, 3) satisfies number
// @ts-expect-error: a bigint is wanted
codec.writeBigInt64BE(Buffer.alloc(8), 5)
codec.readArray('i16be', Buffer.alloc(8), 0, 4, { stride: 2 }) satisfies Int16Array
codec.readArray('f16be', Buffer.alloc(8)) satisfies Float32Array
codec.readArray('zigzagn', new Uint8Array(8)) satisfies BigInt64Array
// @ts-expect-error not the class of the type's elements
codec.readArray('i16be', Buffer.alloc(8), 0, 4, { into: new Int8Array(4) })
codec.writeArray('u24le', Buffer.alloc(8), [1, 2]) satisfies number
codec.writeArray('u64le', Buffer.alloc(8), [1n], 0)
// @ts-expect-error a bigint type takes no numbers
codec.writeArray('u64le', Buffer.alloc(8), [1])
codec.hex.encode(Buffer.alloc(1)) satisfies string
codec.utf8.encode('a') satisfies Buffer
codec.utf8.validate(new Uint8Array(2)) satisfies boolean
codec.swap16(Buffer.alloc(2)) satisfies Buffer
codec.fill(new Uint8Array(2), 'ff', 'hex') satisfies Uint8Array
codec.indexOf(new Uint8Array(2), 'a') satisfies number
const course = codec.record({ id: 'i16be', seen: 'u64le' })
course.read(Buffer.alloc(10)) satisfies { id: number; seen: bigint }
// @ts-expect-error: a field is missing
course.write(Buffer.alloc(10), { id: 1 })
// @ts-expect-error: there is no such type
codec.record({ id: 'int16' })

const packet = codec.layout([
  { magic: 'PK' },
  ['id', 'u16be'],
  ['seen', 'u64le'],
  { name: 'kind', type: 'u8', enum: { text: 1, number: 2 } },
  { name: 'count', type: 'u8', value: 'count(points)' },
  {
    name: 'points',
    type: [
      ['x', 'f32le'],
      ['y', 'f32le'],
    ],
    count: 'count',
  },
  ['name', 'utf8(u8)'],
  ['flagged', 'flag'],
  ['level', 'u7'],
  { name: 'note', if: 'flagged', type: 'utf8(u8)' },
  {
    name: 'celsius',
    type: 'i16be',
    map: { decode: (raw: number) => `${raw / 100}`, encode: (text: string) => Number(text) * 100 },
  },
  { name: 'body', switch: 'kind', cases: { 1: 'utf8(u16be)', 2: 'u32be' } },
  ['at', 'unixtime(u32be)'],
  ['data', 'bytes(rest)'],
])
const found = packet.decode(Buffer.alloc(100))
found.id satisfies number
found.seen satisfies bigint
found.kind satisfies 'text' | 'number' | number
found.points[0].x satisfies number
found.name satisfies string
found.flagged satisfies boolean
found.note satisfies string | undefined
found.celsius satisfies string
found.body satisfies string | number
found.at satisfies Date
found.data satisfies Buffer
// @ts-expect-error: it is a string
found.name satisfies number
// @ts-expect-error: there is no such field
found.other
const { count, note, ...needed } = found
packet.encode({ ...needed, data: new Uint8Array(3) }) satisfies Buffer
packet.encode.bytes satisfies number
// @ts-expect-error: a field is missing
packet.encode({ id: 1 })
const point = codec.layout({ x: 'i16be', name: 'utf8(u8)', inner: { type: codec.layout({ y: 'u8' }), count: 'rest' } })
point.decode(Buffer.alloc(4)) satisfies { x: number; name: string; inner: { y: number }[] }
point.decodeColumns(Buffer.alloc(4)).name satisfies string[]
point.decodeColumns(Buffer.alloc(4), { into: point.decodeColumns(Buffer.alloc(4)) }).name satisfies string[]
point.decodeMany(Buffer.alloc(4), { count: 1 })[0].x satisfies number
String(point.describe()) satisfies string
point.dump(Buffer.alloc(4)) satisfies string
const choices = new Map([
  [1, 'u8'],
  [2, 'u16be'],
] as const)
codec.layout([['kind', 'u8'], { name: 'value', switch: 'kind', cases: choices }]).decode(Buffer.alloc(2))
  .value satisfies number
// @ts-expect-error: there is no such option
codec.layout('struct A { u8 a; }', { order: 'be' })
codec.layout<{ a: number }>('struct A { u8 a; }').decode(Buffer.alloc(1)).a satisfies number
const framer = codec.framer({ length: 'u16be', counts: 'frame', maxLength: 100 })
framer.push(Buffer.alloc(1)) satisfies Buffer[]
framer.each(Buffer.alloc(1), (bytes, start, end) => bytes.subarray(start, end))
codec.framer({ delimiter: '\n', unterminated: true }).end() satisfies Buffer | undefined
codec
  .framer({ stuffing: 'cobs' })
  .decoder({ highWaterMark: 1 })
  .on('data', (message: Buffer) => message)
// @ts-expect-error: no length has twelve bits
codec.framer({ length: 'u12be' })
net.connect(3000).frames({ size: 4 }).stream.destroy()

const server = rpc.createServer({ maxConcurrency: 10 })
server.method('echo', (request, callback) => callback(null, request))
server.method('async', async (request, _callback, call) => (call.signal.aborted ? null : request))
// @ts-expect-error: a string is no body
server.method('text', async () => 'text')
server.on('handlerError', (error, call) => console.error(call.method, error)).listen(3001)
const client = rpc.connect({ host: 'localhost', port: 3001 }, { reconnect: { maxDelay: 1000 } })
client.call('echo', Buffer.from('x')) satisfies Promise<Buffer>
client.call('echo', null, { timeout: 100 }, (error, reply) => {
  if (error) error.sent satisfies boolean
  else reply satisfies Buffer
})
// @ts-expect-error: the body is bytes
client.call('echo', 'x')
client.call('echo', null, () => {}).cancel()
client.call('echo', null, { oneWay: true, metadata: { a: 'b', 'c-bin': Buffer.alloc(1), d: ['e', 'f'] } })
// @ts-expect-error: a number is no metadata
client.call('echo', null, { metadata: { a: 5 } })
async function watch() {
  for await (const message of client.stream('ticks')) message satisfies Buffer
}
watch()
client.stream('up', [Buffer.alloc(1)], { clientStreaming: true, serverStreaming: false }) satisfies Promise<Buffer>
client.stream('chat', null, { clientStreaming: true }).write(new Uint8Array(1)) satisfies boolean
client.all(
  [['echo', Buffer.alloc(1)], ['echo']],
  (error, replies) => (error?.status satisfies number | undefined) ?? replies.length,
)
client.use(async (call, next) => {
  call.metadata.set('token', 'x')
  return await next()
})
server.use((call, next) => (call.metadata.get('token') === 'x' ? next() : Promise.reject(new Error('no'))))
server.method('ticks', { serverStreaming: true }, async function* (_request, call) {
  while (!call.signal.aborted) yield Buffer.from('tick')
})
server.method('relay', (_request, callback, call) => {
  call.trailers = new rpc.Metadata({ a: 'b' })
  client.call('echo', null, { parent: call }, (error, reply) => callback(error, reply, { c: 'd' }))
})
server.method('sum', { clientStreaming: true }, async (requests) => {
  for await (const request of requests) return request
  return null
})
// @ts-expect-error: a string is no body
server.method('sum', { clientStreaming: true }, async () => 'text')
new rpc.StatusError(rpc.status.NOT_FOUND, 'gone', { details: Buffer.alloc(1) }).status satisfies number
// Where nothing is known of the schema, everything goes.
const school = protobuf('service S { rpc A (M) returns (M); } message M {}')
client.service(school.S).a({})
server.addService(school.S, { a: () => ({}) })

import codecAlone, { readInt8 } from 'ironwire/codec'
import httpAlone, { type createServer } from 'ironwire/http'
import netAlone, { type Socket } from 'ironwire/net'
import protobufAlone from 'ironwire/protobuf'

const balanced = rpc.connect(['a:1', { host: 'b', port: 2, weight: 2, zone: 'z' }], {
  balance: { policy: 'round-robin', zone: 'z' },
  retry: { ratio: 0.2 },
})
balanced.addresses.map(({ address, pending }) => address.length + pending)
balanced.on('addresses', (addresses) => addresses.length)
balanced.call('m', null, { idempotent: true, hedge: 20 }) satisfies Promise<Buffer>
rpc.connect('registry://host/service').addresses satisfies rpc.Member[]
rpc.connect('udp://host:1', { udp: { maxDatagramBytes: 512, resendAfter: 1 } }).stats.resends satisfies number
rpc
  .createServer({ udp: { maxAnswers: 10, answerLifetime: 1000 } })
  .bindUdp({ port: 0, host: '::' }, () => {})
  .udpAddress()?.port satisfies number | undefined
const resolver: rpc.Resolver = {
  resolve(update) {
    update(null, [{ address: 'a:1' }])
    return { close() {} }
  },
}
rpc.connect(resolver).stats.hedges satisfies number
const secondBest: rpc.Address = { host: 'a', port: 1, weight: 0.5, priority: 1 }
rpc.connect({
  resolve(update) {
    update(null, [secondBest])
    return { close() {} }
  },
})
// @ts-expect-error: priorities are a resolver's
rpc.connect([{ host: 'a', port: 1, priority: 1 }])
rpc.connect(resolver).stats().ejections satisfies number
client.stats().methods.echo?.latency.p99 satisfies number | undefined
client.stats().methods.echo?.statuses.OK satisfies number | undefined
server.stats().refusals.unknownMethod satisfies number | undefined
server.stats.bytesIn satisfies number
rpc.metrics() satisfies string
subscribe('ironwire.rpc.client.call.end', (message) => {
  const { method, duration, sent, error } = message as rpc.ClientCallMessage
  console.log(method, duration, sent, error?.statusName)
})
const registry = rpc.createRegistry({ folder: '/tmp', minLease: 10 })
registry.listen(7400, '127.0.0.1')
registry.on('damaged', (error) => error.message)
rpc.createRegistry({ secret: Buffer.alloc(16) })
rpc.createServer({ secret: [Buffer.alloc(16), 'as text, and another'] }).stats.unauthenticated satisfies number
rpc.connect('registry://host/service', { secret: 'sixteen bytes...', registrySecret: null })
rpc.connectRegistry('registry://host', { secret: 'sixteen bytes...' })
// @ts-expect-error: a secret is bytes
rpc.connect(1, { secret: 1234 })
rpc
  .createServer({ tls: { cert: 'a', key: 'b', ca: ['c'], requestCert: true } })
  .setSecureContext({ cert: 'a', key: 'b' })
rpc.createServer().method('who', (_request, _callback, call) => {
  call.peer.tls?.certificate?.subject satisfies string | undefined
  call.peer.tls?.authorized satisfies boolean | undefined
  return null
})
rpc.connect('tls://host:1', { tls: { ca: 'a', checkServerIdentity: (name) => new Error(name) } })
rpc.connect(['tls://host:1', { host: 'b', port: 1, tls: true, servername: 'c', weight: 2 }], { registryTls: null })
rpc.createRegistry({ tls: { cert: 'a', key: Buffer.alloc(1) } })
rpc.connectRegistry('registry://host', { tls: { ca: 'a', minVersion: 'TLSv1.3' } })
// @ts-expect-error: a server has a certificate
rpc.createServer({ tls: { key: 'a' } })
// @ts-expect-error: rustls has no such version
rpc.connect(1, { tls: { minVersion: 'TLSv1' } })
const registrar = rpc.connectRegistry('registry://localhost')
registrar.register('service', { port: 1, metadata: { version: '1' } }).on('registered', () => {})
registrar.watch('service', (instances) => instances[0]?.metadata.version).close()
registrar.on('reconnect', ({ attempt, delay, error }) => [attempt + delay, error.message])
// @ts-expect-error: a weight is a number
registrar.register('service', { port: 1, weight: '1' })

import rpcAlone, { type RpcError } from 'ironwire/rpc'

readInt8(Buffer.alloc(1)) satisfies number
codecAlone.readInt8 satisfies typeof readInt8
httpAlone.createServer satisfies typeof createServer
netAlone.Socket satisfies typeof Socket
protobufAlone satisfies typeof protobuf
protobufAlone('message A {}') satisfies protobufAlone.Messages
rpcAlone.RpcError satisfies typeof RpcError
// @ts-expect-error: nothing is exported under a name that does not exist
httpAlone.nothing

import nodeHttp from 'node:http'
import http2 from 'node:http2'
import type nodeHttps from 'node:https'
import { createStaticServer, serveStatic } from 'ironwire'
import filesAlone, { type StaticOptions } from 'ironwire/static'

filesAlone.serveStatic satisfies typeof serveStatic
const handler = serveStatic('public', {
  maxAge: '1d',
  etag: 'strong',
  precompressed: ['br'],
  headers: { 'X-A': ['1', '2'] },
})
nodeHttp.createServer(handler)
http2.createServer(handler)
nodeHttp.createServer((req, res) => handler(req, res, (error) => res.end(String(error))))
serveStatic(new URL('file:///srv'), { setHeaders: (res, path, stat) => res.setHeader(path, stat.size) })
createStaticServer('public').listen(8080) satisfies nodeHttp.Server
createStaticServer('public', { tls: { key: 'pem', cert: 'pem' } }) satisfies nodeHttps.Server
createStaticServer('public', { keepAliveTimeout: 1000, listing: true }, (req, res) => res.end(req.url))
createStaticServer('public', (req, res) => res.end(req.url))
// @ts-expect-error: there is no such option
serveStatic('public', { brotli: true } satisfies StaticOptions)
// @ts-expect-error: a coding that there is not
serveStatic('public', { precompressed: 'deflate' })

import type { protobuf as types } from 'ironwire'

protobuf.load('a.proto') satisfies Promise<types.Root>
protobuf
  .load(['a.proto'], { includePaths: ['b'], resolveImport: async () => null, timestamps: 'date' })
  .then((root) => root.a.b.C.create())
protobuf.load('a.proto', (error, root) => error ?? root)
protobuf.loadSync<{ A: types.LoadedType<{ a: number }> }>('a.proto').A.decode(Buffer.alloc(0)).a satisfies number
// @ts-expect-error: what is not asynchronous cannot wait
protobuf.loadSync('a.proto', { resolveImport: async () => null })
// @ts-expect-error: an option must be one that exists
protobuf.parse('', { defaults: true })
const loaded: types.LoadedType<{ a: number }> = protobuf.parse('', { filename: 'a.proto' }).A
protobuf.binaryToJson(loaded, loaded.encode({ a: 1 })) satisfies string
protobuf.toJson(loaded, { a: 1 }) satisfies string
protobuf.decodeDelimited(loaded, Buffer.alloc(1)).a satisfies number
protobuf.reflect(loaded).oneofs[0].property satisfies string | null
protobuf.toModule(protobuf.parseDescriptorSet(Buffer.alloc(0), { files: ['a.proto'] }), {
  module: 'esm',
}) satisfies string

protobuf.fromDescriptorSet(Buffer.alloc(0), { int64: 'bigint' })
// @ts-expect-error: a descriptor set has its files in it
protobuf.fromDescriptorSet(Buffer.alloc(0), { filename: 'a.proto' })

import { http2 as ironHttp2 } from 'ironwire'
import { createServer as createHttp2Server } from 'ironwire/http2'

ironHttp2.createServer((request, response) => {
  request satisfies ironHttp2.Http2ServerRequest
  response.end(request.url satisfies string)
})
createHttp2Server({ settings: { initialWindowSize: 100_000 } }).on('stream', (stream) =>
  stream.respond({ ':status': 200 }),
)
// @ts-expect-error: a setting that is no number
createHttp2Server({ settings: { initialWindowSize: 'a' } })

import type { etcd } from 'ironwire'
import { EtcdError, connect as etcdConnect } from 'ironwire/etcd'

const keys: etcd.Client = etcdConnect(['a:2379', 'https://b'], { username: 'a', password: 'b', timeout: 5 })
keys.get('a').then((entry) => entry?.value satisfies Buffer | undefined)
keys.get('a', { serializable: true }, (_error, entry) => void (entry satisfies etcd.Entry | null))
keys
  .range({ prefix: 'a' }, { sort: { by: 'modRevision' }, limit: 1n })
  .then(({ entries, more }) => [entries[0].lease, more])
keys.put(Buffer.from('a'), 'b', { lease: 5n, idempotent: true })
keys.txn({ compare: [{ key: 'a', version: 0, is: '>' }], success: [{ put: 'a', value: 'b' }, { get: { from: 'a' } }] })
keys.watch({ prefix: '' }, { initial: true }).on('put', ({ key }, previous) => [key.length, previous?.value])
keys.lease(5).then((lease) => lease.put('a', 'b').then(() => lease.revoke()))
keys.call('Maintenance/Status').catch((error) => error instanceof EtcdError && (error.sent satisfies boolean))
// @ts-expect-error: what is compared is one thing
keys.txn({ compare: [{ key: 'a' }] })
rpc.connect('etcd://a,b:1/service').addresses.length satisfies number
rpc.connectRegistry('etcd://a', { username: 'a', password: 'b', maxWatchBytes: 1 }).register('service', { port: 1 })

import { grpc } from 'ironwire'
import { Server as GrpcServer, status as grpcStatus } from 'ironwire/grpc'

const grpcServer: grpc.Server = new GrpcServer({ 'grpc.max_concurrent_streams': 10 })
grpcServer.addService(protobuf(''.trim()).Catalog as unknown as grpc.SchemaService, {
  get(call: grpc.ServerUnaryCall<{ id: number }, { name: string }>, callback: grpc.sendUnaryData<{ name: string }>) {
    if (call.request.id === 0) callback({ code: grpcStatus.NOT_FOUND, details: 'no such thing' })
    else callback(null, { name: call.getPeer() })
  },
})
const GrpcCatalog = grpc.makeClientConstructor({}, 'Catalog')
const grpcClient = new GrpcCatalog('localhost:1', grpc.credentials.createInsecure(), { 'grpc.keepalive_time_ms': 1000 })
grpcClient.get({ id: 1 }, (error: grpc.ServiceError | null) => error?.code satisfies grpc.status | undefined)
const grpcCalls = grpc.credentials.createFromMetadataGenerator(({ service_url }, callback) => {
  const metadata = new grpc.Metadata()
  metadata.set('authorization', service_url)
  callback(null, metadata)
})
const grpcChannel: grpc.ChannelCredentials = grpc.credentials.createSsl(Buffer.from(''), null, null, {
  checkServerIdentity: (host, { subject }) => (subject.CN === host ? undefined : new Error(host)),
})
grpc.credentials.combineChannelCredentials(grpcChannel, grpcCalls).compose(grpcCalls)
const grpcAuth: grpc.AuthContext | null = grpcClient
  .get({ id: 1 }, { credentials: grpcCalls }, () => {})
  .getAuthContext()
grpcAuth?.sslPeerCertificate?.fingerprint256 satisfies string | undefined
grpc.ServerCredentials.createSsl(null, [{ private_key: Buffer.from(''), cert_chain: Buffer.from('') }], true)
const grpcNoting: grpc.Interceptor = (options, nextCall) =>
  new grpc.InterceptingCall(nextCall(options), {
    start(metadata, _listener, next) {
      next(metadata, new grpc.ListenerBuilder().withOnReceiveStatus((status, pass) => pass(status)).build())
    },
    sendMessage: (message, next) => next(message),
  })
grpcClient.get({ id: 1 }, { interceptors: [grpcNoting] }, () => {})
const grpcGuarding: grpc.ServerInterceptor = ({ path }, call) =>
  new grpc.ServerInterceptingCall(call, {
    start: (next) => next({ onReceiveHalfClose: (pass) => (path === '' ? call.startRead() : pass()) }),
  })
new grpc.Server({ interceptors: [grpcGuarding] })
grpcClient.getChannel().createCall('/x', Infinity).getCallNumber() satisfies number
grpcClient.waitForReady(Date.now() + 1000, (error) => error satisfies Error | undefined)
const healthy = new grpc.health.HealthImplementation({ '': 'SERVING' })
healthy.setStatus('shop.Shop', 'NOT_SERVING' satisfies grpc.health.ServingStatus)
healthy.addToServer(grpcServer)
// @ts-expect-error: no status
healthy.setStatus('shop.Shop', 'OK')
grpc.makeClientConstructor(grpc.health.service)
new grpc.reflection.ReflectionService([protobuf(''.trim()), grpc.health.schema], { services: [] }).addToServer(
  grpcServer,
)
// @ts-expect-error: credentials are wanted
new grpc.Client('localhost:1')

import { dgram } from 'ironwire'
import { createSocket } from 'ironwire/dgram'

dgram.createSocket({ type: 'udp6', reuseAddr: true }) satisfies dgram.Socket
createSocket('udp4', (message, { address, size }) => {
  message satisfies Buffer
  address satisfies string
  size satisfies number
})
// @ts-expect-error: a type of socket that there is not
dgram.createSocket('udp')

import pbjs, { Field, Message, parse, type Reader, Root, Type } from 'ironwire/protobufjs'
import descriptor from 'ironwire/protobufjs/ext/descriptor'
import * as $protobuf from 'ironwire/protobufjs/minimal'

class Greeting extends Message<Greeting> {
  declare text: string
}
Type.d('Greeting')(Greeting)
Field.d(1, 'string', 'optional', 'hello')(Greeting.prototype, 'text')
Greeting.decode(Greeting.encode({ text: 'x' }).finish()).text satisfies string
const { root } = parse('message A { }', { keepCase: true })
const reflected = root.lookupType('A')
reflected.toObject(reflected.decode(reflected.encode({ a: 1 }).finish()), { longs: String, defaults: true })
reflected.encode({}).uint32(1).fork().string('x').ldelim().finish() satisfies Uint8Array
pbjs
  .load('a.proto')
  .then((loaded) => loaded.lookupService('A').create((_method, request, callback) => callback(null, request)))
pbjs.load('a.proto', (_error, loaded) => void (loaded satisfies Root | undefined))
const reader: Reader = $protobuf.Reader.create(new Uint8Array(1))
reader.int64().toNumber() satisfies number
pbjs.util.Long = null
pbjs.configure()
Root.fromJSON({ nested: { A: { fields: { a: { type: 'int32', id: 1 } } } } })
descriptor.FileDescriptorSet.create({}).toJSON()
root.toDescriptor('proto3')
Root.fromDescriptor(new Uint8Array(0))
Type.fromDescriptor(reflected.toDescriptor(), 'proto3').fieldsArray satisfies Field[]
Field.fromDescriptor(descriptor.FieldDescriptorProto.create({}), 'proto3').packed satisfies boolean
// @ts-expect-error: the parser is no part of static code's face
$protobuf.parse
// @ts-expect-error: a message is not encoded to bytes at once
reflected.encode({}) satisfies Uint8Array
