'use strict'

// The demo's processes: they start together, end together, and a backend that dies is replaced, at the cost of no call.

const assert = require('node:assert')
const net = require('node:net')
const { test } = require('node:test')
const { alive, launch, signalGroup, startDemo, until } = require('./support')

const TIMEOUT = { timeout: 60_000 }

/** What is to be gone when the demo has ended: the front and its backends. */
async function pidsOf(demo) {
  const { front } = await demo.state()
  return [front.pid, ...Object.values(await demo.backends()).map(({ pid }) => pid)]
}

const allGone = (pids) => until(() => !pids.some(alive))

const burst = (demo, body) =>
  fetch(`${demo.url}/api/burst`, {
    method: 'POST',
    headers: { 'x-requested-with': 'ironwire-demo' },
    body: JSON.stringify(body),
  })

for (const [name, command] of [
  ['node', undefined],
  ['npm start', ['npm', 'start', '--silent']],
]) {
  test(`Ctrl-C ends all processes, started by ${name}`, TIMEOUT, async (t) => {
    const demo = await startDemo(t, { command })
    const pids = await pidsOf(demo)
    assert.strictEqual(pids.filter(alive).length, 3)
    signalGroup(demo.child.pid, 'SIGINT')
    await demo.ended
    await allGone(pids)
    assert.match(demo.stdout, /SIGINT: ending/)
    assert.strictEqual(demo.stderr, '')
  })
}

test('SIGTERM to npm alone ends all processes', TIMEOUT, async (t) => {
  const demo = await startDemo(t, { command: ['npm', 'start', '--silent'] })
  const pids = await pidsOf(demo)
  demo.child.kill('SIGTERM')
  await allGone(pids)
})

test('SIGTERM ends all processes, with pages being streamed to and calls in flight', TIMEOUT, async (t) => {
  const demo = await startDemo(t)
  const pids = await pidsOf(demo)
  const stream = await fetch(`${demo.url}/api/stream?delay=2000`)
  const reader = stream.body.getReader()
  await reader.read()
  demo.child.kill('SIGTERM')
  assert.deepStrictEqual(await demo.ended, { code: 0, signal: null })
  await allGone(pids)
  // The stream came to its end, it was not cut.
  while (!(await reader.read()).done);
})

test('a front that is killed outright takes both backends with it', TIMEOUT, async (t) => {
  const demo = await startDemo(t)
  const pids = await pidsOf(demo)
  demo.child.kill('SIGKILL')
  await demo.ended
  await allGone(pids)
})

test('each backend in turn is killed under load and comes back: no call fails', TIMEOUT, async (t) => {
  const demo = await startDemo(t, { args: ['--restart-after', '100'] })
  const { front } = await demo.state()
  const statuses = new Map()
  let running = true
  const load = async () => {
    while (running) {
      const { status } = await fetch(`${demo.url}/api/courses?delay=100`)
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
  }
  const loads = Promise.all(Array.from({ length: 8 }, load))
  for (const name of ['north', 'south', 'north']) {
    const before = (await demo.backends())[name]
    // It is at work when it is killed.
    await until(async () => {
      const { inFlight, answered } = (await demo.backends())[name]
      return inFlight > 0 && answered > before.answered
    })
    process.kill(before.pid, 'SIGKILL')
    // It is back when another process of that name has answered.
    let back
    await until(async () => {
      const { status, pid, answered } = (await demo.backends())[name]
      if (status !== 'up' || pid === before.pid) return false
      back ??= answered
      return answered > back
    })
  }
  running = false
  await loads
  assert.deepStrictEqual([...statuses.keys()], [200])
  const { front: after, calls } = await demo.state()
  const { north, south } = await demo.backends()
  assert.deepStrictEqual([calls.failed, calls.inFlight, north.ended, south.ended], [0, 0, 2, 1])
  assert.strictEqual(after.pid, front.pid)
  assert.strictEqual(demo.stderr, '')
})

test('thousands of calls in flight at a backend that dies are made again, every one of them', TIMEOUT, async (t) => {
  const demo = await startDemo(t)
  const answer = burst(demo, { count: 4000, delay: 2000 })
  await until(async () => (await demo.backends()).north.inFlight > 1000)
  process.kill((await demo.backends()).north.pid, 'SIGKILL')
  const result = await (await answer).json()
  assert.deepStrictEqual([result.answered, result.failed], [4000, 0])
  assert.ok(result.retried > 0)
})

test('a stopped backend loses no call', { ...TIMEOUT, skip: process.platform === 'win32' }, async (t) => {
  const demo = await startDemo(t)
  const { north } = await demo.backends()
  process.kill(north.pid, 'SIGSTOP')
  try {
    const { answered, failed, by } = await (await burst(demo, { count: 500, delay: 0 })).json()
    assert.deepStrictEqual([answered, failed, by], [500, 0, [{ name: 'south', count: 500 }]])
    await until(async () => (await demo.backends()).north.status === 'silent')
  } finally {
    // It does not notice else that the front is gone.
    process.kill(north.pid, 'SIGCONT')
  }
  await until(async () => (await demo.backends()).north.status === 'up')
  assert.deepStrictEqual([(await demo.state()).calls.failed, (await demo.backends()).north.ended], [0, 0])
})

test('when both backends are dead, calls wait for the first that is back', TIMEOUT, async (t) => {
  const demo = await startDemo(t, { args: ['--restart-after', '500'] })
  const answer = burst(demo, { count: 500, delay: 2000 })
  await until(async () => (await demo.state()).calls.inFlight > 100)
  for (const { pid } of Object.values(await demo.backends())) process.kill(pid, 'SIGKILL')
  await until(async () => Object.values(await demo.backends()).every(({ ended }) => ended === 1))
  assert.strictEqual((await fetch(`${demo.url}/api/courses`)).status, 200)
  const { answered, failed } = await (await answer).json()
  assert.deepStrictEqual([answered, failed], [500, 0])
})

test('a lost backend is noticed, and another one can take its place', TIMEOUT, async (t) => {
  const demo = await startDemo(t, { args: ['--restart-after', '3600000'] })
  const { north } = await demo.backends()
  const kill = () =>
    fetch(`${demo.url}/api/backends/north/kill`, { method: 'POST', headers: { 'x-requested-with': 'ironwire-demo' } })
  assert.deepStrictEqual(await (await kill()).json(), { killed: north.pid })
  await until(async () => (await demo.backends()).north.status === 'gone')
  const { reason, pid, startsInMs } = (await demo.backends()).north
  assert.deepStrictEqual([reason, pid], ['killed by SIGKILL', null])
  assert.ok(startsInMs > 3_000_000 && startsInMs <= 3_600_000)
  assert.strictEqual((await kill()).status, 503)

  const whoAnswers = async () => {
    const { courses } = await (await fetch(`${demo.url}/api/courses`)).json()
    return [...new Set(courses.map(({ by }) => by))].sort().join()
  }
  assert.strictEqual(await whoAnswers(), 'south')

  const { address } = (await demo.state()).registry
  const west = launch(t, [process.execPath, 'demo/backend.js', address, 'west'])
  await until(async () => (await whoAnswers()) === 'south,west')
  const found = (await demo.backends()).west
  assert.deepStrictEqual([found.status, found.pid, found.killable], ['up', west.child.pid, undefined])
  west.child.kill('SIGTERM')
  assert.deepStrictEqual(await west.ended, { code: 0, signal: null })
  await until(async () => !(await demo.backends()).west)
  assert.strictEqual(await whoAnswers(), 'south')
  assert.strictEqual((await demo.state()).calls.failed, 0)
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

test('an invalid port is explained', TIMEOUT, async (t) => {
  for (const port of ['70000', '-1', 'web', '']) {
    const demo = launch(t, [process.execPath, 'demo/front.js', `--port=${port}`])
    assert.deepStrictEqual(await demo.ended, { code: 1, signal: null })
    assert.match(demo.stderr, /is not a port: a port is a whole number from 0 to 65535/)
  }
})

test('unknown options are explained', TIMEOUT, async (t) => {
  for (const [arg, expected] of [
    ['--restart-after=soon', /"soon" is not a time to restart after/],
    ['--restart-after=3600001', /an hour at most/],
    ['--colour', /The options are --port and --restart-after/],
  ]) {
    const demo = launch(t, [process.execPath, 'demo/front.js', arg])
    assert.deepStrictEqual(await demo.ended, { code: 1, signal: null })
    assert.match(demo.stderr, expected)
  }
  const backend = launch(t, [process.execPath, 'demo/backend.js'])
  assert.deepStrictEqual(await backend.ended, { code: 1, signal: null })
  assert.match(backend.stderr, /^How to start one: /)
})
