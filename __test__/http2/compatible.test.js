'use strict'

const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const { createHash } = require('node:crypto')
const { once } = require('node:events')
const stream = require('node:stream')
const test = require('node:test')
const { ask, core, ours, same, withServer } = require('./support.js')

/** What both servers answer with this handler. */
function answers(handler, asks, options = {}) {
  return same((module) =>
    withServer(
      module,
      options,
      (server) => server.on('request', handler),
      async (client) => {
        const found = []
        for (const args of asks) found.push(await ask(client, ...args))
        return found
      },
    ),
  )
}

test('requests have the properties of node:http2', async () => {
  const seen = []
  await answers(
    (req, res) => {
      const { headers, rawHeaders, method, url, authority, scheme, httpVersion, httpVersionMajor, complete, aborted } =
        req
      const { host, port, ...rest } = new URL(`http://${authority}`)
      void [host, port, rest]
      seen.push({
        rawNames: rawHeaders.filter((_, i) => i % 2 === 0),
        method,
        url,
        scheme,
        httpVersion,
        httpVersionMajor,
        complete,
        aborted,
      })
      delete headers[':authority']
      res.end(JSON.stringify(headers))
    },
    [
      [{ ':path': '/a?b=c', 'x-one': '1', cookie: ['a=b', 'c=d'], accept: ['x', 'y'], 'user-agent': 'me' }],
      [{ ':method': 'OPTIONS', ':path': '*' }],
      [{ ':method': 'PROPFIND', ':path': '/\u00fc' }],
    ],
  )
  assert.deepEqual(seen.slice(3), seen.slice(0, 3))
})

test('responses have the properties of node:http2', async () => {
  const big = 'x'.repeat(200_000)
  const handlers = {
    '/plain': (res) => res.end('hello'),
    '/empty': (res) => res.end(),
    '/latin1': (res) => res.end('h\u00e4', 'latin1'),
    '/hex': (res) => res.end('00ff', 'hex'),
    '/utf8': (res) => res.end('h\u00e4 \u{1f600}'),
    '/bytes': (res) => res.end(new Uint8Array([1, 2, 3])),
    '/head': (res) => res.writeHead(201, { 'X-A': 'b', 'set-cookie': ['a=1', 'b=2'], n: 5 }).end('made'),
    '/list': (res) => res.writeHead(200, ['a', 'b', 'a', 'c']).end(),
    '/set': (res) => {
      res.setHeader('A', 'b')
      res.appendHeader('A', 'c')
      res.setHeader('gone', 'x')
      res.removeHeader('gone')
      res.sendDate = false
      res.statusCode = 404
      res.end(JSON.stringify([res.getHeaders(), res.getHeaderNames(), res.hasHeader('a'), res.getHeader('A')]))
    },
    '/parts': (res) => {
      res.write('a')
      res.write(Buffer.from('b'), () => res.end('c'))
    },
    '/corked': (res) => {
      res.cork()
      res.write('a')
      res.write('b')
      res.uncork()
      res.end()
    },
    '/big': (res) => res.end(big),
    '/none': (res) => {
      res.statusCode = 204
      res.end('not sent')
    },
    '/same': (res) => res.writeHead(304).end(),
    '/trailers': (res) => {
      res.write('body')
      res.setTrailer('x-end', 'yes')
      res.addTrailers({ 'x-sum': 1 })
      res.end()
    },
    '/hints': (res) => {
      res.writeEarlyHints({ link: '</a.css>; rel=preload', 'x-other': '1' })
      res.end('hinted')
    },
    '/flushed': (res) => {
      res.flushHeaders()
      setImmediate(() => res.end(String(res.headersSent)))
    },
    '/sent': (res) => {
      res.write('a')
      const codes = []
      for (const act of [() => res.setHeader('a', 'b'), () => res.removeHeader('a'), () => res.writeHead(200)]) {
        try {
          act()
        } catch (error) {
          codes.push(`${error.name} ${error.code} ${error.message}`)
        }
      }
      res.end(codes.join('\n'))
    },
    '/refused': (res) => {
      const codes = []
      for (const act of [
        () => res.setHeader(':path', 'b'),
        () => res.setHeader('a b', 'c'),
        () => res.setHeader('a', undefined),
        () => res.setHeader(1, 'a'),
        () => {
          res.statusCode = 101
        },
        () => {
          res.statusCode = 600
        },
        () => res.getHeader(),
        () => res.writeEarlyHints({ link: 'bad' }),
        () => res.createPushResponse({}),
        () => res.socket.write('x'),
        () => {
          res.req.method = ' '
        },
      ]) {
        try {
          codes.push(`none of ${act()}`)
        } catch (error) {
          codes.push(`${error.name} ${error.code}`)
        }
      }
      res.end(codes.join('\n'))
    },
  }
  const paths = Object.keys(handlers).map((path) => [{ ':path': path }])
  const heads = ['/plain', '/parts', '/big', '/trailers'].map((path) => [{ ':path': path, ':method': 'HEAD' }])
  const found = await answers(
    (req, res) => {
      res.req ??= req
      handlers[req.url](res)
    },
    [...paths, ...heads],
  )
  assert.equal(found[0].body, 'hello')
})

test('bodies and trailers arrive unchanged in both directions', async () => {
  const body = Buffer.alloc(3_000_000)
  for (let i = 0; i < body.length; i += 4) body.writeUInt32LE((i * 2_654_435_761) >>> 0, i)
  const hash = (bytes) => createHash('sha1').update(bytes).digest('hex')
  const [found] = await answers(
    (req, res) => {
      const sum = createHash('sha1')
      req.on('data', (chunk) => sum.update(chunk))
      req.on('end', () =>
        res
          .writeHead(200, { sum: sum.digest('hex'), trailers: JSON.stringify(req.trailers), raw: req.rawTrailers })
          .end(body),
      )
    },
    [[{ ':method': 'POST' }, body, { trailers: { 'x-a': 'b' } }]],
  )
  assert.equal(found.headers.sum, hash(body))
  assert.equal(hash(Buffer.from(found.body, 'latin1')), hash(body))
})

test('requests and responses are streams, and instances of Node’s classes and ironwire’s', async () => {
  await withServer(
    ours,
    {},
    (server) => {
      server.on('request', async (req, res) => {
        const truths = [
          req instanceof stream.Readable,
          res instanceof stream.Stream,
          req instanceof core.Http2ServerRequest,
          req instanceof ours.Http2ServerRequest,
          res instanceof core.Http2ServerResponse,
          res instanceof ours.Http2ServerResponse,
          req.stream === res.stream,
          req.stream instanceof stream.Duplex,
          req.socket.remoteAddress === '127.0.0.1',
          req.socket.encrypted === undefined,
        ]
        if (truths.every(Boolean)) await stream.promises.pipeline(req, res)
        else res.end(JSON.stringify(truths))
      })
    },
    async (client) => {
      const { body } = await ask(client, { ':method': 'POST' }, 'piped')
      assert.equal(body, 'piped')
    },
  )
})

test('backpressure: a response waits for a client that stops reading', async () => {
  const parts = 200
  let drains = 0
  await withServer(
    ours,
    {},
    (server) => {
      server.on('request', async (_req, res) => {
        for (let part = 0; part < parts; part++) {
          if (res.write(Buffer.alloc(16_384, part))) continue
          drains++
          await once(res, 'drain')
        }
        res.end()
      })
    },
    async (client) => {
      const request = client.request()
      await once(request, 'response')
      let length = 0
      let sum = 0
      for await (const chunk of request) {
        length += chunk.length
        sum += chunk[0]
        if (length % 7 === 0) await new Promise(setImmediate)
      }
      assert.equal(length, parts * 16_384)
      assert.ok(sum > 0)
      assert.ok(drains > 0)
    },
  )
})

test('backpressure: a request body that is not read holds the client back, and arrives complete', async () => {
  const { promise: held, resolve: hold } = Promise.withResolvers?.() ?? defer()
  await withServer(
    ours,
    {},
    (server) => {
      server.on('request', async (req, res) => {
        hold(req)
        let length = 0
        await new Promise((resolve) => server.once('go', resolve))
        for await (const chunk of req) length += chunk.length
        res.end(String(length))
      })
    },
    async (client, server) => {
      const stream = client.request({ ':method': 'POST' })
      let sent = 0
      const send = () => {
        if (sent === 60) return stream.end()
        stream.write(Buffer.alloc(16_384), () => {
          sent++
          send()
        })
      }
      send()
      await held
      // Whatever could be sent is by then.
      for (let i = 0; i < 20; i++) await new Promise((resolve) => client.ping(resolve))
      assert.ok(sent > 0 && sent * 16_384 <= 2 * 65_536, String(sent))
      server.emit('go')
      assert.equal(String(Buffer.concat(await stream.toArray())), String(60 * 16_384))
    },
  )
})

function defer() {
  const deferred = {}
  deferred.promise = new Promise((resolve) => {
    deferred.resolve = resolve
  })
  return deferred
}

test('a client that disconnects is noticed', () =>
  same(async (module) => {
    const events = []
    await withServer(
      module,
      {},
      (server) => {
        server.on('request', (req, res) => {
          for (const event of ['aborted', 'close']) req.on(event, () => events.push(`req ${event}`))
          for (const event of ['finish', 'close']) res.on(event, () => events.push(`res ${event}`))
          res.on('close', () => server.emit('gone', [req.aborted, req.complete, res.writableEnded]))
          res.write('a')
          req.stream.on('error', () => {})
        })
      },
      async (client, server) => {
        const request = client.request({ ':method': 'POST' })
        request.on('error', () => {})
        await once(request, 'response')
        const gone = once(server, 'gone')
        request.close(core.constants.NGHTTP2_CANCEL)
        events.push(...(await gone))
      },
    )
    return events
  }))

test('expectations are answered', () =>
  same(async (module) => {
    const found = []
    for (const listens of [false, true]) {
      await withServer(
        module,
        {},
        (server) => {
          server.on('request', (req, res) => req.pipe(res))
          if (listens) {
            server.on('checkContinue', (_req, res) => {
              res.writeContinue()
              res.end('checked')
            })
            server.on('checkExpectation', (_req, res) => res.writeHead(200).end('expected'))
          }
        },
        async (client) => {
          found.push(await ask(client, { ':method': 'POST', expect: '100-continue' }, 'body'))
          found.push(await ask(client, { ':method': 'POST', expect: 'what' }, 'body'))
        },
      )
    }
    return found
  }))

test('an exception in a handler affects only its own request', () => {
  const program = `
    const { ask, ours, withServer } = require(${JSON.stringify(require.resolve('./support.js'))})
    process.on('uncaughtException', (error) => console.log(error.message))
    const handle = (req, res) => {
      res.end(req.url)
      if (req.url === '/throws') throw new Error('thrown')
    }
    withServer(ours, {}, (server) => server.on('request', handle), async (client) => {
      const all = await Promise.all(['/a', '/throws', '/b'].map((path) => ask(client, { ':path': path })))
      console.log(all.map(({ body }) => body).join())
    })`
  const { stdout } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8', timeout: 60_000 })
  assert.equal(stdout, 'thrown\n/a,/throws,/b\n')
})

test('writing to a response that has ended', () =>
  same((module) => {
    const seen = []
    let write
    const ended = new Promise((resolve) => {
      write = (res, name) => {
        const taken = res.write('late', (error) => {
          seen.push([name, error.code])
          if (name === 'later') resolve()
        })
        seen.push([name, taken])
      }
    })
    const handler = (req, res) => {
      res.on('error', (error) => seen.push(error.code))
      res.write('begins')
      if (req.url === '/destroyed') {
        res.destroy()
        // It is not over before the stream is.
        write(res, 'destroyed')
      } else {
        res.stream.close(0, () => {
          for (const name of ['closed', 'again', 'later']) write(res, name)
        })
      }
    }
    return withServer(
      module,
      {},
      (server) => server.on('request', handler),
      async (client) => {
        await ask(client, { ':path': '/destroyed' })
        await ask(client, { ':path': '/closed' })
        await ended
        return seen
      },
    )
  }))

test('handlers run in the async context of their request', async () => {
  const { AsyncLocalStorage } = require('node:async_hooks')
  const storage = new AsyncLocalStorage()
  await withServer(
    ours,
    {},
    (server) => {
      server.on('request', async (req, res) => {
        assert.equal(storage.getStore(), undefined)
        storage.enterWith(req.url)
        await new Promise(setImmediate)
        req.resume()
        res.end(storage.getStore())
      })
    },
    async (client) => {
      const paths = ['/a', '/b', '/c', '/d']
      const all = await Promise.all(paths.map((path) => ask(client, { ':path': path })))
      assert.deepEqual(
        all.map(({ body }) => body),
        paths,
      )
    },
  )
})

test('classes that extend ironwire’s, or Node’s', async () => {
  for (const base of [core, ours]) {
    class Request extends base.Http2ServerRequest {
      agent() {
        return this.headers['user-agent']
      }
    }
    class Response extends base.Http2ServerResponse {
      say(text) {
        this.end(text)
      }
    }
    await withServer(
      ours,
      { Http2ServerRequest: Request, Http2ServerResponse: Response },
      (server) => server.on('request', (req, res) => res.say(req.agent())),
      async (client) => assert.equal((await ask(client, { 'user-agent': 'me' })).body, 'me'),
    )
  }
})

test('early hints without a link, and hints that are none', async () => {
  await same((module) => {
    const thrown = []
    return withServer(
      module,
      {},
      (server) =>
        server.on('request', (_req, res) => {
          for (const hints of [
            'text',
            5,
            null,
            [],
            {},
            { link: null },
            { link: 5 },
            { link: 'no link' },
            { link: ['no link'] },
          ]) {
            try {
              thrown.push(res.writeEarlyHints(hints))
            } catch ({ name, code, message }) {
              thrown.push({ name, code, message })
            }
          }
          thrown.push(res.writeEarlyHints({ link: [] }))
          res.end()
        }),
      async (client) => [await ask(client), thrown],
    )
  })
})
