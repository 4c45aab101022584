'use strict'

// channelz reports the same about the same calls as in @grpc/grpc-js, and each implementation's client understands the
// other's service.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const os = require('node:os')
const path = require('node:path')
const { test } = require('node:test')
const { ca, identity, pairs } = require('./secure.js')
const { grpc, peer, missing, service, serve, connect, bind } = require('./support.js')

const { status } = grpc
const modules = [['ours', grpc], ...(missing ? [] : [['@grpc/grpc-js', peer]])]

async function until(condition) {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 1))
}

/** Starts the channelz service of `module` and a client made by `C`. Returns `ask(method, request)`. */
async function asking(t, module, C = module) {
  const server = new module.Server({ 'grpc.enable_channelz': 0 })
  module.addAdminServicesToServer(server)
  t.after(() => server.forceShutdown())
  const port = await bind(module, server)
  const Client = C.makeClientConstructor(C.getChannelzServiceDefinition())
  const client = new Client(`127.0.0.1:${port}`, C.credentials.createInsecure(), {
    'grpc.enable_channelz': 0,
    'grpc.use_local_subchannel_pool': 1,
  })
  t.after(() => client.close())
  return (method, request) =>
    new Promise((resolve, reject) =>
      client[method](request, (error, response) => (error ? reject(error) : resolve(response))),
    )
}

const handlers = {
  one({ request }, callback) {
    if (request === 'no') callback({ code: status.NOT_FOUND, details: 'no' })
    else callback(null, request)
  },
  many(call) {
    for (let i = 0; i < 3; i++) call.write(String(i))
    call.end()
  },
  gather(call, callback) {
    call.on('data', () => {})
    call.on('end', () => callback(null, 'all'))
  },
  chat: (call) => call.resume(),
}

const one = (client, text, metadata) =>
  new Promise((resolve) => client.one(text, metadata, (error) => resolve(error?.code ?? status.OK)))

const counts = ({ data }) => [data.calls_started, data.calls_succeeded, data.calls_failed].map(Number)
const streams = ({ data }) => [data.streams_started, data.streams_succeeded].map(Number)
const sent = ({ data }) => [data.messages_sent, data.messages_received].map(Number)
/** A field that is not set is null in @grpc/grpc-js and undefined here. */
const near = (timestamp) => Boolean(timestamp) && Math.abs(Number(timestamp.seconds) * 1000 - Date.now()) < 60_000

/** What a module's channelz reports about some calls between its client and its server. */
async function told(t, module, C) {
  const ask = await asking(t, module, C)
  const { server, port } = await serve(t, module, handlers)
  const client = connect(t, module, port)
  await one(client, 'yes', new module.Metadata())
  await one(client, 'no', new module.Metadata())
  await once(client.many('x').resume(), 'status')
  const gathering = client.gather(() => {})
  gathering.write('a')
  gathering.end('b')
  await once(gathering, 'status')
  const call = client.chat()
  const over = once(call, 'status')
  call.on('error', () => {})
  call.write('x')
  await until(async () => {
    const { server: about } = await ask('GetServer', { server_id: server.getChannelzRef().id })
    return Number(about.data.calls_started) === 5
  })
  call.cancel()
  await over.catch(() => {})

  const { channel } = await ask('GetChannel', { channel_id: client.getChannel().getChannelzRef().id })
  const [{ subchannel_id }] = channel.subchannel_ref
  const { subchannel } = await ask('GetSubchannel', { subchannel_id })
  const [{ socket_id }] = subchannel.socket_ref
  const { socket } = await ask('GetSocket', { socket_id })
  let about
  await until(async () => {
    about = (await ask('GetServer', { server_id: server.getChannelzRef().id })).server
    return Number(about.data.calls_failed) === 2
  })
  const { socket_ref, end } = await ask('GetServerSockets', { server_id: about.ref.server_id })
  const { socket: accepted } = await ask('GetSocket', { socket_id: socket_ref[0].socket_id })
  // @grpc/grpc-js counts a cancelled stream neither as failed nor as succeeded.
  if (module === grpc)
    assert.deepEqual(
      [socket, accepted].map(({ data }) => data.streams_failed),
      ['1', '1'],
    )
  const { socket: listening } = await ask('GetSocket', { socket_id: about.listen_socket[0].socket_id })
  const place = ({ tcpip_address: { ip_address, port: number } }) => [
    [...ip_address],
    number === port ? 'port' : 'other',
  ]
  return {
    channel: [
      counts(channel),
      channel.data.state.state,
      channel.data.target.endsWith(`127.0.0.1:${port}`),
      channel.ref.name,
    ],
    started: [channel, subchannel, about].map(({ data }) => near(data.last_call_started_timestamp)),
    trace: [near(channel.data.trace.creation_timestamp), Number(channel.data.trace.num_events_logged) > 0],
    event: [channel.data.trace.events.at(-1)].map(({ description, severity }) => [description, severity]),
    child: channel.data.trace.events.some(({ subchannel_ref: child }) => child?.subchannel_id === subchannel_id),
    subchannel: [counts(subchannel), subchannel.data.state.state, subchannel.ref.name === `127.0.0.1:${port}`],
    socket: [streams(socket), sent(socket), place(socket.remote), place(socket.local), socket.security ?? null],
    created: [socket, accepted].map(({ data }) => [
      near(data.last_local_stream_created_timestamp),
      near(data.last_remote_stream_created_timestamp),
      near(data.last_message_sent_timestamp),
      near(data.last_message_received_timestamp),
    ]),
    windows: [socket, accepted].map(({ data }) => [
      Number(data.local_flow_control_window.value) > 0,
      Number(data.remote_flow_control_window.value) > 0,
    ]),
    server: [counts(about), about.listen_socket.length, socket_ref.length, end],
    accepted: [streams(accepted), sent(accepted), place(accepted.local)],
    listening: place(listening.local),
  }
}

const normal = (seen, port) => JSON.parse(JSON.stringify(seen).replaceAll(String(port), 'port'))

test('both implementations report the same about the same calls', { skip: missing }, async (t) => {
  const { channel: first, ...expected } = await told(t, peer)
  const { channel: second, ...ours } = await told(t, grpc)
  assert.deepEqual(normal(ours), normal(expected))
  assert.deepEqual(second.slice(0, 3), first.slice(0, 3))
  assert.deepEqual(second[0], [5, 3, 2])
  assert.deepEqual(expected.socket[0], [5, 4])
  assert.deepEqual(expected.socket[1], [6, 5])
})

test('a client of @grpc/grpc-js asks our service', { skip: missing }, async (t) => {
  const { channel, socket } = await told(t, grpc, peer)
  assert.deepEqual(channel[0], [5, 3, 2])
  assert.deepEqual(socket[0], [5, 4])
})

for (const [name, module] of modules) {
  test(`${name}: lists, page by page`, async (t) => {
    const ask = await asking(t, module)
    const clients = [1, 2, 3].map((port) => connect(t, module, port))
    const ids = clients.map((client) => client.getChannel().getChannelzRef().id)
    const { channel, end } = await ask('GetTopChannels', { start_channel_id: ids[0], max_results: 2 })
    assert.deepEqual([channel.map(({ ref }) => Number(ref.channel_id)), end], [ids.slice(0, 2), false])
    const rest = await ask('GetTopChannels', { start_channel_id: ids[1] + 1 })
    assert.equal(Number(rest.channel[0].ref.channel_id), ids[2])
    assert.equal(rest.end, true)
    const servers = [new module.Server(), new module.Server()]
    for (const server of servers) t.after(() => server.forceShutdown())
    const numbers = servers.map((server) => server.getChannelzRef().id)
    const page = await ask('GetServers', { start_server_id: numbers[0], max_results: 1 })
    assert.deepEqual([page.server.map(({ ref }) => Number(ref.server_id)), page.end], [[numbers[0]], false])
    // Closed channels are not listed.
    clients[2].close()
    const left = await ask('GetTopChannels', { start_channel_id: ids[2] })
    assert.ok(!left.channel.some(({ ref }) => Number(ref.channel_id) === ids[2]))
  })

  test(`${name}: unknown ids`, async (t) => {
    const ask = await asking(t, module)
    for (const [method, kind] of Object.entries({
      GetChannel: 'channel',
      GetSubchannel: 'subchannel',
      GetServer: 'server',
      GetSocket: 'socket',
      GetServerSockets: 'server',
    })) {
      await assert.rejects(ask(method, { [`${kind}_id`]: 1_000_000 }), {
        code: status.NOT_FOUND,
        details: `No ${kind} data found for id 1000000`,
      })
    }
  })

  test(`${name}: nothing is reported about objects whose options disable channelz`, async (t) => {
    const ask = await asking(t, module)
    const options = { 'grpc.enable_channelz': 0 }
    const { server, port } = await serve(t, module, handlers, options)
    const client = connect(t, module, port, options)
    assert.equal(await one(client, 'yes', new module.Metadata()), status.OK)
    const [channel, own] = [client.getChannel().getChannelzRef(), server.getChannelzRef()]
    assert.deepEqual([channel.kind, own.kind], ['channel', 'server'])
    await assert.rejects(ask('GetChannel', { channel_id: channel.id }), { code: status.NOT_FOUND })
    await assert.rejects(ask('GetServer', { server_id: own.id }), { code: status.NOT_FOUND })
  })
}

test('TLS, paths, and connections that were injected', async (t) => {
  const ask = await asking(t, grpc)
  const server = new grpc.Server()
  server.addService(service, handlers)
  t.after(() => server.forceShutdown())
  const port = await bind(grpc, server, 'localhost:0', grpc.ServerCredentials.createSsl(null, pairs(identity)))
  const Client = grpc.makeClientConstructor(service, 'Texts')
  const client = new Client(`localhost:${port}`, grpc.credentials.createSsl(ca), {
    'grpc.use_local_subchannel_pool': 1,
  })
  t.after(() => client.close())
  await one(client, 'yes', new grpc.Metadata())
  const socketOf = async (client) => {
    const { channel } = await ask('GetChannel', { channel_id: client.getChannel().getChannelzRef().id })
    const { subchannel } = await ask('GetSubchannel', channel.subchannel_ref[0])
    return (await ask('GetSocket', subchannel.socket_ref[0])).socket
  }
  const { security, remote_name } = await socketOf(client)
  const { X509Certificate } = require('node:crypto')
  const shown = new X509Certificate(security.tls.remote_certificate)
  assert.equal(shown.fingerprint256, new X509Certificate(identity.cert).fingerprint256)
  assert.match(security.tls.standard_name, /^TLS_/)
  assert.equal(remote_name, 'localhost')
  const place = path.join(os.tmpdir(), `ironwire-channelz-${process.pid}-${Math.random()}`)
  await bind(grpc, server, `unix:${place}`)
  const local = new Client(`unix:${place}`, grpc.credentials.createInsecure())
  t.after(() => local.close())
  await one(local, 'yes', new grpc.Metadata())
  assert.deepEqual((await socketOf(local)).remote.uds_address, { filename: place })
  server.createConnectionInjector(grpc.ServerCredentials.createInsecure())
  const { server: about } = await ask('GetServer', { server_id: server.getChannelzRef().id })
  const names = about.listen_socket.map(({ name }) => name)
  assert.ok(names.includes('injector') && names.includes(place), names.join())
})

test('each attempt of a call counts as a call of its subchannel', async (t) => {
  const ask = await asking(t, grpc)
  let asked = 0
  const { port } = await serve(t, grpc, {
    ...handlers,
    one: (_call, callback) => (++asked < 3 ? callback({ code: status.UNAVAILABLE }) : callback(null, 'at last')),
  })
  for (const policy of [
    {
      retryPolicy: {
        maxAttempts: 4,
        initialBackoff: '0.001s',
        maxBackoff: '0.001s',
        backoffMultiplier: 1,
        retryableStatusCodes: [14],
      },
    },
    { hedgingPolicy: { maxAttempts: 4, hedgingDelay: '10s', nonFatalStatusCodes: [14] } },
  ]) {
    asked = 0
    const client = connect(t, grpc, port, {
      'grpc.service_config': JSON.stringify({ methodConfig: [{ name: [{}], ...policy }] }),
    })
    assert.equal(await one(client, 'x', new grpc.Metadata()), status.OK)
    const { channel } = await ask('GetChannel', { channel_id: client.getChannel().getChannelzRef().id })
    assert.deepEqual(counts(channel), [1, 1, 0])
    const { subchannel } = await ask('GetSubchannel', channel.subchannel_ref[0])
    assert.deepEqual(counts(subchannel), [3, 1, 2])
  }
})

test('another admin service', () => {
  const added = []
  const server = { addService: (definition, handlers) => added.push([Object.keys(definition), Object.keys(handlers)]) }
  grpc.experimental.registerAdminService(
    () => ({ look: {} }),
    () => ({ look() {} }),
  )
  grpc.addAdminServicesToServer(server)
  assert.equal(added.length, 2)
  assert.deepEqual(added[1], [['look'], ['look']])
})

test('a channel that was garbage-collected is not listed', async () => {
  const { setFlagsFromString } = require('node:v8')
  const { runInNewContext } = require('node:vm')
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc')
  const { find } = require('../../lib/grpc/channelz-registry.js')
  const make = () => new grpc.Client('localhost:1', grpc.credentials.createInsecure()).getChannel().getChannelzRef().id
  const ids = Array.from({ length: 100 }, make)
  await until(() => {
    gc()
    return ids.every((id) => find('channel', id) === undefined)
  })
})
