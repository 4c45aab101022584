'use strict'

// What the tests of leaks have in common: a server in a process of its own, under a load that comes in parts, whose memory has to stay level.

const assert = require('node:assert')
const { fork } = require('node:child_process')
const { once } = require('node:events')
const net = require('node:net')
const path = require('node:path')

/** The young generation stays small: by itself it doubles four times, whenever V8 sees fit, and that would hide what is lost. */
const FLAGS = ['--expose-gc', '--max-semi-space-size=1']

/** For the same reason glibc gives freed memory back at once, instead of learning to keep it. */
const ENVIRONMENT = { MALLOC_MMAP_THRESHOLD_: '65536', MALLOC_TRIM_THRESHOLD_: '65536', MALLOC_ARENA_MAX: '1' }

/** How much memory may grow over the second half, as it swings a little; a kilobyte lost in each of 5,000 steps is 5 MiB. */
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

/** Runs parts of a load, each of which gives what is held after it, until that no longer grows. */
async function level(part, say, limits = { rss: GROWTH_BYTES, heap: HEAP_GROWTH_BYTES }) {
  const states = []
  let growth
  for (let half = 0; half < MOST_HALVES; half++) {
    for (let i = 0; i < PARTS; i++) states.push(await part())
    if (half === 0) continue
    const [before, last] = [states.at(-1 - PARTS), states.at(-1)]
    growth = { rss: last.rss - before.rss, heap: last.heap - before.heap }
    if (growth.rss < limits.rss && growth.heap < limits.heap) break
  }
  say(`RSS in MiB after each part: ${states.map(({ rss }) => (rss / 2 ** 20).toFixed(1)).join(' ')}`)
  assert.ok(growth.rss < limits.rss, `RSS grew by ${growth.rss} bytes over the second half`)
  assert.ok(growth.heap < limits.heap, `the heap grew by ${growth.heap} bytes over the second half`)
}

/** A program of this folder, with its messages. */
function start(t, program, args) {
  const child = fork(path.join(__dirname, program), args, {
    execArgv: FLAGS,
    env: { ...process.env, ...ENVIRONMENT },
  })
  t.after(() => child.kill('SIGKILL'))
  const ended = once(child, 'exit')
  const message = async () => {
    const [answer] = await Promise.race([
      once(child, 'message'),
      ended.then(([code, signal]) => assert.fail(`${program} ended: ${signal ?? code}`)),
    ])
    return answer
  }
  const ask = (question) => {
    child.send(question)
    return message()
  }
  return { message, ask, ended }
}

/** Asks until the server has seen the end of every connection: what it still holds then, it has lost. */
async function settled(ask, resting) {
  let state
  for (let i = 0; i < 100; i++) {
    state = await ask('measure')
    const { usage, descriptors } = state
    const same = usage?.slots === resting.usage?.slots && descriptors === resting.descriptors
    if (state.begun === state.ended && same) return state
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return state
}

/** A server under attack: `begin(port)` gives the function that does one part of it. */
async function attack(t, implementation, kind, begin) {
  const { message, ask, ended } = start(t, 'server.js', [implementation, kind])
  const { port } = await message()
  const resting = await ask('measure')
  const attackOnce = await begin(port)
  await level(
    async () => {
      await attackOnce()
      const state = await settled(ask, resting)
      assert.strictEqual(state.ended, state.begun, 'everything that began has ended')
      assert.deepStrictEqual(state.usage, resting.usage, 'no slot and no handle is left')
      assert.strictEqual(state.descriptors, resting.descriptors, 'no descriptor is left')
      return state
    },
    (text) => t.diagnostic(`${kind}: ${text}`),
  )
  const last = await ask('close')
  if (last.usage) assert.strictEqual(last.usage.slots, 0, 'the listener is gone, too')
  assert.deepStrictEqual(await ended, [0, null], 'nothing keeps the process alive')
  return last
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

/** So many connections, some at once. */
async function churn(port, count, pick, bytesFor, atOnce = 100) {
  let left = count
  const worker = async () => {
    while (left-- > 0) await connection(port, bytesFor(pick), pick)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}

module.exports = { attack, start, level, churn, random, PARTS }
