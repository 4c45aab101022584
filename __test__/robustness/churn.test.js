'use strict'

// Ten thousand connections that end at a random moment: by a FIN or an RST, before a byte was sent, in the middle of a head, of a body,
// of a reply, or after everything went well. The server must neither crash nor keep anything of them.

const test = require('node:test')
const assert = require('node:assert')
const { fork } = require('node:child_process')
const { once } = require('node:events')
const net = require('node:net')
const path = require('node:path')
const ironwire = require('ironwire')

const AT_ONCE = 100

/** The young generation stays small: by itself it doubles four times, whenever V8 sees fit, and that would hide what is lost. */
const FLAGS = ['--expose-gc', '--max-semi-space-size=1']

/** For the same reason glibc gives freed memory back at once, instead of learning to keep it. */
const ENVIRONMENT = { MALLOC_MMAP_THRESHOLD_: '65536', MALLOC_TRIM_THRESHOLD_: '65536', MALLOC_ARENA_MAX: '1' }

/** How much the server's memory may grow over the second half, as it swings a little; a kilobyte lost per connection is 5 MiB. */
const GROWTH_BYTES = 4 << 20
const HEAP_GROWTH_BYTES = 1 << 20

/** Measurements in each half. */
const PARTS = 5

/**
 * An allocator may come to keep a few MiB more just then, a leak grows all the time: where the second half shows growth, another
 * one follows, up to this many.
 */
const MOST_HALVES = 5

/** Seeded, so that a failure can be had again. */
function random(seed) {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const requests = [
  'GET /small HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /late HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /stream HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /much HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /small HTTP/1.0\r\n\r\n',
  `POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n${'b'.repeat(5000)}`,
  `POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${'400\r\n'.concat('c'.repeat(1024), '\r\n').repeat(4)}0\r\n\r\n`,
  'GET /small HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(8),
  'GET /small HTTP/1.1\r\nHost: a\r\n\r\nGET /late HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(3),
  'nonsense\r\n\r\n',
].map((text) => Buffer.from(text, 'latin1'))

/** What a well-behaved RPC client sends for a few calls, recorded between it and the server. */
async function recordRpc(port) {
  const chunks = []
  const recorder = net.createServer((client) => {
    const server = net.connect(port, '127.0.0.1')
    client.on('data', (data) => chunks.push(data))
    client.pipe(server).pipe(client)
    for (const socket of [client, server]) socket.on('error', () => {})
  })
  await once(recorder.listen(0, '127.0.0.1'), 'listening')
  const client = ironwire.rpc.connect(`127.0.0.1:${recorder.address().port}`)
  const methods = ['echo', 'late', 'much', 'echo', 'late']
  await Promise.all(methods.map((method, i) => client.call(method, Buffer.alloc(i * 50, i))))
  client.close()
  recorder.close()
  return Buffer.concat(chunks)
}

/** One connection: sends a random part of `bytes` in up to three pieces, then goes, one way or another, at some moment. */
function connection(port, bytes, pick) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.on('close', resolve)
    const leave = () => {
      // Node cannot reset a socket whose end it is sending, and then says neither that it failed nor that it is closed.
      if (pick(2) === 0 && !socket.writableEnded) socket.resetAndDestroy()
      else socket.destroy()
    }
    const manner = pick(8)
    if (manner === 0) {
      // Before it is even connected, or as soon as it is.
      if (pick(2) === 0) leave()
      else socket.on('connect', leave)
      return
    }
    // Half of them send all there is to send.
    const length = pick(2) === 0 ? bytes.length : pick(bytes.length)
    const cut = pick(length + 1)
    socket.on('connect', () => {
      socket.write(bytes.subarray(0, cut))
      setImmediate(() => socket.writable && socket.write(bytes.subarray(cut, length)))
    })
    if (manner === 1) {
      // Reads nothing, so that the server meets back-pressure, then drops it.
      socket.pause()
      setTimeout(leave, pick(20))
    } else if (manner === 2) {
      socket.once('data', leave)
      setTimeout(leave, 20)
    } else if (manner === 3) {
      // A polite end: the server may answer what it got.
      socket.resume()
      setImmediate(() => setImmediate(() => socket.end()))
      setTimeout(leave, 50)
    } else {
      socket.resume()
      setTimeout(leave, pick(8))
    }
  })
}

async function churn(port, count, pick, bytesFor) {
  let left = count
  const worker = async () => {
    while (left-- > 0) await connection(port, bytesFor(pick), pick)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

/** Asks until the server has seen the end of every connection: what it still holds then, it has lost. */
async function settled(ask, resting) {
  let state
  for (let i = 0; i < 100; i++) {
    state = await ask('measure')
    if (state.begun === state.ended && (!state.usage || state.usage.slots === resting.slots)) return state
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return state
}

async function attack(t, implementation, kind, connections) {
  const child = fork(path.join(__dirname, 'server.js'), [implementation, kind], {
    execArgv: FLAGS,
    env: { ...process.env, ...ENVIRONMENT },
  })
  t.after(() => child.kill('SIGKILL'))
  const ended = once(child, 'exit')
  const ask = async (message) => {
    child.send(message)
    const [answer] = await Promise.race([
      once(child, 'message'),
      ended.then(([code, signal]) => assert.fail(`server ended: ${signal ?? code}`)),
    ])
    return answer
  }
  const [{ port }] = await once(child, 'message')
  const resting = (await ask('measure')).usage
  const recorded = kind === 'rpc' ? await recordRpc(port) : undefined
  const pick = random(20_261_122)
  const bytesFor = {
    http: () => requests[pick(requests.length)],
    net: () => requests[pick(requests.length)],
    rpc: () => recorded,
  }[kind]

  const rss = []
  const heap = []
  const growth = { rss: 0, heap: 0 }
  for (let half = 0; half < MOST_HALVES; half++) {
    for (let part = 0; part < PARTS; part++) {
      await churn(port, connections / 2 / PARTS, pick, bytesFor)
      const state = await settled(ask, resting)
      assert.strictEqual(state.ended, state.begun, 'everything that began has ended')
      assert.deepStrictEqual(state.usage, resting, 'no slot and no handle is left')
      rss.push(state.rss)
      heap.push(state.heap)
    }
    if (half === 0) continue
    growth.rss = rss.at(-1) - rss.at(-1 - PARTS)
    growth.heap = heap.at(-1) - heap.at(-1 - PARTS)
    if (growth.rss < GROWTH_BYTES && growth.heap < HEAP_GROWTH_BYTES) break
  }
  t.diagnostic(
    `${kind}: RSS in MiB after each ${connections / 2 / PARTS}: ${rss.map((bytes) => (bytes / 2 ** 20).toFixed(1)).join(' ')}`,
  )
  assert.ok(growth.rss < GROWTH_BYTES, `RSS grew by ${growth.rss} bytes over the second half`)
  assert.ok(growth.heap < HEAP_GROWTH_BYTES, `the heap grew by ${growth.heap} bytes over the second half`)

  const last = await ask('close')
  if (last.usage) assert.strictEqual(last.usage.slots, 0, 'the listener is gone, too')
  assert.deepStrictEqual(await ended, [0, null], 'nothing keeps the process alive')
}

for (const kind of ['net', 'http', 'rpc']) {
  test(`${kind}: ten thousand connections dropped at random moments`, (t) => attack(t, 'ironwire', kind, 10_000))
}

// The attack itself: it must leave Node's own server as it found it, or it proves nothing about ours.
for (const kind of ['net', 'http']) {
  test(`${kind}: the attack is fair to Node's server`, (t) => attack(t, 'node', kind, 1_000))
}
