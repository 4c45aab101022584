// Applications on real frameworks answer alike, byte for byte, over Node's server and over ours.

'use strict'

// Finalhandler prints errors to stderr otherwise.
process.env.NODE_ENV = 'test'

const assert = require('node:assert')
const fs = require('node:fs')
const core = require('node:http')
const { after, test } = require('node:test')
const { http } = require('../../..')
const { exchange, listen } = require('../../http/exchanges.js')
const { applications, makeFolder } = require('./applications.js')

const head = (method, path, ...lines) => `${[`${method} ${path} HTTP/1.1`, 'Host: a', ...lines].join('\r\n')}\r\n\r\n`
const get = (path, ...lines) => head('GET', path, ...lines)
const post = (path, type, body) => head('POST', path, `Content-Type: ${type}`, `Content-Length: ${body.length}`) + body
const LAST = get('/last', 'Connection: close')
const JSON_TYPE = 'application/json'

const upload = post(
  '/upload',
  'multipart/form-data; boundary=XX',
  `--XX\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\nContent-Type: application/octet-stream\r\n\r\n${'z'.repeat(3000)}\r\n` +
    '--XX\r\nContent-Disposition: form-data; name="text"\r\n\r\nvalue\r\n--XX--\r\n',
)

const paths = 'big buffer late empty async redirect throw rejects cookie events twice headers stream none mounted/x?q=1'
const file = '/static/a.txt'

/** What goes down one connection, in how many writes. */
const exchanges = {
  '/': [get('/') + LAST],
  ...Object.fromEntries(paths.split(' ').map((path) => [path, [get(`/${path}`) + LAST]])),
  'HEAD /': [head('HEAD', '/') + LAST],
  'HEAD of a file': [head('HEAD', file) + LAST],
  OPTIONS: [head('OPTIONS', '/') + LAST],
  PROPFIND: [head('PROPFIND', '/') + LAST],
  json: [post('/json', JSON_TYPE, '{"a":[1,2]}') + LAST],
  'json, chunked': [
    `${head('POST', '/json', `Content-Type: ${JSON_TYPE}`, 'Transfer-Encoding: chunked')}3\r\n{"a\r\n4\r\n":3}\r\n0\r\n\r\n${LAST}`,
  ],
  'json, after 100 Continue': [
    head('POST', '/json', 'Expect: 100-continue', `Content-Type: ${JSON_TYPE}`, 'Content-Length: 7'),
    `{"a":1}${LAST}`,
  ],
  'json, too large': [post('/json', JSON_TYPE, JSON.stringify('x'.repeat(2_000_000))) + LAST],
  form: [post('/form', 'application/x-www-form-urlencoded', 'a=1&b=2') + LAST],
  upload: [upload + LAST],
  'upload in two': [upload.slice(0, 500), upload.slice(500) + LAST],
  'an answer before the body': [post('/early', 'text/plain', 'y'.repeat(100_000)) + LAST],
  'a file': [get(file) + LAST],
  'a range': [get(file, 'Range: bytes=5-14') + LAST],
  'ranges beyond the end': [get(file, 'Range: bytes=999999-') + LAST],
  'not modified': [get(file, 'If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT') + LAST],
  'precondition failed': [get(file, 'If-Match: "x"') + LAST],
  'a folder': [get('/static/') + LAST],
  'a missing file': [get('/static/none') + LAST],
  'a path that climbs': [get('/static/../../etc/passwd') + LAST],
  'gzip, at once': [get('/big', 'Accept-Encoding: gzip') + LAST],
  'gzip, a stream': [get('/stream', 'Accept-Encoding: gzip') + LAST],
  'a session': [get('/cookie', 'Cookie: session=eyJuIjo1fQ==; session.sig=x; a=b') + LAST],
  'repeated headers': [get('/headers', 'X-A: 1', 'X-A: 2', 'Cookie: a', 'Cookie: b') + LAST],
  'HTTP/1.0': ['GET / HTTP/1.0\r\n\r\n'],
  'HTTP/1.0 that stays': ['GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n', 'GET /last HTTP/1.0\r\n\r\n'],
  'Connection: close': [get('/', 'Connection: close')],
  pipelined: [get('/') + get('/late') + post('/json', JSON_TYPE, '{"x":2}') + get('/stream') + get('/big') + LAST],
  'no Host': [`GET / HTTP/1.1\r\n\r\n${LAST}`],
  'no HTTP': ['@@@\r\n\r\n'],
}

/** Boundaries and the like that are random by design, the port, and our own name for a request in printed stacks. */
function comparable(text, port) {
  return text.replaceAll(`:${port}`, ':PORT').replaceAll('LeanRequest', 'IncomingMessage')
}

/**
 * Since Node 26 the parts that are written in one tick are one chunk, once it is the response's turn; and how many ticks it waits for that
 * behind other responses is not held to Node's.
 */
const joinsParts = Number.parseInt(process.versions.node, 10) >= 26
const unframed = (text) => text.replace(/\r\n[0-9a-f]+\r\n/g, '')

const folder = makeFolder()
after(() => fs.rmSync(folder, { recursive: true }))

for (const [name, make] of Object.entries(applications)) {
  test(name, async (t) => {
    const contenders = []
    for (const module of [core, http]) {
      const lines = []
      const server = await make(module, { folder, log: (line) => lines.push(line) })
      t.after(() => {
        server.closeAllConnections()
        server.close()
      })
      contenders.push({ server, lines, port: await listen(server) })
    }
    for (const [what, parts] of Object.entries(exchanges)) {
      const [expected, actual] = await Promise.all(
        contenders.map(async ({ port, lines }) => {
          lines.length = 0
          return comparable(await exchange(port, parts), port)
        }),
      )
      assert.match(expected, /^HTTP\/1\.1 \d{3} /, what)
      if (joinsParts && what === 'pipelined') assert.strictEqual(unframed(actual), unframed(expected), what)
      else assert.strictEqual(actual, expected, what)
      // The last response's own lines come when its socket is done with, which may be after the client has seen the end.
      for (let i = 0; i < 200 && contenders[0].lines.length !== contenders[1].lines.length; i++) {
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      assert.deepStrictEqual(
        contenders[1].lines.sort(),
        contenders[0].lines.sort(),
        `${what}: what the application noted`,
      )
    }
  })
}
