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
