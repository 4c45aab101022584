'use strict'

// What stands in for the network in tests: it replaces `http.request`, `http.get` or the class behind them.

const assert = require('node:assert/strict')
const { separately } = require('./support.js')

const requests = `
  const read = (req) => new Promise((resolve, reject) => {
    req.on('error', reject).on('response', async (res) => {
      let body = ''
      for await (const chunk of res) body += chunk
      resolve([res.statusCode, res.headers['x-mocked'], body])
    })
  })
  const results = [await read(http.get('http://mocked.invalid/a'))]
  const post = http.request({ host: 'mocked.invalid', path: '/b', method: 'POST' })
  post.write('bo')
  post.end('dy')
  results.push(await read(post))`

const expected = [
  [200, 'yes', 'got a'],
  [201, 'yes', 'posted body'],
]

for (const [when, before, script] of [
  ['before the module is loaded', 'const nock = require("nock")', ''],
  ['after the module is loaded', '', 'const nock = require("nock")'],
]) {
  separately(
    `nock, ${when}`,
    {
      before,
      script: `${script}
        nock('http://mocked.invalid').get('/a').reply(200, 'got a', { 'X-Mocked': 'yes' })
          .post('/b').reply(201, (uri, body) => 'posted ' + body, { 'X-Mocked': 'yes' })
        ${requests}
        nock.restore()
        const server = http.createServer((req, res) => res.end('real'))
        results.push(await ask(await listen(server), '/'))
        give(results)`,
    },
    (results) => assert.deepEqual(results, [...expected, { status: 200, body: 'real' }]),
  )
  separately(
    `msw, ${when}`,
    {
      before: before && "const { setupServer } = require('msw/node')",
      script: `${script && "const { setupServer } = require('msw/node')"}
        const { http: mock, HttpResponse } = require('msw')
        const headers = { 'X-Mocked': 'yes' }
        const mocks = setupServer(
          mock.get('http://mocked.invalid/a', () => HttpResponse.text('got a', { headers })),
          mock.post('http://mocked.invalid/b', async ({ request }) => HttpResponse.text('posted ' + await request.text(), { status: 201, headers })),
        )
        mocks.listen({ onUnhandledRequest: 'bypass' })
        ${requests}
        const server = http.createServer((req, res) => res.end('real'))
        results.push(await ask(await listen(server), '/'))
        mocks.close()
        give(results)`,
    },
    (results) => assert.deepEqual(results, [...expected, { status: 200, body: 'real' }]),
  )
}

// Since version 15, nock (as msw's next one) replaces how sockets connect, their methods, and those of their handles.
separately(
  'nock 15: mocked and real, over TLS as well',
  {
    script: `
      const fs = require('node:fs')
      const https = http === core ? require('node:https') : require('../..').https
      const { default: nock } = await import('nock15')
      const agents = { http: new http.Agent({ keepAlive: true }), https: new https.Agent({ keepAlive: true, rejectUnauthorized: false }) }
      const read = (module, url, options) => new Promise((resolve, reject) => {
        const agent = module === https ? agents.https : agents.http
        const req = module.request(url, { agent, ...options }, async (res) => {
          let body = ''
          for await (const chunk of res) body += chunk
          resolve([res.statusCode, body])
        })
        req.on('error', (error) => resolve(error.code))
        req.end(options?.body)
      })
      const answer = (req, res) => req.url === '/broken' ? req.socket.destroy() : req.pipe(res.setHeader('X-Real', '1'))
      const pair = '../https/fixtures/server'
      const server = http.createServer(answer)
      const secure = https.createServer({ key: fs.readFileSync(pair + '-key.pem'), cert: fs.readFileSync(pair + '-cert.pem') }, answer)
      const url = 'http://127.0.0.1:' + await listen(server), secureUrl = 'https://127.0.0.1:' + await listen(secure)
      nock('http://mocked.invalid').persist().get('/a').reply(200, 'got a').post('/b', 'body').reply(201, 'posted')
      nock('https://mocked.invalid').persist().get('/a').reply(200, 'got it safely')
      const results = []
      for (let round = 0; round < 2; round++) {
        results.push(await read(http, 'http://mocked.invalid/a'), await read(https, 'https://mocked.invalid/a'))
        results.push(await read(http, 'http://mocked.invalid/b', { method: 'POST', body: 'body' }))
        results.push(await read(http, url, { method: 'PUT', body: 'real' }), await read(http, url + '/broken'))
        results.push(await read(https, secureUrl, { method: 'PUT', body: 'x'.repeat(100_000) }))
      }
      nock.restore()
      results.push(await read(https, secureUrl, { method: 'PUT', body: 'restored' }))
      give(results)`,
  },
  (results) => {
    const mocked = [
      [200, 'got a'],
      [200, 'got it safely'],
      [201, 'posted'],
    ]
    const round = [...mocked, [200, 'real'], 'ECONNRESET', [200, 'x'.repeat(100_000)]]
    assert.deepEqual(results, [...round, ...round, [200, 'restored']])
  },
  { skip: Promise.withResolvers === undefined && 'nock 15 needs Node 22' },
)
