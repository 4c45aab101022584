'use strict'

// Interceptors of clients and servers: what they see, change, delay and answer is the same as with @grpc/grpc-js at
// either end.

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { grpc, peer, missing, connect, serve, outcome, mapOf } = require('./support.js')
const { same: everywhere } = require('./secure.js')

/**
 * Runs `run({ S, C, t, start })` with all pairs of implementations and compares the results. `start(handlers,
 * serverOptions, clientOptions)` returns a client.
 */
function same(name, run) {
  everywhere(name, ({ S, C, t }) => {
    const start = async (handlers, serverOptions, clientOptions) => {
      const { port } = await serve(t, S, handlers, serverOptions)
      return connect(t, C, port, clientOptions)
    }
    return run({ S, C, t, start })
  })
}

const handlers = {
  one(call, callback) {
    const head = call.metadata.clone()
    head.remove('user-agent')
    call.sendMetadata(head)
    if (call.request === 'fail') callback({ code: 9, details: 'not so', metadata: head })
    else callback(null, `${call.request}!`, head)
  },
  many(call) {
    for (const letter of call.request) call.write(letter)
    call.end()
  },
  gather(call, callback) {
    const words = []
    call.on('data', (word) => words.push(word))
    call.on('end', () => callback(null, words.join(' ')))
  },
  chat(call) {
    call.on('data', (word) => call.write(word.toUpperCase()))
    call.on('end', () => call.end())
  },
}

/** The outcome of a call of each kind. */
const kinds = {
  one: (client, ...rest) => outcome((callback) => client.one('word', ...rest, callback)),
  many: (client, ...rest) => outcome(() => client.many('abc', ...rest)),
  gather: (client, ...rest) =>
    outcome((callback) => {
      const call = client.gather(...rest, callback)
      for (const word of ['a', 'b', 'c']) call.write(word)
      call.end()
      return call
    }),
  chat: (client, ...rest) =>
    outcome(() => {
      const call = client.chat(...rest)
      for (const word of ['a', 'b', 'c']) call.write(word)
      call.end()
      return call
    }),
}

const visible = (value) => (typeof value?.getMap === 'function' ? mapOf(value) : value)
const withoutAgent = ({ 'user-agent': _, ...rest }) => rest
const statusOf = ({ code, details, metadata }) => [code, details, visible(metadata)]

/** An interceptor that records everything that passes through it. `later` is called to pass it on. */
const noting =
  (C, notes, name = '', later = (code) => code()) =>
  (options, nextCall) =>
    new C.InterceptingCall(nextCall(options), {
      start(metadata, _listener, next) {
        notes.push([name, 'start', options.method_definition.path, visible(metadata)])
        const listener = {
          onReceiveMetadata(head, pass) {
            notes.push([name, 'metadata', visible(head)])
            later(() => pass(head))
          },
          onReceiveMessage(message, pass) {
            notes.push([name, 'received', message])
            later(() => pass(message))
          },
          onReceiveStatus(status, pass) {
            notes.push([name, 'status', ...statusOf(status)])
            later(() => pass(status))
          },
        }
        later(() => next(metadata, listener))
      },
      sendMessage(message, next) {
        notes.push([name, 'sent', message])
        later(() => next(message))
      },
      halfClose(next) {
        notes.push([name, 'end'])
        later(() => next())
      },
    })

for (const [kind, call] of Object.entries(kinds)) {
  same(`an interceptor of a client sees everything: ${kind}`, async ({ C, start }) => {
    const notes = []
    const client = await start(handlers, {}, { interceptors: [noting(C, notes, 'first'), noting(C, notes, 'second')] })
    const metadata = new C.Metadata()
    metadata.set('key', 'value')
    return [await call(client, metadata), notes]
  })

  // If several events are passed on later, their order may change; only the end comes last. So the notes are sorted.
  same(`an interceptor of a client passes everything on later: ${kind}`, async ({ C, start }) => {
    const notes = []
    const client = await start(handlers, {}, { interceptors: [noting(C, notes, '', setImmediate)] })
    const seen = await call(client)
    return [seen, notes.map(String).sort()]
  })

  same(`an interceptor of a server sees everything: ${kind}`, async ({ S, start }) => {
    const notes = []
    const interceptors = [notingServer(S, notes, 'first'), notingServer(S, notes, 'second')]
    const client = await start(handlers, { interceptors })
    const seen = await call(client)
    // What passes down may come before or after what passes up, so each direction is compared by itself.
    const down = ['head', 'sent', 'status']
    const others = [...down, 'cancel']
    return [
      seen,
      notes.filter(([, event]) => down.includes(event)),
      notes.filter(([, event]) => !others.includes(event)),
    ]
  })

  same(`an interceptor of a server passes everything on later: ${kind}`, async ({ S, start }) => {
    const notes = []
    const client = await start(handlers, { interceptors: [notingServer(S, notes, '', setImmediate)] })
    const seen = await call(client)
    return [
      seen,
      notes
        .filter(([, event]) => event !== 'cancel')
        .map(String)
        .sort(),
    ]
  })
}

/** The same for servers. */
function notingServer(S, notes, name, later = (code) => code()) {
  return (method, call) =>
    new S.ServerInterceptingCall(call, {
      start(next) {
        const { path, requestStream, responseStream } = method
        notes.push([name, 'start', path, requestStream, responseStream])
        const listener = {
          onReceiveMetadata(metadata, pass) {
            notes.push([name, 'metadata', withoutAgent(visible(metadata))])
            later(() => pass(metadata))
          },
          onReceiveMessage(message, pass) {
            notes.push([name, 'received', message])
            later(() => pass(message))
          },
          onReceiveHalfClose(pass) {
            notes.push([name, 'end'])
            later(() => pass())
          },
          onCancel: () => notes.push([name, 'cancel']),
        }
        later(() => next(listener))
      },
      sendMetadata(metadata, next) {
        notes.push([name, 'head', visible(metadata)])
        later(() => next(metadata))
      },
      sendMessage(message, next) {
        notes.push([name, 'sent', message])
        later(() => next(message))
      },
      sendStatus(status, next) {
        const { code, details, metadata } = status
        notes.push([name, 'status', code, details, metadata ? visible(metadata) : {}])
        later(() => next(status))
      },
    })
}

// ---- clients

same('an interceptor of a client changes everything', async ({ C, start }) => {
  const changing = (options, nextCall) =>
    new C.InterceptingCall(
      nextCall(options),
      new C.RequesterBuilder()
        .withStart((metadata, _listener, next) => {
          metadata.set('added', 'by it')
          const listener = new C.ListenerBuilder()
            .withOnReceiveMetadata((head, pass) => {
              head.set('head', 'too')
              pass(head)
            })
            .withOnReceiveMessage((message, pass) => pass(`<${message}>`))
            .withOnReceiveStatus((status, pass) => pass({ ...status, code: 3, details: `${status.details}, but no` }))
            .build()
          next(metadata, listener)
        })
        .withSendMessage((message, next) => next(`(${message})`))
        .build(),
    )
  const client = await start(handlers)
  return Promise.all(Object.values(kinds).map((call) => call(client, { interceptors: [changing] })))
})

same('interceptors and providers of a client, replaced by those of a call', async ({ start }) => {
  const notes = []
  const named = (name) => (options, nextCall) => {
    notes.push(name)
    return nextCall(options)
  }
  const provider = (name) => (method) => {
    notes.push([name, method.path, method.requestStream, method.responseStream])
    return name === '' ? null : named(name)
  }
  const plain = await start(handlers, {}, { interceptors: [named('a'), named('b')] })
  await kinds.one(plain)
  await kinds.one(plain, { interceptors: [named('c')] })
  await kinds.many(plain, { interceptors: [] })
  const provided = await start(handlers, {}, { interceptor_providers: [provider('d'), provider(''), provider('e')] })
  await kinds.gather(provided)
  await kinds.chat(provided, { interceptor_providers: [provider('f')] })
  return notes
})

same('a client refuses interceptors together with providers', async ({ C, t, start }) => {
  const both = { interceptors: [() => {}], interceptor_providers: [() => {}] }
  const seen = []
  try {
    connect(t, C, 1, both)
  } catch ({ name, message }) {
    seen.push(name, message)
  }
  const client = await start(handlers)
  try {
    client.one('x', both, () => {})
  } catch (error) {
    seen.push(error.name, error.message, error instanceof C.InterceptorConfigurationError)
  }
  return seen
})

same('an interceptor of a client answers itself', async ({ C, start }) => {
  let called = 0
  const client = await start({ one: () => called++ })
  const answering = (options, nextCall) =>
    new C.InterceptingCall(nextCall(options), {
      start(metadata, listener) {
        setImmediate(() => {
          listener.onReceiveMetadata(metadata)
          listener.onReceiveMessage('known')
          listener.onReceiveStatus({ code: 0, details: 'OK', metadata: new C.Metadata() })
        })
      },
    })
  return [await kinds.one(client, { interceptors: [answering] }), called]
})

same('an interceptor of a client retries', async ({ C, start }) => {
  let attempts = 0
  const client = await start({
    one(call, callback) {
      attempts++
      if (attempts < 3) callback({ code: 14, details: 'not yet' })
      else callback(null, call.request)
    },
  })
  // The example in gRPC's documentation.
  const retrying = (options, nextCall) => {
    let metadata
    let sent
    let received
    let passMessage
    return new C.InterceptingCall(nextCall(options), {
      start(given, _listener, next) {
        metadata = given
        next(given, {
          onReceiveMessage(message, pass) {
            received = message
            passMessage = pass
          },
          onReceiveStatus(status, pass) {
            const finish = (status) => {
              passMessage(received)
              pass(status)
            }
            const again = () => {
              const call = nextCall(options)
              call.start(metadata, {
                onReceiveMessage: (message) => {
                  received = message
                },
                onReceiveStatus: (status) => (status.code === 0 ? finish(status) : again()),
              })
              call.sendMessage(sent)
              call.halfClose()
            }
            if (status.code === 0) finish(status)
            else again()
          },
        })
      },
      sendMessage(message, next) {
        sent = message
        next(message)
      },
    })
  }
  return [await kinds.one(client, { interceptors: [retrying] }), attempts]
})

same('an interceptor of a client prevents cancellation', async ({ C, start }) => {
  const client = await start(handlers)
  const seen = []
  const stubborn = (options, nextCall) =>
    new C.InterceptingCall(nextCall(options), { cancel: () => seen.push('wants to cancel') })
  const done = outcome((callback) => {
    const call = client.one('x', { interceptors: [stubborn] }, callback)
    call.cancel()
    return call
  })
  return [await done, seen]
})

same('an interceptor of a client cancels', async ({ C, start }) => {
  const client = await start({ one() {}, chat() {} })
  const seen = []
  for (const kind of ['one', 'chat']) {
    const done = outcome((callback) => {
      const options = { interceptors: [(options, nextCall) => new C.InterceptingCall(nextCall(options))] }
      const call = kind === 'one' ? client.one('x', options, callback) : client.chat(options)
      setImmediate(() => call.cancel())
      return call
    })
    seen.push(await done)
  }
  return seen
})

same('messages that cannot be serialized or parsed, with interceptors', async ({ C, start }) => {
  const client = await start(handlers)
  const failing = () => {
    throw new Error('not so')
  }
  const options = { interceptors: [(options, nextCall) => new C.InterceptingCall(nextCall(options))] }
  const call = client.makeUnaryRequest.bind(client, '/test.Texts/One')
  return [
    await outcome((callback) => call(failing, String, 'x', options, callback)),
    await outcome((callback) => call(Buffer.from, failing, 'x', options, callback)),
    await outcome((callback) => call(Buffer.from, String, 'fail', options, callback)),
  ]
})

same('deadlines and hosts, with interceptors', async ({ C, start }) => {
  const client = await start({
    one(call, callback) {
      if (call.request === 'host') callback(null, call.getHost())
    },
  })
  const changing = (options, nextCall) => new C.InterceptingCall(nextCall({ ...options, host: 'other.test' }))
  const first = await outcome((callback) => client.one('host', { interceptors: [changing] }, callback))
  const late = { interceptors: [changing], deadline: Date.now() + 30 }
  const [code] = (await outcome((callback) => client.one('x', late, callback)))
    .find(([event]) => event === 'status')
    .slice(1)
  return [first, code]
})

same('callInvocationTransformer and channelFactoryOverride', async ({ C, t }) => {
  const { port } = await serve(t, C, handlers)
  const made = []
  const client = connect(t, C, port, {
    callInvocationTransformer(properties) {
      made.push([properties.methodDefinition.path, typeof properties.callback, mapOf(properties.metadata)])
      properties.metadata.set('transformed', 'yes')
      return properties
    },
    channelFactoryOverride(address, credentials, options) {
      made.push([address === `127.0.0.1:${port}`, credentials._isSecure(), Object.keys(options)])
      return new C.Channel(address, credentials, options)
    },
  })
  const seen = await Promise.all(Object.values(kinds).map((call) => call(client)))
  return [seen, made]
})

test('a call with interceptors returns a promise, too', async (t) => {
  const { port } = await serve(t, grpc, handlers)
  const client = connect(t, grpc, port, { interceptors: [(options, nextCall) => nextCall(options)] })
  assert.equal(await client.one('x'), 'x!')
  await assert.rejects(client.one('fail'), { code: 9 })
  const call = client.gather()
  call.write('a')
  call.end('b')
  assert.equal(await call.response, 'a b')
})

test('a client of ours over a channel of @grpc/grpc-js', { skip: missing }, async (t) => {
  const { port } = await serve(t, peer, handlers)
  const channel = new peer.Channel(`127.0.0.1:${port}`, peer.credentials.createInsecure(), {})
  const client = connect(t, grpc, port, { channelOverride: channel })
  for (const [kind, call] of Object.entries(kinds)) {
    const events = (await call(client)).map(([event]) => event)
    assert.ok(events.includes('status') && !events.includes('error'), `${kind}: ${events}`)
  }
})

same('a call of a channel, whose messages are bytes', async ({ S, C, t }) => {
  const { port } = await serve(t, S, handlers)
  const channel = new C.Channel(`127.0.0.1:${port}`, C.credentials.createInsecure(), {})
  t.after(() => channel.close())
  const notes = []
  for (const args of [[1], ['/x', 'soon']]) {
    try {
      channel.createCall(...args)
    } catch ({ name, message }) {
      notes.push([name, message])
    }
  }
  const call = channel.createCall('/test.Texts/Many', Infinity, null, null, null)
  notes.push(typeof call.getCallNumber())
  await new Promise((resolve) => {
    call.start(new C.Metadata(), {
      onReceiveMetadata: (metadata) => notes.push(mapOf(metadata)),
      onReceiveMessage(message) {
        notes.push([Buffer.isBuffer(message), String(message)])
        // Messages are asked for one at a time.
        setImmediate(() => {
          notes.push('next')
          call.startRead()
        })
      },
      onReceiveStatus: ({ code }) => resolve(notes.push(code)),
    })
    call.sendMessageWithContext({}, Buffer.from('abc'))
    call.halfClose()
    call.startRead()
  })
  return notes.filter((note, i) => note !== 'next' || notes[i + 1] !== 0)
})

test('messages that are not asked for stay with the peer', async (t) => {
  const { port } = await serve(t, grpc, handlers)
  const channel = new grpc.Channel(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {})
  t.after(() => channel.close())
  const call = channel.createCall('/test.Texts/Many', Infinity)
  const received = []
  const begun = new Promise((resolve) => {
    call.start(new grpc.Metadata(), {
      onReceiveMetadata: resolve,
      onReceiveMessage: (message) => received.push(String(message)),
      onReceiveStatus: (status) => received.push(status.code),
    })
  })
  call.sendMessageWithContext({}, Buffer.from('abc'))
  call.halfClose()
  await begun
  await new Promise(setImmediate)
  assert.deepEqual(received, [])
  for (const all of [['a'], ['a', 'b'], ['a', 'b', 'c', 0]]) {
    call.startRead()
    while (received.length < all.length) await new Promise(setImmediate)
    assert.deepEqual(received, all)
  }
})

test('many messages, each asked for when the one before has arrived', async (t) => {
  const { port } = await serve(t, grpc, {
    many(call) {
      for (let i = 0; i < 20_000; i++) call.write('x')
      call.end()
    },
  })
  const channel = new grpc.Channel(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {})
  t.after(() => channel.close())
  const call = channel.createCall('/test.Texts/Many', Infinity)
  let count = 0
  const code = await new Promise((resolve) => {
    call.start(new grpc.Metadata(), {
      onReceiveMetadata: () => setTimeout(() => call.startRead(), 20),
      onReceiveMessage() {
        count++
        call.startRead()
      },
      onReceiveStatus: (status) => resolve(status.code),
    })
    call.sendMessageWithContext({}, Buffer.from('x'))
    call.halfClose()
  })
  assert.deepEqual([code, count], [0, 20_000])
})

// ---- servers

same('an interceptor of a server changes everything', async ({ S, start }) => {
  const changing = (_method, call) =>
    new S.ServerInterceptingCall(
      call,
      new S.ResponderBuilder()
        .withStart((next) => {
          const listener = new S.ServerListenerBuilder()
            .withOnReceiveMetadata((metadata, pass) => {
              metadata.set('added', 'by it')
              pass(metadata)
            })
            .withOnReceiveMessage((message, pass) => pass(`<${message}>`))
            .build()
          next(listener)
        })
        .withSendMetadata((metadata, next) => {
          metadata.set('head', 'too')
          next(metadata)
        })
        .withSendMessage((message, next) => next(`(${message})`))
        .withSendStatus((status, next) => next({ ...status, code: 3, details: `${status.details}, but no` }))
        .build(),
    )
  const client = await start(handlers, { interceptors: [changing] })
  return Promise.all(Object.values(kinds).map((call) => call(client)))
})

same('an interceptor of a server authenticates callers', async ({ S, C, start }) => {
  let called = 0
  const guarding = (_method, call) =>
    new S.ServerInterceptingCall(call, {
      start(next) {
        next({
          onReceiveMetadata(metadata, pass) {
            if (metadata.get('authorization')[0] === 'me') pass(metadata)
            else call.sendStatus({ code: 16, details: 'who are you?' })
          },
        })
      },
    })
  const counting = Object.fromEntries(
    Object.entries(handlers).map(([name, handler]) => [
      name,
      (...args) => {
        called++
        handler(...args)
      },
    ]),
  )
  const client = await start(counting, { interceptors: [guarding] })
  const seen = []
  for (const name of ['me', 'other']) {
    const metadata = new C.Metadata()
    metadata.set('authorization', name)
    for (const kind of ['one', 'many', 'chat']) {
      const notes = await kinds[kind](client, metadata)
      seen.push(notes.find(([event]) => event === 'status').slice(0, 3))
    }
  }
  return [seen, called]
})

same('an interceptor of a server answers itself', async ({ S, start }) => {
  let called = 0
  const answering = (_method, call) =>
    new S.ServerInterceptingCall(call, {
      start(next) {
        next({
          onReceiveHalfClose() {
            call.sendMessage('known', () => call.sendStatus({ code: 0, details: 'OK' }))
          },
        })
      },
    })
  const client = await start({ one: () => called++ }, { interceptors: [answering] })
  return [await kinds.one(client), called]
})

same('what interceptors of servers can ask of a call', async ({ S, start }) => {
  let known
  const asking = (_method, call) => {
    const { localAddress, remoteAddress, localPort, remotePort } = call.getConnectionInfo()
    known = [
      [localAddress, remoteAddress, typeof localPort, typeof remotePort],
      call.getPeer().split(':')[0],
      call.getHost().split(':')[0],
      call.getDeadline(),
      call.getAuthContext(),
    ]
    return new S.ServerInterceptingCall(call)
  }
  const client = await start(handlers, { interceptors: [asking] })
  return [await kinds.one(client), known]
})

same('interceptors and handlers are notified of cancellation', async ({ S, start }) => {
  const heard = []
  let all
  const done = new Promise((resolve) => {
    all = resolve
  })
  const note = (what) => {
    heard.push(what)
    if (heard.length === 3) all()
  }
  const interceptor = (name) => (_method, call) =>
    new S.ServerInterceptingCall(call, { start: (next) => next({ onCancel: () => note(name) }) })
  const client = await start(
    {
      chat(call) {
        call.on('cancelled', () => note('handler')).on('error', () => {})
        call.write('begun')
      },
    },
    { interceptors: [interceptor('first'), interceptor('second')] },
  )
  const call = client.chat()
  call.on('error', () => {})
  call.on('data', () => call.cancel())
  await done
  return heard
})

test('a handler behind interceptors may answer with a promise, and fail as others do', async (t) => {
  const interceptors = [(_method, call) => new grpc.ServerInterceptingCall(call)]
  const service = {
    one: async ({ request }) => {
      if (request === 'x') throw Object.assign(new Error('no x'), { code: 5 })
      return request
    },
    many() {
      throw new Error('thrown')
    },
  }
  const { port } = await serve(t, grpc, service, { interceptors })
  const client = connect(t, grpc, port)
  assert.equal(await client.one('y'), 'y')
  await assert.rejects(client.one('x'), { code: 5, details: 'no x' })
  await assert.rejects(client.many('x').toArray(), { code: 2, details: 'Unknown error' })
})

test('a channel is closed while an interceptor is still busy', async (t) => {
  const { port } = await serve(t, grpc, handlers)
  const client = connect(t, grpc, port)
  const slow = (options, nextCall) =>
    new grpc.InterceptingCall(nextCall(options), {
      start(metadata, listener, next) {
        client.close()
        setImmediate(() => next(metadata, listener))
      },
    })
  await assert.rejects(client.one('x', { interceptors: [slow] }), { code: 14 })
})

same('no interceptors, given in any way', async ({ start }) => {
  const client = await start(handlers, {}, { interceptors: null, interceptor_providers: [] })
  return [await kinds.one(client), await kinds.one(client, { interceptors: [], interceptor_providers: [] })]
})

test('messages before an error are delivered first if they are read', async (t) => {
  const { port } = await serve(t, grpc, {
    many(call) {
      for (const letter of call.request) call.write(letter)
      call.emit('error', { code: 9, details: 'not so' })
    },
  })
  const pass = (options, nextCall) => new grpc.InterceptingCall(nextCall(options))
  const client = connect(t, grpc, port, { interceptors: [pass] })
  const seen = await outcome(() => client.many('abcdefgh'))
  assert.deepEqual(
    seen.filter(([event]) => event === 'data').map(([, letter]) => letter),
    [...'abcdefgh'],
  )
  // The end is reported although nobody reads the messages.
  const call = client.many('x'.repeat(100))
  const error = await new Promise((resolve) => call.on('error', resolve))
  assert.equal(error.code, 9)
})
