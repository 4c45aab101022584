'use strict'

// Frameworks that are handed a server, or what makes one, or a handler of theirs that stands on ours.

require('reflect-metadata')
const assert = require('node:assert/strict')
const { ApolloServer } = require('@apollo/server')
const { ApolloServerPluginDrainHttpServer } = require('@apollo/server/plugin/drainHttpServer')
const { expressMiddleware } = require('@as-integrations/express5')
const { createAdaptorServer } = require('@hono/node-server')
const nest = require('@nestjs/common')
const { NestFactory } = require('@nestjs/core')
const { ExpressAdapter } = require('@nestjs/platform-express')
const express = require('express')
const fastify = require('fastify')
const h3 = require('h3')
const { Hono } = require('hono')
const { streamText } = require('hono/streaming')
const { answer, same, serve } = require('./support.js')

const JSON_TYPE = { 'Content-Type': 'application/json' }
const post = (body) => ({ method: 'POST', headers: JSON_TYPE, body: JSON.stringify(body) })

/** Asks for each path, all at once and then one by one, with what `fetch` takes. */
async function ask(url, requests) {
  const all = Object.entries(requests)
  const one = async ([path, options]) => [path, await answer(await fetch(url + path.split(' ')[0], options))]
  const together = await Promise.all(all.map(one))
  const alone = []
  for (const request of all) alone.push(await one(request))
  return [together, alone]
}

// --- NestJS: its HTTP adapter is given our server. Decorators are applied by hand, as nothing is compiled here.

class CatsController {
  find(id) {
    if (id === 'none') throw new nest.NotFoundException('no such cat')
    return { id }
  }

  create(body) {
    return { created: body }
  }

  async later() {
    await new Promise((resolve) => setTimeout(resolve, 2))
    return 'later'
  }
}

function method(decorator, name, parameters = []) {
  const descriptor = Object.getOwnPropertyDescriptor(CatsController.prototype, name)
  Reflect.defineMetadata('design:paramtypes', [Object], CatsController.prototype, name)
  decorator(CatsController.prototype, name, descriptor)
  for (const [index, parameter] of parameters.entries()) parameter(CatsController.prototype, name, index)
}
nest.Controller('cats')(CatsController)
method(nest.Get('later'), 'later')
method(nest.Get(':id'), 'find', [nest.Param('id')])
method(nest.Post(), 'create', [nest.Body()])

class AppModule {}
nest.Module({ controllers: [CatsController] })(AppModule)

same('NestJS on a server of its adapter', async (http, t) => {
  class Adapter extends ExpressAdapter {
    initHttpServer() {
      this.httpServer = http.createServer(this.getInstance())
    }
  }
  const app = await NestFactory.create(AppModule, new Adapter(), { logger: false })
  await app.listen(0, '127.0.0.1')
  t.after(() => app.close())
  assert.ok(app.getHttpServer() instanceof http.Server)
  const results = await ask((await app.getUrl()).replace('[::1]', '127.0.0.1'), {
    '/cats/7': {},
    '/cats/none': {},
    '/cats/later': {},
    '/cats': post({ name: 'Tom' }),
    '/nowhere': {},
    '/cats invalid': { ...post({}), body: '{' },
  })
  assert.equal(results[0][0][1].body, '{"id":"7"}')
  assert.equal(results[0][1][1].status, 404)
  return results
})

// --- Apollo

same('Apollo Server, by expressMiddleware, which drains the server when it stops', async (http) => {
  const app = express()
  const server = http.createServer(app)
  const apollo = new ApolloServer({
    typeDefs: 'type Query { hello(name: String!): String! fails: Int } type Mutation { add(a: Int!, b: Int!): Int! }',
    resolvers: {
      Query: {
        hello: (_, { name }) => `hello ${name}`,
        fails: () => {
          throw new Error('failed')
        },
      },
      Mutation: { add: (_, { a, b }) => a + b },
    },
    includeStacktraceInErrorResponses: false,
    plugins: [ApolloServerPluginDrainHttpServer({ httpServer: server })],
  })
  await apollo.start()
  app.use('/graphql', express.json(), expressMiddleware(apollo))
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const results = await ask(`http://127.0.0.1:${server.address().port}`, {
    '/graphql': post({ query: '{ hello(name: "you") }' }),
    '/graphql 2': post({ query: 'mutation($a: Int!) { add(a: $a, b: 2) }', variables: { a: 1 } }),
    '/graphql fails': post({ query: '{ fails }' }),
    '/graphql invalid': post({ query: '{ nothing }' }),
    '/graphql?query=%7Bhello(name:%22a%22)%7D': { headers: { 'apollo-require-preflight': 'true' } },
  })
  assert.equal(results[0][0][1].body, '{"data":{"hello":"hello you"}}\n')
  await apollo.stop()
  assert.equal(server.listening, false)
  return results
})

// --- Hono

same('Hono on @hono/node-server', async (http, t) => {
  const app = new Hono()
  app.get('/text', (c) => c.text('hello'))
  app.get('/json/:id', (c) => c.json({ id: c.req.param('id') }, 201, { 'X-A': 'b' }))
  app.post('/echo', async (c) => c.body(await c.req.arrayBuffer()))
  app.post('/form', async (c) => c.json(Object.keys(await c.req.parseBody())))
  app.get('/stream', (c) =>
    streamText(c, async (stream) => {
      for (const part of ['a', 'b', 'c']) await stream.write(part.repeat(1000))
    }),
  )
  app.get(
    '/response',
    () =>
      new Response(new Blob(['blob']).stream(), {
        headers: [
          ['Set-Cookie', 'a=1'],
          ['Set-Cookie', 'b=2'],
        ],
      }),
  )
  app.get('/error', () => {
    throw new Error('thrown')
  })
  app.onError((error, c) => c.text(error.message, 500))
  const url = await serve(t, createAdaptorServer({ fetch: app.fetch, createServer: http.createServer }))
  const form = new FormData()
  form.set('a', 'b')
  const results = await ask(url, {
    '/text': {},
    '/text HEAD': { method: 'HEAD' },
    '/json/7': {},
    '/echo': { method: 'POST', body: 'x'.repeat(200_000) },
    '/form': { method: 'POST', body: form },
    '/stream': {},
    '/response': {},
    '/error': {},
    '/none': {},
  })
  assert.equal(results[0].find(([path]) => path === '/echo')[1].body.length, 200_000)
  return results
})

// --- h3

same('h3', async (http, t) => {
  const app = h3.createApp({ onError: () => {} })
  const router = h3.createRouter()
  router.get(
    '/text',
    h3.eventHandler(() => 'hello'),
  )
  router.get(
    '/json/:id',
    h3.eventHandler((event) => ({ id: h3.getRouterParam(event, 'id'), query: h3.getQuery(event) })),
  )
  router.post(
    '/body',
    h3.eventHandler(async (event) => h3.readBody(event)),
  )
  router.get(
    '/stream',
    h3.eventHandler((event) => h3.sendStream(event, new Blob(['stream'.repeat(10_000)]).stream())),
  )
  router.get(
    '/cookie',
    h3.eventHandler((event) => {
      h3.setCookie(event, 'name', 'value')
      h3.setResponseStatus(event, 202)
      return h3.getRequestIP(event) ?? 'none'
    }),
  )
  router.get(
    '/web',
    h3.eventHandler(() => new Response('web', { status: 203, headers: { 'X-A': 'b' } })),
  )
  router.get(
    '/empty',
    h3.eventHandler((event) => h3.sendNoContent(event)),
  )
  router.get(
    '/error',
    h3.eventHandler(() => {
      throw h3.createError({ statusCode: 418, statusMessage: 'teapot' })
    }),
  )
  app.use(router)
  const url = await serve(t, http.createServer(h3.toNodeListener(app)))
  const results = await ask(url, {
    '/text': {},
    '/text HEAD': { method: 'HEAD' },
    '/json/7?a=b': {},
    '/body': post({ a: [1, 2, 3] }),
    '/stream': {},
    '/cookie': {},
    '/web': {},
    '/empty': {},
    '/error': {},
    '/none': {},
  })
  assert.equal(results[0][0][1].body, 'hello')
  return results.map((list) =>
    list.map(([path, response]) => [path, { ...response, body: response.body.replace(/"stack":.*/s, '') }]),
  )
})

// --- Fastify, by its own `listen`, hooks, injection and closing

same('Fastify, with hooks, schemas, reply streams and close', async (http) => {
  const heard = []
  const app = fastify({ serverFactory: (handler) => http.createServer(handler), forceCloseConnections: 'idle' })
  for (const hook of ['onRequest', 'preParsing', 'preHandler', 'onSend', 'onResponse']) {
    app.addHook(hook, (request, _reply, ...rest) => {
      heard.push([hook, request.url])
      const done = rest.pop()
      done(null, ...(hook === 'onSend' ? rest : []))
    })
  }
  app.addHook('onRequestAbort', (request, done) => {
    heard.push(['abort', request.url])
    done()
  })
  const schema = { body: { type: 'object', required: ['a'], properties: { a: { type: 'integer' } } } }
  app.post('/checked', { schema }, async ({ body }) => ({ twice: body.a * 2 }))
  app.get('/web', (_request, reply) => reply.send(new Response('web', { status: 203 })))
  app.get('/stream', (_request, reply) => reply.send(require('node:stream').Readable.from(['a', 'b'])))
  await app.listen({ port: 0, host: '127.0.0.1' })
  assert.ok(app.server instanceof http.Server)
  const url = `http://127.0.0.1:${app.server.address().port}`
  const results = await ask(url, {
    '/checked': post({ a: 21 }),
    '/checked invalid': post({ a: 'x' }),
    '/web': {},
    '/stream': {},
  })
  assert.equal(results[0][0][1].body, '{"twice":42}')
  const injected = await app.inject({ method: 'POST', url: '/checked', payload: { a: 1 } })
  await app.close()
  assert.equal(app.server.listening, false)
  return [results, injected.json(), heard.map(String).sort()]
})
