'use strict'

const assert = require('node:assert/strict')
const { once } = require('node:events')
const fs = require('node:fs')
const test = require('node:test')
const { ask, core, ours, same, withServer } = require('./support.js')

function answers(handler, asks = [[]]) {
  return same((module) =>
    withServer(
      module,
      {},
      (server) => server.on('stream', handler),
      async (client) => {
        const found = []
        for (const args of asks) found.push(await ask(client, ...args))
        return found
      },
    ),
  )
}

test('responses on streams', async () => {
  const handlers = {
    '/plain': (stream) => {
      stream.respond({ ':status': 201, 'x-a': ['b', 'c'] })
      stream.end('hello')
    },
    '/unsaid': (stream) => stream.end('hello'),
    '/nothing': (stream) => stream.respond({ ':status': 404 }, { endStream: true }),
    '/none': (stream) => stream.respond({ ':status': 204 }),
    '/trailers': (stream) => {
      stream.respond({}, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-end': 'yes' }))
      stream.end('body')
    },
    '/early': (stream) => {
      stream.additionalHeaders({ ':status': 103, link: '</a>' })
      stream.additionalHeaders({ ':status': 102 })
      stream.respond()
      stream.end(JSON.stringify(stream.sentInfoHeaders.map((fields) => fields[':status'])))
    },
    '/file': (stream) => stream.respondWithFile(__filename, { 'x-a': 'b' }),
    '/part': (stream) => stream.respondWithFile(__filename, {}, { offset: 3, length: 10 }),
    '/head': (stream) => {
      const refuse = (act) => {
        try {
          act()
        } catch (error) {
          return `${error.code} ${error.message}`
        }
      }
      const headers = {
        'x-file': refuse(() => stream.respondWithFile(__filename)),
        'x-fd': refuse(() => stream.respondWithFD(0)),
      }
      stream.respond(headers)
      stream.end()
    },
    '/missing': (stream) =>
      stream.respondWithFile(
        '/nonexistent',
        {},
        {
          onError(error) {
            stream.respond({ ':status': 404 })
            stream.end(error.code)
          },
        },
      ),
    '/directory': (stream) =>
      stream.respondWithFile(
        __dirname,
        {},
        {
          onError(error) {
            stream.respond({ ':status': 404 })
            stream.end(error.code)
          },
        },
      ),
    '/fd': (stream) => {
      const fd = fs.openSync(__filename)
      stream.respondWithFD(fd, {}, { statCheck: (stat, headers) => Object.assign(headers, { 'x-length': stat.size }) })
      stream.on('close', () => fs.closeSync(fd))
    },
    '/destroyed': (stream) => {
      stream.on('error', () => {})
      stream.destroy(new Error('mine'))
    },
    '/refused': (stream) => {
      const codes = []
      for (const act of [
        () => stream.respond({ ':status': 99 }),
        () => stream.respond({ ':path': '/' }),
        () => stream.respond({ connection: 'close' }),
        () => stream.respond({ te: 'gzip' }),
        () => stream.respond({ 'content-type': ['a', 'b'] }),
        () => stream.additionalHeaders({ ':status': 101 }),
        () => stream.additionalHeaders({ ':status': 200 }),
        () => stream.sendTrailers({}),
        () => stream.respondWithFD('a'),
        () => stream.respondWithFile('a', { ':status': 204 }),
        () => stream.respondWithFile('a', {}, { offset: 'a' }),
        () => stream.close('a'),
        () => stream.close(1, 'a'),
        () => stream.setTimeout('a'),
      ]) {
        try {
          codes.push(`none: ${act()}`)
        } catch (error) {
          codes.push(`${error.name} ${error.code}`)
        }
      }
      stream.respond()
      for (const act of [() => stream.respond(), () => stream.additionalHeaders({})]) {
        try {
          codes.push(`none: ${act()}`)
        } catch (error) {
          codes.push(`${error.name} ${error.code}`)
        }
      }
      stream.end(codes.join('\n'))
    },
    '/facts': (stream) => {
      const { id, pending, aborted, closed, destroyed, headersSent, endAfterHeaders, rstCode, sentHeaders } = stream
      stream.end(
        JSON.stringify({ id, pending, aborted, closed, destroyed, headersSent, endAfterHeaders, rstCode, sentHeaders }),
      )
    },
  }
  const paths = Object.keys(handlers)
    .filter((path) => path !== '/head')
    .map((path) => [{ ':path': path }])
  await answers(
    (stream, headers) => handlers[headers[':path']](stream),
    [...paths, [{ ':path': '/head', ':method': 'HEAD' }]],
  )
})

test('invalid response headers throw', async () => {
  await withServer(
    ours,
    {},
    (server) => {
      server.on('stream', (stream) => {
        const codes = []
        for (const name of ['a\r\nb', 'a b', 'a:', '\u00fc']) {
          try {
            stream.respond({ [name]: 'c' })
          } catch (error) {
            codes.push(error.code)
          }
        }
        stream.respond({ 'x-a': 'b\r\nc: d', 'x-b': 'b\0c', 'x-c': ['b', 'c\n'], 'x-d': '\u0100', 'x-e': ' f\t' })
        stream.end(codes.join(' '))
      })
    },
    async (client) => {
      const { body, headers } = await ask(client)
      assert.equal(body, Array(4).fill('ERR_INVALID_HTTP_TOKEN').join(' '))
      const fields = Object.entries(headers).filter(([name]) => name.startsWith('x-'))
      assert.deepEqual(fields, [
        ['x-c', 'b'],
        ['x-e', 'f'],
      ])
    },
  )
})

test('bodies of streams', () =>
  answers(
    (stream) => {
      stream.on('trailers', (fields, flags) => {
        stream.trailers = [fields['x-a'], flags & 1]
      })
      let length = 0
      stream.on('data', (chunk) => {
        length += chunk.length
      })
      stream.on('end', () => {
        stream.respond()
        stream.end(JSON.stringify([length, stream.trailers]))
      })
    },
    [[{ ':method': 'POST' }, Buffer.alloc(500_000), { trailers: { 'x-a': 'b' } }]],
  ))

test('pushes to clients that accept them', () =>
  same((module) =>
    withServer(
      module,
      {},
      (server) => {
        server.on('stream', (stream) => {
          assert.equal(stream.pushAllowed, true)
          stream.pushStream({ ':path': '/pushed' }, (error, push, headers) => {
            assert.equal(error, null)
            push.respond({ 'x-path': headers[':path'], 'x-id': push.id })
            push.end('pushed')
          })
          stream.respond()
          stream.end('asked')
        })
      },
      async (client) => {
        const pushed = new Promise((resolve) =>
          client.on('stream', (stream, headers) => {
            stream.on('push', (response) => resolve([stream, headers, response]))
          }),
        )
        const { body } = await ask(client)
        const [stream, headers, response] = await pushed
        let text = ''
        for await (const chunk of stream) text += chunk
        return [body, headers[':path'], response['x-path'], response['x-id'], text]
      },
    ),
  ))

test('a push is possible until the end of the tick in which the response ends', () => {
  const ends = {
    '/nothing': (stream) => stream.end(),
    '/body': (stream) => stream.end('asked'),
    '/parts': (stream) => {
      stream.write('asked, ')
      stream.end('in parts')
    },
    '/large': (stream) => stream.end('x'.repeat(300_000)),
  }
  return same((module) =>
    withServer(
      module,
      {},
      (server) =>
        server.on('stream', (stream, headers) => {
          stream.respond()
          ends[headers[':path']](stream)
          stream.pushStream({ ':path': '/pushed' }, (error, push) => {
            assert.equal(error, null)
            push.respond()
            push.end('pushed')
          })
        }),
      async (client) => {
        const found = []
        for (const path of Object.keys(ends)) {
          const pushed = once(client, 'stream').then(async ([stream]) => {
            let text = ''
            for await (const chunk of stream) text += chunk
            return text
          })
          const { body, code } = await ask(client, { ':path': path })
          found.push([path, body.length, code, await pushed])
        }
        return found
      },
    ),
  )
})

test('a chunk passed to end() that is not sent is not reported as sent', async () => {
  const seen = await new Promise((resolve) => {
    withServer(
      ours,
      {},
      (server) =>
        server.on('stream', (stream) => {
          stream.on('error', () => {})
          stream.respond()
          stream.end('never sent', (error) => resolve([error?.code, stream.writableFinished]))
          stream.close(core.constants.NGHTTP2_CANCEL)
        }),
      (client) => ask(client),
    )
  })
  assert.deepEqual(seen, ['ECANCELED', false])
})

test('a push without a body has ended before its response', () =>
  same((module) =>
    withServer(
      module,
      {},
      (server) =>
        server.on('stream', (stream) => {
          const told = []
          const push = (headers, options) =>
            stream.pushStream(headers, options, (_error, pushed) => {
              told.push([pushed.writableEnded, pushed.headersSent, pushed.headRequest])
              pushed.on('error', (error) => told.push(error.code))
              pushed.respond({ 'x-a': 'b' })
              pushed.write('too late')
              if (told.length === 2) setImmediate(() => stream.end(JSON.stringify(told)))
            })
          stream.respond()
          push({ ':path': '/head', ':method': 'HEAD' }, {})
          push({ ':path': '/ended' }, { endStream: true })
        }),
      async (client) => {
        const pushed = []
        client.on('stream', (stream) => {
          pushed.push(once(stream, 'push').then(([headers, flags]) => [headers['x-a'], flags]))
          stream.resume()
        })
        const { body } = await ask(client)
        return [body, await Promise.all(pushed)]
      },
    ),
  ))

test('a file is sent completely although its stream is ended meanwhile', async () => {
  const { size } = fs.statSync(__filename)
  await same((module) =>
    withServer(
      module,
      {},
      (server) =>
        server.on('stream', (stream) => {
          const fd = fs.openSync(__filename)
          stream.on('close', () => fs.closeSync(fd))
          stream.respondWithFD(fd, { 'content-length': size })
          stream.end()
        }),
      async (client) => {
        const { body, code, error } = await ask(client)
        assert.equal(body.length, size)
        return [code, error]
      },
    ),
  )
})

test('properties, pings and settings of a session', () =>
  same((module) =>
    withServer(
      module,
      { settings: { initialWindowSize: 100_000, maxFrameSize: 20_000 } },
      (server) => {
        server.on('stream', async (stream) => {
          const { session } = stream
          const facts = [
            session.type,
            session.closed,
            session.destroyed,
            session.encrypted,
            session.alpnProtocol,
            session.connecting,
          ]
          const ping = await new Promise((resolve) =>
            session.ping(Buffer.from('12345678'), (error, duration, payload) =>
              resolve([error, typeof duration, payload.toString()]),
            ),
          )
          const settings = await new Promise((resolve) =>
            session.settings({ initialWindowSize: 70_000 }, (error, { initialWindowSize, maxFrameSize }) =>
              resolve([error, initialWindowSize, maxFrameSize]),
            ),
          )
          const { remoteSettings, localSettings } = session
          const { enablePush, initialWindowSize, maxFrameSize } = remoteSettings
          const codes = []
          for (const act of [
            () => session.ping(Buffer.alloc(7), () => {}),
            () => session.ping('a', () => {}),
            () => session.ping(Buffer.alloc(8), 'a'),
            () => session.settings(1),
            () => session.settings({ maxFrameSize: 1 }),
            () => session.setTimeout('a'),
            () => session.goaway('a'),
            () => session.setLocalWindowSize('a'),
            () => session.socket.write('a'),
            () => session.altsvc(1),
            () => session.origin('nothing'),
          ]) {
            try {
              codes.push(`none: ${act()}`)
            } catch (error) {
              codes.push(`${error.name} ${error.code}`)
            }
          }
          session.setLocalWindowSize(200_000)
          stream.respond()
          stream.end(
            JSON.stringify([
              facts,
              ping,
              settings,
              [enablePush, initialWindowSize, maxFrameSize],
              localSettings.maxFrameSize,
              session.state.effectiveLocalWindowSize,
              codes,
            ]),
          )
        })
      },
      async (client) => {
        const answer = await ask(client)
        const pong = await new Promise((resolve) =>
          client.ping((error, _duration, payload) => resolve([error, payload.length])),
        )
        return [answer, pong]
      },
    ),
  ))

test('close() waits for open streams', () =>
  same((module) => {
    const events = []
    return withServer(
      module,
      {},
      (server) => {
        server.on('session', (session) => session.on('close', () => server.emit('over')))
        server.on('stream', (stream) => {
          stream.session.close(() => events.push('closed'))
          setImmediate(() => stream.end('still'))
        })
      },
      async (client, server) => {
        const over = once(server, 'over')
        const goaway = once(client, 'goaway')
        const { body } = await ask(client)
        const [code, last] = await goaway
        await over
        return [body, code, last, events]
      },
    )
  }))

test('errors of sessions', () =>
  same((module) =>
    withServer(
      module,
      {},
      (server) =>
        server
          .on('stream', (stream) => {
            stream.on('error', () => {})
            stream.session.goaway(7, 0, Buffer.from('why'))
            stream.session.destroy(11)
          })
          .on('sessionError', () => {}),
      async (client) => {
        const goaway = once(client, 'goaway')
        void ask(client)
        const [code, , debug] = await goaway
        return [code, debug.toString()]
      },
    ),
  ))

test('timeouts', () =>
  same(async (module) => {
    const seen = []
    await withServer(
      module,
      {},
      (server) => {
        server.setTimeout(0)
        server.on('request', (req, res) => {
          req.setTimeout(1, () => {
            seen.push('request')
            res.end('late')
          })
        })
      },
      async (client) => seen.push((await ask(client)).body),
    )
    return seen
  }))

test('a server tracks its sessions, and leaves streams that are not sockets to Node', async () => {
  const { duplexPair } = require('./duplex.js')
  const server = ours.createServer((_req, res) => res.end('over a stream'))
  const [one, other] = duplexPair()
  server.emit('connection', one)
  const client = core.connect('http://a', { createConnection: () => other })
  try {
    assert.equal((await ask(client)).body, 'over a stream')
  } finally {
    client.destroy()
  }
})
