'use strict'

// Where the compatible API stands on the stream, and that on the session and its server: what programs replace, listen to and derive is what core has.

const assert = require('node:assert/strict')
const { AsyncLocalStorage } = require('node:async_hooks')
const { once } = require('node:events')
const fs = require('node:fs')
const { finished } = require('node:stream')
const test = require('node:test')
const { setImmediate: turn, setTimeout: sleep } = require('node:timers/promises')
const { inspect } = require('node:util')
const { ask, core, ours, same, withServer } = require('./support.js')

/** What a handler has to tell, with both modules. `use` asks, once a request if it is left out. */
function told(handle, use = (client) => ask(client), options = {}) {
  return same(async (module) => {
    const seen = []
    await withServer(
      module,
      typeof options === 'function' ? options(module, seen) : options,
      (server) => handle(server, seen, module),
      async (client, server) => {
        seen.push(await use(client, server, seen))
        await turn()
      },
    )
    return seen
  })
}

/** Without what differs, and what cannot be seen. */
const dated = (fields) => fields && { ...Object.fromEntries(Object.entries(fields)), date: typeof fields.date }

test('servers and sessions emit stream', async () => {
  await told((server, seen) => {
    server.on('request', (_req, res) => {
      const { session } = res.stream
      seen.push([server.listenerCount('stream'), server.listenerCount('request'), session.listenerCount('stream')])
      res.end('x')
    })
    const { emit } = server
    server.emit = function (event, ...args) {
      if (event !== 'connection') seen.push([event, args.map((arg) => arg?.constructor?.name)])
      return emit.call(this, event, ...args)
    }
    server.on('session', (session) => {
      const { emit } = session
      session.emit = function (event, ...args) {
        if (event === 'stream' || event === 'connect') seen.push(['session', event])
        return emit.call(this, event, ...args)
      }
    })
  })
  // Also where it is the class that somebody has changed, and who keeps it to himself keeps it from the handler.
  await told((server, seen) => {
    server.on('request', (_req, res) => res.end('never'))
    const { prototype } = server.constructor
    const { emit } = prototype
    prototype.emit = function (event, ...args) {
      if (event !== 'stream') return emit.call(this, event, ...args)
      seen.push(args[1][':path'])
      args[0].respond({ ':status': 403 })
      args[0].end()
      return true
    }
    server.on('close', () => {
      if (emit === Object.getPrototypeOf(prototype).emit) delete prototype.emit
      else prototype.emit = emit
    })
  })
})

test('the compatibility API listens to the stream', async () => {
  await told(
    (server, seen) => {
      server.on('request', (_req, res) => {
        seen.push(['request', res.headersSent])
        if (!res.headersSent) res.end('by the request')
      })
      server.prependListener('stream', (stream, headers) => {
        seen.push('before')
        if (headers[':path'] !== '/stream') return
        stream.respond()
        stream.end('by the stream')
      })
      server.on('stream', () => seen.push('behind'))
    },
    async (client) => [await ask(client), await ask(client, { ':path': '/stream' })],
  )
  // And can be another server's.
  await told((server, seen, module) => {
    const inner = module.createServer((req, res) => {
      seen.push(req.url)
      res.end('inner')
    })
    server.on('stream', (...args) => inner.emit('stream', ...args))
  })
})

test('own classes get the constructor arguments of node:http2', async () => {
  const classes = (module, seen) => {
    class Request extends module.Http2ServerRequest {
      constructor(stream, headers, options, raw) {
        super(stream, headers, options, raw)
        seen.push([stream.constructor.name, headers[':path'], options, raw.length])
        this.first = headers['x-first']
      }
    }
    class Response extends module.Http2ServerResponse {
      constructor(stream, options) {
        super(stream, options)
        seen.push([stream.constructor.name, options])
        this.began = stream.id
      }

      send(body) {
        this.writeHead(201, { 'x-sent': 'yes' })
        this.end(body)
      }
    }
    return { Http2ServerRequest: Request, Http2ServerResponse: Response }
  }
  await told(
    (server, seen) =>
      server.on('request', (req, res) => {
        seen.push([req.first, req.url, res.began, res.req === req])
        req.resume().on('end', () => res.send('sent'))
      }),
    (client) => ask(client, { ':method': 'POST', 'x-first': '1' }, 'body'),
    classes,
  )
  // By programs, too.
  await told(
    (server, seen, module) =>
      server.on('stream', (stream, headers, _flags, raw) => {
        const req = new module.Http2ServerRequest(stream, headers, undefined, raw)
        const res = new module.Http2ServerResponse(stream)
        for (const event of ['end', 'close']) req.on(event, () => seen.push(`request ${event}`))
        for (const event of ['finish', 'close']) res.on(event, () => seen.push(`response ${event}`))
        seen.push([req.method, req.stream === stream, res.stream === stream, res.headersSent])
        req.on('data', (chunk) => seen.push(String(chunk)))
        req.on('end', () => res.end('made'))
      }),
    (client) => ask(client, { ':method': 'POST' }, 'body'),
  )
})

test('functions that are replaced on a stream are called by its response', async () => {
  for (const late of [false, true]) {
    await told((server, seen) =>
      server.on('request', (_req, res) => {
        if (late) res.writeHead(200, { early: 'yes' })
        const { stream } = res
        for (const name of ['respond', 'write', 'end', 'additionalHeaders', 'sendTrailers']) {
          const method = stream[name]
          stream[name] = function (...args) {
            seen.push([name, args.map((arg) => (arg !== null && typeof arg === 'object' ? { ...arg } : typeof arg))])
            return method.apply(this, args)
          }
        }
        if (!late) res.writeContinue()
        res.setTrailer('t', 'u')
        res.write('a')
        res.end('b')
      }),
    )
  }
})

test('sentHeaders of a stream, whenever it is first accessed', async () => {
  for (const when of ['first', 'head', 'body', 'end', 'finish']) {
    await told((server, seen) =>
      server.on('request', (_req, res) => {
        const look = (at) => {
          if (at !== when) return
          const { sentHeaders, sentInfoHeaders, headersSent, id, endAfterHeaders } = res.stream
          seen.push([dated(sentHeaders), sentInfoHeaders, headersSent, id, endAfterHeaders])
          if (at === 'finish') return
          res.stream.on('close', () => {
            const { sentHeaders, sentTrailers, rstCode, destroyed, session, errored } = res.stream
            seen.push([dated(sentHeaders), sentTrailers, rstCode, destroyed, session, errored])
          })
        }
        res.on('finish', () => look('finish'))
        look('first')
        res.writeEarlyHints({ link: '</a>; rel=preload' })
        res.setHeader('A', ['b', 'c'])
        res.writeHead(201)
        look('head')
        seen.push([res.getHeaderNames(), dated(res.getHeaders()), res.getHeader(':status')])
        res.write('abc')
        look('body')
        res.addTrailers({ t: 'u' })
        res.end('def')
        look('end')
      }),
    )
  }
})

test('a stream and its request can both be read', async () => {
  for (const when of ['first', 'later']) {
    await told(
      (server, seen) =>
        server.on('request', (req, res) => {
          const listen = () => req.stream.on('end', () => seen.push('end of the stream'))
          if (when === 'first') listen()
          const parts = []
          req.on('data', (chunk) => {
            parts.push(chunk)
            if (when === 'later' && parts.length === 1) listen()
          })
          req.on('end', () => {
            seen.push(String(Buffer.concat(parts)))
            res.end()
          })
        }),
      async (client) => {
        const stream = client.request({ ':method': 'POST' })
        stream.write('one ')
        stream.resume()
        await sleep(20)
        stream.end('two')
        await once(stream, 'close')
      },
    )
  }
  await told(
    (server, seen) =>
      server.on('request', (req, res) => {
        req.stream.on('data', (chunk) => seen.push(`stream ${chunk}`))
        req.on('data', (chunk) => seen.push(`request ${chunk}`))
        req.on('end', () => res.end())
      }),
    (client) => ask(client, { ':method': 'POST' }, 'body'),
  )
})

test('events of a response, its request and their stream are in order', async () => {
  const events = (seen, name, emitter, list) => {
    for (const event of list) emitter.on(event, () => seen.push(`${name} ${event}`))
  }
  for (const method of ['GET', 'POST']) {
    await told(
      (server, seen) =>
        server.on('request', (req, res) => {
          events(seen, 'stream', res.stream, ['aborted', 'wantTrailers', 'finish', 'close'])
          events(seen, 'response', res, ['finish', 'close'])
          if (method === 'GET') return res.end('x')
          events(seen, 'request', req, ['end', 'close'])
          req.resume()
          req.on('end', () => res.end('x'))
        }),
      (client) => ask(client, { ':method': method }, method === 'POST' ? 'body' : undefined),
    )
  }
})

test('data written before the first access to the stream is sent first', async () => {
  await told(
    (server, seen) =>
      server.on('request', (_req, res) => {
        const big = Buffer.alloc(300_000, 'a')
        res.write(big, (error) => seen.push(['first', error ?? null]))
        res.stream.on('finish', () => seen.push('finish'))
        res.write(big, (error) => seen.push(['second', error ?? null]))
        res.end('end')
      }),
    async (client) => {
      const { body } = await ask(client)
      return [body.length, body.slice(-4)]
    },
  )
  await told((server) =>
    server.on('request', (_req, res) => {
      res.cork()
      res.write('a')
      void res.stream
      res.write('b')
      res.uncork()
      res.end('c')
    }),
  )
})

test('the end of a request can be checked later', async () => {
  await told(
    (server, seen) =>
      server.on('request', (req, res) => {
        res.end('x')
        res.on('close', async () => {
          await turn()
          seen.push([req.readable, req.readableEnded, req.complete])
          finished(req, (error) => seen.push(['request', error]))
        })
      }),
    async (client) => {
      await ask(client)
      await sleep(20)
    },
  )
})

test('data that was not sent is not reported as sent', async () => {
  for (const kind of ['response', 'stream', 'late']) {
    const seen = {}
    await withServer(
      ours,
      {},
      (server) => {
        const answer = (out, stream) => {
          seen.callbacks = []
          for (let i = 0; i < 3; i++) out.write(Buffer.alloc(100_000), (error) => seen.callbacks.push(error?.code))
          if (kind === 'late') void out.stream
          out.end('end', (error) => {
            seen.end = error?.code ?? 'ended'
          })
          out.on('close', () => {
            seen.finished = out.writableFinished
            setImmediate(() => server.emit('over'))
          })
          if (stream) out.on('finish', () => assert.fail('finished'))
        }
        if (kind === 'stream') {
          server.on('stream', (stream) => {
            stream.on('error', () => {})
            stream.respond()
            answer(stream, true)
          })
        } else server.on('request', (_req, res) => answer(res, false))
      },
      async (client, server) => {
        const stream = client.request()
        stream.on('error', () => {})
        stream.once('data', () => {
          stream.pause()
          setTimeout(() => stream.close(core.constants.NGHTTP2_CANCEL), 20)
        })
        await once(server, 'over')
      },
    )
    // The first may have been.
    assert.deepEqual(seen.callbacks.slice(1), ['ECANCELED', 'ECANCELED'], kind)
    assert.equal(seen.callbacks.length, 3, kind)
    assert.equal(seen.finished, false, kind)
    assert.equal(seen.end, kind === 'stream' ? 'ECANCELED' : undefined, kind)
  }
})

test('respondWithFD() sends from the given offset, also repeatedly', async () => {
  const fd = fs.openSync(__filename, 'r')
  try {
    await told(
      (server) =>
        server.on('stream', (stream, headers) => {
          stream.on('error', () => {})
          const options = headers[':path'] === '/part' ? { offset: 5, length: 10 } : undefined
          stream.respondWithFD(headers[':path'] === '/none' ? -1 : fd, {}, options)
        }),
      async (client) => {
        const answers = []
        for (const path of ['/', '/', '/part', '/', '/none']) answers.push(await ask(client, { ':path': path }))
        return answers.map(({ body, code, error }) => [body.length, body.slice(0, 20), code, error])
      },
    )
  } finally {
    fs.closeSync(fd)
  }
})

test('invalid delays throw', async () => {
  await told((server, seen) =>
    server.on('request', (_req, res) => {
      for (const target of [res, res.stream, res.stream.session]) {
        for (const delay of [-1, Number.NaN, Number.POSITIVE_INFINITY, '5']) {
          try {
            target.setTimeout(delay)
          } catch (error) {
            seen.push([error.code, error.message])
          }
        }
      }
      res.end()
    }),
  )
})

test('events and properties of the sessions of a server', async () => {
  await told(
    (server, seen) => {
      server.on('session', (session) => {
        session.on('connect', (...args) => seen.push(args.map((arg) => arg.constructor.name)))
      })
      server.on('request', (_req, res) => {
        const { session } = res.stream
        const { localSettings } = session
        seen.push([session.localSettings === localSettings, Object.keys(localSettings)])
        seen.push([inspect(session, { depth: 0 }).split(' ')[0], inspect(res.stream).split(' ')[0]])
        res.end()
      })
    },
    async (client, server) => {
      const [session] = await Promise.all([once(server, 'session').then(([one]) => one), ask(client)])
      const { socket } = session
      session.destroy()
      const after = [session.socket, Object.keys(session.localSettings).length]
      try {
        void socket.remoteAddress
      } catch (error) {
        after.push(error.code)
      }
      return after
    },
  )
})

test('properties that a program sets on servers and sessions do not collide', async () => {
  const names = [
    'sessions',
    'options',
    'handle',
    'exchanges',
    'timer',
    'origins',
    'resources',
    'authority',
    'unsent',
    'said',
  ]
  const claim = (object) => {
    for (const name of names) object[name] = 'mine'
    return Object.keys(object).filter((key) => object[key] === 'mine')
  }
  await told(
    (server, seen) => {
      seen.push(claim(server))
      server.on('session', (session) => seen.push(Object.keys(session), claim(session)))
      server.on('request', (_req, res) => {
        seen.push(names.map((name) => [server[name], res.stream.session[name]]))
        res.end('x')
      })
    },
    async (client) => [await ask(client), await ask(client)],
  )
  await withServer(
    core,
    {},
    (server) => server.on('request', (_req, res) => res.end('x')),
    (_client, server) =>
      same(async (module) => {
        const client = module.connect(`http://127.0.0.1:${server.address().port}`)
        const keys = [Object.keys(client), claim(client)]
        await once(client, 'connect')
        const answer = await ask(client)
        const closed = once(client, 'close')
        client.close()
        await closed
        // They tell, and are not told.
        for (const name of ['closed', 'destroyed', 'connecting', 'encrypted', 'alpnProtocol', 'type']) {
          assert.throws(() => {
            client[name] = 'mine'
          }, TypeError)
        }
        return [keys, answer, client.closed, client.destroyed, client.type]
      }),
  )
})

test('an invalid preface is reported', async () => {
  const net = require('node:net')
  await same(async (module) => {
    const server = module.createServer(() => {})
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const failed = once(server, 'sessionError')
    const socket = net.connect(server.address().port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
    const [{ code, message, errno }] = await failed
    socket.destroy()
    server.close()
    return [code, message, errno]
  })
})

test('callbacks and events of a client run in the async context of the caller', async () => {
  await withServer(
    core,
    {},
    (server) => server.on('request', (req, res) => req.resume().on('end', () => res.end('x'))),
    async (_client, server) => {
      const storage = new AsyncLocalStorage()
      const url = `http://127.0.0.1:${server.address().port}`
      const found = await same((module) => {
        const client = module.connect(url)
        const seen = {}
        return storage.run('mine', async () => {
          await once(client, 'connect')
          const stream = client.request({ ':method': 'POST' })
          for (const event of ['ready', 'finish', 'response', 'data', 'close']) {
            stream.on(event, () => {
              seen[event] = storage.getStore()
            })
          }
          client.settings({ initialWindowSize: 70_000 }, () => {
            seen.settings = storage.getStore()
          })
          stream.end('body')
          await once(stream, 'close')
          client.destroy()
          return seen
        })
      })
      assert.equal(found.settings, 'mine')
    },
  )
})

test('invalid settings fail their connection and leave no socket behind', async () => {
  await withServer(
    core,
    {},
    (server) => server.on('request', (_req, res) => res.end()),
    (_client, server) =>
      same(async (module) => {
        const client = module.connect(`http://127.0.0.1:${server.address().port}`, { settings: { maxFrameSize: 1 } })
        const [error] = await once(client, 'error')
        if (!client.destroyed) await once(client, 'close')
        return [error.code, client.destroyed]
      }),
  )
})

test('closed is true as soon as a server closes a stream', async () => {
  await told((server, seen) =>
    server.on('stream', (stream) => {
      stream.respond()
      stream.write('x')
      stream.on('aborted', () => seen.push('aborted'))
      stream.close(0, () => seen.push('callback'))
      const { closed, aborted, rstCode, writableEnded } = stream
      seen.push([closed, aborted, rstCode, writableEnded])
    }),
  )
})
