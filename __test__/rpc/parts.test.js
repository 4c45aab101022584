'use strict'

// Parts that are easier to test alone than over a socket.

const test = require('node:test')
const assert = require('node:assert/strict')
const { Call, Calls, Method } = require('../../lib/rpc/calls.js')
const { Deadlines } = require('../../lib/rpc/deadlines.js')
const { Outgoing } = require('../../lib/rpc/outgoing.js')
const { Queue } = require('../../lib/rpc/queue.js')
const { Waiting } = require('../../lib/rpc/waiting.js')
const { now } = require('../../lib/rpc/tick.js')
const { Flag } = require('./tools.js')

function made(method = 'echo', size = 0) {
  return new Call(new Method(method, 0), Buffer.alloc(size), Infinity, () => {})
}

test('no sequence number is used again while it is in flight, also when numbers wrap', () => {
  for (const limit of [1, 2, 3, 100, 65536]) {
    const calls = new Calls(limit)
    const flying = new Map()
    let random = 5
    for (let step = 0; step < 20_000; step++) {
      random = (Math.imul(random, 1103515245) + 12345) >>> 0
      if (random % 3 > 0 && calls.unanswered < limit) {
        const call = made()
        // Move close to the end of the number range.
        if (step === 50) calls.numbers = calls.numbers.map((number) => (number - 2 * calls.step) >>> 0)
        calls.take(call)
        assert.ok(call.sequence >= 0 && call.sequence < 2 ** 32)
        assert.ok(!flying.has(call.sequence))
        flying.set(call.sequence, call)
      } else if (flying.size > 0) {
        const [sequence, call] = [...flying][random % Math.min(flying.size, 10)]
        assert.equal(calls.find(sequence), call)
        calls.release(call)
        calls.finish(call, null)
        flying.delete(sequence)
        assert.equal(calls.find(sequence), undefined)
      }
      assert.equal(calls.unanswered, flying.size)
      assert.equal(calls.pending, flying.size)
    }
  }
})

test('answers to numbers that were never given find nothing', () => {
  const calls = new Calls(4)
  for (const sequence of [0, 1, 5, 2 ** 31, 2 ** 32 - 1]) assert.equal(calls.find(sequence), undefined)
  const call = made()
  calls.take(call)
  assert.equal(calls.find(call.sequence), call)
  assert.equal(calls.find((call.sequence + 4) >>> 0), undefined)
  assert.equal(calls.find((call.sequence - 4) >>> 0), undefined)
})

test('one timer serves all deadlines, and none fires early', async () => {
  const due = new Set()
  const order = []
  const start = now()
  await new Promise((resolve) => {
    const deadlines = new Deadlines((time) => {
      let next = Infinity
      for (const deadline of due) {
        if (deadline <= time) {
          due.delete(deadline)
          order.push(deadline - start)
        } else next = Math.min(next, deadline)
      }
      if (due.size === 0) resolve()
      return next
    })
    for (const delay of [40, 10, 30, 20, 50]) {
      due.add(start + delay)
      deadlines.add(start + delay)
    }
    deadlines.add(Infinity)
    // The timer does not keep the process running, so the test does.
    setTimeout(() => {}, 200)
  })
  assert.deepEqual(
    order.sort((a, b) => a - b),
    [10, 20, 30, 40, 50],
  )
})

test('a queue against an array', () => {
  const queue = new Queue()
  let twin = []
  let random = 3
  for (let step = 0; step < 30_000; step++) {
    random = (Math.imul(random, 1103515245) + 12345) >>> 0
    const choice = (random >>> 8) % 100
    // Grows for a while, then shrinks, and so on.
    if (choice < (step % 6000 < 3000 ? 60 : 30)) {
      const item = { step, queued: false }
      queue.push(item)
      twin.push(item)
    } else if (choice < 70) {
      const item = queue.first()
      assert.equal(item, twin[0])
      if (item) {
        queue.remove(item)
        queue.remove(item)
        twin.shift()
      }
    } else if (twin.length > 0) {
      const [item] = twin.splice((random >>> 16) % twin.length, 1)
      queue.remove(item)
    }
    assert.equal(queue.size, twin.length)
    assert.equal(queue.first(), twin[0])
    assert.ok(queue.items.length <= 65 + 2 * queue.size)
    if (step % 500 === 0) assert.deepEqual([...queue], twin)
    if (step % 7000 === 0) {
      for (const item of queue) queue.remove(item)
      twin = []
      assert.deepEqual(queue.items, [])
    }
  }
})

test('waiting calls keep their order and its count of bytes', () => {
  const aborted = []
  const full = []
  const waiting = new Waiting(
    { maxQueuedCalls: 4, maxQueuedBytes: 10 },
    { onAborted: (_callback, error) => aborted.push(error.code), onFull: (...limit) => full.push(limit) },
  )
  const push = (method, size, deadline = Infinity, signal) => {
    return waiting.push(Object.assign(made(method, size), { deadline, signal, watches: signal !== undefined }))
  }
  const controller = new AbortController()
  assert.equal(push('a', 1, 50), undefined)
  assert.equal(push('b', 2, Infinity, controller.signal), undefined)
  assert.equal(push('c', 3, 30), undefined)
  assert.equal(push('d', 5)?.code, 'IRONWIRE_RPC_TOO_MANY_CALLS')
  assert.equal(push('e', 4), undefined)
  assert.equal(push('f', 0)?.code, 'IRONWIRE_RPC_TOO_MANY_CALLS')
  assert.deepEqual(full, [
    ['maxQueuedBytes', 10],
    ['maxQueuedCalls', 4],
  ])
  assert.equal(waiting.bytes, 10)
  controller.abort()
  assert.deepEqual([aborted, waiting.bytes, waiting.length], [['IRONWIRE_RPC_ABORTED'], 8, 3])
  const ended = []
  assert.equal(
    waiting.expire(30, ({ method }) => ended.push(method)),
    50,
  )
  assert.deepEqual([ended, waiting.bytes], [['c'], 5])
  assert.equal(waiting.shift().method, 'a')
  waiting.clear(({ method }) => ended.push(method))
  assert.deepEqual([ended, waiting.bytes, waiting.length], [['c', 'e'], 0, 0])
})

test('the bodies of requests that were written but not taken are found again', () => {
  const kinds = []
  for (const size of [0, 1, 5000, 20_000]) {
    for (const remaining of [0, 1000]) {
      for (const metadata of [null, Buffer.from('\x00\x05\x01k\x00\x01v', 'latin1')])
        kinds.push({ size, remaining, metadata })
    }
  }
  const requests = Array.from({ length: 6 * kinds.length }, (_, i) => ({ ...kinds[i % kinds.length], body: i }))
  // The first request that was not taken may be at any position.
  for (let first = 0; first < requests.length; first += 7) {
    const wire = {
      given: 0,
      taken: Infinity,
      write: (_bytes, _offset, length) => {
        wire.given += length
        return true
      },
      get queued() {
        return Math.max(wire.given - wire.taken, 0)
      },
    }
    const out = new Outgoing(wire)
    out.unsent = []
    const positions = requests.map(({ size, remaining, metadata, body: fill }, i) => {
      if (i === first) wire.taken = out.position
      const { position } = out
      const body = Buffer.alloc(size, fill)
      if (metadata === null) out.request(i, 0, remaining, body)
      else out.flaggedRequest(i, 0, remaining, { flags: Flag.METADATA, metadata, body })
      body.fill(255)
      return position
    })
    const stream = out.position
    out.flaggedRequest(999, 0, 0, { flags: Flag.TAKES_STREAM, metadata: null, body: Buffer.from('x') })
    out.shut()
    for (let i = first; i < requests.length; i++) {
      const { size, body } = requests[i]
      assert.deepEqual(out.recover(positions[i]), Buffer.alloc(size, body))
    }
    assert.equal(out.recover(stream), null)
    assert.equal(out.recover(stream + 1000), null)
    out.release()
  }
})
