'use strict'

// The demo's two processes: they start together, end together, and the backend is replaced when it dies.

const assert = require('node:assert')
const net = require('node:net')
const { test } = require('node:test')
const { alive, launch, signalGroup, startDemo, until } = require('./support')

const TIMEOUT = { timeout: 60_000 }

for (const [name, command] of [
  ['node', undefined],
  ['npm start', ['npm', 'start', '--silent']],
]) {
  test(`Ctrl-C ends both processes, started by ${name}`, TIMEOUT, async (t) => {
    const demo = await startDemo(t, { command })
    const { front, backend } = await demo.state()
    signalGroup(demo.child.pid, 'SIGINT')
    await demo.ended
    await until(() => !alive(front.pid) && !alive(backend.pid))
    assert.match(demo.stdout, /SIGINT: ending/)
    assert.strictEqual(demo.stderr, '')
  })
}

test('SIGTERM to npm alone ends both processes', TIMEOUT, async (t) => {
  const demo = await startDemo(t, { command: ['npm', 'start', '--silent'] })
  const { front, backend } = await demo.state()
  demo.child.kill('SIGTERM')
  await until(() => !alive(front.pid) && !alive(backend.pid))
})

test('SIGTERM ends both processes, with pages being streamed to and calls in flight', TIMEOUT, async (t) => {
  const demo = await startDemo(t)
  const { backend } = await demo.state()
  const stream = await fetch(`${demo.url}/api/stream?delay=2000`)
  const reader = stream.body.getReader()
  await reader.read()
  demo.child.kill('SIGTERM')
  assert.deepStrictEqual(await demo.ended, { code: 0, signal: null })
  await until(() => !alive(backend.pid))
  // The stream came to its end, it was not cut.
  while (!(await reader.read()).done);
})

test('a front that is killed outright takes the backend with it', TIMEOUT, async (t) => {
  const demo = await startDemo(t)
  const { backend } = await demo.state()
  demo.child.kill('SIGKILL')
  await demo.ended
  await until(() => !alive(backend.pid))
})

test('a backend that is killed is reported, replaced and used', TIMEOUT, async (t) => {
  const demo = await startDemo(t)
  const before = await demo.state()
  process.kill(before.backend.pid, 'SIGKILL')
  await until(async () => (await demo.state()).backend.status === 'down')
  const away = await fetch(`${demo.url}/api/courses`)
  assert.strictEqual(away.status, 503)
  assert.strictEqual(away.headers.get('retry-after'), '1')
  assert.deepStrictEqual(await away.json(), {
    error: { code: 'BACKEND_AWAY', message: 'The backend is away: killed by SIGKILL' },
  })
  await demo.backendUp()
  const after = await demo.state()
  assert.notStrictEqual(after.backend.pid, before.backend.pid)
  assert.strictEqual(after.backend.restarts, 1)
  assert.strictEqual(after.front.pid, before.front.pid)
  assert.strictEqual((await fetch(`${demo.url}/api/courses`)).status, 200)
})

test('calls in flight when the backend dies fail, every one of them', TIMEOUT, async (t) => {
  const demo = await startDemo(t)
  const burst = fetch(`${demo.url}/api/burst`, {
    method: 'POST',
    headers: { 'x-requested-with': 'ironwire-demo' },
    body: JSON.stringify({ count: 500, delay: 2000 }),
  })
  await until(async () => (await demo.state()).calls.inFlight > 100)
  process.kill((await demo.state()).backend.pid, 'SIGKILL')
  const result = await (await burst).json()
  assert.strictEqual(result.answered + result.failed, 500)
  assert.ok(result.failed > 0)
  const { calls } = await demo.state()
  assert.strictEqual(calls.inFlight, 0)
  assert.strictEqual(calls.failed, result.failed)
})

test('a taken port is explained, with a way out', TIMEOUT, async (t) => {
  const server = net.createServer().listen(0, '127.0.0.1')
  t.after(() => server.close())
  await new Promise((resolve) => server.on('listening', resolve))
  const { port } = server.address()
  for (const demo of [
    launch(t, [process.execPath, 'demo/front.js', '--port', String(port)]),
    launch(t, [process.execPath, 'demo/front.js'], { PORT: String(port) }),
  ]) {
    assert.deepStrictEqual(await demo.ended, { code: 1, signal: null })
    assert.strictEqual(demo.stdout, '')
    assert.match(
      demo.stderr,
      new RegExp(`^Port ${port} on 127.0.0.1 is taken by another program.\nChoose another port: +PORT=\\d+ npm start`),
    )
  }
})

test('a port that is none is explained', TIMEOUT, async (t) => {
  for (const port of ['70000', '-1', 'web', '']) {
    const demo = launch(t, [process.execPath, 'demo/front.js', `--port=${port}`])
    assert.deepStrictEqual(await demo.ended, { code: 1, signal: null })
    assert.match(demo.stderr, /is not a port: a port is a whole number from 0 to 65535/)
  }
})
