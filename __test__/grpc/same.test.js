'use strict'

// The same calls with our server and client and with those of @grpc/grpc-js, in all four pairs: callers and handlers
// see the same.

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { grpc, peer, missing, serve, connect, outcome, mapOf } = require('./support.js')

const ways = [
  ['ours, both', grpc, grpc],
  ['our server', grpc, peer],
  ['our client', peer, grpc],
]

/**
 * Runs `run({ S, C, t, start })` with all pairs and compares the results. `start(handlers, serverOptions,
 * clientOptions)` returns a client.
 */
function same(name, run) {
  test(name, { skip: missing }, async (t) => {
    const way = async (t, S, C) => {
      const start = async (handlers, serverOptions, clientOptions) => {
        const { port } = await serve(t, S, handlers, serverOptions)
        return connect(t, C, port, clientOptions)
      }
      return await run({ S, C, t, start })
    }
    const expected = await way(t, peer, peer)
    for (const [name, S, C] of ways) {
      await t.test(name, async (t) => assert.deepEqual(await way(t, S, C), expected))
    }
  })
}

const status = require('../../lib/grpc').status
const failing = (error) => ({ one: (_call, callback) => callback(error) })

same('a unary call with initial and trailing metadata', async ({ S, C, start }) => {
  let seen
  const client = await start({
    one(call, callback) {
      const { 'user-agent': agent, ...metadata } = call.metadata.getMap()
      seen = [call.request, metadata, typeof agent, call.getPath(), call.cancelled, call.getPeer().split(':')[0]]
      const head = new S.Metadata()
      head.set('before', 'a')
      head.add('before', 'b')
      call.sendMetadata(head)
      const trailers = new S.Metadata()
      trailers.set('behind-bin', Buffer.from([0, 255, 10]))
      callback(null, `you said ${call.request}`, trailers)
    },
  })
  const metadata = new C.Metadata()
  metadata.set('Key', 'a value')
  metadata.add('list', '1')
  metadata.add('list', '2')
  metadata.add('data-bin', Buffer.from([1, 2, 3]))
  metadata.add('data-bin', Buffer.from([]))
  return [await outcome((callback) => client.one('höi', metadata, callback)), seen]
})

same('messages of all sizes', async ({ start }) => {
  const client = await start({ one: ({ request }, callback) => callback(null, request) })
  const lengths = []
  for (const size of [1, 100, 16_378, 16_379, 16_380, 65_530, 65_531, 70_000, 1_000_000, 4_194_304]) {
    const [[, text]] = await outcome((callback) => client.one('x'.repeat(size), callback)).then((seen) =>
      seen.filter(([event]) => event === 'callback'),
    )
    lengths.push(text.length)
  }
  return lengths
})

for (const [name, error] of Object.entries({
  'an error without a code': new Error('it is "broken" – 100 %'),
  'a code and details': { code: status.NOT_FOUND, details: 'no such thing' },
  'a code and a message': Object.assign(new Error('a message'), { code: status.ABORTED }),
  'a code that gRPC does not have': { code: 77, details: 'unheard of' },
  'a code that is text': Object.assign(new Error('no file'), { code: 'ENOENT' }),
  'words with line ends': { code: status.INTERNAL, details: 'one\ntwo\r\n\tthree ' },
})) {
  same(`a handler says no: ${name}`, async ({ start }) => {
    const client = await start(failing(error))
    return outcome((callback) => client.one('x', callback))
  })
}

same('a handler says no, with metadata', async ({ S, start }) => {
  const metadata = new S.Metadata()
  metadata.set('why', 'because')
  const client = await start(failing({ code: status.FAILED_PRECONDITION, details: 'no', metadata }))
  return outcome((callback) => client.one('x', callback))
})

same('a handler throws', async ({ start }) => {
  const client = await start({
    one() {
      throw new Error('a secret')
    },
    many() {
      throw new Error('a secret')
    },
  })
  return [await outcome((callback) => client.one('x', callback)), await outcome(() => client.many('x'))]
})

same('unknown methods and services', async ({ C, start }) => {
  const client = await start({ one() {} })
  const unknown = C.Client.prototype.makeUnaryRequest.bind(client, '/test.Texts/Nothing', Buffer.from, String)
  return [
    await outcome((callback) => unknown('x', callback)),
    await outcome((callback) => client.gather(callback)),
    await outcome(() => client.many('x')),
  ]
})

same('messages that cannot be serialized or parsed', async ({ start }) => {
  const client = await start({ one: (_call, callback) => callback(null, 5) })
  return [
    await outcome((callback) => client.one('x', callback)),
    await outcome((callback) => client.one(5, callback)),
    await outcome((callback) => client.makeUnaryRequest('/test.Texts/One', Buffer.from, String, undefined, callback)),
  ]
})

same('a message above the size limit, on either side', async ({ start }) => {
  const handlers = { one: ({ request }, callback) => callback(null, request.repeat(2)) }
  const small = { 'grpc.max_receive_message_length': 1000 }
  return [
    await outcome((await start(handlers, small)).one.bind(await start(handlers, small), 'x'.repeat(1001))),
    await outcome((await start(handlers, {}, small)).one.bind(await start(handlers, {}, small), 'x'.repeat(501))),
    await outcome((await start(handlers, { 'grpc.max_send_message_length': 10 })).one.bind(await start(handlers), 'x')),
  ]
})

same('a deadline ends the call, and the handler is notified', async ({ start }) => {
  let cancelled
  const told = new Promise((resolve) => {
    cancelled = resolve
  })
  const client = await start({
    one(call) {
      const left = call.getDeadline() - Date.now()
      call.on('cancelled', () => cancelled([left <= 510, call.cancelled]))
    },
  })
  // A call that takes too long to connect reaches no handler.
  await new Promise((resolve) => client.waitForReady(Infinity, resolve))
  const seen = await outcome((callback) => client.one('x', { deadline: Date.now() + 500 }, callback))
  const codes = seen.map(([event, what]) => (event === 'callback' ? what.code : what))
  return [codes, await told]
})

same('a deadline in the past', async ({ start }) => {
  const client = await start({ one: (_call, callback) => callback(null, '') })
  const seen = await outcome((callback) => client.one('x', { deadline: new Date(0) }, callback))
  return seen.map(([event, what]) => (event === 'callback' ? what.code : what))
})

same('a caller cancels', async ({ start }) => {
  let arrived
  const here = new Promise((resolve) => {
    arrived = resolve
  })
  let told
  const cancelled = new Promise((resolve) => {
    told = resolve
  })
  const client = await start({
    one(call) {
      call.on('cancelled', (...args) => told([args, call.cancelled]))
      arrived()
    },
  })
  const seen = outcome((callback) => {
    const call = client.one('x', callback)
    here.then(() => call.cancel())
    return call
  })
  return [await seen, await cancelled]
})

same('a call that is cancelled at once', async ({ start }) => {
  const client = await start({ one: (_call, callback) => callback(null, '') })
  return outcome((callback) => {
    const call = client.one('x', callback)
    call.cancel()
    return call
  })
})

same('a stream from the server', async ({ S, start }) => {
  const client = await start({
    many(call) {
      const metadata = new S.Metadata()
      metadata.set('head', String(call.request))
      call.sendMetadata(metadata)
      for (let i = 0; i < 100; i++) call.write(`message ${i}`)
      const trailers = new S.Metadata()
      trailers.set('count', '100')
      call.end(trailers)
    },
  })
  return outcome(() => client.many('x'))
})

same('a stream from the server that fails', async ({ S, start }) => {
  const client = await start({
    many(call) {
      call.write('one')
      const metadata = new S.Metadata()
      metadata.set('why', 'x')
      // The delay lets the messages written before leave first.
      setTimeout(() => call.emit('error', { code: status.DATA_LOSS, details: 'lost', metadata }), 20)
    },
  })
  const seen = await outcome(() => client.many('x'))
  return seen.filter(([event]) => event !== 'end')
})

same('an empty stream from the server', async ({ start }) => {
  const client = await start({ many: (call) => call.end() })
  return outcome(() => client.many('x'))
})

same('a stream from the client', async ({ start }) => {
  const client = await start({
    gather(call, callback) {
      const parts = []
      call.on('data', (part) => parts.push(part))
      call.on('end', () => callback(null, parts.join()))
    },
  })
  return [
    await outcome((callback) => {
      const call = client.gather(callback)
      for (let i = 0; i < 100; i++) call.write(String(i))
      call.end()
      return call
    }),
    await outcome((callback) => {
      const call = client.gather(callback)
      call.end()
      return call
    }),
  ]
})

same('a stream from the client that the server does not wait for', async ({ start }) => {
  const client = await start({
    gather: (_call, callback) => callback({ code: status.OUT_OF_RANGE, details: 'enough' }),
  })
  return outcome((callback) => {
    const call = client.gather(callback)
    call.write('x')
    return call
  })
})

same('streams both ways, each message answered before the next', async ({ start }) => {
  const client = await start({
    chat(call) {
      call.on('data', (message) => call.write(`${message}!`))
      call.on('end', () => call.end())
    },
  })
  return outcome(() => {
    const call = client.chat()
    let count = 0
    call.write('0')
    call.on('data', () => {
      count++
      if (count === 20) call.end()
      else call.write(String(count))
    })
    return call
  })
})

same('megabytes in both directions, limited by the slower side', async ({ start }) => {
  const client = await start({
    chat(call) {
      call.on('data', async (message) => {
        call.pause()
        const more = call.write(message)
        if (!more) await new Promise((resolve) => call.once('drain', resolve))
        setImmediate(() => call.resume())
      })
      call.on('end', () => call.end())
    },
  })
  const call = client.chat()
  const sum = require('node:crypto').createHash('sha1')
  let messages = 0
  const ended = new Promise((resolve, reject) => {
    call.on('error', reject)
    call.on('data', (message) => {
      messages++
      sum.update(message)
    })
    call.on('end', resolve)
  })
  for (let i = 0; i < 100; i++) {
    const text = String.fromCharCode(97 + (i % 26)).repeat(1 + ((i * 7919) % 30_000))
    if (!call.write(text)) await new Promise((resolve) => call.once('drain', resolve))
  }
  call.end()
  await ended
  return [messages, sum.digest('hex')]
})

same('a reader of a stream that stops', async ({ start }) => {
  let told
  const cancelled = new Promise((resolve) => {
    told = resolve
  })
  const client = await start({
    many(call) {
      call.on('cancelled', () => told(true))
      const go = () => {
        while (!call.cancelled && call.write('x'.repeat(1000)));
        if (!call.cancelled) call.once('drain', go)
      }
      go()
    },
  })
  let count = 0
  const seen = await outcome(() => {
    const call = client.many('x')
    call.on('data', () => {
      if (++count === 100) call.cancel()
    })
    return call
  })
  return [seen.filter(([event]) => event === 'error' || event === 'status'), await cancelled]
})

same('for await', async ({ start }) => {
  const client = await start({
    many(call) {
      for (let i = 0; i < 50; i++) call.write(String(i))
      call.end()
    },
    async gather(call, callback) {
      let sum = 0
      for await (const part of call) sum += Number(part)
      callback(null, String(sum))
    },
  })
  const seen = []
  for await (const message of client.many('x')) seen.push(message)
  seen.push(
    await outcome((callback) => {
      const call = client.gather(callback)
      for (let i = 0; i < 50; i++) call.write(String(i))
      call.end()
      return call
    }),
  )
  return seen
})

same('tryShutdown() lets calls finish', async ({ S, C, t }) => {
  let answer
  const arrived = new Promise((resolve) => {
    answer = { resolve }
  })
  const { server, port } = await serve(t, S, { one: (_call, callback) => answer.resolve(callback) })
  const client = connect(t, C, port)
  const seen = outcome((callback) => client.one('x', callback))
  const callback = await arrived
  const ended = new Promise((resolve) => server.tryShutdown(resolve))
  setTimeout(callback, 20, null, 'done')
  const first = await seen
  await ended
  const second = await outcome((callback) => client.one('x', callback))
  return [first, second.map(([event, what]) => (event === 'callback' ? what.code : what))]
})

same('forceShutdown() ends all calls', async ({ S, C, t }) => {
  let arrive
  const arrived = new Promise((resolve) => {
    arrive = resolve
  })
  const { server, port } = await serve(t, S, { one: () => arrive() })
  const client = connect(t, C, port)
  const seen = outcome((callback) => client.one('x', callback))
  await arrived
  server.forceShutdown()
  return (await seen).map(([event, what]) => (event === 'callback' ? what.code : what))
})

same('nobody listens', async ({ S, C, t }) => {
  const { server, port } = await serve(t, S, { one() {} })
  await new Promise((resolve) => server.tryShutdown(resolve))
  const client = connect(t, C, port)
  const [[event, { code, details }]] = await outcome((callback) => client.one('x', callback))
  return [event, code, details.replace(/[:.].*/s, '')]
})

same('a call that waits for ready is made when the server starts', async ({ S, C, t }) => {
  const handlers = { one: ({ request }, callback) => callback(null, request) }
  const { server, port } = await serve(t, S, handlers)
  await new Promise((resolve) => server.tryShutdown(resolve))
  const client = connect(t, C, port, { 'grpc.initial_reconnect_backoff_ms': 100 })
  const metadata = new C.Metadata({ waitForReady: true })
  const seen = outcome((callback) => client.one('late', metadata, callback))
  const failed = await outcome((callback) => client.one('x', callback))
  const next = new S.Server()
  t.after(() => next.forceShutdown())
  next.addService(require('./support.js').service, handlers)
  await require('./support.js').bind(S, next, `127.0.0.1:${port}`)
  return [failed[0][1].code, await seen]
})

same('states of a channel', async ({ S, C, t }) => {
  const { server, port } = await serve(t, S, { one: ({ request }, callback) => callback(null, request) })
  const client = connect(t, C, port)
  const channel = client.getChannel()
  const states = [channel.getConnectivityState(false)]
  await new Promise((resolve, reject) =>
    client.waitForReady(Date.now() + 10_000, (error) => (error ? reject(error) : resolve())),
  )
  states.push(channel.getConnectivityState(false))
  const left = new Promise((resolve) =>
    channel.watchConnectivityState(C.connectivityState.READY, Infinity, () =>
      resolve(channel.getConnectivityState(false)),
    ),
  )
  await new Promise((resolve) => server.tryShutdown(resolve))
  states.push(await left)
  client.close()
  states.push(channel.getConnectivityState(false))
  assert.throws(() => client.one('x', () => {}), /Channel has been shut down/)
  return states
})

same('what addService and bindAsync refuse', async ({ S }) => {
  const server = new S.Server()
  const messages = []
  const refuse = (call) => {
    try {
      call()
      messages.push('taken')
    } catch (error) {
      messages.push([error.constructor.name, error.message])
    }
  }
  const { service } = require('./support.js')
  const insecure = S.ServerCredentials.createInsecure()
  refuse(() => server.addService(null, {}))
  refuse(() => server.addService({}, {}))
  refuse(() => server.addService(service, {}))
  refuse(() => server.addService(service, {}))
  refuse(() => server.removeService(service))
  refuse(() => server.addService(service, {}))
  refuse(() => server.bindAsync(5, insecure, () => {}))
  refuse(() => server.bindAsync('localhost:0', {}, () => {}))
  refuse(() => server.bindAsync('localhost:0', insecure))
  refuse(() => server.start())
  refuse(() => server.bind('localhost:0', insecure))
  refuse(() => server.unbind('localhost:0'))
  return messages
})

same('what calls refuse', async ({ start }) => {
  const client = await start({ one() {} })
  const refuse = (...args) => {
    try {
      client.one(...args)
    } catch ({ message }) {
      return message
    }
  }
  return [refuse('x', {}, {}), refuse('x', 5), refuse('x', null, null, null)]
})

same('Metadata', async ({ C }) => {
  const metadata = new C.Metadata({ waitForReady: true })
  const tried = []
  const attempt = (code) => {
    try {
      tried.push(code())
    } catch ({ message }) {
      tried.push(message)
    }
  }
  attempt(() => metadata.set('Key', 'value'))
  attempt(() => metadata.add('key', 'other'))
  attempt(() => metadata.get('KEY'))
  attempt(() => metadata.set('ä', 'x'))
  attempt(() => metadata.set('a', 'ä'))
  attempt(() => metadata.set('a-bin', 'x'))
  attempt(() => metadata.set('a', Buffer.from('x')))
  attempt(() => metadata.set('a-bin', Buffer.from('x')))
  attempt(() => metadata.getMap())
  attempt(() => metadata.toHttp2Headers())
  attempt(() => JSON.stringify(metadata))
  const clone = metadata.clone()
  clone.remove('KEY')
  clone.merge(metadata)
  attempt(() => clone.getMap())
  attempt(() => clone.getOptions())
  attempt(() => mapOf(C.Metadata.fromHttp2Headers({ ':path': '/', a: 'b', c: ['d', 'e'], 'f-bin': 'AQ,Ag' })))
  attempt(() => metadata.get('nothing'))
  return tried
})
