'use strict'

// Programs print the same with `ironwire/register` and without it.

const assert = require('node:assert')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { test } = require('node:test')
const { alike, run, file, root, REQUIRE, IMPORT } = require('./support.js')

alike(path.join(__dirname, 'programs'))

const names = `const ours = require(${JSON.stringify(root)})
  const is = (http, net) => [http.Server === ours.http.Server, http.createServer === ours.http.createServer,
    net.Server === ours.net.Server, net.Socket === ours.net.Socket, net.connect === ours.net.connect,
    require('https').Server === ours.https.Server, require('https').createServer === ours.https.createServer,
    require('tls').Server === ours.tls.Server, require('tls').connect === ours.tls.connect,
    require('http2').createServer === ours.http2.createServer,
    require('http2').createSecureServer === ours.http2.createSecureServer].join()`
const show = `${names}; console.log(is(require('http'), require('node:net')))`
const ALL = `${Array(11).fill(true)}\n`
const NONE = `${Array(11).fill(false)}\n`

test('with it ironwire runs, without it Node', async () => {
  for (const [flags, env, expected] of [
    [REQUIRE, {}, ALL],
    [IMPORT, {}, ALL],
    [[...REQUIRE, ...IMPORT], {}, ALL],
    [['--require', 'ironwire/register'], {}, ALL],
    [['--import', 'ironwire/register'], {}, ALL],
    [[], { NODE_OPTIONS: `--require ${file('register.js')}` }, ALL],
    [[], {}, NONE],
    [REQUIRE, { IRONWIRE_DISABLE: '1' }, NONE],
    [REQUIRE, { IRONWIRE_DISABLE: '0' }, ALL],
  ]) {
    const { stdout, stderr } = await run([...flags, '-e', show], env)
    assert.strictEqual(stdout, expected, [...flags, JSON.stringify(env)].join(' '))
    assert.strictEqual(stderr, '')
  }
})

test('as the first line of a program, also if Node’s modules were loaded before', async () => {
  const program = `const before = require('http'); require('ironwire/register'); ${names}
    console.log(before === require('http'), is(before, require('net')))`
  assert.strictEqual((await run(['-e', program])).stdout, `true ${ALL}`)
  const module = `import 'ironwire/register'; import http, { Server } from 'node:http'; import * as net from 'node:net'
    import { createRequire } from 'node:module'; const require = createRequire(${JSON.stringify(file('index.js'))})
    ${names}; console.log(is(http, net), Server === http.Server)`
  assert.strictEqual((await run(['--input-type=module', '-e', module])).stdout, `${ALL.trim()} true\n`)
})

test('workers and child processes inherit it', async () => {
  const program = `${show}
    const { isMainThread, Worker } = require('node:worker_threads')
    if (isMainThread && !process.send) {
      new Worker(process.argv[1]).on('exit', () => require('node:child_process').fork(process.argv[1]))
    } else process.disconnect?.()`
  const script = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-register-')), 'program.js')
  fs.writeFileSync(script, program)
  try {
    for (const flags of [REQUIRE, IMPORT]) assert.strictEqual((await run([...flags, script])).stdout, ALL.repeat(3))
    assert.strictEqual((await run([script])).stdout, NONE.repeat(3))
  } finally {
    fs.rmSync(path.dirname(script), { recursive: true })
  }
})

test('a second copy of the package uses Node’s modules, not the first copy', async () => {
  const program = `for (const key of Object.keys(require.cache)) delete require.cache[key]
    const { http, net } = require(${JSON.stringify(root)})
    const server = http.createServer((req, res) => res.end('hello'))
    console.log(http.Server === require('http').Server, server instanceof require('http').Server)
    server.listen(0, '127.0.0.1', () => {
      const socket = net.connect(server.address().port, '127.0.0.1')
      socket.end('GET / HTTP/1.0\\r\\n\\r\\n').on('data', (data) => console.log(String(data).split('\\r\\n').at(-1)))
      socket.on('close', () => server.close())
    })`
  assert.strictEqual((await run([...REQUIRE, '-e', program])).stdout, 'false true\nhello\n')
})

test('if it is not possible, it prints one line and Node’s modules are used', async () => {
  const { stdout, stderr } = await run([
    '--no-addons',
    ...REQUIRE,
    '-e',
    `console.log(require('http').createServer().constructor.name)`,
  ])
  assert.strictEqual(stdout, 'Server\n')
  assert.match(
    stderr,
    /^\(node:\d+\) \[IRONWIRE_NOT_REGISTERED\] Warning: ironwire\/register: Node's own http, https, tls, http2, net and dgram are in use: .+\n/,
  )
  const frozen = `Object.defineProperty(require('http'), 'createServer', { configurable: false })
    require('ironwire/register'); ${show}`
  const barred = await run(['-e', frozen])
  assert.strictEqual(barred.stdout, NONE)
  assert.match(barred.stderr, /IRONWIRE_NOT_REGISTERED.*: createServer cannot be replaced\n/)
})
