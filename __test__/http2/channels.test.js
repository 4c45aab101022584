'use strict'

// Diagnostics channels of streams: what Node's publish when its client asks its server, ours publish, too.

const assert = require('node:assert/strict')
const { channel } = require('node:diagnostics_channel')
const { once } = require('node:events')
const { sensitiveHeaders } = require('node:http2')
const process = require('node:process')
const { Readable } = require('node:stream')
const test = require('node:test')
const { ask, core, ours, same, withServer } = require('./support.js')

const OPTIONS = { skip: Number.parseInt(process.versions.node, 10) < 22 && 'Node has them since 22' }
const ALL = [
  ...['created', 'start', 'error', 'finish', 'close', 'bodyChunkSent', 'bodySent'].map(
    (name) => `http2.client.stream.${name}`,
  ),
  ...['created', 'start', 'error', 'finish', 'close'].map((name) => `http2.server.stream.${name}`),
]

/** Calls `hear` with all that is published for as long as `use` takes. */
async function hearing(names, hear, use) {
  for (const name of names) channel(name).subscribe(hear)
  try {
    return await use()
  } finally {
    for (const name of names) channel(name).unsubscribe(hear)
  }
}

/** A server's and a client's session, both of `module`. */
async function withBoth(module, setUp, use) {
  const server = module.createServer()
  setUp(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = module.connect(`http://127.0.0.1:${server.address().port}`)
  try {
    await use(client)
  } finally {
    client.close()
    server.close()
    await once(server, 'close')
  }
}

function settle(stream) {
  stream.on('error', () => {})
  stream.resume()
  return new Promise((resolve) => stream.on('close', resolve))
}

const plain = ({ date, ':authority': _, [sensitiveHeaders]: __, ...fields }) => ({
  ...fields,
  dated: date !== undefined,
})

const handlers = {
  '/': (stream) => {
    stream.respond({ 'X-Name': 'value' })
    stream.end('body')
  },
  '/nothing': (stream) => stream.respond({ ':status': 204 }),
  '/ends': (stream) => stream.respond({}, { endStream: true }),
  '/head': (stream) => stream.respond(),
  '/trailers': (stream) => {
    stream.respond({}, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ a: 'b' }))
    stream.end('body')
  },
  '/error': (stream) => stream.destroy(new Error('on purpose')),
  '/close': (stream) => stream.close(8),
  '/push': (stream) => {
    stream.pushStream({ ':path': '/pushed', 'X-Pushed': 'yes' }, (_error, pushed) => {
      pushed.respond()
      pushed.end('pushed')
    })
    stream.respond()
    stream.end('body')
  },
}

/** What happens on streams, by the name of the channel: of each side and stream by itself. */
function scenario(module) {
  const seen = {}
  const hear = ({ stream, headers, flags, error }, name) => {
    const [, side, , what] = name.split('.')
    const { closed, destroyed, rstCode } = stream
    const who = `${side} ${stream.id ?? 1}`
    const about = headers && plain(headers)
    // When it is said that all was sent is not the same: ours says so at once.
    if (what.startsWith('body')) return
    seen[who] ??= []
    seen[who].push([what, about, flags, error?.code ?? error?.message, closed, destroyed, rstCode])
  }
  const setUp = (server) =>
    server.on('stream', (stream, headers) => {
      stream.on('error', () => {})
      handlers[headers[':path']](stream)
    })
  return hearing(ALL, hear, async () => {
    await withBoth(module, setUp, async (client) => {
      const pushed = []
      client.on('stream', (stream) => pushed.push(settle(stream)))
      for (const path of Object.keys(handlers)) {
        await settle(client.request({ ':path': path, ':method': path === '/head' ? 'HEAD' : 'GET', 'X-Asked': 'yes' }))
      }
      await Promise.all(pushed)
    })
    return seen
  })
}

test('diagnostics channels report streams as node:http2 does', OPTIONS, async () => {
  const seen = await same(scenario)
  assert.deepEqual(
    seen['server 1'].map(([name]) => name),
    ['created', 'start', 'finish', 'close'],
  )
  assert.deepEqual(
    seen['client 2'].map(([name]) => name),
    ['created', 'start', 'finish', 'close'],
  )
})

/** Of each request: the pieces of its body in the order of their channels. */
function bodies(module) {
  const seen = []
  const hear = ({ stream, writev, data, encoding, ...rest }, name) => {
    assert.deepEqual(rest, {})
    assert.equal(stream.constructor.name, 'ClientHttp2Stream')
    const what = name.split('.').pop()
    seen.push(what === 'bodySent' ? [what] : [what, writev, writev ? [...data] : data, encoding])
  }
  const setUp = (server) =>
    server.on('stream', (stream) => {
      stream.resume()
      stream.respond({}, { endStream: true })
    })
  return hearing(ALL.slice(5, 7), hear, async () => {
    const bytes = (text) => Buffer.from(text)
    const all = {
      mixed: (stream) => {
        stream.write('h\u00e9llo', 'latin1')
        stream.write(bytes('foo'))
        stream.end('bar')
      },
      bytes: (stream) => {
        stream.write(bytes('foo'))
        stream.end(bytes('bar'))
      },
      one: (stream) => stream.end('one'),
      none: (stream) => stream.end(),
    }
    // Each waits for its connection.
    for (const write of Object.values(all)) {
      await withBoth(module, setUp, (client) => {
        const stream = client.request({ ':method': 'POST' })
        write(stream)
        seen.push(stream.writableCorked)
        return settle(stream)
      })
    }
    await withBoth(module, setUp, async (client) => {
      await once(client, 'connect')
      const stream = client.request({ ':method': 'POST' })
      stream.cork()
      stream.write('a')
      stream.write(bytes('b'))
      stream.uncork()
      stream.end()
      await settle(stream)
    })
    return seen
  })
}

test('diagnostics channels report request bodies as node:http2 does', OPTIONS, async (t) => {
  const expected = await bodies(core)
  if (!expected.some((one) => Array.isArray(one))) return t.skip('this version of Node has none for bodies')
  assert.deepEqual(await bodies(ours), expected)
})

test('data written before the connection is established arrives', async () => {
  const received = (module) => {
    const parts = Array.from({ length: 2000 }, (_, at) => `${at},`)
    let body = ''
    const setUp = (server) =>
      server.on('stream', (stream) => {
        stream.setEncoding('utf8').on('data', (text) => {
          body += text
        })
        stream.on('end', () => {
          stream.respond()
          stream.end()
        })
      })
    return withBoth(module, setUp, (client) => {
      const stream = client.request({ ':method': 'POST' })
      Readable.from([...parts, 'z'.repeat(200_000)]).pipe(stream)
      for (const part of parts) stream.write(part)
      return settle(stream)
    }).then(() => [body.length, body.slice(0, 2000)])
  }
  await same(received)
})

test('the compatibility API with a subscriber on one channel only', OPTIONS, async () => {
  const answer = (module) => {
    const seen = []
    const hear = ({ stream, headers }) => seen.push([stream.id, headers[':status'], headers['x-a']])
    return hearing(['http2.server.stream.finish'], hear, () =>
      withServer(
        module,
        {},
        (server) =>
          server.on('request', (_req, res) => {
            res.setHeader('x-a', 'b')
            res.end('done')
          }),
        async (client) => [(await ask(client)).body, (await ask(client)).body, seen],
      ),
    )
  }
  assert.deepEqual(await same(answer), [
    'done',
    'done',
    [
      [1, 200, 'b'],
      [3, 200, 'b'],
    ],
  ])
})

test('nothing is published where Node has no channels', { skip: !OPTIONS.skip }, async () => {
  const seen = []
  await hearing(
    ALL,
    (_message, name) => seen.push(name),
    () =>
      withBoth(
        ours,
        (server) => server.on('stream', handlers['/']),
        (client) => settle(client.request()),
      ),
  )
  assert.deepEqual(seen, [])
})

test('diagnostics channels report requests of the compatibility API', OPTIONS, async () => {
  const seen = []
  const names = ['created', 'start', 'finish', 'close', 'error'].map((name) => `http2.server.stream.${name}`)
  const hear = ({ stream, headers, error }, name) => {
    seen.push([name.split('.').pop(), stream.id, headers?.[':path'] ?? headers?.[':status'] ?? error?.message])
  }
  for (const name of names) channel(name).subscribe(hear)
  try {
    await withServer(
      ours,
      {},
      (server) =>
        server.on('request', (req, res) => {
          if (req.url === '/error') res.destroy(new Error('on purpose'))
          else res.end('done')
        }),
      async (client) => {
        assert.equal((await ask(client, { ':path': '/done' })).body, 'done')
        await ask(client, { ':path': '/error' })
      },
    )
  } finally {
    for (const name of names) channel(name).unsubscribe(hear)
  }
  const of = (id) => seen.filter(([, stream]) => stream === id).map(([name, , detail]) => [name, detail])
  assert.deepEqual(of(1), [
    ['created', '/done'],
    ['start', '/done'],
    ['finish', 200],
    ['close', undefined],
  ])
  const [first, second, ...rest] = of(3)
  assert.deepEqual(
    [first, second],
    [
      ['created', '/error'],
      ['start', '/error'],
    ],
  )
  assert.deepEqual(rest.map(([name]) => name).sort(), ['close', 'error'])
})
