'use strict'

// `ironwire serve`, as a person at a terminal meets it.

const assert = require('node:assert')
const { spawn, spawnSync } = require('node:child_process')
const fs = require('node:fs')
const net = require('node:net')
const path = require('node:path')
const { once } = require('node:events')
const { test } = require('node:test')
const { makeTree, request, until } = require('./support')

const BIN = path.join(__dirname, '../../bin/ironwire.js')
const FILES = {
  'index.html': 'INDEX',
  'a.txt': 'content',
  'sub/x.txt': 'x',
  'large.txt': 'text '.repeat(2000),
  '404.html': 'NONE',
}

/** Starts the command and waits for its URL. */
async function start(t, args, options = {}) {
  const child = spawn(process.execPath, [BIN, 'serve', '--port', '0', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    ...options,
  })
  const run = { child, stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text) => {
    run.stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    run.stderr += text
  })
  run.ended = once(child, 'close').then(([code, signal]) => ({ code, signal }))
  t.after(async () => {
    try {
      process.kill(-child.pid, 'SIGKILL')
    } catch {}
    await run.ended
  })
  let over = false
  run.ended.then(() => {
    over = true
  })
  await until(() => over || /Ctrl-C ends it/.test(run.stdout))
  assert.ok(!over, `it ended: ${run.stdout}${run.stderr}`)
  run.port = Number(/https?:\/\/localhost:(\d+)/.exec(run.stdout)[1])
  /** Ctrl-C, which reaches every process of the terminal. */
  run.interrupt = () => process.kill(-child.pid, 'SIGINT')
  return run
}

const posix = { skip: process.platform === 'win32' }

test('serves a folder, prints its address, logs, and ends at Ctrl-C', posix, async (t) => {
  const root = makeTree(t, FILES)
  const run = await start(t, [root])
  assert.match(run.stdout, new RegExp(`^ironwire serves ${root}\n {2}http://localhost:\\d+\n`))
  assert.strictEqual((await request(run.port, '/')).body.toString(), 'INDEX')
  assert.strictEqual((await request(run.port, '/none"\\')).status, 404)
  assert.strictEqual((await request(run.port, '/a.txt', { method: 'HEAD' })).status, 200)
  await until(() => run.stdout.split('GET').length + run.stdout.split('HEAD').length > 4)
  const time = String.raw`\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]`
  assert.match(run.stdout, new RegExp(String.raw`^127\.0\.0\.1 - - ${time} "GET / HTTP/1\.1" 200 5$`, 'm'))
  assert.match(run.stdout, new RegExp(String.raw`^127\.0\.0\.1 - - ${time} "GET /none\\"\\\\ HTTP/1\.1" 404 \d+$`, 'm'))
  assert.match(run.stdout, new RegExp(String.raw`^127\.0\.0\.1 - - ${time} "HEAD /a\.txt HTTP/1\.1" 200 -$`, 'm'))
  run.interrupt()
  assert.deepStrictEqual([await run.ended, run.stderr], [{ code: 0, signal: null }, ''])
})

test('Ctrl-C lets a download finish; the second one does not', posix, async (t) => {
  const size = 64 * 2 ** 20
  const root = makeTree(t, { 'large.bin': Buffer.alloc(size) })
  for (const times of [1, 2]) {
    const run = await start(t, [root, '--log', 'off'])
    const socket = net.connect(run.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write('GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n')
    let received = (await once(socket, 'data'))[0].length
    socket.pause()
    run.interrupt()
    await until(() => /may finish/.test(run.stdout))
    if (times === 2) {
      await new Promise((resolve) => setTimeout(resolve, 700))
      run.interrupt()
      assert.deepStrictEqual(await run.ended, { code: 1, signal: null })
      socket.destroy()
      continue
    }
    socket.on('data', (chunk) => {
      received += chunk.length
    })
    socket.resume()
    await once(socket, 'close')
    assert.ok(received > size)
    assert.deepStrictEqual(await run.ended, { code: 0, signal: null })
  }
})

test('options', posix, async (t) => {
  const root = makeTree(t, FILES)
  const run = await start(t, [
    root,
    '--log',
    'json',
    '--cors',
    '--listing',
    '--compress',
    '--max-age',
    '1d',
    '--not-found',
    '404.html',
  ])
  const file = await request(run.port, '/large.txt', { headers: { 'Accept-Encoding': 'br', 'User-Agent': 'test' } })
  assert.deepStrictEqual(
    [file.headers['content-encoding'], file.headers['cache-control'], file.headers['access-control-allow-origin']],
    ['br', 'public, max-age=86400', '*'],
  )
  const preflight = await request(run.port, '/a.txt', {
    method: 'OPTIONS',
    headers: { Origin: 'http://x', 'Access-Control-Request-Method': 'GET' },
  })
  assert.deepStrictEqual([preflight.status, preflight.headers['access-control-allow-headers']], [204, '*'])
  assert.match((await request(run.port, '/sub/')).body.toString(), /x\.txt/)
  const none = await request(run.port, '/none')
  assert.deepStrictEqual([none.status, none.body.toString()], [404, 'NONE'])
  await until(() => run.stdout.split('\n{').length > 4)
  const entries = run.stdout
    .split('\n')
    .filter((line) => line[0] === '{')
    .map((line) => JSON.parse(line))
  const { time, ms, ...entry } = entries[0]
  assert.ok(!Number.isNaN(Date.parse(time)) && ms >= 0)
  assert.deepStrictEqual(entry, {
    remote: '127.0.0.1',
    method: 'GET',
    url: '/large.txt',
    status: 200,
    bytes: file.body.length,
    agent: 'test',
    aborted: false,
    http: '1.1',
  })
  const spa = await start(t, [root, '--spa', '--log', 'off'])
  assert.strictEqual(
    (await request(spa.port, '/some/route', { headers: { Accept: 'text/html' } })).body.toString(),
    'INDEX',
  )
  spa.interrupt()
  await spa.ended
  assert.doesNotMatch(spa.stdout, /GET/)
})

test('several processes: one that dies is replaced', posix, async (t) => {
  const root = makeTree(t, FILES)
  const run = await start(t, [root, '--workers', '2'])
  assert.match(run.stdout, /2 processes/)
  const children = () =>
    spawnSync('ps', ['-o', 'pid=', '--ppid', String(run.child.pid)], { encoding: 'utf8' })
      .stdout.split('\n')
      .map(Number)
      .filter((pid) => pid > 0)
  const before = children().filter((pid) => fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('ironwire.js'))
  assert.strictEqual(before.length, 2)
  for (let i = 0; i < 10; i++) assert.strictEqual((await request(run.port, '/a.txt')).status, 200)
  process.kill(before[0], 'SIGKILL')
  await until(() => /another takes its place/.test(run.stderr))
  for (let i = 0; i < 20; i++) assert.strictEqual((await request(run.port, '/a.txt')).body.toString(), 'content')
  run.interrupt()
  assert.deepStrictEqual(await run.ended, { code: 0, signal: null }, run.stderr)
})

test('several processes: one that cannot start is retried, while the others continue', posix, async (t) => {
  const root = makeTree(t, FILES)
  const run = await start(t, [root, '--workers', '2', '--log', 'off'])
  const workers = spawnSync('pgrep', ['-P', String(run.child.pid)], { encoding: 'utf8' })
    .stdout.trim()
    .split('\n')
  fs.renameSync(root, `${root}.away`)
  process.kill(Number(workers[0]), 'SIGKILL')
  await until(() => run.stderr.split('there is no folder').length > 2)
  assert.strictEqual((await request(run.port, '/a.txt')).status, 404)
  const tries = run.stderr.split('another takes its place').length
  assert.ok(tries < 8, run.stderr)
  fs.renameSync(`${root}.away`, root)
  for (let i = 0; i < 4; i++) assert.strictEqual((await request(run.port, '/a.txt')).status, 200)
  run.interrupt()
  assert.deepStrictEqual(await run.ended, { code: 0, signal: null }, run.stderr)
})

test('a single-page application without its page is reported', posix, async (t) => {
  const run = await start(t, [makeTree(t, { 'a.txt': 'a' }), '--spa', '--listing'])
  assert.match(run.stdout, /no index\.html in it: --spa answers with it once there is one/)
})

/** Runs to the end. */
function serve(...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, 'serve', ...args], {
    encoding: 'utf8',
    timeout: 60_000,
  })
  return { status, stdout, stderr }
}

test('a port that is in use: the message says how to choose another', async (t) => {
  const root = makeTree(t, FILES)
  const taken = net.createServer()
  await new Promise((resolve) => taken.listen(0, '127.0.0.1', resolve))
  t.after(() => taken.close())
  const { port } = taken.address()
  for (const more of [[], ['--workers', '2']]) {
    const { status, stderr } = serve(root, '--port', String(port), ...more)
    assert.deepStrictEqual([status, stderr.split('\n').length], [1, 2], stderr)
    assert.match(
      stderr,
      new RegExp(`^ironwire: port ${port} is taken by another program\\. Choose another one: --port \\d+`),
    )
  }
})

test('an invalid command line: a helpful message, and exit status 2', (t) => {
  const root = makeTree(t, FILES)
  for (const [args, message] of [
    [[path.join(root, 'missing')], /there is no folder .*missing/],
    [[path.join(root, 'a.txt')], /a\.txt is not a folder/],
    [[root, root], /one folder at a time/],
    [[root, '--port', '99999'], /--port is a whole number from 0 to 65535, not '99999'/],
    [[root, '--port', 'http'], /not 'http'/],
    [[root, '--port'], /--port/],
    [[root, '--prt', '80'], /did you mean --port\?/],
    [[root, '--workers', '0'], /--workers is a whole number from 1 to 256, not '0'/],
    [[root, '--log', 'apache'], /--log is common, json or off, not 'apache'/],
    [[root, '--max-age', 'soon'], /^ironwire: --max-age must be .*"1d".*'soon'/],
    [[root, '--not-found', ''], /^ironwire: --not-found must be a path below the root/],
    [[root, '--not-found', '../outside.txt'], /^ironwire: --not-found must be a path below the root/],
    [[root, '--not-found', 'nowhere.html'], /there is no nowhere\.html in .* for --not-found/],
    [[root, '--max-age', 'soon', '--workers', '2'], /"1d".*'soon'/],
  ]) {
    const { status, stderr, stdout } = serve(...args)
    assert.deepStrictEqual([status, stdout], [2, ''], stderr)
    assert.match(stderr, message)
    assert.match(stderr, /^Try 'ironwire serve --help'\.$/m)
    assert.doesNotMatch(stderr, /\n {4}at /, 'no stack')
  }
})

test('--help', () => {
  for (const flag of ['--help', '-h']) {
    const { status, stdout, stderr } = serve(flag)
    assert.deepStrictEqual([status, stderr], [0, ''])
    for (const name of [
      '--port',
      '--host',
      '--workers',
      '--compress',
      '--cors',
      '--listing',
      '--spa',
      '--not-found',
      '--max-age',
      '--log',
    ]) {
      assert.ok(stdout.includes(name), name)
    }
    assert.ok(stdout.split('\n').every((line) => line.length <= 120))
  }
  const { status, stdout } = spawnSync(process.execPath, [BIN, '--help'], { encoding: 'utf8' })
  assert.strictEqual(status, 0)
  assert.match(stdout, /serve \[DIR\]/)
})
