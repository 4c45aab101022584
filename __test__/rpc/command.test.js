'use strict'

// `ironwire registry` as used in a terminal.

const assert = require('node:assert')
const { spawn, spawnSync } = require('node:child_process')
const fs = require('node:fs')
const net = require('node:net')
const os = require('node:os')
const path = require('node:path')
const { once } = require('node:events')
const { test } = require('node:test')
const { rpc } = require('../../index.js')
const { file, of, pem } = require('../https/support.js')
const { until } = require('./tools')

const BIN = path.join(__dirname, '../../bin/ironwire.js')
const posix = { skip: process.platform === 'win32' }

const { PORT: _, IRONWIRE_SECRET: __, ...env } = process.env
const runWith = (more, ...args) =>
  spawnSync(process.execPath, [BIN, ...args], { encoding: 'utf8', timeout: 120_000, env: { ...env, ...more } })
const run = (...args) => runWith({}, ...args)

const start = (t, ...args) => startWith(t, {}, ...args)

async function startWith(t, more, ...args) {
  const child = spawn(process.execPath, [BIN, 'registry', '--port', '0', ...args], { env: { ...env, ...more } })
  t.after(() => child.kill('SIGKILL'))
  const started = { child, text: '' }
  child.stdout.setEncoding('utf8').on('data', (text) => {
    started.text += text
  })
  await until(() => started.text.includes('Ctrl-C ends it.'))
  started.url = /registry:\/\/\S+/.exec(started.text)[0]
  return started
}

test('prints its address, keeps its data in its folder, and ends at Ctrl-C', posix, async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-registry-'))
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }))
  const data = path.join(folder, 'data')
  const first = await start(t, '--data', data)
  assert.match(first.text, new RegExp(`It keeps what it knows in ${data}: 0 instances of 0 services\\.`))
  assert.match(first.text, /Only this machine can reach it\. --host 0\.0\.0\.0 lets others in/)
  const client = rpc.connectRegistry(first.url)
  t.after(() => client.destroy())
  await once(client.register('echo', { port: 1 }), 'registered')
  first.child.kill('SIGINT')
  assert.deepStrictEqual(await once(first.child, 'exit'), [0, null])
  const second = await start(t, '-d', data)
  assert.match(second.text, /1 instances of 1 services/)
  const locked = run('registry', '--port', '0', '--data', data)
  assert.match(locked.stderr, /is in use by another registry/)
  assert.strictEqual(locked.status, 1)
  const inMemory = await start(t)
  assert.match(inMemory.text, /It keeps everything in memory\. With --data DIR its registrations survive a crash/)
})

test('accepts clients with the secret of a file or of the environment', async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-secret-'))
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }))
  const secretFile = path.join(folder, 'secrets')
  const secrets = ['the secret of today', 'the one of yesterday']
  fs.writeFileSync(secretFile, `\uFEFF${secrets.join('\r\n')}\n`)
  const byFile = await start(t, '--secret-file', secretFile)
  const byVariable = await startWith(t, { IRONWIRE_SECRET: secrets[0] })
  for (const { text } of [byFile, byVariable]) {
    assert.match(text, /Only programs that know the secret are let in/)
    assert.doesNotMatch(text, /today/)
  }
  const known = [
    [byFile.url, secrets[0]],
    [byFile.url, secrets[1]],
    [byVariable.url, secrets[0]],
  ]
  for (const [url, secret] of known) {
    const client = rpc.connectRegistry(url, { secret })
    assert.deepStrictEqual(await client.list(), [])
    client.destroy()
  }
  const client = rpc.connectRegistry(byFile.url)
  const [{ code }] = await once(client, 'error')
  assert.strictEqual(code, 'IRONWIRE_RPC_UNAUTHENTICATED')

  fs.writeFileSync(secretFile, '\n')
  assert.match(run('registry', '--secret-file', secretFile).stderr, /secrets contains no secret/)
  fs.writeFileSync(secretFile, 'short one\n')
  const { stderr, status } = run('registry', '--secret-file', secretFile)
  assert.match(stderr, /a secret must have at least 16 bytes, and one in \S+secrets has 9/)
  assert.doesNotMatch(stderr, /short one/)
  assert.strictEqual(status, 2)
  assert.match(run('registry', '--secret-file', folder).stderr, /names a file that can be read: EISDIR/)
  assert.match(runWith({ IRONWIRE_SECRET: '' }, 'registry').stderr, /one in IRONWIRE_SECRET has 0/)
})

test('with TLS, accepts clients with a certificate of its authorities', async (t) => {
  const [cert, key, ca] = ['rsa-cert.pem', 'rsa-key.pem', 'ca-cert.pem'].map(file)
  const own = ['--tls-cert', cert, '--tls-key', key]
  const everybody = await start(t, ...own)
  assert.match(everybody.text, /It uses TLS\./)
  const some = await start(t, ...own, '--tls-ca', ca)
  assert.match(some.text, /Only programs with a certificate of these authorities are let in\./)
  const shown = { ca: pem('ca-cert.pem') }
  for (const [{ url }, tls] of [
    [everybody, shown],
    [some, { ...shown, ...of('client') }],
  ]) {
    const client = rpc.connectRegistry(url, { tls })
    assert.deepStrictEqual(await client.list(), [])
    client.destroy()
  }
  const client = rpc.connectRegistry(some.url, { tls: shown })
  const [{ code }] = await once(client, 'error')
  assert.strictEqual(code, 'IRONWIRE_RPC_UNAUTHENTICATED')

  const wrong = [
    [['--tls-cert', cert], /--tls-cert and --tls-key go together/],
    [['--tls-ca', ca], /--tls-ca goes with --tls-cert and --tls-key/],
    [[...own, '--tls-ca', key], /--tls-ca: \S+ contains no certificate in PEM format/],
    [[...own, '--tls-ca', `${ca}.none`], /--tls-ca cannot be read: ENOENT/],
  ]
  for (const [args, message] of wrong) {
    const { status, stderr } = run('registry', '--port', '0', ...args)
    assert.match(stderr, message)
    assert.strictEqual(status, 2)
  }
})

test('errors of the command line are reported', async (t) => {
  const wrong = {
    '--prt 1': /did you mean --port\?/,
    '--port x': /--port is a whole number from 0 to 65535, not 'x'/,
    data: /takes options only, not 'data': --data names a folder/,
    '--data=': /--data names a folder/,
  }
  for (const [args, message] of Object.entries(wrong)) {
    const { status, stderr } = run('registry', ...args.split(' '))
    assert.match(stderr, message)
    assert.match(stderr, /Try 'ironwire registry --help'/)
    assert.strictEqual(status, 2)
  }
  const help = run('registry', '--help')
  assert.deepStrictEqual([help.status, help.stderr], [0, ''])
  assert.match(help.stdout, /--data DIR/)
  assert.match(run('--help').stdout, /registry {10}runs an addressing server/)
  const taken = net.createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.after(() => taken.close())
  const { stderr, status } = run('registry', '--port', String(taken.address().port))
  assert.match(stderr, /is taken by another program\. Choose another one: --port \d+/)
  assert.strictEqual(status, 1)
  assert.match(run('registry', '-p', '0', '-d', __filename).stderr, /is not a folder: --data names one/)
})
