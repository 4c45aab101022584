'use strict'

// Several processes with one port: a worker that is killed costs its own connections, one that is let go answers what it has begun.

const assert = require('node:assert')
const { fork } = require('node:child_process')
const { on, once } = require('node:events')
const net = require('node:net')
const path = require('node:path')
const { Agent, get } = require('node:http')
const { test } = require('node:test')
const { setTimeout: sleep } = require('node:timers/promises')

/** A cluster of two workers; resolves to its port, the workers' pids, and what comes next. */
async function start(t, sharing) {
  const primary = fork(path.join(__dirname, 'fixtures', 'workers.js'), [sharing])
  t.after(() => primary.kill('SIGKILL'))
  const events = on(primary, 'message')
  const next = async (event) => {
    for (;;) {
      const [message] = (await events.next()).value
      if (message.event === event) return message
    }
  }
  await next('ready')
  primary.send('fork')
  const first = await next('listening')
  // The workers that share nothing must be told.
  if (sharing === 'reusePort') primary.send({ port: first.port })
  primary.send('fork')
  const second = await next('listening')
  assert.strictEqual(first.port, second.port)
  return { primary, port: first.port, pids: [first.pid, second.pid], next }
}

/** One request on one kept connection: the answer, or the error's code. */
function ask(agent, port, path = '/', begun = () => {}) {
  return new Promise((resolve) => {
    // A connection that the primary hands to a worker that has just died is lost in Node's cluster, without a word to the client.
    const request = get({ agent, port, host: '127.0.0.1', path, timeout: 5000 }, async (response) => {
      begun()
      try {
        resolve((await response.toArray()).join(''))
      } catch (error) {
        resolve(error.code)
      }
    })
    request.on('timeout', () => request.destroy())
    request.on('error', (error) => resolve(error.code))
  })
}

const kept = () => new Agent({ keepAlive: true, maxSockets: 1 })

/** Clients with a connection each, so many that either worker has some. */
async function connect(port, pids) {
  const clients = []
  for (let i = 0; i < 200; i++) {
    const agent = kept()
    clients.push({ agent, pid: Number(await ask(agent, port)) })
    if (i >= 15 && pids.every((pid) => clients.some((client) => client.pid === pid))) break
  }
  return clients
}

const sharings = ['SCHED_RR', 'SCHED_NONE']
if (process.platform === 'linux') sharings.push('reusePort')

for (const sharing of sharings) {
  test(`kill -9 of a worker under load, ${sharing}`, async (t) => {
    const { primary, port, pids, next } = await start(t, sharing)
    const clients = await connect(port, pids)
    const [killed, left] = pids
    // Without a connection of its own there is nothing to lose: where the kernel chooses, it may choose one worker for all.
    if (sharing !== 'SCHED_NONE') assert.ok(pids.every((pid) => clients.some((client) => client.pid === pid)))
    let running = true
    const failures = []
    let answered = 0
    const load = clients.map(async ({ agent, pid }) => {
      while (running) {
        const answer = await ask(agent, port)
        if (answer === String(pid)) answered++
        // Closed between two requests: the next one has another worker.
        else if (pid === killed && /^\d+$/.test(answer)) return
        else return failures.push({ pid, answer })
      }
    })
    await sleep(100)
    process.kill(killed, 'SIGKILL')
    assert.strictEqual((await next('exit')).signal, 'SIGKILL')
    const before = answered
    primary.send('fork')
    const replaced = await next('listening')
    assert.strictEqual(replaced.port, port)
    await sleep(100)
    running = false
    await Promise.all(load)
    for (const { pid, answer } of failures) {
      assert.strictEqual(pid, killed)
      assert.match(answer, /^(?:ECONNRESET|ECONNREFUSED|EPIPE)$/)
    }
    if (clients.some(({ pid }) => pid === left)) assert.ok(answered > before)
    const after = await connect(port, [left, replaced.pid])
    for (const { pid } of after) assert.ok(pid === left || pid === replaced.pid, `answered by ${pid}`)
    for (const { agent } of [...clients, ...after]) agent.destroy()
  })

  test(`workers that disconnect finish their responses, ${sharing}`, async (t) => {
    const { primary, port, pids, next } = await start(t, sharing)
    const idle = kept()
    await ask(idle, port)
    let answer
    await new Promise((begun) => {
      answer = ask(new Agent(), port, '/slow', begun)
    })
    primary.send('disconnect')
    const exits = [await next('exit'), await next('exit')]
    for (const { code, signal } of exits) assert.deepStrictEqual([code, signal], [0, null])
    assert.deepStrictEqual(exits.map(({ pid }) => pid).sort(), pids.sort())
    assert.match(await answer, /^\d+ begins, ends$/)
    const [error] = await once(net.connect(port, '127.0.0.1'), 'error')
    assert.strictEqual(error.code, 'ECONNREFUSED')
    idle.destroy()
  })
}
