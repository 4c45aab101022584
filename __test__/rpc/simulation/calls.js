'use strict'

// Calls, the handlers that answer them, and the rules for each: a call ends once, in time, in an allowed way and with
// its own answer, and its handler runs as often as that allows.

const { TICK } = require('./world.js')
const { Buffer } = require('node:buffer')
const { getEventListeners } = require('node:events')
const timers = require('node:timers')
const rpc = require('../../../lib/rpc/index.js')

const sleep = (ms) => new Promise((resolve) => timers.setTimeout(resolve, ms))

/** Milliseconds in which all news arrive if nothing fails. */
const WITHIN = 2000

/** A body that contains the number of its call and bytes of its own. */
function bodyOf(id, size) {
  const body = Buffer.alloc(4 + size, id)
  body.writeUInt32BE(id)
  return body
}

/** A message in a call's stream. */
function messageOf(id, number, size) {
  const message = Buffer.alloc(8 + size, number)
  message.writeUInt32BE(id)
  message.writeUInt32BE(number, 4)
  return message
}

const fate = (isPlanned) => Object.assign(new Error('as planned'), { code: 'ERR_FATE', isPlanned })

/** A call and what happened to it. */
class Made {
  constructor(cluster, owner, client, what) {
    this.cluster = cluster
    this.id = cluster.made.length
    this.owner = owner
    this.life = owner.life
    this.client = client
    /** The client was closing and takes no calls. */
    this.isTooLate = client.closing
    this.what = what
    this.options = {}
    this.size = 0
    /** The latest time at which it must have ended. */
    this.deadline = Infinity
    this.abortedAt = Infinity
    /** How long the process had been working in this turn when the call was made. */
    this.ahead = owner.ahead
    /** `call()` has not returned yet. */
    this.isMaking = true
    /** How often the handler has run, how often the call has ended, and with what. */
    this.runs = 0
    this.ends = 0
    this.error = null
    /** Why the handler was asked to stop. */
    this.stoppedBy = undefined
    /** Whether the call must not fail. */
    this.isSure = false
    cluster.made.push(this)
  }

  fail(message) {
    const { id, what, owner, options } = this
    const text = JSON.stringify(options, (key, value) => (['signal', 'parent', 'metadata'].includes(key) ? '…' : value))
    this.cluster.world.fail(`call ${id} (${what.name} ${text}) of ${owner.name}: ${message}`)
  }

  /** Called by the call's callback or promise. */
  end(error, reply, check) {
    const { world } = this.cluster
    this.ends++
    this.error = error
    if (this.ends > 1) return this.fail(`ended ${this.ends} times`)
    if (this.isMaking) this.fail('ended before it was made')
    if (world.current !== this.owner || this.life !== this.owner.life) this.fail('ended in another process')
    const late = world.time - this.owner.noticed(Math.min(this.deadline, this.abortedAt))
    if (late > TICK && !this.isSlow) this.fail(`ended ${Math.round(late)} ms late, with ${error?.code ?? 'a reply'}`)
    if (error) return this.endedBadly(error)
    if (this.runs === 0 && this.what.name !== 'one way') this.fail('was answered by nobody')
    if (this.what.ends === 'badly') this.fail('was answered, by a handler that does not')
    check?.(reply)
  }

  endedBadly(error) {
    const { world } = this.cluster
    if (!(error instanceof Error) || typeof error.code !== 'string') return this.fail(`ended with ${error}`)
    if (error.code === 'ERR_FATE') {
      if (this.what.error !== 'ERR_FATE') this.fail('ended with the error of another')
      return
    }
    if (typeof error.sent !== 'boolean') this.fail(`${error.code} without saying whether it was sent`)
    if (this.isSure) this.fail(`failed: ${error.stack} ${error.cause?.stack ?? ''}`)
    switch (error.code) {
      case 'IRONWIRE_RPC_TIMEOUT':
        // The clock is read once per turn.
        if (world.time < this.deadline - 1 - this.ahead)
          this.fail(`ran out of time ${this.deadline - world.time} ms early`)
        return
      case 'IRONWIRE_RPC_ABORTED':
        if (this.abortedAt > world.time && !this.options.parent?.cut) this.fail('was aborted by nobody')
        return
      case 'IRONWIRE_RPC_UNKNOWN_METHOD':
        if (this.what.error !== error.code || !error.sent) this.fail(`ended with ${error.message}`)
        return
      case 'IRONWIRE_RPC_FRAME_TOO_LARGE':
        if (this.size < 1000) this.fail(`ended with ${error.message}`)
        return
      case 'IRONWIRE_RPC_CONNECTION_LOST':
        if (this.cluster.isGentle) this.fail(`lost its connection: ${error.cause?.message}`)
        return
      case 'IRONWIRE_RPC_CLOSED':
        if (!this.client.closed && !this.isTooLate) this.fail('found its client closed')
        return
      case 'IRONWIRE_RPC_NOT_CONNECTED':
      case 'IRONWIRE_RPC_TOO_MANY_CALLS':
        if (this.client.options.queue && this.client.options.maxQueuedCalls > 5)
          this.fail(`had to wait, and was not let: ${error.message}`)
        return
      default:
        this.fail(`ended with ${error.stack}`)
    }
  }

  /** Called at the end of the world. */
  conclude() {
    const { isAlive, runs, ends, error } = this
    if (ends === 0 && isAlive) this.fail('has not ended')
    if (!this.options.idempotent && runs > 1) this.fail(`is not to be repeated, and ran ${runs} times`)
    if (error?.sent === false && runs > 0) this.fail(`was not sent, says ${error.code}, and ran`)
    const most = 2 + this.client.options.retry.attempts
    if (runs > most) this.fail(`ran ${runs} times, ${most} at most`)
    const inTime = this.abortedAt + WITHIN < this.deadline
    if (this.cluster.isGentle && error?.code === 'IRONWIRE_RPC_ABORTED' && inTime && this.stoppedBy !== undefined) {
      const { CANCELLED } = rpc.status
      if (this.stoppedBy.status !== CANCELLED)
        this.fail(`was cancelled, and ${this.stoppedBy.message} ended its handler`)
    }
    if (this.options.signal !== undefined && isAlive) {
      const left = getEventListeners(this.options.signal, 'abort').length
      if (left > 0) this.fail(`left ${left} listeners at its signal`)
    }
  }

  get isAlive() {
    return this.life === this.owner.life
  }
}

/** A call with a stream: what is sent, how it is read, and whether it arrives whole. */
class MadeStream extends Made {
  constructor(...args) {
    super(...args)
    const { world } = this.cluster
    this.count = 1 + world.below(world.pick([3, 30, 80]))
    this.size = world.pick([0, 10, 500])
    this.pause = world.chance(0.3) ? world.span(30) : 0
    this.slowness = world.chance(0.3) ? world.span(30) : 0
    /** Milliseconds after which the reader begins. */
    this.readsIn = world.chance(0.2) ? world.span(200) : 0
    this.breaksAt = world.chance(0.15) ? 1 + world.below(this.count) : -1
    this.leavesAt = world.chance(0.1) ? this.count >> 1 : -1
    this.got = 0
  }

  /** A caller that reads late also notices the end late. */
  get isSlow() {
    return this.what.stream !== 'up' && (this.slowness > 0 || this.readsIn > 0)
  }

  checkMessage(message, number, end) {
    const { id } = this
    if (message.readUInt32BE() !== id || message.readUInt32BE(4) !== number || message.length !== 8 + this.size) {
      this.fail(
        `message ${number} at the ${end} is message ${message.readUInt32BE(4)} of call ${message.readUInt32BE()}`,
      )
    }
  }

  async *messages() {
    for (let i = 0; i < this.count; i++) {
      if (this.pause > 0) await sleep(this.pause)
      yield messageOf(this.id, i, this.size)
    }
  }

  /** Reads the messages and checks their order; all must arrive if the call succeeds. */
  async read(stream) {
    const { world } = this.cluster
    if (world.chance(0.5)) {
      if (this.readsIn > 0) await sleep(this.readsIn)
      for await (const message of stream) {
        this.checkMessage(message, this.got++, 'client')
        if (this.slowness > 0) await sleep(this.slowness)
        if (this.got === this.leavesAt) return
      }
    } else {
      const isOver = new Promise((resolve, reject) => stream.on('end', resolve).on('error', reject))
      // Handle the rejection here, too: the call may be over before the reader begins.
      isOver.catch(() => {})
      if (this.readsIn > 0) await sleep(this.readsIn)
      stream.on('data', (message) => {
        this.checkMessage(message, this.got++, 'client')
        if (this.slowness > 0 && this.got % 4 === 0) {
          stream.pause()
          timers.setTimeout(() => stream.resume(), this.slowness)
        }
      })
      await isOver
    }
    if (this.got !== this.count) this.fail(`${this.got} of ${this.count} messages came`)
  }

  begin() {
    const { client, id, what, options } = this
    const ended = (error, reply) => this.end(error, reply)
    if (what.stream === 'up') {
      const reply = client.stream('upload', this.messages(), {
        ...options,
        clientStreaming: true,
        serverStreaming: false,
      })
      reply.then((bytes) => {
        this.end(null, bytes, () => {
          if (bytes.readUInt32BE() !== id || bytes.readUInt32BE(4) !== this.count)
            this.fail(`${bytes.readUInt32BE(4)} of ${this.count} messages arrived`)
        })
      }, ended)
    } else if (what.stream === 'both') {
      this.read(client.stream('chat', this.messages(), { ...options, clientStreaming: true })).then(
        () => ended(null),
        ended,
      )
    } else {
      this.read(client.stream(what.name, bodyOf(id, 0), options)).then(
        () => ended(null),
        (error) => {
          const isPlanned = error.code === 'ERR_FATE' && what.name === 'watch'
          if (isPlanned && this.got !== this.breaksAt)
            this.fail(`${this.got} of ${this.breaksAt} messages came before the error`)
          ended(error)
        },
      )
    }
  }
}

/** The methods, how each may end, and in which direction it streams. */
const METHODS = Object.fromEntries(
  [
    { name: 'echo' },
    { name: 'value' },
    { name: 'promise' },
    { name: 'slow' },
    { name: 'later' },
    { name: 'fail', ends: 'badly', error: 'ERR_FATE' },
    { name: 'throw', ends: 'badly', error: 'ERR_FATE' },
    { name: 'reject', ends: 'badly', error: 'ERR_FATE' },
    { name: 'twice' },
    { name: 'never', ends: 'badly', isShort: true },
    { name: 'stops', ends: 'badly', isShort: true },
    { name: 'block' },
    // It would wait for itself if only one handler may run at a time.
    { name: 'nested', error: 'ERR_FATE', isShort: true },
    { name: 'unknown', ends: 'badly', error: 'IRONWIRE_RPC_UNKNOWN_METHOD' },
    { name: 'watch', stream: 'down', error: 'ERR_FATE' },
    { name: 'write', stream: 'down' },
    { name: 'upload', stream: 'up', error: 'ERR_FATE' },
    { name: 'chat', stream: 'both' },
  ].map((method) => [method.name, method]),
)

const PLAIN = ['echo', 'value', 'promise', 'slow', 'later']
const STREAMS = ['watch', 'write', 'upload', 'chat']

/** Adds a server's methods. Each reports to the cluster that it runs. */
function addMethods(owner) {
  const { server, cluster, world } = owner
  const method = (name, handler) => {
    server.method(name, (request, callback, call) => {
      const made = cluster.ran(request, owner)
      if (call.remaining <= 0 && server.interceptors === null) made.fail('runs for nobody: it is past its deadline')
      return handler(request, callback, call, made)
    })
  }
  method('echo', (request, callback) => callback(null, request))
  method('value', (request) => request)
  method('promise', async (request) => request)
  method('slow', async (request) => {
    await sleep(world.span(400))
    return request
  })
  method('later', (request, callback, call) => {
    timers.setTimeout(() => callback(null, request, { served: owner.name }), world.span(200))
    if (call.metadata.get('id') !== undefined && Number(call.metadata.get('id')) !== request.readUInt32BE())
      world.fail('metadata of another call')
  })
  method('fail', (_request, callback) => callback(fate(false)))
  method('throw', () => {
    throw fate(false)
  })
  method('reject', async () => {
    await sleep(world.span(50))
    throw fate(false)
  })
  method('twice', (request, callback) => {
    callback(null, request)
    timers.setTimeout(() => callback(null, Buffer.from('never seen')), 1)
  })
  // Both keep their callback, because garbage collection is not reproducible.
  method('never', (_request, callback, _call, made) => {
    made.kept = callback
  })
  method('stops', (_request, callback, call, made) => {
    call.signal.addEventListener('abort', () => {
      made.stoppedBy = call.signal.reason
      callback(call.signal.reason)
    })
  })
  method('block', (request) => {
    owner.block(world.span(cluster.isGentle ? 100 : 600))
    return request
  })
  // Makes a call for this one, perhaps to another server.
  method('nested', (request, callback, call, made) => {
    const inner = cluster.make(owner, owner.caller, METHODS[world.chance(0.5) ? 'slow' : 'echo'], { parent: call })
    inner.onEnd = (error) => callback(error ? fate(false) : null, request)
    made.inner = inner
  })
  server.method('watch', { serverStreaming: true }, async function* (request) {
    const made = cluster.ran(request, owner)
    for (let i = 0; i < made.count; i++) {
      if (i === made.breaksAt) throw fate(false)
      if (made.pause > 0) await sleep(made.pause)
      yield messageOf(made.id, i, made.size)
    }
  })
  server.method('write', { serverStreaming: true }, (request, call) => {
    const made = cluster.ran(request, owner)
    let i = 0
    const go = () => {
      while (i < made.count) if (!call.write(messageOf(made.id, i++, made.size))) return
      call.off('drain', go)
      call.end()
    }
    call.on('drain', go)
    go()
  })
  server.method('upload', { clientStreaming: true }, async (requests) => {
    let made = null
    let count = 0
    for await (const message of requests) {
      if (made === null) made = cluster.ran(message, owner)
      made.checkMessage(message, count++, 'server')
      if (made.slowness > 0) await sleep(made.slowness)
      if (count === made.breaksAt) throw fate(false)
    }
    const reply = bodyOf(made?.id ?? 0, 4)
    reply.writeUInt32BE(count, 4)
    return reply
  })
  server.method('chat', { clientStreaming: true, serverStreaming: true }, async function* (requests) {
    let made = null
    let count = 0
    for await (const message of requests) {
      if (made === null) made = cluster.ran(message, owner)
      made.checkMessage(message, count++, 'server')
      if (made.slowness > 0) await sleep(made.slowness)
      yield message
    }
  })
}

module.exports = { Made, MadeStream, METHODS, PLAIN, STREAMS, addMethods, bodyOf, fate, sleep }
