'use strict'

// Frameworks on our HTTP/2 server, asked by Node's client, beside what they answer on Node's.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const test = require('node:test')
const core = require('node:http2')
const { createAdaptorServer } = require('@hono/node-server')
const fastify = require('fastify')
const { Hono } = require('hono')
const Koa = require('koa')
const { http2: ours } = require('../..')

const requests = [
  [{ ':path': '/' }],
  [{ ':path': '/json?a=b' }],
  [{ ':path': '/body', ':method': 'POST', 'content-type': 'application/json' }, '{"a":1}'],
  [{ ':path': '/stream' }],
  [{ ':path': '/missing' }],
  [{ ':path': '/throws' }],
  [{ ':path': '/', ':method': 'HEAD' }],
]

async function ask(client, headers, body) {
  const stream = client.request(headers, { endStream: body === undefined })
  let text = ''
  let answered
  stream.on('response', ({ date, ...fields }) => {
    answered = { ...fields, dated: date !== undefined }
  })
  stream.setEncoding('utf8').on('data', (chunk) => {
    text += chunk
  })
  stream.end(body)
  await once(stream, 'close')
  return [answered, text]
}

/** What a server answers, all at once and then one by one. */
async function answers(server) {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = core.connect(`http://127.0.0.1:${server.address().port}`)
  try {
    const together = await Promise.all(requests.map((request) => ask(client, ...request)))
    const alone = []
    for (const request of requests) alone.push(await ask(client, ...request))
    assert.deepEqual(alone, together)
    return together
  } finally {
    client.destroy()
    const closed = once(server, 'close')
    server.close()
    await closed
  }
}

async function same(make) {
  const expected = await answers(await make(core))
  const found = await answers(await make(ours))
  assert.deepEqual(found, expected)
  assert.equal(found[0][0][':status'], 200)
}

test('Fastify', () =>
  same(async (http2) => {
    const app = fastify({ http2: true, serverFactory: (handler) => http2.createServer(handler) })
    app.get('/', async () => 'hello')
    app.get('/json', async ({ query }) => query)
    app.post('/body', async ({ body }) => body)
    app.get('/stream', (_request, reply) => reply.send(require('node:stream').Readable.from(['a', 'b', 'c'])))
    app.get('/throws', async () => {
      throw new Error('thrown')
    })
    await app.ready()
    return app.server
  }))

test('Koa', () =>
  same(async (http2) => {
    const app = new Koa()
    app.silent = true
    app.use(async (context) => {
      if (context.path === '/') context.body = 'hello'
      else if (context.path === '/json') context.body = context.query
      else if (context.path === '/stream') context.body = require('node:stream').Readable.from(['a', 'b', 'c'])
      else if (context.path === '/throws') throw new Error('thrown')
      else if (context.path === '/body') {
        let text = ''
        for await (const chunk of context.req) text += chunk
        context.body = text
      }
    })
    return http2.createServer(app.callback())
  }))

test('Hono', () =>
  same(async (http2) => {
    const app = new Hono()
    app.get('/', (context) => context.text('hello'))
    app.get('/json', (context) => context.json(context.req.query()))
    app.post('/body', async (context) => context.json(await context.req.json()))
    app.get('/stream', () => new Response(new Blob(['abc']).stream()))
    app.get('/throws', () => {
      throw new Error('thrown')
    })
    app.onError((error, context) => context.text(error.message, 500))
    return createAdaptorServer({ fetch: app.fetch, createServer: http2.createServer })
  }))
