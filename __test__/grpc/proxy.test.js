'use strict'

// Clients behind HTTP proxies, compared with @grpc/grpc-js where it does the same.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const http = require('node:http')
const net = require('node:net')
const os = require('node:os')
const path = require('node:path')
const { test, beforeEach } = require('node:test')
const { freePort } = require('../ports.js')
const { ca, identity, of, pairs, listen } = require('./secure.js')
const { grpc, peer, missing, service, serve, bind } = require('./support.js')

const { status } = grpc
const VARIABLES = ['grpc_proxy', 'https_proxy', 'http_proxy', 'no_grpc_proxy', 'no_proxy']
const modules = [['ours', grpc], ...(missing ? [] : [['@grpc/grpc-js', peer]])]

beforeEach(() => {
  for (const name of VARIABLES) delete process.env[name]
})

/** A proxy until the test ends. `asked` records the targets and credentials of its requests. */
async function proxy(t, answer = lead) {
  const asked = []
  const sockets = new Set()
  const server = http.createServer()
  server.on('connection', (socket) => sockets.add(socket))
  server.on('connect', (request, socket, head) => {
    const { host, 'proxy-authorization': authorization } = request.headers
    asked.push([request.url, host, authorization && Buffer.from(authorization.slice(6), 'base64').toString()])
    socket.on('error', () => {})
    answer(request, socket, head)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return { asked, port: server.address().port, url: `http://127.0.0.1:${server.address().port}` }
}

/** Connects to the same port of this machine, whatever the host name. */
function lead({ url }, socket, head) {
  const far = net.connect(Number(url.split(':').at(-1)), '127.0.0.1', () => {
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
    far.write(head)
    socket.pipe(far).pipe(socket)
  })
  far.on('error', () => socket.destroy())
  socket.on('error', () => far.destroy())
  socket.on('close', () => far.destroy())
}

const answering = (t) =>
  serve(t, grpc, { one: ({ request }, callback) => callback(null, `heard ${request}`), many() {} })

function client(t, target, options = {}, module = grpc, credentials = module.credentials.createInsecure()) {
  const Client = module.makeClientConstructor(service, 'Texts')
  const made = new Client(target, credentials, { 'grpc.use_local_subchannel_pool': 1, ...options })
  t.after(() => made.close())
  return made
}

const ask = (made) =>
  new Promise((resolve, reject) => made.one('x', (error, value) => (error === null ? resolve(value) : reject(error))))

const inEnvironment = (variables) => Object.assign(process.env, variables)

for (const [name, module] of modules) {
  test(`${name}: the environment names a proxy`, async (t) => {
    const { port } = await answering(t)
    const [first, second, third] = [await proxy(t), await proxy(t), await proxy(t)]
    inEnvironment({ http_proxy: third.url })
    assert.equal(await ask(client(t, `localhost:${port}`, {}, module)), 'heard x')
    inEnvironment({ https_proxy: second.url })
    assert.equal(await ask(client(t, `dns:localhost:${port}`, {}, module)), 'heard x')
    inEnvironment({ grpc_proxy: first.url.replace('//', '//me:p%40ss@') })
    assert.equal(await ask(client(t, `ipv4:127.0.0.1:${port}`, {}, module)), 'heard x')
    assert.deepEqual(
      [third, second, first].map(({ asked }) => asked),
      [
        [[`localhost:${port}`, `localhost:${port}`, undefined]],
        [[`localhost:${port}`, `localhost:${port}`, undefined]],
        [[`127.0.0.1:${port}`, `127.0.0.1:${port}`, 'me:p@ss']],
      ],
    )
  })

  test(`${name}: a host name that only the proxy can resolve`, async (t) => {
    let host
    const { port } = await serve(t, grpc, {
      one(call, callback) {
        host = call.getHost()
        callback(null, 'here')
      },
    })
    const { asked, url } = await proxy(t)
    inEnvironment({ grpc_proxy: url.replace('//', '//me@') })
    assert.equal(await ask(client(t, `inner.invalid:${port}`, {}, module)), 'here')
    assert.deepEqual(asked, [[`inner.invalid:${port}`, `inner.invalid:${port}`, 'me']])
    assert.equal(host, `inner.invalid:${port}`)
  })

  test(`${name}: targets that do not use the proxy`, async (t) => {
    const { server, port } = await answering(t)
    const { asked, url } = await proxy(t)
    const place = path.join(os.tmpdir(), `ironwire-proxy-${process.pid}-${Math.random()}`)
    await bind(grpc, server, `unix:${place}`)
    inEnvironment({ grpc_proxy: url, no_proxy: 'elsewhere.invalid' })
    assert.equal(await ask(client(t, `localhost:${port}`, { 'grpc.enable_http_proxy': 0 }, module)), 'heard x')
    assert.equal(await ask(client(t, `unix:${place}`, {}, module)), 'heard x')
    for (const list of ['host', 'other.invalid,localhost']) {
      inEnvironment({ no_grpc_proxy: list })
      assert.equal(await ask(client(t, `localhost:${port}`, {}, module)), 'heard x')
    }
    inEnvironment({ no_grpc_proxy: '127.0.0.0/8' })
    assert.equal(await ask(client(t, `127.0.0.1:${port}`, {}, module)), 'heard x')
    assert.deepEqual(asked, [])
    // `no_grpc_proxy` is used instead of `no_proxy`.
    assert.equal(await ask(client(t, `localhost:${port}`, {}, module)), 'heard x')
    assert.equal(asked.length, 1)
  })

  test(`${name}: the options for the proxy’s target`, async (t) => {
    const { port } = await answering(t)
    const { asked, url } = await proxy(t)
    const options = {
      'grpc.http_connect_target': `dns:inner.invalid:${port}`,
      'grpc.http_connect_creds': 'me:secret',
    }
    assert.equal(await ask(client(t, url.slice('http://'.length), options, module)), 'heard x')
    assert.deepEqual(asked, [[`inner.invalid:${port}`, `inner.invalid:${port}`, 'me:secret']])
  })

  test(`${name}: TLS, also mutual, with the server behind it`, async (t) => {
    const server = new grpc.Server()
    server.addService(service, { one: ({ request }, callback) => callback(null, `heard ${request}`) })
    t.after(() => server.forceShutdown())
    const port = await listen(server, grpc.ServerCredentials.createSsl(ca, pairs(identity), true))
    const { asked, url } = await proxy(t)
    inEnvironment({ https_proxy: url })
    const { key, cert } = of('client')
    const credentials = module.credentials.createSsl(ca, key, cert)
    assert.equal(await ask(client(t, `localhost:${port}`, {}, module, credentials)), 'heard x')
    assert.equal(asked.length, 1)
  })

  test(`${name}: an invalid proxy is logged and not used`, async (t) => {
    const { port } = await answering(t)
    const logged = []
    module.setLogger({ error: (text) => logged.push(text) })
    t.after(() => module.setLogger(console))
    for (const value of ['no url', 'socks5://me:secret@127.0.0.1:1']) {
      inEnvironment({ grpc_proxy: value })
      assert.equal(await ask(client(t, `localhost:${port}`, {}, module)), 'heard x')
    }
    assert.equal(logged.length, 2)
    assert.match(logged[0], /grpc_proxy/)
    assert.match(logged[1], /socks5:/)
    assert.doesNotMatch(logged.join(), /secret/)
  })
}

test('the option that names a proxy', async (t) => {
  const { port } = await answering(t)
  const [named, other] = [await proxy(t), await proxy(t)]
  inEnvironment({ grpc_proxy: other.url })
  const made = client(t, `localhost:${port}`, { 'grpc.http_proxy': named.url })
  assert.equal(await ask(made), 'heard x')
  assert.equal(made.getChannel().getTarget(), `dns:localhost:${port}`)
  assert.deepEqual([named.asked.length, other.asked.length], [1, 0])
})

test('no_proxy and no_grpc_proxy', async (t) => {
  const { port } = await answering(t)
  const { asked, url } = await proxy(t)
  inEnvironment({ grpc_proxy: url })
  const way = async (list, host = 'localhost') => {
    inEnvironment({ no_proxy: list })
    const before = asked.length
    await ask(client(t, `${host}:${port}`))
    return asked.length === before ? 'direct' : asked.at(-1)[0]
  }
  const through = `localhost:${port}`
  assert.equal(await way('*'), 'direct')
  assert.equal(await way(' other.invalid , LOCALHOST '), 'direct')
  // An empty entry must not match every host as the end of its name.
  assert.equal(await way('other.invalid,,'), through)
  assert.equal(await way('127.0.0.0/8', '127.0.0.1'), 'direct')
  assert.equal(await way('10.0.0.0/8,127.0.0.0/33,127.0.0.0/x,fd00::/8', '127.0.0.1'), `127.0.0.1:${port}`)
  inEnvironment({ no_proxy: 'fd00::/8' })
  const inner = client(t, '[fd00::1]:1', { 'grpc.initial_reconnect_backoff_ms': 10 })
  await assert.rejects(ask(inner), { code: status.UNAVAILABLE, details: /connect E/ })
  inEnvironment({ no_proxy: 'fe00::/8' })
  assert.equal(await ask(client(t, `[::1]:${port}`)), 'heard x')
  assert.equal(asked.at(-1)[0], `[::1]:${port}`)
})

test('the server’s first bytes arrive with the proxy’s answer, or the answer arrives byte by byte', async (t) => {
  const { port } = await answering(t)
  const far = () => net.connect(port, '127.0.0.1').on('error', () => {})
  const together = await proxy(t, (_request, socket) => {
    const server = far()
    server.once('data', (first) => {
      socket.write(Buffer.concat([Buffer.from('HTTP/1.0 200\r\nVia: x\r\n\r\n'), first]))
      socket.pipe(server).pipe(socket)
    })
  })
  const apart = await proxy(t, async (_request, socket) => {
    const server = far()
    socket.setNoDelay(true)
    for (const byte of Buffer.from('HTTP/1.1 204 Yes\r\n\r\n')) {
      socket.write(Buffer.of(byte))
      await new Promise(setImmediate)
    }
    socket.pipe(server).pipe(socket)
  })
  for (const { url } of [together, apart]) {
    assert.equal(await ask(client(t, `localhost:${port}`, { 'grpc.http_proxy': url })), 'heard x')
  }
})

for (const [name, answer, reason] of [
  [
    'refuses',
    (socket) => socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n'),
    'it answered 407 Proxy Authentication Required',
  ],
  ['cannot', (socket) => socket.end('HTTP/1.1 502 \r\n\r\n'), 'it answered 502'],
  ['speaks something else', (socket) => socket.end('\0\0\x12\x04\0'), 'its answer is not HTTP/1'],
  ['speaks nearly HTTP', (socket) => socket.end('HTTP/1.1 fine\r\n\r\n'), 'its answer is not HTTP/1'],
  ['says nothing', (socket) => socket.end(), 'it ended the connection'],
  ['says half of it', (socket) => socket.end('HTTP/1.1 200 OK\r\n'), 'it ended the connection'],
  [
    'does not come to an end',
    (socket) => socket.write(`HTTP/1.1 200 OK\r\nx: ${'x'.repeat(1 << 20)}`),
    'its answer has more than 16384 bytes',
  ],
]) {
  test(`a proxy that ${name}`, async (t) => {
    const { port, url } = await proxy(t, (_request, socket) => answer(socket))
    const made = client(t, 'localhost:1', { 'grpc.http_proxy': url, 'grpc.initial_reconnect_backoff_ms': 10 })
    await assert.rejects(ask(made), (error) => {
      assert.equal(error.code, status.UNAVAILABLE)
      assert.ok(
        error.details.includes(`The proxy 127.0.0.1:${port} did not connect to localhost:1: ${reason}`),
        error.details,
      )
      return true
    })
  })
}

test('a proxy that is not reachable, and one that starts later', async (t) => {
  const { port } = await answering(t)
  const dead = await freePort()
  const options = { 'grpc.initial_reconnect_backoff_ms': 10 }
  const made = client(t, `localhost:${port}`, { 'grpc.http_proxy': `http://127.0.0.1:${dead}`, ...options })
  await assert.rejects(ask(made), {
    code: status.UNAVAILABLE,
    details: /The proxy 127\.0\.0\.1:\d+ did not connect to localhost:\d+: connect ECONNREFUSED/,
  })
  let refused = 0
  const { url } = await proxy(t, (request, socket, head) => {
    if (++refused < 3) socket.end('HTTP/1.1 503 Busy\r\n\r\n')
    else lead(request, socket, head)
  })
  const patient = client(t, `localhost:${port}`, { 'grpc.http_proxy': url, ...options })
  const metadata = new grpc.Metadata({ waitForReady: true })
  const answer = await new Promise((resolve, reject) =>
    patient.one('x', metadata, (error, value) => (error === null ? resolve(value) : reject(error))),
  )
  assert.equal(answer, 'heard x')
  assert.equal(refused, 3)
})

test('invalid targets for a proxy', (t) => {
  const options = (target) => ({ 'grpc.http_connect_target': target })
  for (const wrong of ['inner host:1', 7]) {
    assert.throws(() => client(t, 'localhost:1', options(wrong)), {
      name: 'TypeError',
      message: /'grpc.http_connect_target' must name a host/,
    })
  }
  // A target must not be able to add lines to the request.
  assert.throws(() => client(t, 'localhost:1', options('inner\r\nx: y:1')), /Could not parse target name/)
})
