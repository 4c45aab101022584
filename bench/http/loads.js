'use strict'

// The requests that are sent to each program, and the expected answers.
//
// A load is `{name, title, program, packages, contenders, exchanges, connections, depth, secure}`; `secure` means over
// TLS. An exchange is a request (`{method, path, headers, body}`, each with a default) and its answer (`{headers,
// body}`, with only the headers that the program sets itself). All exchanges are checked; the first request is repeated
// under load.

const fs = require('node:fs')
const { FILE, LARGE } = require('./programs/bare.js')
const { user } = require('./programs/frameworks.js')

const nodeStyle = ['ironwire', 'node:http']
const all = [...nodeStyle, 'uWebSockets']

const hello = { program: 'hello', contenders: all, exchanges: [[{}, { body: 'http' }]] }

const secure = {
  program: 'secure hello',
  secure: true,
  contenders: ['ironwire', 'node:https', 'uWebSockets', 'nginx'],
  exchanges: [[{}, { body: 'http' }]],
}

/** The headers of a browser, besides Host. */
const browser = {
  'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  Accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  'Accept-Language': 'en-GB,en;q=0.7,de;q=0.3',
  'Accept-Encoding': 'gzip, deflate, br, zstd',
  Referer: 'http://localhost/articles?page=3',
  Cookie: 'session=2f1c9a7e5b3d4806; theme=dark; _ga=GA1.1.1234567890.1700000000',
  'Upgrade-Insecure-Requests': '1',
  'Sec-Fetch-Dest': 'document',
  'Sec-Fetch-Site': 'same-origin',
  Priority: 'u=0, i',
}

function realistic(route, query, headers) {
  const body = JSON.stringify({
    route,
    query,
    accept: headers.Accept,
    agent: headers['User-Agent'],
    language: headers['Accept-Language'],
    cookie: headers.Cookie,
  })
  const own = {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'private, max-age=60',
    vary: 'Accept-Language, Cookie',
  }
  return [
    { path: `${route}?${query}`, headers },
    { headers: own, body },
  ]
}

const posted = (body) => ({ method: 'POST', headers: { 'Content-Type': 'application/octet-stream' }, body })
const echoed = (body) => [posted(body), { body }]
const counted = (bytes) => [posted('u'.repeat(bytes)), { body: `${bytes} bytes` }]

/** All frameworks answer the same route with the same object. Only the spelling of the content type differs. */
const framework = (name, title, { type = 'application/json; charset=utf-8', packages = [name] } = {}) => ({
  name,
  title,
  program: name,
  contenders: nodeStyle,
  packages,
  exchanges: ['1815', 'ada'].map((id) => [
    { path: `/users/${id}` },
    { headers: { 'content-type': type }, body: JSON.stringify(user(id)) },
  ]),
})

module.exports = [
  { ...hello, name: 'hello', title: 'hello: `writeHead` and `end`' },
  { ...hello, name: 'pipelined', title: 'hello, 16 requests pipelined', depth: 16 },
  { ...hello, name: '1 connection', title: 'hello, 1 connection', connections: 1 },
  {
    name: 'get',
    title: 'realistic GET: a browser’s headers, some read, three set, JSON',
    program: 'get',
    contenders: all,
    exchanges: [
      realistic('/articles/17/comments', 'page=4&sort=newest', browser),
      realistic('/', 'q', { ...browser, Cookie: 'session=none', 'Accept-Language': 'de' }),
    ],
  },
  {
    name: 'post',
    title: 'POST 1 KiB, collected and echoed',
    program: 'post',
    contenders: all,
    exchanges: [echoed('ironwire'.repeat(128)), echoed('x'), echoed('0123456789'.repeat(20_000))],
  },
  {
    name: 'writes',
    title: 'eight `res.write` and `end`',
    program: 'writes',
    contenders: all,
    exchanges: [[{}, { body: Array.from({ length: 8 }, (_, i) => `line ${i} of eight\n`).join('') }]],
  },
  {
    name: 'upload',
    title: 'upload of 1 MiB, counted',
    program: 'upload',
    contenders: all,
    exchanges: [counted(1 << 20), counted(1)],
  },
  {
    name: 'file',
    title: '`createReadStream(1 KiB).pipe(res)`',
    program: 'file',
    contenders: nodeStyle,
    exchanges: [[{}, { body: fs.readFileSync(FILE, 'latin1') }]],
  },
  { ...secure, name: 'https', title: 'hello over TLS 1.3' },
  {
    ...secure,
    name: 'https 1 MiB',
    title: '1 MiB over TLS 1.3',
    program: 'secure 1 MiB',
    contenders: ['ironwire', 'node:https', 'uWebSockets'],
    connections: 8,
    exchanges: [[{}, { body: LARGE }]],
  },
  framework('express', 'Express 5, route with a parameter, `res.json`'),
  framework('koa', 'Koa 3, `ctx.body = object`'),
  framework('fastify', 'Fastify 5 (`serverFactory`), route with a parameter, object'),
  framework('hono', 'Hono on @hono/node-server, route with a parameter, `c.json`', {
    type: 'application/json',
    packages: ['hono', '@hono/node-server'],
  }),
]
