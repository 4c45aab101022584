// A listener that gives req and res prototypes of its own, made as Express makes them: on top of core's.

'use strict'

const assert = require('node:assert')
const nodeHttp = require('node:http')
const { once } = require('node:events')
const { test } = require('node:test')
const { http } = require('../..')

function createApplication() {
  const app = (req, res) => {
    Object.setPrototypeOf(req, app.request)
    Object.setPrototypeOf(res, app.response)
    const chunks = []
    req.on('data', (chunk) => chunks.push(chunk))
    req.on('end', () => res.send(`${req.method} ${req.where()} ${Buffer.concat(chunks)}`))
  }
  app.request = Object.create(nodeHttp.IncomingMessage.prototype, {
    where: {
      value() {
        return `${this.url} of ${this.headers.host.split(':')[0]} over ${this.socket.encrypted ? 'tls' : 'tcp'}`
      },
    },
  })
  app.response = Object.create(nodeHttp.ServerResponse.prototype, {
    send: {
      value(text) {
        if (!this.getHeader('Content-Type')) this.setHeader('Content-Type', 'text/plain')
        this.end(text)
      },
    },
  })
  return app
}

test('an application that replaces the prototypes', async (t) => {
  for (const listen of [
    (app) => http.createServer(app),
    (app) => http.createServer().on('request', app),
    (app) => http.createServer((_req, res) => res.setHeader('X-First', '1')).on('request', app),
  ]) {
    const server = listen(createApplication())
    t.after(() => server.close())
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const url = `http://127.0.0.1:${server.address().port}/there`
    for (const [options, expected] of [
      [{}, 'GET /there of 127.0.0.1 over tcp '],
      [{ method: 'POST', body: 'body' }, 'POST /there of 127.0.0.1 over tcp body'],
    ]) {
      const response = await fetch(url, options)
      assert.strictEqual(response.headers.get('content-type'), 'text/plain')
      assert.strictEqual(await response.text(), expected)
    }
  }
})
