'use strict'

// Programs put properties on sessions, streams, sockets and servers (`session.start = Date.now()`), and derive classes from
// theirs with methods of their own (`receive`, `attach`). So these objects have no names that Node's do not have.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const test = require('node:test')
const ironwire = require('../..')
const { identity } = require('../https/support.js')
const { listening } = require('../net/support.js')

const MODULES = ['http', 'https', 'net', 'tls', 'http2', 'dgram']
const core = Object.fromEntries(MODULES.map((name) => [name, require(`node:${name}`)]))

/** What is there on purpose: one method that is documented, and what newer versions of Node have. */
const KNOWN = new Set([
  'frames',
  // Of a server: Node's have it from `listen` on.
  '_connectionKey',
  // Http2ServerResponse
  ...['writableNeedDrain', 'writableObjectMode', 'writeInformation'],
  // Http2SecureServer with `allowHTTP1`
  ...[
    'closeAllConnections',
    'connectionsCheckingInterval',
    'headersTimeout',
    'httpAllowHalfOpen',
    'insecureHTTPParser',
  ],
  ...['joinDuplicateHeaders', 'keepAliveTimeout', 'maxHeaderSize', 'maxHeadersCount', 'rejectNonStandardBodyWrites'],
  ...['requestTimeout', 'requireHostHeader', 'keepAliveTimeoutBuffer', 'httpValidation', 'shouldUpgradeCallback'],
])

function namesOf(object) {
  const names = new Set()
  for (let at = object; at && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const name of Object.getOwnPropertyNames(at)) names.add(name)
  }
  return names
}

/** The objects of a program's hands, by what they are. `see` gets each of them as soon as it is there. */
async function objects(t, { http, https, net, tls, http2, dgram }, see) {
  const answer = (label) => (req, res) => {
    see(`${label} request`, req)
    see(`${label} response`, res)
    see(`${label} socket`, req.socket)
    res.end('answer')
  }
  const insecure = { rejectUnauthorized: false }

  for (const [label, module, options] of [
    ['http', http, {}],
    ['https', https, identity],
  ]) {
    const server = module.createServer(options, answer(`${label} server's`))
    see(`${label} server`, server)
    const port = await listening(t, server)
    const agent = new module.Agent({ keepAlive: true })
    t.after(() => agent.destroy())
    see(`${label} agent`, agent)
    const req = module.get({ host: '127.0.0.1', port, agent, ...insecure })
    see(`${label} client's request`, req)
    const [res] = await once(req, 'response')
    see(`${label} client's response`, res)
    see(`${label} client's socket`, req.socket)
    assert.equal(String(await res.toArray()), 'answer')
  }

  for (const [label, module, options] of [
    ['net', net, {}],
    ['tls', tls, identity],
  ]) {
    const server = module.createServer(options, (socket) => {
      see(`${label} server's socket`, socket)
      socket.end('answer')
    })
    see(`${label} server`, server)
    const client = module.connect({ host: '127.0.0.1', port: await listening(t, server), ...insecure })
    t.after(() => client.destroy())
    see(`${label} client's socket`, client)
    assert.equal(String(await client.toArray()), 'answer')
  }

  for (const [label, protocol, create] of [
    ['http2', 'http', (handler) => http2.createServer(handler)],
    ['http2 secure', 'https', (handler) => http2.createSecureServer({ ...identity, allowHTTP1: true }, handler)],
  ]) {
    const server = create((req, res) => {
      see(`${label} server's request`, req)
      see(`${label} server's response`, res)
      see(`${label} server's stream`, req.stream)
      const socket = req.stream.session.socket
      assert.equal(socket.remoteAddress, '127.0.0.1')
      res.end('answer')
    })
    see(`${label} server`, server)
    server.on('session', (session) => see(`${label} server's session`, session))
    const port = await listening(t, server)
    const session = http2.connect(`${protocol}://127.0.0.1:${port}`, insecure)
    t.after(() => session.destroy())
    see(`${label} client's session`, session)
    const stream = session.request()
    see(`${label} client's stream`, stream)
    assert.equal(String(await stream.toArray()), 'answer')
    session.close()
    await once(session, 'close')
  }

  const socket = dgram.createSocket('udp4')
  see('dgram socket', socket)
  socket.close()
}

test('objects have no names beyond those of Node', async (t) => {
  const theirs = new Map()
  const ours = new Map()
  await objects(t, core, (label, object) => theirs.set(label, namesOf(object)))
  await objects(t, ironwire, (label, object) => ours.set(label, namesOf(object)))
  assert.deepEqual([...ours.keys()].sort(), [...theirs.keys()].sort())
  for (const [label, names] of ours) {
    const added = [...names].filter((name) => !theirs.get(label).has(name) && !KNOWN.has(name))
    assert.deepEqual(added, [], label)
  }
})

/** Words that programs like to give objects, and those that our own code has for its methods. */
const WORDS = [
  ...[
    'start',
    'began',
    'user',
    'id2',
    'log',
    'context',
    'body',
    'data',
    'timer',
    'state2',
    'said',
    'sent',
    'say',
    'touch',
  ],
  ...[
    'bind',
    'numbers',
    'look',
    'leave',
    'attach',
    'release',
    'receive',
    'silence',
    'progress',
    'forget',
    'begin',
    'serve',
  ],
  ...[
    'refuse',
    'proceed',
    'heed',
    'recall',
    'isRead',
    'isClient',
    'isLast',
    'onHead',
    'onPing',
    'onLost',
    'onSettings',
  ],
  ...['onTrailers', 'getSocket', 'takeSocket', 'sendFile', 'watchIdle', 'takesUpgrade', 'isDirect', '_onconnection'],
]

test('a program may give objects any such name', async (t) => {
  let count = 0
  await objects(t, ironwire, (_label, object) => {
    const free = WORDS.filter((word) => !(word in object))
    for (const word of free) object[word] = `the program's ${word}`
    for (const word of free) assert.equal(object[word], `the program's ${word}`)
    count += free.length
  })
  assert.ok(count > 1000, `${count} names were free`)
})

test('classes derived from ours may have methods of any such name', async (t) => {
  const called = []
  const methods = (Class) => {
    for (const word of WORDS) {
      if (!(word in Class.prototype)) Class.prototype[word] = () => called.push(word)
    }
    return Class
  }
  const { http, net } = ironwire
  const Server = methods(class extends http.Server {})
  const port = await listening(t, new Server((_req, res) => res.end('answer')))
  const Socket = methods(class extends net.Socket {})
  const socket = new Socket()
  t.after(() => socket.destroy())
  socket.connect(port, '127.0.0.1')
  socket.end('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  assert.match(String(await socket.toArray()), /answer/)
  assert.deepEqual(called, [])
})

test('a class derived from `grpc.Server` may have methods and properties of its own', async () => {
  const { grpc } = ironwire
  const called = []
  class Server extends grpc.Server {}
  for (const name of [
    'listen',
    'close',
    'abort',
    'release',
    'dismiss',
    'bound',
    'unbound',
    'settled',
    'pathOf',
    'boundAt',
  ]) {
    Server.prototype[name] = () => called.push(name)
  }
  const server = new Server()
  const own = {
    links: 'mine',
    ports: 'mine',
    acceptors: 'mine',
    waiting: 'mine',
    compression: 'mine',
    injectors: 'mine',
  }
  Object.assign(server, own)
  const serialize = (text) => Buffer.from(text)
  const deserialize = (bytes) => bytes.toString()
  const definition = {
    Echo: {
      path: '/service/Echo',
      requestStream: false,
      responseStream: false,
      requestSerialize: serialize,
      requestDeserialize: deserialize,
      responseSerialize: serialize,
      responseDeserialize: deserialize,
    },
  }
  server.addService(definition, { Echo: ({ request }, callback) => callback(null, request) })
  const { createInsecure } = grpc.ServerCredentials
  const port = await new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', createInsecure(), (error, number) => (error ? reject(error) : resolve(number)))
  })
  const Client = grpc.makeGenericClientConstructor(definition, 'service')
  const client = new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure())
  try {
    const answer = await new Promise((resolve, reject) => {
      client.Echo('text', (error, text) => (error ? reject(error) : resolve(text)))
    })
    assert.equal(answer, 'text')
  } finally {
    client.close()
    await new Promise((resolve) => server.tryShutdown(resolve))
  }
  assert.deepEqual(called, [])
  for (const [name, value] of Object.entries(own)) assert.equal(server[name], value)
})
