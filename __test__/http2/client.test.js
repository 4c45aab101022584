'use strict'

// Node's client and ours do the same with Node's server, and what programs see is compared.

const assert = require('node:assert/strict')
const { AsyncLocalStorage } = require('node:async_hooks')
const { spawn } = require('node:child_process')
const { createHash } = require('node:crypto')
const { once } = require('node:events')
const core = require('node:http2')
const net = require('node:net')
const path = require('node:path')
const { Duplex } = require('node:stream')
const test = require('node:test')
const { setImmediate: turn } = require('node:timers/promises')
const { promisify } = require('node:util')
const { http2: ours, net: ourNet } = require('../..')
const { usage } = require('../../lib/engine.js')
const { freePort } = require('../ports.js')
const { early } = require('./early.js')

const hash = (bytes) => createHash('sha256').update(bytes).digest('hex')
const { constants } = core

/** A server of Node's, with what `setUp` makes of it, and a client's session of `module` with it, for as long as `use` takes. */
async function connected(module, setUp, use, options = {}) {
  const server = core.createServer(options.server)
  const sessions = new Set()
  server.on('session', (session) => sessions.add(session.on('error', () => {})))
  server.on('sessionError', () => {})
  setUp(server)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address()
  const client = module.connect(`http://127.0.0.1:${port}`, options.client)
  const log = []
  watch(client, log, 'session', [
    'connect',
    'error',
    'close',
    'goaway',
    'frameError',
    'altsvc',
    'origin',
    'timeout',
    'ping',
  ])
  const closing = new Promise((resolve) => client.once('close', resolve))
  client.on('error', () => {})
  try {
    const result = await use(client, { log, port, server, closing })
    return { log, result }
  } finally {
    client.destroy()
    await closing
    const closed = once(server, 'close')
    server.close()
    for (const session of sessions) session.destroy()
    await closed
  }
}

const EVENTS = [
  'ready',
  'response',
  'headers',
  'continue',
  'push',
  'trailers',
  'aborted',
  'error',
  'end',
  'finish',
  'close',
]

/** Writes down what an emitter says. */
function watch(emitter, log, name, events) {
  for (const event of [...events, 'frameError', 'timeout']) {
    emitter.on(event, (...args) => log.push([name, event, ...args.map(plain).filter((arg) => arg !== undefined)]))
  }
  return emitter
}

function plain(value) {
  if (value instanceof Error) return `${value.code} ${value.message.replace(/\d{5}/g, 'PORT')}`
  if (Buffer.isBuffer(value)) return String(value)
  if (value === null || typeof value !== 'object' || value.pipe || value.on)
    return typeof value === 'object' ? undefined : value
  if (Array.isArray(value)) return undefined
  const { date, ...rest } = value
  return { ...rest, sensitive: value[core.sensitiveHeaders]?.join() }
}

/** Runs it with both, and compares. */
async function same(setUp, use, options) {
  const expected = await connected(core, setUp, use, options)
  const found = await connected(ours, setUp, use, options)
  assert.deepEqual(found, expected)
  return found
}

/** What becomes of a request. */
async function finish(stream) {
  const chunks = []
  stream.on('data', (chunk) => chunks.push(chunk))
  if (!stream.closed || !stream.destroyed) await new Promise((resolve) => stream.once('close', resolve))
  return {
    code: stream.rstCode,
    aborted: stream.aborted,
    destroyed: stream.destroyed,
    body: String(Buffer.concat(chunks)),
  }
}

const echo = (server) =>
  server.on('stream', (stream, headers, _flags, raw) => {
    stream.on('error', () => {})
    const asked = JSON.stringify([
      raw.filter((_, i) => raw[i - (i % 2)] !== ':authority'),
      headers[core.sensitiveHeaders],
    ])
    stream.respond({ 'x-asked': asked, 'set-cookie': ['a=1', 'b=2'], 'x-list': ['1', '2'] }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-trailer': 'done' }))
    stream.pipe(stream)
  })

test('requests and responses are those of node:http2', async () => {
  const requests = [
    [undefined],
    [{}],
    [{ ':path': '/a?b#c', accept: '*/*', 'x-many': ['1', '2'], cookie: ['a', 'b'] }],
    [{ ':method': 'HEAD' }],
    [{ ':method': 'DELETE' }],
    [{ ':method': 'POST' }, undefined, 'body'],
    [{ ':method': 'POST', 'content-length': 4 }, {}, 'body'],
    [{ ':method': 'GET' }, { endStream: false }, 'body of a GET'],
    [
      { ':method': 'PUT', 'X-Upper': 'Case', 'x-undefined': undefined, 'x-number': 1, 'x-empty': [] },
      { endStream: true },
    ],
    [{ ':authority': 'example.org:1', ':scheme': 'https' }],
    [{ host: 'example.org' }],
    [{ ':method': 'POST', 'x-secret': 's', [core.sensitiveHeaders]: ['x-secret'] }, {}, 'x'],
    [{ ':method': 'POST', te: 'trailers' }, { waitForTrailers: true }, 'with trailers'],
  ]
  await same(echo, async (client, { log }) => {
    const seen = []
    for (const [headers, options, body] of requests) {
      const stream = watch(client.request(headers, options), log, 'stream', EVENTS)
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-mine': 'yes' }))
      const { ':authority': authority, ...sent } = stream.sentHeaders
      if (body !== undefined) stream.end(body)
      seen.push(sent, await finish(stream), stream.id, stream.sentTrailers)
    }
    return seen
  })
})

test('headers can be a list', async (t) => {
  try {
    await connected(core, echo, (client) => finish(client.request(['a', 'b'])))
  } catch {
    return t.skip('this Node does not take lists')
  }
  const lists = [
    ['x-b', '1', 'x-a', '2', 'X-B', '3'],
    [':path', '/list', 'x', '1'],
    Object.assign(['x-secret', '1'], { [core.sensitiveHeaders]: ['x-secret'] }),
  ]
  await same(echo, async (client) => {
    const seen = []
    for (const list of lists) {
      const stream = client.request(list, { endStream: true })
      const [headers] = await once(stream, 'response')
      seen.push(headers['x-asked'], Object.keys(stream.sentHeaders), await finish(stream))
    }
    return seen
  })
})

test('invalid request headers throw as in node:http2', async () => {
  const wrong = [
    [1],
    ['text'],
    [{ ':status': 200 }],
    [{ ':other': 'x' }],
    [{ connection: 'close' }],
    [{ te: 'gzip' }],
    [{ 'content-type': ['a', 'b'] }],
    [{ ':method': 'CONNECT' }],
    [{ ':method': 'CONNECT', ':authority': 'a', ':scheme': 'http' }],
    [{ ':method': 'CONNECT', ':authority': 'a', ':path': '/' }],
    [{}, { endStream: 'yes' }],
    [{}, { parent: 'x' }],
    [{}, { exclusive: 1 }],
    [{}, { silent: 1 }],
    [{}, 1],
    [{}, []],
  ]
  const attempt = async (module) => {
    const { result } = await connected(module, echo, async (client) => {
      await once(client, 'connect')
      return wrong.map((args) => {
        try {
          client.request(...args).on('error', () => {})
          return 'taken'
        } catch (error) {
          return error.code
        }
      })
    })
    return result
  }
  const expected = await attempt(core)
  // Core sends a status, which its servers refuse.
  if (expected[2] === 'taken') expected[2] = 'ERR_HTTP2_INVALID_PSEUDOHEADER'
  assert.deepEqual(await attempt(ours), expected)
})

test('requests with an invalid path are not sent', async () => {
  for (const path of ['/a b', '/a\r\nx: y', '/a\0x\0y', '']) {
    const { result } = await connected(
      ours,
      (server) => server.on('stream', () => assert.fail('it was sent')),
      async (client) => {
        const stream = client.request({ ':path': path || ' ' })
        const [error] = await once(stream, 'error')
        return error.message
      },
    )
    assert.equal(result, 'Stream closed with error code NGHTTP2_PROTOCOL_ERROR')
  }
})

const endings = {
  'a body that is read': (stream) => {
    stream.respond()
    stream.end('body')
  },
  'no body': (stream) => stream.respond({ ':status': 204 }),
  'an end with the header': (stream) => stream.respond({}, { endStream: true }),
  'informational answers': (stream) => {
    stream.additionalHeaders({ ':status': 103, link: '</a>' })
    stream.additionalHeaders({ ':status': 100 })
    stream.respond()
    stream.end('x')
  },
  'a reset without an error': (stream) => {
    stream.respond()
    stream.write('part', () => stream.close(constants.NGHTTP2_NO_ERROR))
  },
  'a reset before the response': (stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM),
  'a reset that cancels': (stream) => stream.close(constants.NGHTTP2_CANCEL),
  'a reset within the body': (stream) => {
    stream.respond()
    stream.write('part', () => setImmediate(() => stream.close(constants.NGHTTP2_INTERNAL_ERROR)))
  },
  'the end of the session': (stream) => stream.session.destroy(),
  'the end of the session for an error': (stream) => stream.session.destroy(constants.NGHTTP2_ENHANCE_YOUR_CALM),
  'a session that closes': (stream) => {
    stream.session.close()
    setImmediate(() => {
      stream.respond()
      stream.end('last')
    })
  },
  'the end of the connection': (stream) => {
    net.Socket.prototype.destroy.call(stream.session.socket)
  },
  'a goaway that refuses it': (stream) => stream.session.goaway(constants.NGHTTP2_NO_ERROR, 2 ** 31 - 1),
}

for (const [name, answer] of Object.entries(endings)) {
  for (const method of ['GET', 'POST']) {
    test(`the response to ${method}: ${name}`, async () => {
      await same(
        (server) =>
          server.on('stream', (stream) => {
            stream.on('error', () => {})
            answer(stream)
            if (name.startsWith('a goaway')) stream.session.destroy()
          }),
        async (client, { log, closing }) => {
          const stream = watch(client.request({ ':method': method }), log, 'stream', EVENTS)
          const result = await finish(stream)
          // The session may be the last to hear of it.
          if (/session|connection|goaway/.test(name)) await closing
          await turn()
          // In which order sessions and streams hear of an end is the kernel's to say.
          log.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
          return result
        },
      )
    })
  }
}

const departures = {
  close: (stream) => stream.close(),
  'close with an error': (stream) => stream.close(constants.NGHTTP2_INTERNAL_ERROR),
  cancel: (stream) => stream.close(constants.NGHTTP2_CANCEL),
  destroy: (stream) => stream.destroy(),
  'destroy with an error': (stream) => stream.destroy(new Error('mine')),
  'destroy of the session': (stream) => stream.session.destroy(),
  'destroy of the session with an error': (stream) => stream.session.destroy(new Error('mine')),
  'destroy of the session with a code': (stream) => stream.session.destroy(constants.NGHTTP2_INTERNAL_ERROR),
}

for (const [name, leave] of Object.entries(departures)) {
  for (const method of ['GET', 'POST']) {
    for (const when of ['before the connection', 'before the response', 'within the body']) {
      test(`${name} of a ${method} ${when}`, async () => {
        await same(
          (server) =>
            server.on('stream', (stream) => {
              stream.on('error', () => {})
              if (when !== 'within the body') return
              stream.respond()
              stream.write('part')
            }),
          async (client, { log, closing }) => {
            const connection = new Promise((resolve) => client.once('connect', resolve))
            if (when !== 'before the connection') await connection
            const stream = watch(client.request({ ':method': method }), log, 'stream', EVENTS)
            if (when === 'within the body') await once(stream, 'response')
            leave(stream)
            const state = [stream.closed, stream.destroyed, stream.pending]
            await finish(stream)
            await (name.includes('session') ? closing : connection)
            await turn()
            // Core says 'connect' of a session that was destroyed, and 'end' of one that was cancelled before it says 'close'.
            const isMoot = ([, event]) =>
              (event === 'connect' && name.includes('session')) || (event === 'end' && name === 'cancel')
            log.splice(0, log.length, ...log.filter((entry) => !isMoot(entry)))
            log.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
            return [state, stream.rstCode, stream.aborted, stream.session === undefined]
          },
        )
      })
    }
  }
}

test('signals end requests', async () => {
  await same(
    (server) => server.on('stream', (stream) => stream.on('error', () => {})),
    async (client, { log }) => {
      const results = []
      for (const late of [true, false]) {
        const controller = new AbortController()
        if (!late) controller.abort()
        const stream = watch(client.request({}, { signal: controller.signal }), log, 'stream', EVENTS)
        if (late) await once(stream, 'ready')
        controller.abort()
        await finish(stream)
        results.push(stream.rstCode)
      }
      return results
    },
  )
})

test('the properties of a session, before and after its end', async () => {
  const show = (session) => {
    const { alpnProtocol, closed, connecting, destroyed, encrypted, goawayCode, goawayLastStreamID, originSet, type } =
      session
    const { pendingSettingsAck, localSettings } = session
    return [
      { alpnProtocol, closed, connecting, destroyed, encrypted, goawayCode, goawayLastStreamID, originSet, type },
      { pendingSettingsAck, empty: destroyed || Object.keys(localSettings).length === 0 },
      Object.keys(session.state).length,
    ]
  }
  await same(echo, async (client, { closing }) => {
    const shown = [show(client)]
    await once(client, 'connect')
    shown.push(show(client))
    await once(client, 'remoteSettings')
    const { localSettings, remoteSettings, socket } = client
    shown.push(localSettings.initialWindowSize, remoteSettings.maxFrameSize, localSettings.maxConcurrentStreams)
    client.close()
    shown.push(show(client))
    await closing
    shown.push(show(client))
    for (const name of ['settings', 'goaway', 'setNextStreamID', 'setLocalWindowSize']) {
      assert.throws(() => client[name](), { code: 'ERR_HTTP2_INVALID_SESSION' })
    }
    assert.throws(() => client.ping(() => {}), { code: 'ERR_HTTP2_INVALID_SESSION' })
    assert.equal(client.socket, undefined)
    assert.throws(() => socket.remotePort, { code: 'ERR_HTTP2_SOCKET_UNBOUND' })
    return shown
  })
})

test('requests on a closed session fail', async () => {
  for (const end of ['close', 'destroy']) {
    await same(echo, async (client, { log }) => {
      await once(client, 'connect')
      const open = client.request({ ':method': 'POST' }).on('error', () => {})
      client[end]()
      // What it has heard of before that is a matter of luck.
      client.on('goaway', () => log.pop())
      let code
      try {
        const [error] = await once(client.request(), 'error')
        code = error.code
      } catch (error) {
        code = error.code
      }
      open.end()
      await finish(open)
      return code
    })
  }
})

test('requests made before the connection are sent once it is established', async () => {
  await same(echo, async (client, { log }) => {
    const streams = ['/1', '/2'].map((path) =>
      watch(client.request({ ':path': path, ':method': 'POST' }), log, path, EVENTS),
    )
    const before = streams.map(({ id, pending }) => [id, pending])
    streams[0].write('early ')
    streams[0].end('bird')
    streams[1].end()
    const pinged = promisify(client.ping.bind(client))().catch((error) => error.code)
    const settled = new Promise((resolve) => {
      client.settings({ initialWindowSize: 100_000 }, (error, settings) => resolve([error, settings.initialWindowSize]))
    })
    const ends = await Promise.all(streams.map(finish))
    log.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    return [before, ends, await pinged, await settled, streams.map(({ id }) => id)]
  })
})

test('no server is listening', async () => {
  const attempt = async (module) => {
    const port = await freePort()
    const log = []
    const client = watch(module.connect(`http://127.0.0.1:${port}`), log, 'session', ['connect', 'error', 'close'])
    const stream = watch(client.request(), log, 'stream', EVENTS)
    if (!client.destroyed) await new Promise((resolve) => client.on('close', resolve))
    await turn()
    await assert.rejects(promisify(module.connect)(`http://127.0.0.1:${port}`), { code: 'ECONNREFUSED' })
    return [log.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)), stream.rstCode, stream.destroyed]
  }
  assert.deepEqual(await attempt(ours), await attempt(core))
})

test('promisify(connect)', async () => {
  await connected(ours, echo, async (_, { port }) => {
    const session = await promisify(ours.connect)(`http://127.0.0.1:${port}`)
    assert.equal(session.connecting, false)
    session.destroy()
    await once(session, 'close')
  })
})

test('requests above the server’s limit wait, and have an id at once', async () => {
  let most = 0
  const setUp = (server) => {
    let open = 0
    server.on('stream', (stream) => {
      most = Math.max(most, ++open)
      stream.respond()
      stream.end('x')
      stream.on('close', () => open--)
    })
  }
  await same(
    setUp,
    async (client) => {
      await once(client, 'remoteSettings')
      const streams = Array.from({ length: 20 }, () => client.request())
      const numbers = streams.map(({ id }) => id)
      // One that is given up while it waits takes nobody's place.
      streams[10].close(constants.NGHTTP2_CANCEL)
      const ends = await Promise.all(streams.map(finish))
      return [numbers, ends]
    },
    { server: { settings: { maxConcurrentStreams: 2 } } },
  )
  assert.equal(most, 2)
})

test('the number of open requests before the server’s SETTINGS', async () => {
  const client = (peerMaxConcurrentStreams) => ({ client: { peerMaxConcurrentStreams } })
  for (const most of [1, undefined]) {
    await same(
      echo,
      (session) => Promise.all(Array.from({ length: 120 }, () => finish(session.request()))),
      client(most),
    )
  }
})

test('pushes', async () => {
  const setUp = (server) =>
    server.on('stream', (stream) => {
      stream.on('error', () => {})
      if (!stream.pushAllowed) {
        stream.respond({ 'x-push': 'no' })
        stream.end()
        return
      }
      stream.pushStream({ ':path': '/pushed', 'x-a': 'b' }, (_error, pushed) => {
        pushed.on('error', () => {})
        pushed.respond({ 'x-pushed': 'yes' })
        pushed.end('pushed body')
        pushed.on('close', () => stream.end('done'))
      })
      stream.respond()
    })
  await same(setUp, async (client, { log }) => {
    const pushed = new Promise((resolve) => {
      client.on('stream', (stream, headers, flags, raw) => {
        log.push(['push', headers[':path'], headers['x-a'], flags, raw.length, stream.id])
        watch(stream, log, 'pushed', EVENTS)
        resolve(finish(stream))
      })
    })
    const answer = await finish(client.request())
    log.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    return [answer, await pushed]
  })
  await same(setUp, (client) => finish(client.request()), { client: { settings: { enablePush: false } } })
  // Nobody listens: the server hears that it is not wanted.
  const { result } = await connected(ours, setUp, (client) => finish(client.request()))
  assert.equal(result.body, 'done')
})

test('ALTSVC and ORIGIN frames of the server', async () => {
  await same(
    (server) =>
      server.on('stream', (stream) => {
        const { session } = stream
        session.altsvc('h3=":1"', 'https://example.org')
        session.altsvc('h3=":2"', stream.id)
        session.altsvc('h3=":3"', stream.id + 2)
        session.origin('https://example.org')
        stream.respond()
        stream.end()
      }),
    async (client) => {
      await finish(client.request())
      return client.originSet
    },
  )
})

test('pings and settings', async () => {
  await same(echo, async (client, { log }) => {
    await once(client, 'connect')
    const ping = promisify((payload, callback) =>
      client.ping(payload, (error, _, answer) => callback(error, String(answer))),
    )
    const seen = [await ping(Buffer.from('12345678'))]
    assert.throws(() => client.ping(Buffer.from('1'), () => {}), { code: 'ERR_HTTP2_PING_LENGTH' })
    assert.throws(() => client.ping('12345678', () => {}), { code: 'ERR_INVALID_ARG_TYPE' })
    assert.throws(() => client.ping(), { code: 'ERR_INVALID_ARG_TYPE' })
    client.on('localSettings', ({ initialWindowSize, maxFrameSize }) => log.push([initialWindowSize, maxFrameSize]))
    seen.push(client.pendingSettingsAck)
    client.settings({ initialWindowSize: 1000, maxFrameSize: 20_000 })
    seen.push(client.pendingSettingsAck)
    await once(client, 'localSettings')
    assert.throws(() => client.settings({ maxFrameSize: 1 }), { code: 'ERR_HTTP2_INVALID_SETTING_VALUE' })
    client.ping((error) => log.push(['cancelled', error.code]))
    client.destroy()
    await once(client, 'close')
    return seen
  })
})

test('bodies of many sizes in both directions', async () => {
  const sizes = [0, 1, 16_383, 16_384, 16_385, 65_535, 65_536, 300_000]
  await same(
    (server) =>
      server.on('stream', (stream) => {
        stream.respond()
        stream.pipe(stream)
      }),
    async (client) => {
      const seen = await Promise.all(
        sizes.map(async (size) => {
          const body = Buffer.alloc(size, `${size} `)
          const stream = client.request({ ':method': 'POST' })
          for (let at = 0; at < size; at += 7001) stream.write(body.subarray(at, at + 7001))
          stream.end()
          const chunks = await stream.toArray()
          const found = Buffer.concat(chunks)
          assert.equal(hash(found), hash(body))
          return found.length
        }),
      )
      return seen
    },
  )
})

test('an unread body stops its own stream only', async () => {
  const size = 1_000_000
  const { result } = await connected(
    ours,
    (server) =>
      server.on('stream', (stream, { ':path': path }) => {
        stream.on('error', () => {})
        stream.respond()
        stream.end(path === '/large' ? Buffer.alloc(size, 'x') : 'small')
      }),
    async (client) => {
      const large = client.request({ ':path': '/large' })
      await once(large, 'response')
      // It is the same connection.
      for (let i = 0; i < 20; i++) assert.equal((await finish(client.request())).body, 'small')
      // Two windows, and no more.
      assert.ok(large.readableLength <= 2 * 65_536, `${large.readableLength}`)
      let length = 0
      for await (const chunk of large) length += chunk.length
      return length
    },
  )
  assert.equal(result, size)
})

test('backpressure: writing waits for the server', async () => {
  const body = Buffer.alloc(64 * 1024, 'x')
  let go
  const { result } = await connected(
    ours,
    (server) =>
      server.on('stream', (stream) => {
        stream.respond()
        go = () => stream.resume().on('end', () => stream.end())
      }),
    async (client) => {
      const stream = client.request({ ':method': 'POST' })
      await once(stream, 'response')
      let written = 0
      while (stream.write(body)) written++
      const drained = once(stream, 'drain')
      go()
      await drained
      stream.end()
      stream.resume()
      await once(stream, 'close')
      return written
    },
  )
  assert.ok(result < 10, `${result}`)
})

test('events run in the async context of their request', async () => {
  const storage = new AsyncLocalStorage()
  await connected(ours, echo, async (client) => {
    await once(client, 'connect')
    const ask = (name) =>
      storage.run(name, async () => {
        const seen = []
        const stream = client.request({ ':method': 'POST' })
        for (const event of ['response', 'data', 'trailers', 'end', 'close']) {
          stream.on(event, () => seen.push([event, storage.getStore()]))
        }
        stream.end(name)
        await once(stream, 'close')
        assert.deepEqual(
          seen,
          ['response', 'data', 'trailers', 'end', 'close'].map((event) => [event, name]),
        )
      })
    await Promise.all([ask('one'), ask('two')])
  })
})

test('ticks run between a response and the events after it', async () => {
  await same(
    (server) =>
      server.on('stream', (stream) => {
        stream.respond({}, { waitForTrailers: true })
        stream.on('wantTrailers', () => stream.sendTrailers({ 'x-late': '1' }))
        stream.end('x')
      }),
    async (client) => {
      const stream = client.request()
      await once(stream, 'response')
      // Whoever waits for the answer can still ask for what comes behind it.
      const trailers = once(stream, 'trailers')
      stream.resume()
      const [fields] = await trailers
      return fields['x-late']
    },
  )
})

test('existing sockets', async () => {
  const streams = {
    'one of ours': (port) => ourNet.connect(port, '127.0.0.1'),
    'one of core': (port) => net.connect(port, '127.0.0.1'),
    'another stream': (port) => duplexOver(net.connect(port, '127.0.0.1')),
  }
  for (const [name, open] of Object.entries(streams)) {
    for (const early of [true, false]) {
      await connected(core, echo, async (_, { port }) => {
        const socket = open(port)
        if (!early && !(socket.connecting === undefined)) await once(socket, 'connect')
        const client = ours.connect(`http://127.0.0.1:${port}`, { createConnection: () => socket })
        const stream = client.request({ ':method': 'POST' })
        stream.end(name)
        assert.equal((await finish(stream)).body, name)
        assert.throws(() => ours.connect('http://a', { createConnection: () => socket }), {
          code: 'ERR_HTTP2_SOCKET_BOUND',
        })
        client.close()
        await once(client, 'close')
      })
    }
  }
})

test('data that a socket has already received belongs to the session', async () => {
  const { result } = await connected(
    core,
    (server) => server.on('stream', (stream) => stream.respond({}, { endStream: true })),
    async (_, { port }) => {
      const socket = ourNet.connect(port, '127.0.0.1')
      await once(socket, 'connect')
      // The server's settings come without being asked for.
      await once(socket, 'readable')
      assert.ok(socket.readableLength > 0)
      const client = ours.connect('http://a', { createConnection: () => socket })
      const [headers] = await once(client.request(), 'response')
      client.destroy()
      return headers[':status']
    },
  )
  assert.equal(result, 200)
})

test('performServerHandshake()', async (t) => {
  if (core.performServerHandshake === undefined) return t.skip('this Node has none')
  const kinds = { 'one of ours': ourNet, 'one of core': net }
  for (const [name, { createServer }] of Object.entries(kinds)) {
    const sessions = []
    const server = createServer((socket) => {
      const session = ours.performServerHandshake(socket)
      sessions.push(session.on('error', () => {}))
      assert.throws(() => ours.performServerHandshake(socket), { code: 'ERR_HTTP2_SOCKET_BOUND' })
      session.on('stream', (stream, headers) => {
        stream.respond({ 'x-path': headers[':path'] })
        stream.pipe(stream)
      })
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const client = core.connect(`http://127.0.0.1:${server.address().port}`)
    const stream = client.request({ ':path': '/handshake', ':method': 'POST' })
    stream.end(name)
    const [headers] = await once(stream, 'response')
    assert.deepEqual([headers['x-path'], (await finish(stream)).body], ['/handshake', name])
    const closed = once(sessions[0], 'close')
    client.close()
    await closed
    await new Promise((resolve) => server.close(resolve))
  }
})

function duplexOver(socket) {
  const duplex = new Duplex({
    read() {
      socket.resume()
    },
    write(chunk, encoding, callback) {
      socket.write(chunk, encoding, callback)
    },
    final(callback) {
      socket.end(callback)
    },
    destroy(error, callback) {
      socket.destroy()
      callback(error)
    },
  })
  socket.on('data', (chunk) => duplex.push(chunk) || socket.pause())
  socket.on('end', () => duplex.push(null))
  socket.on('error', (error) => duplex.destroy(error))
  return duplex
}

test('unsupported options are handled by Node', async () => {
  await connected(core, echo, async (_, { port }) => {
    for (const options of [{ paddingStrategy: constants.PADDING_STRATEGY_MAX }, { strictSingleValueFields: false }]) {
      const client = ours.connect(`http://127.0.0.1:${port}`, options)
      assert.equal((await finish(client.request())).code, 0)
      client.destroy()
    }
  })
  for (const args of [[1], ['no url'], ['ftp://a'], ['http://a', 1], ['http://a', { maxOriginSetSize: 'x' }]]) {
    const code = (module) => {
      try {
        module
          .connect(...args)
          .on('error', () => {})
          .destroy()
        return 'taken'
      } catch (error) {
        return error.code
      }
    }
    // Older Nodes do not know the last.
    if (code(core) !== 'taken') assert.equal(code(ours), code(core), `${args}`)
  }
})

test('idle sessions and streams emit timeout', async () => {
  await same(
    (server) => server.on('stream', () => {}),
    async (client) => {
      const stream = client.request()
      // A request that is not sent yet when the session is destroyed has an error.
      await once(client, 'connect')
      const [session, request] = [once(client, 'timeout'), once(stream, 'timeout')]
      client.setTimeout(20)
      stream.setTimeout(20)
      await Promise.all([session, request])
      assert.equal(client.setTimeout(0), client)
      assert.throws(() => client.setTimeout('x'), { code: 'ERR_INVALID_ARG_TYPE' })
    },
  )
})

test('header blocks that are too long are not sent', async () => {
  await same(
    echo,
    async (client, { log }) => {
      const stream = watch(client.request({ 'x-long': 'x'.repeat(2000) }), log, 'stream', EVENTS)
      await finish(stream)
      // Core gives it a number before it looks; and when it finishes, is of no interest.
      log.splice(0, log.length, ...log.filter(([, event]) => event !== 'ready' && event !== 'finish'))
      log.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
      for (const entry of log) if (entry[1] === 'frameError') entry.length = 4
    },
    { client: { maxSendHeaderBlockLength: 1000 } },
  )
})

test('a process exits when its sessions have ended or are unref’d', async () => {
  await connected(core, echo, async (_, { port }) => {
    const program = `
      const { http2 } = require(${JSON.stringify(path.join(__dirname, '..', '..'))})
      const client = http2.connect('http://127.0.0.1:${port}')
      const stream = client.request({ ':method': 'POST' })
      stream.end('x')
      stream.resume().on('close', () => {
        if (process.argv[1] === 'unref') client.unref()
        else client.close()
      })`
    for (const how of ['close', 'unref']) {
      const child = spawn(process.execPath, ['-e', program, how], { stdio: ['ignore', 'inherit', 'inherit'] })
      assert.deepEqual(await once(child, 'exit'), [0, null], how)
    }
  })
})

test('an exception in a listener does not affect other streams, and the session ends', async () => {
  await connected(
    ours,
    (server) => server.on('stream', () => {}),
    async (client, { closing }) => {
      const streams = [1, 2, 3].map(() => client.request({ ':method': 'POST' }))
      await once(streams[2], 'ready')
      streams[0].on('aborted', () => {
        throw new Error('thrown')
      })
      const others = streams.map((stream) => new Promise((resolve) => stream.once('close', resolve)))
      assert.throws(() => client.destroy(), { message: 'thrown' })
      await Promise.all([closing, others[1], others[2]])
    },
  )
})

test('sessions leave nothing behind', async () => {
  await turn()
  const before = usage()
  await connected(ours, echo, async (_, { port }) => {
    for (let i = 0; i < 20; i++) {
      const client = ours.connect(`http://127.0.0.1:${port}`)
      client.on('error', () => {})
      const stream = client.request({ ':method': 'POST' }).on('error', () => {})
      stream.end('x')
      if (i % 4 === 0) client.destroy()
      else if (i % 4 === 1) await finish(stream)
      else if (i % 4 === 2) client.close()
      else
        client
          .request()
          .on('error', () => {})
          .close()
      stream.resume()
      if (i % 4 === 1 || i % 4 === 3) client.close()
      if (!client.destroyed || client.connecting) await new Promise((resolve) => client.once('close', resolve))
    }
  })
  while (usage().slots > before.slots) await turn()
  assert.deepEqual(usage().slots, before.slots)
})

test('a response that has arrived is delivered although its request ends first', async (t) => {
  const { port, hold } = await early(t, { trailers: { last: 'x' } })
  const client = ours.connect(`http://127.0.0.1:${port}`)
  // Its server is gone first.
  client.on('error', () => {})
  t.after(() => client.destroy())
  await once(client, 'remoteSettings')
  for (let round = 0; round < 10; round++) {
    const request = client.request({ ':method': 'POST' })
    const seen = []
    for (const event of ['response', 'trailers', 'end']) request.on(event, () => seen.push(event))
    request.resume()
    request.write('x')
    const over = once(request, 'close')
    await hold(() => request.end())
    await over
    assert.deepEqual(seen, ['response', 'trailers', 'end'])
  }
})
