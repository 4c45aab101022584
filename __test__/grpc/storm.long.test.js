'use strict'

// Random calls of all kinds: cancelled, timed out, read and written irregularly, retried, hedged and balanced, to
// servers that stop and restart and that allow few or many streams. Whatever happens, each call ends exactly once, the
// counts agree, and nothing is left over. `SEEDS=300` runs 300 storms, `SEED=42` repeats one. Timing is not
// reproducible, so a repeated storm is never exactly the same.

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { setImmediate: turn, setTimeout: sleep } = require('node:timers/promises')
const { usage } = require('../../lib/engine.js')
const { randomOf } = require('../chance.js')
const { grpc, peer, service, bind } = require('./support.js')

const SEEDS = Number(process.env.SEEDS ?? 8)
const FIRST = Number(process.env.SEED ?? 1)
const COUNT = process.env.SEED === undefined ? SEEDS : 1
/** The length of a storm in milliseconds. */
const TIME = 1500

const ignore = () => {}

const config = (methods) => ({ methodConfig: [{ name: [{}], ...methods }] })
const retryableStatusCodes = ['UNAVAILABLE', 'RESOURCE_EXHAUSTED']
const outliers = {
  interval: '0.05s',
  base_ejection_time: '0.1s',
  max_ejection_percent: 50,
  failure_percentage_ejection: { threshold: 10, minimum_hosts: 1, request_volume: 3 },
  child_policy: [{ round_robin: {} }],
}
const configs = [
  {},
  { loadBalancingConfig: [{ round_robin: {} }] },
  { loadBalancingConfig: [{ outlier_detection: outliers }] },
  config({
    retryPolicy: {
      maxAttempts: 3,
      initialBackoff: '0.005s',
      maxBackoff: '0.01s',
      backoffMultiplier: 2,
      retryableStatusCodes,
    },
  }),
  config({ hedgingPolicy: { maxAttempts: 3, hedgingDelay: '0.005s', nonFatalStatusCodes: retryableStatusCodes } }),
]

class Storm {
  constructor(seed) {
    this.random = randomOf(seed)
    this.module = peer !== undefined && this.chance(0.35) ? peer : grpc
    this.compression = this.chance(0.2) ? { 'grpc.default_compression_algorithm': 2 } : {}
    this.options = {
      'grpc.max_concurrent_streams': this.pick([1, 2, 5, 100, 4096]),
      ...(this.chance(0.3) && {
        'grpc.max_connection_age_ms': 50 + this.upTo(200),
        'grpc.max_connection_age_grace_ms': this.upTo(100),
      }),
    }
    this.places = []
    this.clients = []
    /** Calls that have not ended, and how many were made. */
    this.open = new Set()
    this.made = 0
    this.over = false
  }

  // ---- random choices

  chance(share) {
    return this.random() < share
  }

  upTo(most) {
    return Math.floor(this.random() * (most + 1))
  }

  pick(list) {
    return list[this.upTo(list.length - 1)]
  }

  text() {
    return 'x'.repeat(this.pick([0, 1, 10, 100, 1000, 20_000, 100_000]))
  }

  /** Runs `code` now, soon or later. */
  sometime(code) {
    if (this.chance(0.3)) setTimeout(code, this.upTo(20))
    else if (this.chance(0.5)) setImmediate(code)
    else code()
  }

  // ---- servers

  handlers() {
    const answers = ['nothing', 'error', 'value', 'value', 'value', 'value']
    return {
      one: (call, callback) => {
        const answer = this.pick(answers)
        if (answer === 'nothing') return
        this.sometime(() =>
          answer === 'error' ? callback({ code: 8, details: 'full' }) : callback(null, call.request),
        )
      },
      many: (call) => {
        call.on('error', ignore)
        let left = this.upTo(20)
        const write = () => {
          while (left-- > 0) if (!call.write(this.text())) return call.once('drain', write)
          if (this.chance(0.9)) call.end()
        }
        this.sometime(write)
      },
      gather: (call, callback) => {
        call.on('error', ignore)
        if (this.chance(0.2)) return this.sometime(() => callback(null, 'early'))
        call.resume()
        call.on('end', () => callback(null, 'all'))
      },
      chat: (call) => {
        call.on('error', ignore)
        const early = this.chance(0.3)
        call.on('data', (text) => {
          call.write(text.slice(0, 100))
          if (early && this.chance(0.3)) call.end()
        })
        call.on('end', () => this.sometime(() => call.end()))
      },
    }
  }

  makeServer() {
    const server = new this.module.Server({ ...this.options, ...this.compression })
    server.addService(service, this.handlers())
    return server
  }

  /** Stops and restarts servers until the storm is over. */
  async restart() {
    while (!this.over) {
      await sleep(this.upTo(300))
      const place = this.pick(this.places)
      if (this.chance(0.5)) await Promise.race([new Promise((resolve) => place.server.tryShutdown(resolve)), sleep(50)])
      place.server.forceShutdown()
      await sleep(this.upTo(50))
      do {
        place.server.forceShutdown()
        place.server = this.makeServer()
      } while (await bind(this.module, place.server, `127.0.0.1:${place.port}`).then(ignore, () => sleep(5, true)))
    }
  }

  // ---- calls

  makeClient(target) {
    const Client = grpc.makeClientConstructor(service, 'Texts')
    return new Client(target, grpc.credentials.createInsecure(), {
      'grpc.initial_reconnect_backoff_ms': 20,
      'grpc.max_reconnect_backoff_ms': 50,
      'grpc.service_config': JSON.stringify(this.pick(configs)),
      ...this.compression,
    })
  }

  call() {
    const kind = this.pick(['one', 'many', 'gather', 'chat'])
    const client = this.pick(this.clients)
    const metadata = new grpc.Metadata({ waitForReady: this.chance(0.3) })
    const options = this.chance(0.5) ? { deadline: Date.now() + this.upTo(300) } : {}
    const message = kind === 'one' || kind === 'many' ? [this.text()] : []
    const callback = kind === 'one' || kind === 'gather' ? [ignore] : []
    const call = client[kind](...message, metadata, options, ...callback)
    const about = { kind, options, ends: 0 }
    this.made++
    this.open.add(about)
    call.on('error', ignore)
    call.on('status', () => {
      about.ends++
      this.open.delete(about)
      assert.equal(about.ends, 1, 'a call has ended twice')
    })
    if (call.read !== undefined) this.read(call)
    if (call.write !== undefined) this.write(call)
    // Cancels calls that nothing else ends: soon without a deadline, otherwise after 5 seconds.
    const patience = this.chance(0.2) ? this.upTo(30) : 200 + this.upTo(300)
    setTimeout(() => call.cancel(), options.deadline === undefined ? patience : 5000).unref()
  }

  read(call) {
    if (this.chance(0.1)) return setTimeout(() => call.resume(), this.upTo(100))
    call.on('data', () => {
      if (!this.chance(0.01)) return
      call.pause()
      setTimeout(() => call.resume(), this.upTo(20))
    })
  }

  write(call) {
    let left = this.upTo(10)
    const write = () => {
      if (call.destroyed) return
      while (left-- > 0) {
        if (!call.write(this.text())) return call.once('drain', () => this.sometime(write))
        if (this.chance(0.2)) return setTimeout(write, this.upTo(5))
      }
      call.end()
    }
    this.sometime(write)
  }

  async play() {
    const count = 1 + this.upTo(2)
    while (this.places.length < count) {
      const server = this.makeServer()
      this.places.push({ server, port: await bind(this.module, server) })
    }
    const target = `ipv4:${this.places.map(({ port }) => `127.0.0.1:${port}`).join()}`
    this.clients = Array.from({ length: 1 + this.upTo(3) }, () => this.makeClient(target))
    const restarted = this.restart()
    const end = Date.now() + TIME
    while (Date.now() < end) {
      for (let left = this.upTo(this.pick([2, 10, 60])); left > 0; left--) this.call()
      // Sometimes block the process, so that much has arrived when it continues.
      if (this.chance(0.05)) for (const until = Date.now() + this.upTo(100); Date.now() < until; );
      await (this.chance(0.5) ? sleep(this.upTo(10)) : turn())
      while (this.open.size > 2000) await sleep(5)
    }
    while (this.open.size > 0) await sleep(5)
    this.over = true
    await restarted
    const channels = this.clients.map((client) => client.getChannel())
    for (const client of this.clients) client.close()
    for (const { server } of this.places) server.forceShutdown()
    for (const { active, pending, retained, counts } of channels) {
      assert.deepEqual([active, pending.size, retained], [0, 0, 0])
      assert.equal(counts.started, counts.succeeded + counts.failed)
    }
    assert.equal(
      channels.reduce((sum, { counts }) => sum + counts.started, 0),
      this.made,
    )
    while (usage().slots > 0) await sleep(5)
  }
}

for (let seed = FIRST; seed < FIRST + COUNT; seed++) {
  test(`storm ${seed}`, { timeout: 120_000 }, () => new Storm(seed).play())
}
