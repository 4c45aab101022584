'use strict'

// The same bytes into Node's server and into ours must bring the same bytes back, dates aside.

const assert = require('node:assert/strict')
const { test, before, after } = require('node:test')
const core = require('node:http')
const { http } = require('../..')
const { routes, application, exchange, listen } = require('./exchanges')

const servers = [core.createServer(application), http.createServer(application)]
const ports = []

before(async () => {
  for (const server of servers) ports.push(await listen(server))
})
after(() => {
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
})

async function same(parts, options) {
  const [expected, actual] = await Promise.all(ports.map((port) => exchange(port, parts, options)))
  assert.equal(actual, expected)
  return actual
}

const LAST = 'GET /implicit HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
const get = (path, method = 'GET') => `${method} /${path} HTTP/1.1\r\nHost: a\r\n\r\n`

for (const path of Object.keys(routes)) {
  test(`GET, HEAD, 1.0 and pipelined: ${path}`, async () => {
    const answer = await same([`${get(path)}${LAST}`])
    assert.match(answer, /^HTTP\/1\.1 \d{3} /)
    await same([`${get(path, 'HEAD')}${LAST}`])
    await same([`GET /${path} HTTP/1.0\r\n\r\n`])
    await same([`GET /${path} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n`, 'GET /implicit HTTP/1.0\r\n\r\n'])
    await same([`${get(path)}${get('late')}${get(path)}${get('explicit')}${LAST}`])
    await same([`GET /${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`])
  })
}

test('request bodies, by length and in chunks', async () => {
  const chunked = '5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nX-Trailer: one\r\nX-Trailer: two\r\n\r\n'
  for (const path of ['echo', 'body', 'async', 'ignore']) {
    const length = `POST /${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world`
    const coded = `POST /${path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${chunked}`
    await same([length + LAST])
    await same([coded + LAST])
    await same([length + coded + length + LAST])
    await same([length.slice(0, -4), `${length.slice(-4)}${coded.slice(0, -20)}`, coded.slice(-20) + LAST])
  }
})

test('requests split anywhere', async () => {
  const input =
    `${get('request?x=1')}POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n` +
    `3\r\nabc\r\n0\r\nX: y\r\n\r\n${get('explicit')}${LAST}`
  const expected = await exchange(ports[0], [input])
  for (let cut = 1; cut < input.length; cut++) {
    assert.equal(await exchange(ports[1], [input.slice(0, cut), input.slice(cut)]), expected, `cut at ${cut}`)
  }
  assert.equal(await exchange(ports[1], [...input]), expected, 'byte by byte')
})

test('headers are joined and dropped as in Node', async () => {
  const lines = [
    'Host: a',
    'Host: b',
    'Set-Cookie: a=1',
    'Set-Cookie: b=2',
    'Cookie: c=3',
    'Cookie: d=4',
    'X-Forwarded-For: 1',
    'x-forwarded-for: 2',
    'Content-Type: first',
    'content-type: second',
    'User-Agent: x',
    'user-agent: y',
    'Accept: ',
    '__proto__: 1',
    'constructor: 2',
    'toString: 3',
  ]
  await same([`GET /request HTTP/1.1\r\n${lines.join('\r\n')}\r\nConnection: close\r\n\r\n`])
  // Node 25 itself throws on `constructor` there.
  const ordinary = lines.filter((line) => !/^(constructor|toString|__proto__)/.test(line))
  await same([`GET /distinct HTTP/1.1\r\n${ordinary.join('\r\n')}\r\nConnection: close\r\n\r\n`])
})

test('names such as __proto__ in headers and trailers', async (t) => {
  const names = [
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    'valueOf',
    '__defineGetter__',
    'prototype',
    'polluted',
  ]
  const app = (req, res) => {
    const chunks = []
    req.on('data', (chunk) => chunks.push(chunk))
    req.on('end', () => {
      const own = (object) => Object.keys(object).map((key) => [key, object[key]])
      const seen = [own(req.headers), own(req.trailers), req.rawHeaders, req.rawTrailers]
      seen.push([Object.getPrototypeOf(req.headers) === Object.prototype, {}.polluted, typeof {}.toString])
      for (const name of names) res.setHeader(name, `of ${name}`)
      seen.push(
        res.getHeaderNames(),
        names.map((name) => [res.getHeader(name), res.hasHeader(name)]),
      )
      for (const name of names.slice(0, 2)) res.removeHeader(name)
      res.setHeader('Trailer', names.join(', '))
      const given = req.url === '/given'
      // An object with a field of that name, as JSON.parse makes them.
      if (given) res.writeHead(200, JSON.parse('{"__proto__": "p", "constructor": "c", "X-A": "b"}'))
      res.write(JSON.stringify(seen))
      res.addTrailers(Object.fromEntries(names.map((name) => [name, 'trailing'])))
      res.end()
    })
  }
  const pair = [core.createServer(app), http.createServer(app)]
  t.after(() => {
    for (const server of pair) server.close()
  })
  const lines = names.map((name) => `${name}: {"polluted":1}\r\n${name}: twice\r\n`).join('')
  for (const path of ['/', '/given']) {
    const head = `POST ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${lines}`
    for (const request of [
      `${head}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n${lines}\r\n`,
      `${head}Content-Length: 1\r\n\r\nx`,
    ]) {
      const answers = []
      for (const server of pair)
        answers.push(await exchange(server.address()?.port ?? (await listen(server)), [request]))
      assert.match(answers[0], /^HTTP\/1\.1 200 /)
      assert.equal(answers[1], answers[0])
    }
  }
})

test('expectations', async () => {
  const expecting = (value, path = 'body') =>
    `POST /${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: ${value}\r\nConnection: close\r\n\r\n`
  await same([expecting('100-continue'), 'ok'])
  await same([`${expecting('100-continue', 'ignore')}ok`])
  await same([`${expecting('something-else')}ok`])
})

test('requests that Node answers by itself', async () => {
  await same(['GET /explicit HTTP/1.1\r\nConnection: close\r\n\r\n'])
  await same(['GET /explicit HTTP/1.1\r\n\r\n'])
  await same(['GARBAGE\r\n\r\n'])
  await same([`GET /explicit HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`])
  await same([`${get('explicit')}BROKEN`])
  await same([`GET /explicit HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nmore`])
  await same([`POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`])
  await same([`POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;${'e'.repeat(17_000)}\r\n`])
  await same(['CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n'])
  await same(['GET /explicit HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'], { end: true })
})

test('a peer that ends its side first', async () => {
  await same([get('explicit')], { end: true })
  await same([get('headers')], { end: true })
  await same(['GET /explicit HTT'], { end: true })
  await same(['POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab'], { end: true })
  await same([''], { end: true })
})
