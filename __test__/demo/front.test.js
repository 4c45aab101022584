'use strict'

// The front as an HTTP server: files, their caching, and a JSON interface that refuses what it should.

const assert = require('node:assert')
const fs = require('node:fs')
const http = require('node:http')
const path = require('node:path')
const { after, before, test } = require('node:test')
const { startDemo, until } = require('./support')

const PUBLIC = path.join(__dirname, '../../demo/public')

let demo
const cleanups = []
before(async () => {
  demo = await startDemo({ after: (cleanup) => cleanups.push(cleanup) })
})
after(() => Promise.all(cleanups.map((cleanup) => cleanup())))

/** Unlike fetch, sends the path as it is. */
function request(target, { method = 'GET', headers = {}, body } = {}) {
  const { hostname, port } = new URL(demo.url)
  return new Promise((resolve, reject) => {
    const req = http.request({ hostname, port, path: target, method, headers }, (res) => {
      const chunks = []
      res.on('data', (chunk) => chunks.push(chunk))
      res.on('end', () => resolve({ status: res.statusCode, headers: res.headers, body: Buffer.concat(chunks) }))
    })
    req.on('error', reject)
    req.end(body)
  })
}

const post = (target, body, headers = { 'x-requested-with': 'ironwire-demo' }) =>
  request(target, { method: 'POST', headers, body })
const errorOf = ({ status, body }) => [status, JSON.parse(body).error.code]

test('the files of the folder, with their types', async () => {
  for (const [target, file, type] of [
    ['/', 'index.html', 'text/html; charset=utf-8'],
    ['/index.html?v=1', 'index.html', 'text/html; charset=utf-8'],
    ['/style.css', 'style.css', 'text/css; charset=utf-8'],
    ['/app.js', 'app.js', 'text/javascript; charset=utf-8'],
    ['/favicon.svg', 'favicon.svg', 'image/svg+xml'],
  ]) {
    const got = await request(target)
    const content = fs.readFileSync(path.join(PUBLIC, file))
    assert.strictEqual(got.status, 200)
    assert.strictEqual(got.headers['content-type'], type)
    assert.strictEqual(got.headers['content-length'], String(content.length))
    assert.deepStrictEqual(got.body, content)
    const head = await request(target, { method: 'HEAD' })
    assert.deepStrictEqual(
      [head.status, head.body.length, head.headers['content-length']],
      [200, 0, String(content.length)],
    )
  }
})

test('a file that has not changed is not sent again', async () => {
  const { headers } = await request('/style.css')
  for (const condition of [
    { 'if-none-match': headers.etag },
    { 'if-none-match': `"other", W/${headers.etag}` },
    { 'if-none-match': '*' },
    { 'if-modified-since': headers['last-modified'] },
  ]) {
    const { status, body, headers: again } = await request('/style.css', { headers: condition })
    assert.deepStrictEqual([status, body.length, again.etag], [304, 0, headers.etag])
  }
  for (const condition of [
    { 'if-none-match': '"other"' },
    { 'if-none-match': '"other"', 'if-modified-since': headers['last-modified'] },
    { 'if-modified-since': 'Thu, 01 Jan 1970 00:00:00 GMT' },
    { 'if-modified-since': 'no date' },
  ]) {
    assert.strictEqual((await request('/style.css', { headers: condition })).status, 200)
  }
})

test('nothing outside the folder', async () => {
  for (const target of [
    '/../front.js',
    '/%2e%2e/front.js',
    '/..%2ffront.js',
    '/%2e%2e%2f%2e%2e%2fpackage.json',
    '/..%5cfront.js',
    '/style.css%00.html',
    '/%',
    '/%ff',
    '//etc/passwd',
    '/.hidden',
    '/nothing',
    '/style.css/',
  ]) {
    assert.deepStrictEqual(errorOf(await request(target)), [404, 'NOT_FOUND'], target)
  }
  assert.deepStrictEqual(errorOf(await request('*', { method: 'OPTIONS' })), [400, 'BAD_URL'])
  const put = await request('/style.css', { method: 'PUT', body: 'x' })
  assert.deepStrictEqual([...errorOf(put), put.headers.allow], [405, 'METHOD_NOT_ALLOWED', 'GET, HEAD'])
})

test('courses: all, one, none', async () => {
  const { courses } = JSON.parse((await request('/api/courses')).body)
  assert.deepStrictEqual(
    courses.slice(0, 3).map(({ id, title }) => [id, title]),
    [
      [1000, 'Java'],
      [2000, 'JavaScript'],
      [3000, 'Python'],
    ],
  )
  // What came over rpc and protobuf is what the backend has.
  const known = require('../../demo/courses.json')
  assert.deepStrictEqual(
    courses.map(({ roundTripMs, order, by, ...course }) => course),
    known,
  )
  assert.deepStrictEqual([...new Set(courses.map(({ by }) => by))].sort(), ['north', 'south'])
  assert.deepStrictEqual(
    courses.map(({ order }) => order).sort((a, b) => a - b),
    known.map((_, i) => i + 1),
  )
  for (const { roundTripMs } of courses) assert.ok(roundTripMs > 0)
  const { course, by, roundTripMs } = JSON.parse((await request('/api/courses/4000')).body)
  assert.deepStrictEqual({ ...course }, known[3])
  assert.match(by, /^(north|south)$/)
  assert.ok(roundTripMs > 0)
  assert.deepStrictEqual(errorOf(await request('/api/courses/4001')), [404, 'NO_SUCH_COURSE'])
  assert.deepStrictEqual(errorOf(await request('/api/courses/java')), [400, 'BAD_VALUE'])
  assert.deepStrictEqual(errorOf(await request('/api/courses?delay=-1')), [400, 'BAD_VALUE'])
  assert.deepStrictEqual(errorOf(await request('/api/nothing')), [404, 'NOT_FOUND'])
})

test('a burst: every call accounted for, limits kept', async () => {
  const { status, body } = await post('/api/burst', '{"count":2000}')
  const result = JSON.parse(body)
  assert.strictEqual(status, 200)
  assert.deepStrictEqual([result.count, result.answered, result.failed, result.failures], [2000, 2000, 0, []])
  const [north, south] = result.by
  assert.deepStrictEqual([north.name, south.name, north.count + south.count], ['north', 'south', 2000])
  assert.strictEqual(
    result.histogram.columns.reduce((sum, count) => sum + count),
    2000,
  )
  const { min, p50, p90, p99, max } = result.roundTripMs
  assert.ok(0 < min && min <= p50 && p50 <= p90 && p90 <= p99 && p99 <= max)
  for (const [body, expected] of [
    ['{"count":0}', [400, 'BAD_VALUE']],
    ['{"count":10001}', [400, 'BAD_VALUE']],
    ['{"count":1.5}', [400, 'BAD_VALUE']],
    ['{"count":1,"delay":"soon"}', [400, 'BAD_VALUE']],
    ['{', [400, 'BAD_JSON']],
    ['null', [400, 'BAD_JSON']],
    [' '.repeat(2000), [413, 'BODY_TOO_LARGE']],
  ]) {
    assert.deepStrictEqual(errorOf(await post('/api/burst', body)), expected)
  }
  assert.deepStrictEqual(errorOf(await request('/api/burst')), [405, 'METHOD_NOT_ALLOWED'])
})

test('another site cannot press the buttons', async () => {
  for (const target of ['/api/burst', '/api/backends/north/kill']) {
    assert.deepStrictEqual(errorOf(await post(target, '{}', {})), [403, 'NOT_FROM_THE_PAGE'])
  }
})

test('only existing backends can be killed', async () => {
  assert.deepStrictEqual(errorOf(await post('/api/backends/front/kill')), [404, 'NO_SUCH_BACKEND'])
  assert.deepStrictEqual(errorOf(await request('/api/backends/north/kill')), [405, 'METHOD_NOT_ALLOWED'])
  assert.deepStrictEqual(errorOf(await post('/api/backends/north')), [404, 'NOT_FOUND'])
})

test('at most four bursts at a time', async () => {
  const bursts = await Promise.all(Array.from({ length: 6 }, () => post('/api/burst', '{"count":50,"delay":1500}')))
  assert.deepStrictEqual(bursts.map(({ status }) => status).sort(), [200, 200, 200, 200, 429, 429])
})

test('the number of open pages is limited', async () => {
  const streams = await Promise.all(Array.from({ length: 70 }, () => fetch(`${demo.url}/api/stream`)))
  const statuses = streams.map(({ status }) => status).sort()
  assert.deepStrictEqual(statuses, [...new Array(64).fill(200), ...new Array(6).fill(503)])
  await Promise.all(streams.map(({ body }) => body.cancel()))
  // Room is made again, and nothing was complained about.
  await until(async () => {
    const { status, body } = await fetch(`${demo.url}/api/stream`)
    await body.cancel()
    return status === 200
  })
  assert.strictEqual(demo.stderr, '')
})

test('the stream reports the state, then each call of a round', async () => {
  const response = await fetch(`${demo.url}/api/stream`)
  assert.strictEqual(response.headers.get('content-type'), 'text/event-stream; charset=utf-8')
  const events = []
  let text = ''
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk
    const parts = text.split('\n\n')
    text = parts.pop()
    for (const part of parts) {
      const [, name, data] = /^event: (\w+)\ndata: (.*)$/.exec(part)
      events.push([name, JSON.parse(data)])
    }
    if (events.some(([name]) => name === 'round')) break
  }
  assert.strictEqual(events[0][0], 'state')
  const { address, services } = events[0][1].registry
  assert.match(address, /^registry:\/\/127\.0\.0\.1:\d+$/)
  assert.deepStrictEqual(
    services.map(({ name, instances }) => [name, instances.map(({ id, status }) => [id, status])]),
    [
      [
        'courses',
        [
          ['north', 'up'],
          ['south', 'up'],
        ],
      ],
      ['web', [['front', 'up']]],
    ],
  )
  const calls = events.filter(([name]) => name === 'call').map(([, call]) => call)
  assert.deepStrictEqual(
    calls.map(({ order }) => order),
    Array.from({ length: 16 }, (_, i) => i + 1),
  )
  assert.deepStrictEqual([...new Set(calls.map(({ by }) => by))].sort(), ['north', 'south'])
})
