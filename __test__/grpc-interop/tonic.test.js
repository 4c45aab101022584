'use strict'

// The interop tests with Rust's tonic: our client with its server, and its client with our server. The peer is built when it is not there
// (`cargo build`, about a minute of CPU), outside of ironwire's own target.

const assert = require('node:assert/strict')
const { spawn, spawnSync } = require('node:child_process')
const { once } = require('node:events')
const path = require('node:path')
const { after, before, describe, test } = require('node:test')
const { grpc, protobuf } = require('../..')
const { bind } = require('../grpc/support.js')
const { cases } = require('../grpc/interop/cases.js')
const { service } = require('../grpc/interop/service.js')
const { ca, identity, of, pairs } = require('../grpc/secure.js')
const { secure } = require('./tls.js')

const root = path.join(__dirname, '..', '..')
const crate = path.join(__dirname, 'tonic')
const target = process.env.IRONWIRE_TONIC_TARGET ?? path.join(root, '.cache', 'tonic')
const peer = path.join(target, 'debug', process.platform === 'win32' ? 'tonic-peer.exe' : 'tonic-peer')

/** Why these tests cannot run, or false. */
function build() {
  const { error, status, stderr } = spawnSync(
    'cargo',
    ['build', '--locked', '--manifest-path', path.join(crate, 'Cargo.toml')],
    {
      env: { ...process.env, CARGO_TARGET_DIR: target },
      encoding: 'utf8',
    },
  )
  if (error) return `cargo cannot be run: ${error.message}`
  if (status === 0) return false
  // What cannot be had is no fault of ours; what does not compile is.
  if (/failed to (download|fetch|get)|could not connect|Couldn't resolve host/i.test(stderr))
    return 'the crates of tonic cannot be had'
  throw new Error(stderr)
}

const missing = build()
const { TestService, UnimplementedService } = protobuf.loadSync(
  path.join(__dirname, '..', 'grpc', 'interop', 'test.proto'),
).grpc.testing

/** tonic's servers have no trailers of their own, and say of a method that there is not what they say of a service. */
const { custom_metadata: _, ...able } = cases

const plain = {
  server: { variables: () => ({}), credentials: grpc.ServerCredentials.createInsecure() },
  client: { variables: () => ({}), credentials: grpc.credentials.createInsecure() },
}
const client = of('client')
/** What each side, whoever plays it, is given, and what both are. */
const ways = {
  plain,
  compressed: {
    ...plain,
    both: { IRONWIRE_GZIP: '1' },
    options: { 'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip },
  },
  'over TLS': {
    server: {
      variables: (t) => secure(t, { ca, ...identity }),
      credentials: grpc.ServerCredentials.createSsl(null, pairs(identity)),
    },
    client: { variables: (t) => secure(t, { ca }), credentials: grpc.credentials.createSsl(ca) },
  },
  'over mutual TLS': {
    server: {
      variables: (t) => ({ ...secure(t, { ca, ...identity }), IRONWIRE_MUTUAL: '1' }),
      credentials: grpc.ServerCredentials.createSsl(ca, pairs(identity), true),
    },
    client: {
      variables: (t) => secure(t, { ca, ...client }),
      credentials: grpc.credentials.createSsl(ca, client.key, client.cert),
    },
  },
}

/** A server of theirs until the test ends; gives its port. */
async function serve(t, variables) {
  const child = spawn(peer, ['serve'], { env: { ...process.env, ...variables }, stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(async () => {
    child.stdin.end()
    if (child.exitCode === null) await once(child, 'exit')
  })
  return Number((await once(child.stdout, 'data'))[0])
}

/** What their client says of each case. */
async function ask(variables, port) {
  const child = spawn(peer, ['client', port], {
    env: { ...process.env, ...variables },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  for await (const part of child.stdout) text += part
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split('\t'))
}

function connect(t, port, credentials, options, definition = TestService) {
  const settings = { 'grpc.ssl_target_name_override': 'localhost', ...options }
  const made = new (grpc.makeClientConstructor(definition))(`127.0.0.1:${port}`, credentials, settings)
  t.after(() => made.close())
  return made
}

for (const [how, { server, client, both = {}, options = {} }] of Object.entries(ways)) {
  describe(`our client, their server, ${how}`, { skip: missing }, () => {
    const cleanups = []
    let port
    before(async () => {
      const lasting = { after: (cleanup) => cleanups.push(cleanup) }
      port = await serve(lasting, { ...server.variables(lasting), ...both })
    })
    after(async () => {
      for (const cleanup of cleanups.reverse()) await cleanup()
    })

    for (const [name, run] of Object.entries(able)) {
      test(name, async (t) => {
        const make = (definition) => connect(t, port, client.credentials, options, definition)
        await run({ module: grpc, client: make(), other: make(UnimplementedService), connect: make })
      })
    }
  })

  test(`their client, our server, ${how}`, { skip: missing }, async (t) => {
    const made = new grpc.Server(options)
    made.addService(TestService, service(grpc))
    t.after(() => made.forceShutdown())
    const port = await bind(grpc, made, '127.0.0.1:0', server.credentials)
    // A cancellation before the begin, and a method that there is not, cannot be said in tonic.
    const { cancel_after_begin: _1, unimplemented_method: _2, ...said } = cases
    assert.deepEqual(
      await ask({ ...client.variables(t), ...both }, port),
      Object.keys(said).map((name) => [name, '']),
    )
  })
}

test('their client shows no certificate, ours neither', { skip: missing }, async (t) => {
  const { server } = ways['over mutual TLS']
  const { client } = ways['over TLS']
  const made = new grpc.Server()
  made.addService(TestService, service(grpc))
  t.after(() => made.forceShutdown())
  const results = await ask(client.variables(t), await bind(grpc, made, '127.0.0.1:0', server.credentials))
  assert.ok(results.length > 0)
  // The case that wants a deadline to pass has that without a connection, too.
  const failing = results.filter(([name]) => name !== 'timeout_on_sleeping_server')
  for (const [name, error] of failing) assert.notEqual(error, '', `${name} has succeeded`)
  const stranger = connect(t, await serve(t, server.variables(t)), client.credentials)
  await assert.rejects(stranger.emptyCall({}), { code: grpc.status.UNAVAILABLE })
})
