'use strict'

// How streams and sessions end, whoever ends them, and what the others hear of that: as on Node's own server.

const assert = require('node:assert/strict')
const { AsyncLocalStorage } = require('node:async_hooks')
const EventEmitter = require('node:events')
const { once } = EventEmitter
const net = require('node:net')
const { finished } = require('node:stream')
const test = require('node:test')
const { setImmediate } = require('node:timers/promises')
const { ask, core, ours, same, withServer } = require('./support.js')
const { native, usage } = require('../../lib/engine.js')
const { kProgress } = require('../../lib/http2/symbols.js')
const { Timer } = require('../../lib/http2/timer.js')

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
const SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])
/** Headers of `GET /` on stream 1, which end it. */
const GET = Buffer.from([0, 0, 6, 1, 5, 0, 0, 0, 1, 0x82, 0x86, 0x84, 0x01, 0x01, 0x61])

/** Has what is thrown meanwhile come here, and not end the process. */
async function catching(use) {
  const caught = []
  const { listeners } = process
  const before = listeners.call(process, 'uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', (error) => caught.push(error.message))
  try {
    await use(caught)
  } finally {
    process.removeAllListeners('uncaughtException')
    for (const listener of before) process.on('uncaughtException', listener)
  }
  return caught
}

async function until(condition) {
  while (!condition()) await setImmediate()
}

test('unread bodies keep no stream open', async () => {
  const before = usage().slots
  const settings = { initialWindowSize: 1 << 20, maxConcurrentStreams: 10 }
  await withServer(
    ours,
    { settings },
    (server) =>
      server.on('request', (req, res) => {
        // As body parsers do that have seen enough.
        if (req.url === '/some') req.once('data', () => req.pause())
        res.end()
      }),
    async (client) => {
      if (client.remoteSettings.initialWindowSize !== 1 << 20) await once(client, 'remoteSettings')
      // Longer than what a request takes before anybody reads it.
      const body = Buffer.alloc(80_000)
      for (let round = 0; round < 4; round++) {
        const paths = Array.from({ length: 10 }, (_, i) => (i % 2 === 0 ? '/none' : '/some'))
        const answers = await Promise.all(paths.map((path) => ask(client, { ':method': 'POST', ':path': path }, body)))
        for (const { headers } of answers) assert.equal(headers?.[':status'], 200)
      }
    },
  )
  await until(() => usage().slots <= before)
})

test('a body that is read late arrives complete', async () => {
  await withServer(
    ours,
    {},
    (server) =>
      server.on('request', async (req, res) => {
        req.once('data', (first) => {
          req.pause()
          res.end('early')
          res.once('close', async () => {
            let length = first.length
            for await (const chunk of req) length += chunk.length
            server.emit('read', length)
          })
        })
      }),
    async (client, server) => {
      const read = once(server, 'read')
      await ask(client, { ':method': 'POST' }, Buffer.alloc(60_000))
      assert.deepEqual(await read, [60_000])
    },
  )
})

test('the first reader gets the body', async () => {
  const readers = {
    '/request': (req) => req,
    '/stream': (req) => req.stream,
    '/both': (req) => {
      req.stream.on('close', () => {})
      return req
    },
  }
  for (const alsoStreams of [false, true]) {
    await same((module) =>
      withServer(
        module,
        {},
        (server) => {
          if (alsoStreams) server.on('stream', () => {})
          server.on('request', async (req, res) => {
            const source = readers[req.url](req)
            let length = 0
            source.on('data', (chunk) => {
              length += chunk.length
            })
            source.on('end', () => res.end(String(length)))
          })
        },
        async (client) => {
          const bodies = []
          for (const path of Object.keys(readers)) {
            for (const length of [0, 1, 100_000]) {
              const { body } = await ask(client, { ':method': 'POST', ':path': path }, Buffer.alloc(length))
              assert.equal(body, String(length))
              bodies.push(body)
            }
          }
          return bodies
        },
      ),
    )
  }
})

test('a small chunk does not keep the memory of a large read', async () => {
  const kept = {}
  await withServer(
    ours,
    {},
    (server) =>
      server.on('request', (req) => {
        req.once('data', (part) => {
          kept[req.method] = part.buffer
        })
        req.on('end', () => server.emit('ended'))
      }),
    async (_client, server) => {
      const frame = (flags, stream, length) => {
        const bytes = Buffer.alloc(9 + length)
        bytes.writeUIntBE(length, 0, 3)
        bytes[4] = flags
        bytes.writeUInt32BE(stream, 5)
        return bytes
      }
      const open = (method, stream) => {
        const bytes = Buffer.from(GET)
        bytes[4] = 4
        bytes.writeUInt32BE(stream, 5)
        bytes[9] = method
        return bytes
      }
      const socket = net.connect(server.address().port, '127.0.0.1')
      // The small part is in the middle of what is read at once.
      const parts = [PREFACE, SETTINGS, open(0x83, 1), open(0x82, 3), frame(0, 3, 16_000), frame(1, 1, 1)]
      socket.write(Buffer.concat([...parts, frame(0, 3, 16_000), frame(1, 3, 16_000)]))
      while (kept.GET === undefined || kept.POST === undefined) await once(server, 'ended')
      assert.ok(kept.GET.byteLength >= 48_000)
      assert.notEqual(kept.POST, kept.GET)
      socket.destroy()
    },
  )
})

test('parts of a response are sent without delay', async (t) => {
  // Nagle's algorithm would have the second wait for the peer's delayed acknowledgement.
  const { setNoDelay } = native
  t.after(() => {
    native.setNoDelay = setNoDelay
  })
  const calls = []
  native.setNoDelay = (...args) => {
    calls.push(args[1])
    return setNoDelay(...args)
  }
  await withServer(
    ours,
    {},
    (server) => server.on('request', (_req, res) => res.end()),
    (client) => ask(client),
  )
  assert.deepEqual(calls, [true])
})

test('an exception in one listener does not affect the others', async () => {
  for (const event of ['finish', 'close']) {
    let closed = 0
    const caught = await catching(() =>
      withServer(
        ours,
        {},
        (server) =>
          server.on('request', (_req, res) => {
            res.on(event, () => {
              throw new Error(event)
            })
            res.on('close', () => closed++)
            res.end()
          }),
        async (client) => {
          await Promise.all([ask(client), ask(client), ask(client), ask(client)])
          await until(() => event === 'close' || closed === 4)
        },
      ),
    )
    assert.deepEqual(caught, [event, event, event, event])
  }
})

test('a destroyed session closes in a later tick, also if its listeners throw', async () => {
  let done = false
  const caught = await catching(() =>
    withServer(
      ours,
      {},
      (server) =>
        server.on('request', (req, res) => {
          res.on('close', () => {
            assert.equal(done, true)
            throw new Error('close')
          })
          const { session } = req.stream
          session.ping((error) => {
            assert.equal(error.code, 'ERR_HTTP2_PING_CANCEL')
            throw new Error('ping')
          })
          session.destroy()
          done = true
        }),
      async (client) => {
        client.request().on('error', () => {})
        await once(client, 'close')
      },
    ),
  )
  assert.deepEqual(caught.sort(), ['close', 'ping'])
})

test('a client that still reads gets everything when the session closes', async () => {
  const received = await same((module) => {
    let session
    return withServer(
      module,
      {},
      (server) => {
        server.on('session', (given) => {
          session = given
        })
        server.on('request', (_req, res) => {
          res.end(Buffer.alloc(60_000))
          session.close()
        })
      },
      async (_client, server) => {
        const socket = net.connect({ port: server.address().port, host: '127.0.0.1', allowHalfOpen: true })
        socket.write(Buffer.concat([PREFACE, SETTINGS, GET]))
        await until(() => session?.closed)
        // Long after the server has said its last, the peer, which has not read that yet, has something to say.
        for (let i = 0; i < 50; i++) {
          socket.write(Buffer.from([0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]))
          await setImmediate()
        }
        let length = 0
        for await (const chunk of socket) length += chunk.length
        socket.end()
        return length > 60_000
      },
    )
  })
  assert.equal(received, true)
})

test('a stream that waits for a slow client is not idle', async (t) => {
  // Timers of HTTP/2 keep no process alive.
  const alive = setInterval(() => {}, 1000)
  t.after(() => clearInterval(alive))
  let left = 5
  const owner = new EventEmitter()
  // So much has left whenever it is asked.
  owner[kProgress] = () => Math.max(left--, 0)
  new Timer(owner).set(1)
  await once(owner, 'timeout')
  assert.equal(left, -2)
  owner[kProgress] = () => undefined
  new Timer(owner).set(1)
  await once(owner, 'timeout')
})

test('a session is not idle while its data is leaving', async () => {
  await withServer(
    ours,
    {},
    (server) => server.on('request', (_req, res) => res.end(Buffer.alloc(3_000_000))),
    async (client, server) => {
      const opened = once(server, 'request')
      const stream = client.request()
      const [req] = await opened
      const { session } = req.stream
      assert.equal(typeof session[kProgress](), 'number')
      assert.equal(req.stream[kProgress](), session[kProgress]())
      let length = 0
      for await (const chunk of stream) length += chunk.length
      assert.equal(length, 3_000_000)
      await until(() => session[kProgress]() === undefined)
    },
  )
})

test('write callbacks run in their own async context, however long they wait', async () => {
  const storage = new AsyncLocalStorage()
  await same((module) => {
    const seen = new Set()
    const note = (what) => () => seen.add(`${what} ${storage.getStore()}`)
    return withServer(
      module,
      {},
      (server) =>
        server.on('stream', (stream) =>
          storage.run('stored', () => {
            stream.respond()
            stream.write(Buffer.alloc(200_000), note('first'))
            stream.write(Buffer.alloc(200_000), note('second'))
            stream.once('drain', note('drain'))
            stream.end()
          }),
        ),
      async (client) => {
        const { body } = await ask(client)
        return [body.length, [...seen].sort()]
      },
    )
  })
  const seen = []
  await withServer(
    ours,
    {},
    (server) =>
      server.on('request', (_req, res) =>
        storage.run('stored', () => {
          res.write(Buffer.alloc(200_000), () => seen.push(storage.getStore()))
          res.once('drain', () => seen.push(storage.getStore()))
          res.once('drain', () => res.end())
        }),
      ),
    (client) => ask(client),
  )
  assert.deepEqual(seen, ['stored', 'stored'])
})

test('undefined settings are not sent', async () => {
  const settings = { initialWindowSize: undefined, maxConcurrentStreams: undefined, maxFrameSize: undefined }
  await withServer(
    ours,
    { settings },
    (server) => {
      server.updateSettings(settings)
      server.on('session', (session) => session.settings(settings))
      server.on('request', (req, res) => req.pipe(res))
    },
    async (client) => {
      const { body } = await ask(client, { ':method': 'POST' }, 'abc')
      assert.equal(body, 'abc')
    },
  )
})

test('a stream that is closed after its response sends all of it', async () => {
  await same((module) =>
    withServer(
      module,
      {},
      (server) =>
        server.on('request', (_req, res) => {
          res.end(Buffer.alloc(1_000_000))
          res.stream.close()
        }),
      async (client) => {
        const { body, code } = await ask(client)
        return [body.length, code]
      },
    ),
  )
})

test('push headers cannot inject fields', async () => {
  await withServer(
    ours,
    {},
    (server) =>
      server.on('stream', (stream) => {
        for (const name of [':path', ':method', ':scheme', ':authority']) {
          for (const value of ['/a\0x\0y', '/a\r\nx: y', '/\u0161']) {
            const push = () => stream.pushStream({ [name]: value }, () => assert.fail('pushed'))
            assert.throws(push, { code: 'ERR_HTTP2_INVALID_HEADER_VALUE' })
          }
        }
        stream.respond()
        stream.end('done')
      }),
    async (client) => assert.equal((await ask(client)).body, 'done'),
  )
})

test('requests that are read emit end before close', async () => {
  for (const method of ['GET', 'POST']) {
    for (const read of [true, false]) {
      const seen = []
      const body = method === 'POST' ? 'body' : undefined
      await withServer(
        ours,
        {},
        (server) =>
          server.on('request', (req, res) => {
            req.on('end', () => seen.push('end'))
            req.on('close', () => seen.push('close'))
            finished(req, (error) => seen.push(error?.code ?? 'finished'))
            if (read) req.resume()
            res.end()
          }),
        async (client) => {
          await ask(client, { ':method': method }, body)
          await until(() => seen.length === 3)
        },
      )
      assert.deepEqual(seen.sort(), ['close', 'end', 'finished'], `${method} ${read}`)
    }
  }
})

test('streams emit aborted and error before close', async () => {
  const act = {
    '/204': (stream) => {
      stream.respond({ ':status': 204 })
      stream.end('x')
    },
    '/end': (stream) => {
      stream.respond()
      stream.end('x')
    },
    '/destroy': (stream) => stream.destroy(),
    '/error': (stream) => stream.destroy(new Error('on purpose')),
    '/file': (stream) => stream.respondWithFile('/does/not/exist'),
    '/abort': (stream) => {
      const controller = new AbortController()
      require('node:stream').addAbortSignal(controller.signal, stream)
      controller.abort()
    },
    '/trailers': (stream) => {
      stream.respond({}, { waitForTrailers: true, endStream: true })
      stream.on('wantTrailers', () => assert.fail('there is nothing that they could follow'))
    },
    '/close': (stream) => {
      stream.respond({}, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.close())
      stream.end('x')
    },
  }
  await same(async (module) => {
    const found = {}
    await withServer(
      module,
      {},
      (server) =>
        server.on('stream', (stream, headers) => {
          const name = `${headers[':method']} ${headers[':path']}`
          const seen = []
          found[name] = seen
          stream.on('aborted', () => seen.push('aborted'))
          stream.on('error', ({ code, message }) => seen.push(code ?? message))
          stream.on('close', () => seen.push('close'))
          stream.resume()
          act[headers[':path']](stream)
        }),
      async (client) => {
        for (const path of Object.keys(act)) {
          for (const method of ['GET', 'HEAD']) {
            // It has no file then, which it is told at once.
            if (method === 'HEAD' && path === '/file') continue
            const { code } = await ask(client, { ':method': method, ':path': path })
            const name = `${method} ${path}`
            await until(() => found[name].includes('close'))
            found[name].push(code)
          }
        }
      },
    )
    return found
  })
})

test('a reset is harmless with listeners for stream and request', async () => {
  await same((module) => {
    const seen = []
    return withServer(
      module,
      {},
      (server) => {
        server.on('stream', () => {})
        server.on('request', (req, res) => {
          req.on('timeout', () => seen.push('request'))
          res.on('timeout', () => {
            seen.push('response')
            res.flushHeaders()
          })
          req.on('aborted', () => seen.push('aborted'))
          res.setTimeout(20)
        })
      },
      async (client) => {
        const stream = client.request()
        stream.on('error', () => {})
        await once(stream, 'response')
        stream.close(core.constants.NGHTTP2_INTERNAL_ERROR)
        await until(() => seen.includes('aborted'))
        return [...new Set(seen)]
      },
    )
  })
})

test('numeric options with other values are ignored', async () => {
  for (const value of [undefined, null, '128', Number.NaN, 0, -5, 1.5, 2 ** 40]) {
    const names = ['maxHeaderListPairs', 'maxSettings', 'streamResetBurst', 'streamResetRate']
    const options = Object.fromEntries([...names, 'maxOutstandingPings'].map((name) => [name, value]))
    await withServer(
      ours,
      options,
      (server) => server.on('request', (_req, res) => res.end('ok')),
      async (client) => assert.equal((await ask(client)).body, 'ok', String(value)),
    )
  }
})

test('a reset after GOAWAY is not an error', async () => {
  const errors = []
  await withServer(
    ours,
    {},
    (server) => {
      server.on('sessionError', (error) => errors.push(error))
      server.on('request', (_req, res) => res.write('never ends'))
    },
    async (_client, server) => {
      const socket = net.connect(server.address().port, '127.0.0.1')
      const opened = once(server, 'request')
      socket.write(Buffer.concat([PREFACE, SETTINGS, GET]))
      const [req] = await opened
      const { session } = req.stream
      const goodbye = once(session, 'goaway')
      socket.write(Buffer.from([0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]))
      await goodbye
      assert.deepEqual([session.goawayCode, session.goawayLastStreamID], [0, 0])
      const closed = once(session, 'close')
      socket.resetAndDestroy()
      await closed
    },
  )
  assert.deepEqual(errors, [])
})

test('the timeout of one session does not affect others', async () => {
  await same((module) => {
    const seen = []
    return withServer(
      module,
      {},
      (server) => {
        server.on('timeout', () => seen.push('server'))
        server.on('request', (req, res) => {
          req.stream.session.setTimeout(20, () => {
            seen.push('session')
            res.end('late')
          })
        })
      },
      async (client) => [(await ask(client)).body, seen],
    )
  })
})

test('pings above the limit are cancelled', async () => {
  await same((module) =>
    withServer(
      module,
      { maxOutstandingPings: 1 },
      (server) =>
        server.on('stream', (stream) => {
          const { session } = stream
          stream.respond()
          session.ping(() => {})
          session.ping(({ code }) => stream.end(code))
        }),
      async (client) => (await ask(client)).body,
    ),
  )
})

test('types of chunks for a response', async () => {
  await same((module) => {
    const seen = []
    const note = (act) => {
      try {
        act()
      } catch ({ code, message }) {
        seen.push(code, message)
      }
    }
    return withServer(
      module,
      {},
      (server) =>
        server.on('request', (_req, res) => {
          for (const status of [101, 199, 600]) note(() => res.writeHead(status))
          res.statusCode = 200
          res.write(new DataView(new ArrayBuffer(3)))
          res.write(new Uint16Array(2))
          for (const chunk of [null, undefined, 5, {}]) note(() => res.write(chunk))
          res.end('done')
        }),
      async (client) => [(await ask(client)).body, seen],
    )
  })
})

test('replaced writeHead() and write() are called', async () => {
  await same((module) => {
    const calls = []
    return withServer(
      module,
      {},
      (server) =>
        server.on('request', (req, res) => {
          const { writeHead, write } = res
          res.writeHead = function (...args) {
            calls.push('writeHead')
            this.setHeader('x-last', 'moment')
            return writeHead.apply(this, args)
          }
          if (req.url !== '/head') {
            res.write = function (chunk, ...args) {
              calls.push('write')
              return write.call(this, String(chunk).toUpperCase(), ...args)
            }
          }
          if (req.url === '/flush') res.flushHeaders()
          if (req.url === '/parts') res.write('a')
          if (req.url === '/trailers') res.setTrailer('x-trailer', 'there')
          if (req.url === '/empty') res.end()
          else res.end('b')
        }),
      async (client) => {
        const answers = []
        for (const path of ['/head', '/whole', '/flush', '/parts', '/trailers', '/empty']) {
          const { headers, trailers, body } = await ask(client, { ':path': path })
          answers.push([path, headers['x-last'], trailers, body])
        }
        return { answers, calls }
      },
    )
  })
})

test('a response does not wait for the rest of the request', async () => {
  await same((module) =>
    withServer(
      module,
      {},
      (server) =>
        server.on('request', (req, res) => {
          req.resume()
          res.end('early', () => server.emit('sent', res.writableEnded))
        }),
      async (client, server) => {
        const sent = once(server, 'sent')
        const stream = client.request({ ':method': 'POST' })
        stream.write('never ends')
        const seen = await sent
        stream.close()
        return seen
      },
    ),
  )
  // And once, when there is much of it; as with core's, not when it is cut off.
  for (const cut of [false, true]) {
    let calls = 0
    await withServer(
      ours,
      {},
      (server) =>
        server.on('request', (_req, res) => {
          res.end(Buffer.alloc(500_000), () => calls++)
          res.on('close', () => server.emit('closed'))
        }),
      async (client, server) => {
        const closed = once(server, 'closed')
        const stream = client.request()
        stream.on('error', () => {})
        await once(stream, 'response')
        if (cut) stream.close(core.constants.NGHTTP2_CANCEL)
        else stream.resume()
        await closed
        await setImmediate()
      },
    )
    assert.equal(calls, cut ? 0 : 1)
  }
})

test('a client with large windows gets data without window updates', async () => {
  const size = 500_000
  const ways = {
    write(_req, res) {
      if (res.write(Buffer.alloc(size))) res.end()
      else res.once('drain', () => res.end())
    },
    end: (_req, res) => res.end(Buffer.alloc(size)),
    'end behind a header': (_req, res) => {
      res.flushHeaders()
      res.end(Buffer.alloc(size))
    },
    trailers(_req, res) {
      res.write(Buffer.alloc(size))
      res.addTrailers({ over: 'yes' })
      res.end()
    },
    stream({ stream }) {
      stream.respond()
      stream.end(Buffer.alloc(size))
    },
  }
  for (const [way, answer] of Object.entries(ways)) {
    const server = ours.createServer((req, res) => {
      // Nothing that has come has its answer waited for.
      setTimeout(answer, 1, req, res)
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const client = core.connect(`http://127.0.0.1:${server.address().port}`, {
      settings: { initialWindowSize: 2 ** 30 },
    })
    await once(client, 'connect')
    client.setLocalWindowSize(2 ** 30)
    const stream = client.request()
    let received = 0
    stream.on('data', (part) => {
      received += part.length
    })
    await once(stream, 'end', { signal: AbortSignal.timeout(20_000) }).catch(() => assert.fail(`${way}: ${received}`))
    assert.equal(received, size, way)
    client.destroy()
    server.close()
  }
})

test('a handler whose promise rejects', async () => {
  await same((module) => {
    const told = []
    return withServer(
      module,
      {},
      (server) => {
        server[Symbol.for('nodejs.rejection')] = Object.getPrototypeOf(server)[Symbol.for('nodejs.rejection')]
        const fail = (error, ...args) => server[Symbol.for('nodejs.rejection')](error, ...args)
        server.on('request', (req, res) => {
          if (req.url === '/begun') res.write('begun')
          res.on('error', (error) => told.push(error.message))
          fail(new Error('rejected'), 'request', req, res)
        })
      },
      async (client) => [await ask(client), await ask(client, { ':path': '/begun' }), told],
    )
  })
})

test('events of sessions and streams have the context in which their server listens, or their client connects', async () => {
  const storage = new AsyncLocalStorage()
  await same(async (module) => {
    const seen = new Set()
    const note = (what) => () => seen.add(`${what}: ${storage.getStore()}`)
    const server = module.createServer()
    server.on('session', (session) => {
      note('session')()
      for (const event of ['localSettings', 'remoteSettings', 'ping', 'stream'])
        session.on(event, note(`server ${event}`))
    })
    server.on('request', (_req, res) => {
      note('request')()
      res.end()
    })
    await storage.run('listens', () => once(server.listen(0, '127.0.0.1'), 'listening'))
    try {
      await storage.run('connects', async () => {
        const client = module.connect(`http://127.0.0.1:${server.address().port}`)
        for (const event of ['connect', 'remoteSettings', 'goaway']) client.on(event, note(`client ${event}`))
        await once(client, 'remoteSettings')
        await ask(client)
        await new Promise((resolve) => client.ping(resolve))
        client.close()
        await once(client, 'close')
      })
    } finally {
      server.close()
    }
    return [...seen].sort()
  })
})

test('a secure server may be disposed of again', async () => {
  await same(async (module) => {
    const server = module.createSecureServer()
    await once(server.listen(0, '127.0.0.1'), 'listening')
    await server[Symbol.asyncDispose]()
    await server[Symbol.asyncDispose]()
    return server.listening
  })
})
