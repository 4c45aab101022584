'use strict'

// One route with a parameter and a JSON body in each framework, written as its users would, over a contender's `http`.

const { requirePeer } = require('../../lib/peers.js')

const user = (id) => ({ id, name: 'Ada Lovelace', roles: ['author', 'analyst'], active: true })

module.exports = {
  user,

  express({ http }) {
    const app = requirePeer('express')()
    app.get('/users/:id', (req, res) => res.json(user(req.params.id)))
    return http.createServer(app)
  },

  koa({ http }) {
    const app = new (requirePeer('koa'))()
    // Koa has no router of its own.
    app.use((ctx) => {
      ctx.body = user(ctx.path.slice('/users/'.length))
    })
    return http.createServer(app.callback())
  },

  async fastify({ http }) {
    const app = requirePeer('fastify')({ serverFactory: (handler) => http.createServer(handler) })
    app.get('/users/:id', async (request) => user(request.params.id))
    await app.ready()
    return app.server
  },

  hono({ http }) {
    const app = new (requirePeer('hono').Hono)()
    app.get('/users/:id', (c) => c.json(user(c.req.param('id'))))
    return requirePeer('@hono/node-server').createAdaptorServer({ fetch: app.fetch, createServer: http.createServer })
  },
}
