'use strict'

// A small application that uses every module. It runs by itself (`node app.js`) and inside whatever bundles or tests it.

const { Buffer } = require('node:buffer')
const { once } = require('node:events')
const client = require('node:http')
const { codec, http, net, protobuf, rpc } = require('ironwire')

function check(what, got, wanted) {
  if (JSON.stringify(got) !== JSON.stringify(wanted)) {
    throw new Error(`${what}: got ${JSON.stringify(got)}, wanted ${JSON.stringify(wanted)}`)
  }
}

/** The code of what `run` throws or rejects with. */
async function codeOf(run) {
  try {
    await run()
  } catch (error) {
    return error.code
  }
}

async function listening(server) {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server.address().port
}

const SCHEMA = `
  syntax = "proto3";
  enum Level { NONE = 0; HIGH = 1; }
  message Course { int32 id = 1; string name = 2; repeated double marks = 3; map<string, int64> seen = 4; Level level = 5; bytes raw = 6; }
`

async function messages() {
  const { Course } = protobuf(SCHEMA)
  const course = { id: -7, name: 'Zürich', marks: [1.5, 2], seen: { a: 1, b: 2 }, level: 1 }
  const bytes = Course.encode({ ...course, raw: Buffer.from([1, 2]) })
  const decoded = Course.decode(bytes)
  check('protobuf', { ...decoded, raw: [...decoded.raw] }, { ...course, raw: [1, 2] })
  check('protobuf, a Map and an iterator', Course.encode({ seen: new Map([['a', 1]]), marks: [1].values() }).length, 17)
  check('protobuf, JSON', JSON.parse(protobuf.toJson(Course, { id: 1, level: 1 })), { id: 1, level: 'HIGH' })
  check('protobuf, a bad schema', await codeOf(() => protobuf('message {')), 'IRONWIRE_PROTOBUF_SCHEMA')
  return Course
}

async function calls(Course) {
  const server = rpc.createServer().on('handlerError', () => {})
  server.method('next', async (request) => Course.encode({ id: Course.decode(request).id + 1 }))
  server.method('fail', async () => {
    throw Object.assign(new Error('no'), { code: 'E_NO' })
  })
  server.method('late', () => {})
  const peer = rpc.connect({ host: '127.0.0.1', port: await listening(server) })
  const reply = await peer.call('next', Course.encode({ id: 1 }))
  check('rpc', Course.decode(reply).id, 2)
  check('rpc, an error of the handler', await codeOf(() => peer.call('fail')), 'E_NO')
  check('rpc, an unknown method', await codeOf(() => peer.call('nothing')), 'IRONWIRE_RPC_UNKNOWN_METHOD')
  check('rpc, a deadline', await codeOf(() => peer.call('late', null, { timeout: 20 })), 'IRONWIRE_RPC_TIMEOUT')
  await peer.close()
  await server.close()
}

async function requests() {
  const server = http.createServer((req, res) => {
    let body = ''
    req.setEncoding('utf8')
    req.on('data', (chunk) => {
      body += chunk
    })
    req.on('end', () => {
      try {
        res.writeHead(200, { 'bad header': 'x' })
      } catch (error) {
        res.writeHead(201, { 'x-code': error.code })
        res.end(`${req.method} ${req.url} ${body}`)
      }
    })
  })
  const port = await listening(server)
  const request = client.request({ port, host: '127.0.0.1', method: 'POST', path: '/x', agent: false })
  request.end('hello')
  const [response] = await once(request, 'response')
  let text = ''
  response.setEncoding('utf8')
  response.on('data', (chunk) => {
    text += chunk
  })
  await once(response, 'end')
  check(
    'http',
    [response.statusCode, response.headers['x-code'], text],
    [201, 'ERR_INVALID_HTTP_TOKEN', 'POST /x hello'],
  )
  await new Promise((resolve) => server.close(resolve))
}

async function sockets() {
  const server = net.createServer((socket) => socket.pipe(socket))
  const socket = net.connect(await listening(server), '127.0.0.1')
  const received = []
  socket.on('data', (chunk) => received.push(chunk))
  socket.setTimeout(60_000)
  socket.write('ab')
  socket.end(new Uint8Array([99]))
  await once(socket, 'close')
  check('net', Buffer.concat(received).toString(), 'abc')
  check('net, a bad argument', await codeOf(() => net.connect(70_000)), 'ERR_SOCKET_BAD_PORT')
  await new Promise((resolve) => server.close(resolve))
}

async function layouts() {
  const point = codec.record({ x: 'i16be', y: 'u64le' })
  const bytes = Buffer.alloc(10)
  point.write(bytes, { x: -2, y: 5n })
  check('codec', [codec.readInt16BE(bytes, 0), String(point.read(bytes).y)], [-2, '5'])
  const framer = codec.framer({ length: 'u32be' })
  const frames = framer.push(framer.encode(Buffer.from('frame')))
  check('codec, frames', frames.map(String), ['frame'])
  check('codec, out of range', await codeOf(() => codec.writeInt8(bytes, 200, 0)), 'ERR_OUT_OF_RANGE')
}

/** Uses each module; resolves to a line that says so. */
async function main() {
  await layouts()
  const Course = await messages()
  await calls(Course)
  await requests()
  await sockets()
  return 'ironwire works: codec, protobuf, rpc, http, net'
}

module.exports = { main }

if (require.main === module) {
  main().then(console.log, (error) => {
    console.error(error)
    process.exit(1)
  })
}
