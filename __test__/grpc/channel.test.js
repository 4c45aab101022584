'use strict'

// Where calls go: names, policies, and connections that are shared, lost and replaced. Compared with @grpc/grpc-js
// where it does the same.

const assert = require('node:assert/strict')
const dgram = require('node:dgram')
const { once } = require('node:events')
const net = require('node:net')
const os = require('node:os')
const path = require('node:path')
const { test } = require('node:test')
const { freePort } = require('../ports.js')
const { grpc, peer, missing, service, serve, bind } = require('./support.js')
const { kLinks } = require('../../lib/grpc/symbols.js')

const { status, connectivityState } = grpc
const { IDLE, CONNECTING, READY, TRANSIENT_FAILURE } = connectivityState

const one = (client, ...args) =>
  new Promise((resolve, reject) =>
    client.one(...args, (error, value) => (error === null ? resolve(value) : reject(error))),
  )

/** A server that answers with its name and the caller's address. */
function named(t, name, options) {
  return serve(t, grpc, { one: (call, callback) => callback(null, `${name} ${call.getPeer()}`), many() {} }, options)
}

function client(t, target, options = {}, module = grpc) {
  const Client = module.makeClientConstructor(service, 'Texts')
  const made = new Client(target, module.credentials.createInsecure(), options)
  t.after(() => made.close())
  return made
}

/** Resolves when `condition` holds; checks it about every millisecond. */
async function until(condition) {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 1))
}

const stateOf = (made) => made.getChannel().getConnectivityState(false)

const nameOf = (answer) => answer.split(' ')[0]

/** Registers a resolver for a new scheme `made-up-N:…`. The test tells it what to find. */
let schemes = 0
function madeUp(module = grpc) {
  const scheme = `made-up-${++schemes}`
  const resolvers = []
  class Resolver {
    constructor(target, listener, options) {
      Object.assign(this, { target, listener, options, asked: 0, destroyed: 0 })
      resolvers.push(this)
    }

    updateResolution() {
      this.asked++
      this.onAsked?.()
    }

    destroy() {
      this.destroyed++
    }

    find(ports, config = null, note = '') {
      const endpoints = ports.map((port) => ({ addresses: [port].flat().map((port) => ({ host: '127.0.0.1', port })) }))
      return this.listener(module.experimental.statusOrFromValue(endpoints), {}, config, note)
    }

    fail(details) {
      const error = { code: status.UNAVAILABLE, details, metadata: new module.Metadata() }
      return this.listener(module.experimental.statusOrFromError(error), {}, null, '')
    }

    static getDefaultAuthority() {
      return 'the.service'
    }
  }
  module.experimental.registerResolver(scheme, Resolver)
  return { scheme, resolvers }
}

// ---- names

test('a program’s own resolver', async (t) => {
  const { scheme, resolvers } = madeUp()
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const made = client(t, `${scheme}://somewhere/the/service`, { 'grpc.initial_reconnect_backoff_ms': 20 })
  assert.equal(made.getChannel().getTarget(), `${scheme}://somewhere/the/service`)
  const [resolver] = resolvers
  assert.deepEqual({ ...resolver.target }, { scheme, authority: 'somewhere', path: 'the/service' })
  assert.equal(resolver.asked, 0, 'it is asked when there is a call')
  const answer = one(made, 'x')
  assert.equal(resolver.asked, 1)
  assert.equal(resolver.find([a.port]), true)
  assert.equal(nameOf(await answer), 'a')
  // A later result replaces the first one at once.
  resolver.find([b.port])
  await until(async () => nameOf(await one(made, 'x')) === 'b')
  await until(() => a.server[kLinks].size === 0)
  // A failure to resolve does not matter while there is a connection.
  resolver.fail('nothing there')
  assert.equal(nameOf(await one(made, 'x')), 'b')
  made.close()
  assert.equal(resolver.destroyed, 1)
  assert.equal(resolver.find([a.port]), false)
})

test('a resolver that fails', async (t) => {
  const { scheme, resolvers } = madeUp()
  const { port } = await named(t, 'a')
  const made = client(t, `${scheme}:x`, { 'grpc.initial_reconnect_backoff_ms': 20 })
  const answer = one(made, 'x')
  const [resolver] = resolvers
  resolver.fail('no such thing')
  await assert.rejects(answer, { code: status.UNAVAILABLE, details: 'no such thing' })
  assert.equal(stateOf(made), TRANSIENT_FAILURE)
  await assert.rejects(one(made, 'x'), { code: status.UNAVAILABLE, details: 'no such thing' })
  const waiting = one(made, 'x', new grpc.Metadata({ waitForReady: true }))
  // The resolver is asked again after a pause.
  await until(() => resolver.asked > 1)
  assert.equal(resolver.find([]), false)
  await assert.rejects(one(made, 'x'), { code: status.UNAVAILABLE, details: /No addresses resolved/ })
  await until(() => resolver.asked > 2)
  resolver.find([port])
  assert.equal(nameOf(await waiting), 'a')
})

test('a resolver’s status that only servers may give becomes INTERNAL', async (t) => {
  const { scheme, resolvers } = madeUp()
  const made = client(t, `${scheme}:x`)
  const answer = one(made, 'x')
  const error = { code: status.NOT_FOUND, details: 'x' }
  resolvers[0].listener(grpc.experimental.statusOrFromError(error), {}, null, '')
  const details = 'Invalid status from control plane: 5 NOT_FOUND x'
  await assert.rejects(answer, { code: status.INTERNAL, details })
})

test('valid and invalid targets', { skip: missing }, async (t) => {
  const port = await freePort()
  const targets = ['127.0.0.1:P', 'localhost:P', 'dns:///localhost:P', 'ipv4:localhost:P']
  targets.push('unix:/tmp/no/such', 'unix:///tmp/no/such', 'ipv4:', 'foo:bar', 'localhost:99999', 'ipv6:[::1', '[::1]x')
  const ends = (module) =>
    Promise.all(
      targets.map(async (target) => {
        const made = client(t, target.replaceAll('P', port), {}, module)
        const error = await one(made, 'x').catch((error) => error)
        // Node's error text has an additional code.
        return [made.getChannel().getTarget(), error.code, error.details.replace(' [ERR_SOCKET_BAD_PORT]', '')]
      }),
    )
  assert.deepEqual(await ends(grpc), await ends(peer))
  assert.throws(() => client(t, ''), /Could not parse target name ""/)
})

const noAbstract = process.platform !== 'linux' && 'only Linux has them'

test('Unix sockets, and abstract ones', { skip: noAbstract }, async (t) => {
  const place = path.join(os.tmpdir(), `ironwire-grpc-${process.pid}-channel.sock`)
  const server = new grpc.Server()
  t.after(() => server.forceShutdown())
  server.addService(service, { one: ({ request }, callback) => callback(null, request) })
  for (const target of [`unix:${place}`, `unix-abstract:ironwire-grpc-${process.pid}`]) {
    await bind(grpc, server, target)
    assert.equal(await one(client(t, target), 'x'), 'x')
  }
  assert.equal(await one(client(t, `unix://${place}`), 'x'), 'x')
})

/** A DNS server. `records` has `A`, `AAAA` and `TXT` records by name. */
async function nameServer(t, records) {
  const types = { 1: 'A', 16: 'TXT', 28: 'AAAA' }
  const asked = []
  const socket = dgram.createSocket('udp4')
  socket.on('message', (query, { port, address }) => {
    const labels = []
    let at = 12
    for (; query[at] !== 0; at += 1 + query[at]) labels.push(query.toString('latin1', at + 1, at + 1 + query[at]))
    const name = labels.join('.')
    const type = types[query.readUInt16BE(at + 1)]
    asked.push(`${type} ${name}`)
    const answers = (records[name]?.[type] ?? []).map((value) => {
      let data
      if (type === 'A') data = Buffer.from(value.split('.').map(Number))
      else if (type === 'AAAA') data = Buffer.from([...new Array(15).fill(0), 1])
      else {
        const parts = value.match(/.{1,255}/gs)
        data = Buffer.concat(parts.flatMap((part) => [Buffer.from([part.length]), Buffer.from(part)]))
      }
      const head = Buffer.from([0xc0, 12, 0, query[at + 2], 0, 1, 0, 0, 0, 0, data.length >> 8, data.length & 255])
      return Buffer.concat([head, data])
    })
    const reply = Buffer.from(query.subarray(0, at + 5))
    reply[2] = 0x84
    reply[3] = records[name] === undefined ? 3 : 0
    reply.writeUInt16BE(answers.length, 6)
    reply.writeUInt32BE(0, 8)
    socket.send(Buffer.concat([reply, ...answers]), port, address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.after(() => socket.close())
  return { address: `127.0.0.1:${socket.address().port}`, asked }
}

test('a target that names a DNS server, and the service config of a name', async (t) => {
  const a = await named(t, 'a')
  const config = [
    { clientLanguage: ['go'], serviceConfig: { loadBalancingConfig: [{ pick_first: {} }] } },
    { clientHostname: [os.hostname()], serviceConfig: { loadBalancingConfig: [{ round_robin: {} }] } },
  ]
  const text = [`grpc_config=${JSON.stringify(config)}`]
  const records = {
    'svc.test': { A: ['127.0.0.1', '127.0.0.2'], AAAA: ['::1'] },
    '_grpc_config.svc.test': { TXT: ['something else', ...text] },
    'old.test': { A: ['127.0.0.1'], TXT: text },
    'wrong.test': { A: ['127.0.0.1'], TXT: ['grpc_config=[{"x":1}]'] },
    'none.test': { A: [] },
  }
  const names = await nameServer(t, records)
  const policyOf = (made) => made.getChannel().balancer.policies.current.Policy.name
  for (const name of ['svc', 'old']) {
    const made = client(t, `dns://${names.address}/${name}.test:${a.port}`)
    assert.equal(nameOf(await one(made, 'x')), 'a')
    await until(() => policyOf(made) === 'RoundRobin')
    assert.equal(nameOf(await one(made, 'x')), 'a')
  }
  assert.ok(names.asked.includes('AAAA svc.test'))
  const made = client(t, `dns://${names.address}/old.test:${a.port}`, { 'grpc.service_config_disable_resolution': 1 })
  const before = names.asked.length
  assert.equal(nameOf(await one(made, 'x')), 'a')
  assert.equal(policyOf(made), 'PickFirst')
  assert.deepEqual(names.asked.slice(before).sort(), ['A old.test', 'AAAA old.test'])
  await assert.rejects(one(client(t, `dns://${names.address}/none.test:${a.port}`), 'x'), {
    code: status.UNAVAILABLE,
    details: `Name resolution failed for target dns://${names.address}/none.test:${a.port}`,
  })
  // An invalid config counts as none.
  assert.equal(nameOf(await one(client(t, `dns://${names.address}/wrong.test:${a.port}`), 'x')), 'a')
})

test('a name is not resolved too often', async (t) => {
  const a = await named(t, 'a')
  const names = await nameServer(t, { 'svc.test': { A: ['127.0.0.1'] } })
  const asked = () => names.asked.filter((what) => what.startsWith('A ')).length
  const target = `dns://${names.address}/svc.test:${a.port}`
  const options = { 'grpc.service_config_disable_resolution': 1 }
  const seldom = client(t, target, options)
  const often = client(t, target, { ...options, 'grpc.dns_min_time_between_resolutions_ms': 1 })
  await one(seldom, 'x')
  await one(often, 'x')
  assert.equal(asked(), 2)
  await new Promise((resolve) => setTimeout(resolve, 5))
  for (const link of a.server[kLinks]) link.drain()
  await until(() => stateOf(seldom) === IDLE && stateOf(often) === IDLE)
  await one(seldom, 'x')
  assert.equal(asked(), 2)
  await one(often, 'x')
  await until(() => asked() === 3)
})

// ---- connections

test('clients of one target, with the same options and credentials, share a connection', async (t) => {
  const { port, server } = await named(t, 'a')
  const target = `127.0.0.1:${port}`
  const clients = Array.from({ length: 20 }, () => client(t, target, { 'grpc.primary_user_agent': 'x' }))
  const peers = new Set(await Promise.all(clients.map((made) => one(made, 'x'))))
  assert.equal(peers.size, 1)
  assert.equal(server[kLinks].size, 1)
  await one(client(t, target, { 'grpc.primary_user_agent': 'y' }), 'x')
  assert.equal(server[kLinks].size, 2)
  await one(client(t, `dns:///${target}`, { 'grpc.primary_user_agent': 'x' }), 'x')
  assert.equal(server[kLinks].size, 3)
  const local = { 'grpc.primary_user_agent': 'x', 'grpc.use_local_subchannel_pool': 1 }
  await Promise.all([one(client(t, target, local), 'x'), one(client(t, target, local), 'x')])
  assert.equal(server[kLinks].size, 5)
  // The connection ends with the last client that uses it.
  for (const made of clients.slice(1)) made.close()
  await one(clients[0], 'x')
  assert.equal(server[kLinks].size, 5)
  clients[0].close()
  await until(() => server[kLinks].size === 4)
})

test('a call uses a connection that another client has restored', { timeout: 120_000 }, async (t) => {
  const { port, server } = await named(t, 'a')
  const clients = [1, 2].map(() => client(t, `127.0.0.1:${port}`))
  for (const made of clients) await one(made, 'x')
  for (const link of server[kLinks]) link.drain()
  await until(() => clients.every((made) => made.getChannel().getConnectivityState(false) === IDLE))
  for (const made of clients) await one(made, 'x')
  assert.equal(server[kLinks].size, 1)
})

test('a call continues when its client is closed, also on a shared connection', async (t) => {
  const answers = []
  const handlers = { one: (_call, callback) => answers.push(callback) }
  const { port, server } = await serve(t, grpc, handlers)
  const [first, second] = [client(t, `127.0.0.1:${port}`), client(t, `127.0.0.1:${port}`)]
  for (const closing of [first, second]) {
    const slow = one(closing, 'slow')
    await until(() => answers.length > 0)
    closing.close()
    answers.pop()(null, 'done')
    assert.equal(await slow, 'done')
  }
  await until(() => server[kLinks].size === 0)
})

test('calls of several clients that wait for room on one connection take turns', async (t) => {
  let open = 0
  let most = 0
  const handlers = {
    one({ request }, callback) {
      most = Math.max(most, ++open)
      setImmediate(() => {
        open--
        callback(null, request)
      })
    },
  }
  const { port, server } = await serve(t, grpc, handlers, { 'grpc.max_concurrent_streams': 2 })
  const clients = [0, 1, 2].map(() => client(t, `127.0.0.1:${port}`))
  await one(clients[0], 'x')
  const order = []
  const calls = clients.flatMap((made, i) => Array.from({ length: 20 }, () => one(made, 'x').then(() => order.push(i))))
  await Promise.all(calls)
  assert.deepEqual([most, server[kLinks].size], [2, 1])
  assert.equal(new Set(order.slice(0, 12)).size, 3, 'no client waits until another is done')
})

test('an idle channel releases its connection, and connects again for the next call', async (t) => {
  const { port, server } = await named(t, 'a')
  const made = client(t, `127.0.0.1:${port}`, { 'grpc.client_idle_timeout_ms': 5 })
  const channel = made.getChannel()
  assert.equal(channel.idleTimeout, 1000, 'the least there is')
  channel.idleTimeout = 20
  const stream = made.many('x')
  stream.on('error', () => {})
  await until(() => server[kLinks].size === 1)
  await new Promise((resolve) => setTimeout(resolve, 60))
  assert.equal(stateOf(made), READY, 'a call is open')
  stream.cancel()
  await until(() => stateOf(made) === IDLE)
  await until(() => server[kLinks].size === 0)
  assert.equal(nameOf(await one(made, 'x')), 'a')
  made.close()
})

// ---- policies

test('pick_first uses the first address that works, and the next one when that is lost', async (t) => {
  const dead = await freePort()
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const made = client(t, `ipv4:127.0.0.1:${dead},127.0.0.1:${a.port},127.0.0.1:${b.port}`)
  assert.equal(made.getChannel().authority, `127.0.0.1:${dead}`)
  assert.equal(nameOf(await one(made, 'x')), 'a')
  assert.equal(b.server[kLinks].size, 0)
  a.server.forceShutdown()
  await until(() => stateOf(made) === IDLE)
  assert.equal(nameOf(await one(made, 'x')), 'b')
})

test('an address that does not answer delays the next one only for a moment', async (t) => {
  const silent = net.createServer(() => {})
  await new Promise((resolve) => silent.listen(0, '127.0.0.1', resolve))
  t.after(() => silent.close())
  const sockets = []
  silent.on('connection', (socket) => sockets.push(socket.on('error', () => {})))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
  })
  const a = await named(t, 'a')
  const made = client(t, `ipv4:127.0.0.1:${silent.address().port},127.0.0.1:${a.port}`)
  assert.equal(nameOf(await one(made, 'x', { deadline: Date.now() + 15_000 })), 'a')
  assert.equal(sockets.length, 1)
})

test('an address that works again is found while all fail', async (t) => {
  const [a, dead] = [await named(t, 'a'), await freePort()]
  a.server.forceShutdown()
  const options = { 'grpc.initial_reconnect_backoff_ms': 20 }
  const made = client(t, `ipv4:127.0.0.1:${dead},127.0.0.1:${a.port}`, options)
  await assert.rejects(one(made, 'x'), { code: status.UNAVAILABLE })
  assert.equal(stateOf(made), TRANSIENT_FAILURE)
  const next = new grpc.Server()
  t.after(() => next.forceShutdown())
  next.addService(service, { one: (_call, callback) => callback(null, 'back') })
  await bind(grpc, next, `127.0.0.1:${a.port}`)
  await until(() => stateOf(made) === READY)
  assert.equal(await one(made, 'x'), 'back')
})

test('addresses are shuffled if the config says so', async (t) => {
  const { scheme, resolvers } = madeUp()
  const servers = [await named(t, 'a'), await named(t, 'b'), await named(t, 'c')]
  const config = JSON.stringify({ loadBalancingConfig: [{ pick_first: { shuffleAddressList: true } }] })
  const random = Math.random
  t.after(() => {
    Math.random = random
  })
  const found = []
  for (const chance of [0, 0.99]) {
    const made = client(t, `${scheme}:x`, { 'grpc.service_config': config, 'grpc.use_local_subchannel_pool': 1 })
    const answer = one(made, 'x')
    Math.random = () => chance
    resolvers.at(-1).find(servers.map(({ port }) => port))
    Math.random = random
    found.push(nameOf(await answer))
  }
  assert.deepEqual(found, ['b', 'a'])
})

const ROUND_ROBIN = { 'grpc.service_config': '{"loadBalancingConfig":[{"round_robin":{}}]}' }

const connected = (servers) => until(() => servers.every(({ server }) => server[kLinks].size > 0))

/** The names of the servers that answer `count` calls, in order. */
async function ask(made, count) {
  const names = []
  for (let i = 0; i < count; i++) names.push(nameOf(await one(made, 'x')))
  return names
}

test('round_robin', { skip: missing }, async (t) => {
  const servers = [await named(t, 'a'), await named(t, 'b'), await named(t, 'c')]
  const target = `ipv4:${servers.map(({ port }) => `127.0.0.1:${port}`)}`
  for (const module of [grpc, peer]) {
    const made = client(t, target, { ...ROUND_ROBIN, 'grpc.use_local_subchannel_pool': 1 }, module)
    await one(made, 'x')
    while (new Set(await ask(made, 3)).size < 3);
    const names = await ask(made, 6)
    assert.deepEqual([...new Set(names)].sort(), ['a', 'b', 'c'])
    assert.deepEqual(names.slice(0, 3), names.slice(3), 'they take turns')
  }
  const made = client(t, target, ROUND_ROBIN)
  await one(made, 'x')
  await connected(servers)
  servers[1].server.forceShutdown()
  await until(() => made.getChannel().picker.count === 2)
  assert.deepEqual([...new Set(await ask(made, 4))].sort(), ['a', 'c'])
  servers[0].server.forceShutdown()
  servers[2].server.forceShutdown()
  await until(() => stateOf(made) === TRANSIENT_FAILURE)
  const details = /^round_robin: No connection established. Last error: .*ECONNREFUSED/
  await assert.rejects(one(made, 'x'), { code: status.UNAVAILABLE, details })
})

test('round_robin keeps its connections when some of its endpoints change', async (t) => {
  const { scheme, resolvers } = madeUp()
  const servers = [await named(t, 'a'), await named(t, 'b'), await named(t, 'c')]
  const [a, b, c] = servers.map(({ port }) => port)
  const dead = await freePort()
  const made = client(t, `${scheme}:x`, ROUND_ROBIN)
  const answer = one(made, 'x')
  // The endpoint uses the first of its addresses that accepts a connection.
  resolvers[0].find([[dead, a], b, b])
  await answer
  await until(() => made.getChannel().picker.count === 2)
  assert.deepEqual([...new Set(await ask(made, 4))].sort(), ['a', 'b'])
  const links = new Set(servers[1].server[kLinks])
  resolvers[0].find([b, c])
  await until(() => made.getChannel().picker.count === 2 && servers[0].server[kLinks].size === 0)
  assert.deepEqual([...new Set(await ask(made, 4))].sort(), ['b', 'c'])
  assert.deepEqual(new Set(servers[1].server[kLinks]), links)
})

test('calls use the next connection when one has no room', async (t) => {
  const waiting = []
  const handlers = (name) => ({ one: (_call, callback) => waiting.push(() => callback(null, name)) })
  const servers = []
  for (const name of ['a', 'b']) {
    servers.push(await serve(t, grpc, handlers(name), { 'grpc.max_concurrent_streams': 2 }))
  }
  const made = client(t, `ipv4:${servers.map(({ port }) => `127.0.0.1:${port}`)}`, ROUND_ROBIN)
  made.getChannel().getConnectivityState(true)
  await until(() => made.getChannel().picker.count === 2)
  const calls = [0, 1, 2, 3].map(() => one(made, 'x'))
  await until(() => waiting.length === 4)
  const fifth = one(made, 'x')
  // Only one server's calls end, so the waiting call goes there, although it may be another server's turn.
  for (const end of waiting.splice(0)) end()
  const names = await Promise.all(calls)
  assert.deepEqual(names.sort(), ['a', 'a', 'b', 'b'])
  await until(() => waiting.length === 1)
  waiting[0]()
  assert.match(await fifth, /a|b/)
})

test('a new policy takes over when it has a connection', async (t) => {
  const { scheme, resolvers } = madeUp()
  const [a, b] = [await named(t, 'a'), await named(t, 'b')]
  const made = client(t, `${scheme}:x`)
  const answer = one(made, 'x')
  const [resolver] = resolvers
  resolver.find([a.port])
  assert.equal(nameOf(await answer), 'a')
  const states = []
  const channel = made.getChannel()
  const watch = (state) =>
    channel.watchConnectivityState(state, Infinity, () => {
      const next = channel.getConnectivityState(false)
      if (next === connectivityState.SHUTDOWN) return
      states.push(next)
      watch(next)
    })
  watch(READY)
  const policy = (name) => ({ ok: true, value: { loadBalancingConfig: [{ unheard_of: {} }, { [name]: {} }] } })
  resolver.find([b.port], policy('round_robin'))
  assert.equal(nameOf(await one(made, 'x')), 'a')
  await until(() => a.server[kLinks].size === 0)
  assert.equal(nameOf(await one(made, 'x')), 'b')
  resolver.find([a.port], policy('pick_first'))
  await until(() => b.server[kLinks].size === 0)
  assert.equal(nameOf(await one(made, 'x')), 'a')
  assert.deepEqual(states, [], 'nobody notices')
  // An invalid config changes nothing if there was a valid one.
  resolver.find([a.port], { ok: true, value: { loadBalancingConfig: 5 } })
  assert.equal(nameOf(await one(made, 'x')), 'a')
})

test('the state passes through CONNECTING', async (t) => {
  const { port } = await named(t, 'a')
  const made = client(t, `127.0.0.1:${port}`)
  const channel = made.getChannel()
  const seen = [channel.getConnectivityState(true)]
  const next = () =>
    new Promise((resolve) => channel.watchConnectivityState(seen.at(-1), Infinity, () => resolve(stateOf(made))))
  while (seen.at(-1) !== READY) seen.push(await next())
  assert.deepEqual(seen, [IDLE, CONNECTING, READY])
})
