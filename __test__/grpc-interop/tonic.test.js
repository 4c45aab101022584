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

for (const [how, variables, options] of [
  ['plain', {}, {}],
  ['compressed', { IRONWIRE_GZIP: '1' }, { 'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip }],
]) {
  const env = { ...process.env, ...variables }

  describe(`our client, their server, ${how}`, { skip: missing }, () => {
    let child
    let port
    before(async () => {
      child = spawn(peer, ['serve'], { env, stdio: ['pipe', 'pipe', 'inherit'] })
      port = Number((await once(child.stdout, 'data'))[0])
    })
    after(async () => {
      child.stdin.end()
      if (child.exitCode === null) await once(child, 'exit')
    })

    for (const [name, run] of Object.entries(able)) {
      test(name, async (t) => {
        const connect = (definition = TestService) => {
          const Client = grpc.makeClientConstructor(definition)
          const client = new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), options)
          t.after(() => client.close())
          return client
        }
        await run({ module: grpc, client: connect(), other: connect(UnimplementedService), connect })
      })
    }
  })

  test(`their client, our server, ${how}`, { skip: missing }, async (t) => {
    const server = new grpc.Server(options)
    server.addService(TestService, service(grpc))
    t.after(() => server.forceShutdown())
    const child = spawn(peer, ['client', await bind(grpc, server)], { env, stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    for await (const part of child.stdout) text += part
    const results = text
      .split('\n')
      .slice(0, -1)
      .map((line) => line.split('\t'))
    // A cancellation before the begin, and a method that there is not, cannot be said in tonic.
    const { cancel_after_begin: _1, unimplemented_method: _2, ...said } = cases
    assert.deepEqual(
      results,
      Object.keys(said).map((name) => [name, '']),
    )
  })
}
