'use strict'

// Every example runs and prints what its comments promise, so that none of them rots.

const assert = require('node:assert')
const { execFile, spawnSync } = require('node:child_process')
const { createHash } = require('node:crypto')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { test } = require('node:test')
const { promisify } = require('node:util')
const { missing: etcdMissing, startCluster } = require('../etcd/support')
const { request } = require('../files/support')
const { start } = require('../tutorial/support')

const EXAMPLES = path.join(__dirname, '../../examples')
const seen = new Set()

function run(t, file, env = {}) {
  seen.add(file)
  return start(t, path.join(EXAMPLES, file), { env: { ...process.env, ...env } })
}

/** Starts a server on a port that the system chooses; it prints where. */
async function serve(t, file) {
  const server = run(t, file, { PORT: '0' })
  const [line] = await server.lines(1)
  return { server, port: /:(\d+)$/.exec(line)[1] }
}

/** Runs to the end and returns the lines that were printed. */
async function linesOf(t, file, env) {
  const process = run(t, file, env)
  assert.deepStrictEqual(await process.ended, { code: 0, signal: null }, process.stderr)
  assert.strictEqual(process.stderr, '')
  return process.stdout.split('\n').slice(0, -1)
}

test('dgram/echo', async (t) => {
  assert.deepStrictEqual(await linesOf(t, 'dgram/echo.js'), ['You said one', 'You said two', 'You said three'])
})

test('grpc', async (t) => {
  const { server, port } = await serve(t, 'grpc/server.js')
  assert.deepStrictEqual(await linesOf(t, 'grpc/client.js', { PORT: port }), [
    'a wire is 2.5',
    'NOT_FOUND - there is no "gold"',
    'found: a wire',
    'found: a nail',
    'found: an iron',
    '2 products for 42.5',
    'offered for 20',
    'offered for 10',
    'shop.Shop: SERVING',
  ])
  if (process.platform === 'win32') return
  server.child.kill('SIGTERM')
  assert.deepStrictEqual(await server.ended, { code: 0, signal: null }, server.stderr)
  assert.match(server.stdout, /^The shop is closed$/m)
})

test('http/hello', async (t) => {
  const { port } = await serve(t, 'http/hello.js')
  const response = await fetch(`http://127.0.0.1:${port}/there?x=1`)
  assert.strictEqual(response.headers.get('content-type'), 'text/plain; charset=utf-8')
  assert.strictEqual(await response.text(), 'You asked for /there?x=1\n')
})

test('http/page', async (t) => {
  const { port } = await serve(t, 'http/page.js')
  const response = await fetch(`http://127.0.0.1:${port}/`)
  assert.strictEqual(response.headers.get('content-type'), 'text/html; charset=utf-8')
  assert.strictEqual(await response.text(), fs.readFileSync(path.join(EXAMPLES, 'http/page.html'), 'utf8'))
})

test('http/upload', async (t) => {
  const { port } = await serve(t, 'http/upload.js')
  const body = Buffer.alloc(3_000_000, 'some of everything ')
  const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body })
  assert.strictEqual(
    await response.text(),
    `3000000 bytes, sha256 ${createHash('sha256').update(body).digest('hex')}\n`,
  )
})

test('http/cluster', async (t) => {
  const cluster = run(t, 'http/cluster.js', { PORT: '0', WORKERS: '2' })
  const [line] = await cluster.lines(1)
  const port = /:(\d+)$/.exec(line)[1]
  const ask = async (path) =>
    (await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' } })).text()
  const pid = Number(/^process (\d+)\n$/.exec(await ask('/'))[1])
  process.kill(pid, 'SIGKILL')
  assert.strictEqual((await cluster.lines(2))[1], `process ${pid} died (SIGKILL): another takes its place`)
  await cluster.lines(3)
  assert.notStrictEqual(await ask('/'), `process ${pid}\n`)
  const slow = ask('/slow')
  // Half the time that its answer takes.
  await new Promise((resolve) => setTimeout(resolve, 500))
  cluster.child.kill('SIGTERM')
  assert.match(await slow, /^process \d+, a second later\n$/)
  assert.deepStrictEqual(await cluster.ended, { code: 0, signal: null }, cluster.stderr)
})

const STYLE = fs.readFileSync(path.join(EXAMPLES, 'static/public/style.css'), 'utf8')
const PAGE = fs.readFileSync(path.join(EXAMPLES, 'static/public/index.html'), 'utf8')

test('static/server', async (t) => {
  const { port } = await serve(t, 'static/server.js')
  const page = await fetch(`http://127.0.0.1:${port}/`)
  assert.deepStrictEqual([page.headers.get('x-content-type-options'), await page.text()], ['nosniff', PAGE])
  assert.strictEqual(await (await fetch(`http://127.0.0.1:${port}/style.css`)).text(), STYLE)
  assert.strictEqual((await fetch(`http://127.0.0.1:${port}/nothing`)).status, 404)
})

test('static/express', async (t) => {
  const { port } = await serve(t, 'static/express.js')
  const style = await fetch(`http://127.0.0.1:${port}/assets/style.css`)
  assert.deepStrictEqual([style.headers.get('cache-control'), await style.text()], ['public, max-age=3600', STYLE])
  assert.strictEqual(await (await fetch(`http://127.0.0.1:${port}/hello`)).text(), 'hello\n')
})

test('static/application', async (t) => {
  const { port } = await serve(t, 'static/application.js')
  const { time } = await (await fetch(`http://127.0.0.1:${port}/api/time`)).json()
  assert.ok(!Number.isNaN(Date.parse(time)))
  // As a browser goes to a page; what a script fetches is no page.
  const headers = { Accept: 'text/html', 'Sec-Fetch-Mode': 'navigate' }
  for (const target of ['/', '/courses/5']) {
    assert.strictEqual((await request(port, target, { headers })).body.toString(), PAGE)
  }
  assert.strictEqual((await fetch(`http://127.0.0.1:${port}/missing.js`)).status, 404)
})

test('buffers/numbers', async (t) => {
  assert.deepStrictEqual(await linesOf(t, 'buffers/numbers.js'), [
    '<Buffer 69 72 6f 6e 77 69 72 65> <Buffer 01 02 03 04> <Buffer 00 00 00 00 00 00 00 00>',
    '<Buffer 01 0c 03 04>',
    '<Buffer 01 0c 02 00>',
    '<Buffer 01 0c 00 02>',
    '512 2',
    'ERR_OUT_OF_RANGE: The value of "value" is out of range. It must be >= -128 and <= 127. Received 128',
  ])
})

test('buffers/records', async (t) => {
  assert.deepStrictEqual(await linesOf(t, 'buffers/records.js'), [
    '12 bytes',
    '<Buffer 00 07 00 00 ac 41 00 00 03 e8 fd 1d 00 08 00 00 9a 41 00 00 03 e9 ff 1e>',
    '{ sensor: 8, celsius: 19.25, count: 1001, low: -1, high: 30 }',
    'ERR_OUT_OF_RANGE: The value of "record.sensor" is out of range. It must be >= 0 and <= 65535. Received 70000',
    'after 9 bytes: one',
    'after 14 bytes: two, three',
  ])
})

test('formats', async (t) => {
  // What they read is in __test__/codec/formats.test.js; these say something by themselves.
  const files = fs.readdirSync(path.join(EXAMPLES, 'formats')).map((file) => `formats/${file}`)
  const outputs = new Map()
  for (const file of files) outputs.set(file, await linesOf(t, file))
  assert.deepStrictEqual(outputs.get('formats/dns.js').slice(0, 2), [
    '<Buffer 12 34 01 00 00 01 00 00 00 00 00 00 07 65 78 61 6d 70 6c 65 03 63 6f 6d 00 00 01 00 01>',
    'example.com',
  ])
  assert.strictEqual(outputs.get('formats/mqtt.js')[1], 'sensors/kitchen')
  assert.deepStrictEqual(outputs.get('formats/websocket.js'), ['<Buffer 81 05 48 65 6c 6c 6f>', 'Hello'])
  assert.deepStrictEqual(outputs.get('formats/gps.js'), ['GPGLL 4916.45 N 12311.12 W 225444 A true'])
  assert.deepStrictEqual(outputs.get('formats/messagepack.js'), ['{ compact: true, schema: 0 }'])
})

test('protobuf/person', async (t) => {
  assert.deepStrictEqual(await linesOf(t, 'protobuf/person.js'), [
    '<Buffer 08 0c 12 03 41 64 61 1a 04 6a 61 76 61 1a 06 70 79 74 68 6f 6e>',
    "{ age: 12, name: 'Ada', languages: [ 'java', 'python' ] }",
    'protobuf 21 bytes, JSON 53 bytes',
    'age is required',
    'Decoded message is not valid',
  ])
})

test('protobuf/stream', async (t) => {
  assert.deepStrictEqual(await linesOf(t, 'protobuf/stream.js'), [
    '<Buffer 07 08 00 15 00 00 94 41 07 08 01 15 00 00 96 41 07 08 02 15 00 00 9a 41>',
    '0 s: 18.5 degrees',
    '1 s: 18.75 degrees',
    '2 s: 19.25 degrees',
  ])
})

test('rpc/udp', async (t) => {
  assert.deepStrictEqual(await linesOf(t, 'rpc/udp.js'), ['java node rust NOT_FOUND', '4 questions, 4 look-ups'])
})

/** What `rpc/certificates.sh` makes, or where there is no OpenSSL what the tests of HTTPS have of it. */
function makeCertificates(folder) {
  const hasOpenssl = process.platform !== 'win32' && spawnSync('openssl', ['version']).status === 0
  if (hasOpenssl) {
    const made = spawnSync('bash', [path.join(EXAMPLES, 'rpc/certificates.sh'), folder], { encoding: 'utf8' })
    assert.deepStrictEqual([made.status, made.stderr], [0, ''])
    return
  }
  fs.mkdirSync(folder)
  for (const [name, from] of Object.entries({ ca: 'ca', server: 'rsa', client: 'client' })) {
    for (const what of ['cert', 'key']) {
      const file = path.join(__dirname, '../https/fixtures', `${from}-${what}.pem`)
      if (fs.existsSync(file)) fs.copyFileSync(file, path.join(folder, `${name}-${what}.pem`))
    }
  }
}

test('rpc/mutual-tls', async (t) => {
  const cwd = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-certificates-'))
  t.after(() => fs.rmSync(cwd, { recursive: true, force: true }))
  makeCertificates(path.join(cwd, 'certificates'))
  const started = start(t, path.join(EXAMPLES, 'rpc/mutual-tls.js'), { cwd })
  seen.add('rpc/mutual-tls.js')
  assert.deepStrictEqual(await started.ended, { code: 0, signal: null }, started.stderr)
  const [name, refusal, error] = started.stdout.split('\n')
  assert.match(name, /^hello, CN=client$/)
  assert.strictEqual(
    refusal,
    'This server accepts only clients with a certificate of its authorities, and this client has none',
  )
  assert.match(error, /^IRONWIRE_RPC_TLS [A-Z_]+$/)
})

test('rpc/service', async (t) => {
  assert.deepStrictEqual(await linesOf(t, 'rpc/service.js'), ['/Library/Search', "{ titles: [ 'Middlemarch' ] }"])
})

const CATALOG = ['javascript, edition 1', 'javascript, edition 2', 'javascript, edition 3']

test('rpc/catalog', async (t) => {
  assert.deepStrictEqual(await linesOf(t, 'rpc/catalog.js'), [
    "{ title: 'java' }",
    "[ 'java', 'javascript', 'python' ]",
    ...CATALOG,
    '{ id: 3 }',
    'NOT_FOUND there is no course 1',
  ])
})

const python = spawnSync('python3', ['--version']).status === 0

test('rpc/client.py, which speaks the protocol by its document', {
  skip: !python && 'there is no python3',
}, async (t) => {
  const { port } = await serve(t, 'rpc/catalog.js')
  const env = { ...process.env, PORT: port }
  const { stdout } = await promisify(execFile)('python3', [path.join(EXAMPLES, 'rpc/client.py')], {
    env,
    timeout: 30_000,
  })
  assert.deepStrictEqual(stdout.split('\n'), [
    'title: java',
    ...['java, edition 1', 'java, edition 2', 'java, edition 3'].map((title) => `watch: ${title}`),
    'error: status 5 : there is no course 1',
    '',
  ])
})

test('error-first', async (t) => {
  assert.deepStrictEqual(await linesOf(t, 'error-first.js'), [
    '1. the call returned; its callback has not run yet',
    '2. the callback got the error: IRONWIRE_RPC_NOT_CONNECTED',
    '3. await threw the error: IRONWIRE_RPC_NOT_CONNECTED',
    '4. nobody caught: a bug in the callback',
  ])
})

test('net/one-way', async (t) => {
  const { server, port } = await serve(t, 'net/one-way/server.js')
  assert.deepStrictEqual(await linesOf(t, 'net/one-way/client.js', { PORT: port }), [])
  const [, ...received] = await server.lines(5)
  assert.deepStrictEqual(received, ['received one', 'received two', 'received three', 'the client has finished'])
})

test('net/half-duplex', async (t) => {
  const { port } = await serve(t, 'net/half-duplex/server.js')
  assert.deepStrictEqual(await linesOf(t, 'net/half-duplex/client.js', { PORT: port }), [
    '1 is java',
    '2 is javascript',
    '3 is python',
    '99 is unknown',
  ])
})

test('net/full-duplex', async (t) => {
  const { port } = await serve(t, 'net/full-duplex/server.js')
  const lines = await linesOf(t, 'net/full-duplex/client.js', { PORT: port })
  const titles = { 0: '1000 is java', 1: '2000 is javascript', 2: '3000 is python', 3: '4000 is unknown' }
  const expected = Array.from({ length: 12 }, (_, i) => `question ${i + 1}: ${titles[(i + 1) % 4]}`)
  // The order is the order of the answers, which is no order.
  assert.deepStrictEqual(lines.toSorted(), expected.toSorted())
  seen.add('net/full-duplex/frames.js')
})

test('rpc', async (t) => {
  const { port } = await serve(t, 'rpc/server.js')
  const lines = await linesOf(t, 'rpc/client.js', { PORT: port })
  assert.deepStrictEqual(lines.toSorted(), [
    'callback: java',
    'promises: java, javascript, python',
    'refused: NO_SUCH_COURSE: There is no course 4000',
    'too late: IRONWIRE_RPC_TIMEOUT',
  ])
})

test('registry', async (t) => {
  seen.add('registry/registry.js').add('registry/server.js')
  const lines = await linesOf(t, 'registry/main.js')
  const [summary] = lines.splice(-1)
  assert.deepStrictEqual(lines, [
    'four processes serve',
    'killed a process of a server',
    'killed a server',
    'killed the registry',
    'the registry is back',
    'killed the registry and a server at once',
  ])
  const [, failed, calls] = /^(\d+) of (\d+) calls failed; \d+ were made twice$/.exec(summary)
  assert.strictEqual(failed, '0')
  assert.ok(Number(calls) > 100, calls)
})

test('etcd', { skip: etcdMissing }, async (t) => {
  const cluster = await startCluster()
  t.after(() => cluster.end())
  assert.deepStrictEqual(await linesOf(t, 'etcd/main.js', { ETCD: cluster.url }), [
    'example/settings/colour is blue',
    '1 of 3 leads',
    'and none any more',
    'the course is java',
  ])
})

test('processes', async (t) => {
  const lines = await linesOf(t, 'processes/main.js')
  const digest = (text) => {
    let digest = text
    for (let i = 0; i < 2000; i++) digest = createHash('sha256').update(digest).digest('hex')
    return digest.slice(0, 16)
  }
  const jobs = Array.from({ length: 8 }, (_, i) => `job ${i}: ${digest(`job ${i}`)} by worker ${(i % 2) + 1}`)
  assert.deepStrictEqual(lines, [
    ...jobs,
    'worker 1: IRONWIRE_RPC_CONNECTION_LOST, request sent: true',
    `worker 2: ${digest('kept')}`,
  ])
  seen.add('processes/worker.js')
})

test('no example is left out', () => {
  if (etcdMissing) seen.add('etcd/main.js')
  const all = fs
    .readdirSync(EXAMPLES, { recursive: true })
    .filter((file) => file.endsWith('.js') && !file.startsWith('.'))
  assert.deepStrictEqual([...seen].sort(), all.map((file) => file.split(path.sep).join('/')).sort())
})
