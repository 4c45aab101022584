'use strict'

// The targets of clients, and the errors for invalid ones.

const assert = require('node:assert')
const dgram = require('node:dgram')
const dns = require('node:dns')
const net = require('node:net')
const os = require('node:os')
const path = require('node:path')
const { once } = require('node:events')
const { test } = require('node:test')
const { promisify } = require('node:util')
const { rpc } = require('../../index.js')
const { target } = require('../../lib/rpc/target.js')
const { named, tally, connectedTo } = require('./tools')

test('every form of a target', () => {
  const forms = {
    'host:1': { host: 'host', port: 1 },
    ':1': { host: 'localhost', port: 1 },
    '[::1]:1': { host: '::1', port: 1 },
    'tcp://host:1': { host: 'host', port: 1 },
    'TCP://[::1]:1': { host: '::1', port: 1 },
    'unix:/run/my.sock': { path: '/run/my.sock' },
    'unix:///run/my.sock': { path: '/run/my.sock' },
    'unix:my.sock': { path: 'my.sock' },
    '/run/my.sock': { path: '/run/my.sock' },
    './my.sock': { path: './my.sock' },
    'a\\b': { path: 'a\\b' },
    'dns://host:1': { dns: 'host', port: 1 },
    'dns://_rpc._tcp.example.org': { srv: '_rpc._tcp.example.org' },
    'registry://host/echo': { registry: { host: 'host', port: 7400 }, service: 'echo' },
    'registry://[::1]:5/a%20b/c': { registry: { host: '::1', port: 5 }, service: 'a b/c' },
    'etcd://a,[::1]:5/a%20b/c': {
      etcd: {
        places: [
          { host: 'a', port: 2379 },
          { host: '::1', port: 5 },
        ],
      },
      service: 'a b/c',
    },
    'etcd://me:p%40ss@a/b': {
      etcd: { places: [{ host: 'a', port: 2379 }], username: 'me', password: 'p@ss' },
      service: 'b',
    },
  }
  for (const [text, expected] of Object.entries(forms)) assert.deepStrictEqual(target(text), expected, text)
  assert.deepStrictEqual(target(['a:1', { host: 'b', port: 2, weight: 3, zone: 'z', id: 'i' }]), {
    list: [
      { host: 'a', port: 1, id: undefined, weight: 1, zone: '' },
      { host: 'b', port: 2, id: 'i', weight: 3, zone: 'z' },
    ],
  })
})

test('named pipes work on Windows only', (t) => {
  const { platform } = process
  const be = (value) => Object.defineProperty(process, 'platform', { value })
  t.after(() => be(platform))
  const pipes = ['\\\\.\\pipe\\mine', '\\\\?\\PIPE\\mine', 'unix:\\\\.\\pipe\\mine', { path: '\\\\.\\pipe\\mine' }]
  for (const pipe of pipes) {
    be('win32')
    assert.match(target(pipe).path, /pipe\\mine$/i)
    assert.match(target([pipe]).list[0].path, /pipe\\mine$/i)
    be('linux')
    for (const targets of [pipe, [pipe]]) {
      assert.throws(() => rpc.connect(targets), {
        code: 'ERR_INVALID_ARG_VALUE',
        message: /is a named pipe, which only/,
      })
    }
  }
})

test('an invalid target is refused, with what would be valid', () => {
  const wrong = {
    'http://host:1/x': /begins with 'http:\/\/', which is not supported/,
    'nats://host:1': /which is not supported: it must read like 'host:port'/,
    host: /must read like 'host:port'/,
    'tcp://host': /must read like 'tcp:\/\/host:port'/,
    'tcp://host:1/path': /must read like 'tcp/,
    'tcp://me@host:1': /must read like 'tcp/,
    'unix:': /must read like 'unix:/,
    'dns://host': /must have a port/,
    'dns://_rpc.example.org:x': /must read like 'dns/,
    'registry://': /must read like 'registry:\/\/host:port\/service'/,
    'registry://host:1': /must name a service/,
    'registry://host:1/': /must name a service/,
    'registry://host:1/%zz': /must read like 'registry/,
    'etcd://': /must read like 'etcd:\/\/host:2379,host2:2379\/service'/,
    'etcd://a,/b': /must read like 'etcd/,
    'etcd://a:x/b': /must read like 'etcd/,
    'etcd://a': /must name a service, 'etcd:\/\/host:port\/service'/,
    'host:99999': /<= 65535/,
  }
  for (const [text, message] of Object.entries(wrong)) {
    assert.throws(() => rpc.connect(text), { code: /^ERR_/, message }, text)
  }
  assert.throws(() => rpc.connect(), { message: /must be a string, a port or an object\. Received undefined/ })
  assert.throws(() => rpc.connect([]), { message: /must name at least one address/ })
  assert.throws(() => rpc.connect(['a:1', 'registry://b/c']), { message: /'target\[1\]' must be one place/ })
  assert.throws(() => rpc.connect([{ host: 'a', port: 1, weight: -1 }]), { message: /target\[0\]\.weight/ })
  for (const given of [
    { address: 'a:1', priority: 1 },
    { address: 'a:1', host: 'b' },
    { host: 'a', port: 1, priority: 1 },
  ]) {
    assert.throws(() => rpc.connect([given]), { code: 'IRONWIRE_UNKNOWN_OPTION', message: /target\[0\]\./ })
  }
  assert.throws(() => rpc.connectRegistry('registry://host:1/echo'), { message: /must name a registry/ })
  assert.throws(() => rpc.connectRegistry('host:1'), { message: /must name a registry/ })
  assert.throws(() => rpc.connectRegistry('etcd://host:1/echo'), { message: /must name a registry/ })
  assert.throws(() => rpc.connectRegistry('etcd://host:1', { secret: 'x' }), { code: 'IRONWIRE_UNKNOWN_OPTION' })
  assert.throws(() => rpc.connect('etcd://host:1/echo', { registrySecret: 'mine' }), {
    message: /'etcd:\/\/user:password@host\/service'(?!.*mine)/,
  })
  for (const wrong of ['etcd://me:mine@host', 'etcd://me:mine@host:x/echo', 'nats://me:mine@host']) {
    assert.throws(
      () => rpc.connect(wrong),
      ({ message }) => !message.includes('mine'),
    )
  }
})

test('a path, by each of its names', { skip: process.platform === 'win32' }, async (t) => {
  const file = path.join(os.tmpdir(), `ironwire-target-${process.pid}.sock`)
  await named(t, 'unix', { path: file })
  for (const form of [file, `unix:${file}`, `unix://${file}`]) {
    const client = rpc.connect(form)
    assert.strictEqual(String(await client.call('who')), 'unix')
    client.destroy()
  }
})

test('a server listens where a client of the same text connects', async (t) => {
  const file = path.join(os.tmpdir(), `ironwire-listen-${process.pid}.sock`)
  const texts = ['127.0.0.1:0', 'localhost:0', 'tcp://127.0.0.1:0', '0']
  if (process.platform !== 'win32') texts.push(`unix:${file}`)
  for (const text of texts) {
    const server = rpc.createServer()
    t.after(() => server.close())
    server.method('who', () => Buffer.from(text))
    const onListening = once(server, 'listening')
    server.listen(text)
    await onListening
    const client = rpc.connect(text.startsWith('unix:') ? text : server.address().port)
    t.after(() => client.destroy())
    assert.strictEqual(String(await client.call('who')), text)
  }
  const server = rpc.createServer()
  const wrong = {
    '127.0.0.1:http': /must read like 'host:port'/,
    'registry://host/echo': /must be one place/,
    'udp://127.0.0.1:1': /is over UDP: use 'bindUdp'/,
    'tls://127.0.0.1:1': /needs a server with the option tls/,
  }
  t.after(() => server.close())
  assert.throws(() => server.bindUdp('unix:x'), {
    code: 'ERR_INVALID_ARG_VALUE',
    message: /must read like 'host:port'/,
  })
  await promisify(server.bindUdp).call(server, '127.0.0.1:0')
  assert.strictEqual(server.udpAddress().address, '127.0.0.1')
  for (const [text, message] of Object.entries(wrong)) {
    assert.throws(() => server.listen(text), { code: 'ERR_INVALID_ARG_VALUE', message }, text)
  }
})

test('a peer that does not speak rpc is an error that says so', async (t) => {
  const server = net.createServer((socket) => {
    socket.on('error', () => {})
    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address()
  const says = {
    code: 'IRONWIRE_RPC_PROTOCOL',
    message: `The server at 127.0.0.1:${port} does not speak ironwire's rpc`,
  }

  const client = rpc.connect(`127.0.0.1:${port}`)
  const call = client.call('anything')
  const [error] = await once(client, 'error')
  assert.strictEqual(error.code, says.code)
  assert.strictEqual(error.message, says.message)
  await assert.rejects(call, { code: 'IRONWIRE_RPC_NOT_CONNECTED', sent: false, cause: error })

  // If one of several addresses works, that is enough. If none is left, calls fail at once with the reason.
  const alone = rpc.connect([`127.0.0.1:${port}`])
  t.after(() => alone.destroy())
  await assert.rejects(alone.call('anything'), (refused) => {
    assert.strictEqual(refused.code, 'IRONWIRE_RPC_NOT_CONNECTED')
    assert.strictEqual(refused.cause.message, says.message)
    return true
  })
  const good = await named(t, 'good')
  const both = rpc.connect([`127.0.0.1:${port}`, good.place])
  t.after(() => both.destroy())
  for (let i = 0; i < 5; i++) assert.strictEqual(String(await both.call('who')), 'good')
})

test('every address of a name', async (t) => {
  const server = await named(t, 'by name')
  const client = rpc.connect(`dns://localhost:${server.address().port}`)
  t.after(() => client.destroy())
  assert.strictEqual(String(await client.call('who')), 'by name')
  assert.ok(client.addresses.some(({ connected }) => connected))
})

/**
 * A DNS server that answers only one question: the SRV records of any name, as `[priority, weight, port]` of localhost.
 */
async function dnsServer(t, records) {
  const socket = dgram.createSocket('udp4')
  socket.on('message', (query, { port, address }) => {
    const question = query.subarray(12, query.indexOf(0, 12) + 5)
    const head = Buffer.from(query.subarray(0, 12))
    head.writeUInt16BE(0x8180, 2)
    head.writeUInt16BE(records.length, 6)
    head.fill(0, 8, 12)
    const host = Buffer.from('\x09127-0-0-1\x04test\0', 'latin1')
    const answers = records.map(([priority, weight, to]) => {
      const fixed = Buffer.alloc(18)
      ;[0xc00c, 33, 1, 0, 0, 6 + host.length, priority, weight, to].forEach((value, i) => {
        fixed.writeUInt16BE(value, 2 * i)
      })
      return Buffer.concat([fixed, host])
    })
    socket.send(Buffer.concat([head, question, ...answers]), port, address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.after(() => socket.close())
  return `127.0.0.1:${socket.address().port}`
}

test('SRV records: the best available priority, shared by weight', async (t) => {
  const first = await named(t, 'first')
  const second = await named(t, 'second')
  const spare = await named(t, 'spare')
  const record = (priority, weight, server) => [priority, weight, server.address().port]
  const { lookup } = dns
  const before = dns.getServers()
  dns.setServers([await dnsServer(t, [record(10, 3, first), record(10, 1, second), record(20, 1, spare)])])
  dns.lookup = (host, options, callback) => {
    if (host === '127-0-0-1.test') process.nextTick(callback, null, [{ address: '127.0.0.1', family: 4 }])
    else lookup(host, options, callback)
  }
  const client = rpc.connect('dns://_rpc._tcp.example.org', { balance: { policy: 'round-robin' } })
  t.after(() => {
    dns.setServers(before)
    dns.lookup = lookup
    client.destroy()
  })
  await client.call('who')
  await connectedTo(client, 3)
  assert.deepStrictEqual(await tally(client, 40), { first: 30, second: 10 })
  first.closeAllConnections()
  first.close(() => {})
  second.closeAllConnections()
  second.close(() => {})
  await connectedTo(client, 1)
  assert.deepStrictEqual(await tally(client, 5), { spare: 5 })
})
