'use strict'

// Call for call what serve-static does: the same requests, to it on Node's server and to ours on ours, on Node's, and in a mock. Status, headers in
// their order, bodies, and what `next` gets are the same. The list goes through all that serve-static's own tests go through.

const assert = require('node:assert')
const http = require('node:http')
const path = require('node:path')
const { test } = require('node:test')
const inject = require('light-my-request')
const reference = require('serve-static')
const ironwire = require('ironwire')
const { listen, makeTree, request } = require('./support')

const FILES = {
  '.hidden': 'I am hidden',
  '.mine/name.txt': 'mine',
  'empty.txt': '',
  'foo bar': 'baz',
  'nums.txt': '123456789',
  'pets/names.txt': 'tobi,loki',
  'snow \u2603/.gitkeep': '',
  'todo.html': '<li>groceries</li>',
  'todo.txt': '- groceries',
  'users/index.html': '<p>tobi, loki, jane</p>',
  'users/tobi.txt': 'ferret',
  'users/index.htm': 'old',
  'do..ts.txt': '...',
  'name.d/name.txt': 'loki',
  'name.dir/name.txt': 'tobi',
  'thing.html.html': 'trap!',
  no_ext: 'foobar',
  'data.json': '{}',
  'app.mjs': 'export {}',
  'page.xhtml': '<html/>',
  'picture.webp': Buffer.from([1, 2, 3]),
  'font.woff2': Buffer.alloc(300, 7),
  'large.bin': Buffer.alloc(300_000, 'large '),
}

/** A server of `http` with `serveStatic`, that shows what `next` got. */
function serverOf(http, serveStatic, root, options, prepare) {
  const serve = serveStatic(root, options)
  return http.createServer((req, res) => {
    prepare?.(req, res)
    serve(req, res, (error) => answer(res, error))
  })
}

function answer(res, error) {
  if (res.headersSent) return res.end(` - ${error?.message}`)
  if (error) {
    const { name, message, status, statusCode, expose, code, errno, syscall, headers } = error
    // The message of an error of the system's says where the file is.
    const shown = { name, status, statusCode, expose, headers, code, errno, syscall, message: syscall ? '' : message }
    res.setHeader('X-Error', JSON.stringify(shown))
  }
  res.statusCode = error ? error.status : 404
  res.end(error ? 'failed' : 'sorry!')
}

/** What is compared. `Keep-Alive` and `Date` are the server's. */
function shown({ status, pairs, body }) {
  const headers = pairs.filter(([name]) => !['Date', 'Connection', 'Keep-Alive'].includes(name))
  return { status, headers, body: body.toString('latin1') }
}

const cut = (count) => (req) => {
  req.originalUrl = req.url
  req.url = `/${req.url.split('/').slice(count).join('/')}`
}

const GET = (target, headers) => ({ target, headers })
const gets = (...targets) => targets.map((target) => GET(target))
const ALL = gets(
  '/todo.txt',
  '/users/tobi.txt',
  '/foo%20bar',
  '//todo@txt',
  '/users/',
  '/users',
  '/users?name=john',
  '//users',
  '/users/../todo.txt',
  '/users/%2e%2e/todo.txt',
  '/empty.txt',
  '/.hidden',
  '/.mine/name.txt',
  '/.mine/',
  '/.mine',
  '/.nothing',
  '/snow%20%E2%98%83',
  '/snow%20%E2%98%83/',
  '/does-not-exist',
  '/%',
  '/%ff',
  '/some%00thing',
  '/users/../../todo.txt',
  '/users/%2e%2e/%2e%2e/todo.txt',
  '/../todo.txt',
  '/..%2ftodo.txt',
  '/pets/',
  '/pets',
  '/',
  '/?x=1',
  '/todo.txt/',
  '/todo.txt?query#fragment',
  '/do..ts.txt',
  '/name.d/name.txt',
  '/name.dir',
  '/thing.html',
  '/no_ext',
  '/data.json',
  '/app.mjs',
  '/page.xhtml',
  '/picture.webp',
  '/font.woff2',
  '/large.bin',
  '/todo',
  '/bob',
  '/a/b/c/d',
  `/${'long'.repeat(100)}`,
)

const CASES = [
  { requests: ALL },
  { requests: ALL.map((request) => ({ ...request, method: 'HEAD' })) },
  { options: { fallthrough: false }, requests: ALL },
  { options: { redirect: false }, requests: ALL },
  { options: { redirect: false, fallthrough: false }, requests: ALL },
  { options: { dotfiles: 'allow' }, requests: ALL },
  { options: { dotfiles: 'deny' }, requests: ALL },
  { options: { dotfiles: 'deny', fallthrough: false }, requests: ALL },
  { options: { index: false }, requests: ALL },
  { options: { index: ['nothing.html', 'index.htm', 'index.html'] }, requests: ALL },
  { options: { index: 'names.txt' }, requests: ALL },
  { options: { extensions: 'txt' }, requests: ALL },
  { options: { extensions: ['htm', 'html', 'txt'] }, requests: ALL },
  { options: { extensions: false }, requests: ALL },
  ...['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'].flatMap((method) =>
    [true, false].map((fallthrough) => ({ options: { fallthrough }, requests: [{ target: '/todo.txt', method }] })),
  ),
  ...[
    { acceptRanges: false },
    { cacheControl: false },
    { cacheControl: false, maxAge: 12000 },
    { immutable: true },
    { immutable: true, maxAge: '1h' },
    { lastModified: false },
    { etag: false },
    { etag: false, lastModified: false },
    { maxAge: '30d' },
    { maxAge: Number.POSITIVE_INFINITY },
    { maxAge: -5 },
    { maxAge: 1999 },
    { maxage: 60_000 },
    { maxAge: '1.5 hours' },
    Object.create({ maxAge: 5000 }),
  ].map((options) => ({
    options,
    requests: [
      GET('/nums.txt'),
      GET('/nums.txt', { Range: 'bytes=0-3' }),
      GET('/nums.txt', { 'If-None-Match': '*' }),
      GET('/nums.txt', { 'If-Match': '"foo"' }),
      GET('/nums.txt', { 'If-Modified-Since': 'Thu, 01 Jan 2026 00:00:00 GMT' }),
      GET('/nums.txt', { 'If-Unmodified-Since': 'Thu, 01 Jan 2026 00:00:00 GMT' }),
    ],
  })),
  {
    name: 'ranges',
    requests: [
      'bytes=0-4',
      'bytes=0-0',
      'bytes=2-5',
      'bytes=-3',
      'bytes=-9',
      'bytes=3-',
      'bytes=0-',
      'bytes=8-',
      'bytes=2-50',
      'bytes=9-50',
      'bytes=9-',
      'bytes=-0',
      'bytes=0-2,3-5',
      'asdf',
      'items=0-4',
      'bytes=x-y',
      ' bytes=1-2',
    ].map((range) => GET('/nums.txt', { Range: range })),
  },
  {
    name: 'a redirect of a rewritten URL',
    prepare: (req) => {
      req.url = req.url.replace(/\/snow(\/|$)/, '/snow \u2603$1')
    },
    requests: gets('/snow', '/snow/', '/users'),
  },
  {
    name: 'mounted',
    prepare: cut(2),
    requests: gets('/static', '/static/', '/static?a=b', '/static/users', '/static/users/', '/static/todo.txt'),
  },
  { name: 'mounted below', prepare: cut(3), requests: gets('/static/users', '//todo@txt', '/a/b/todo.txt') },
  {
    name: 'mounted on an index',
    root: 'users',
    prepare: cut(2),
    requests: gets('/users', '/users/', '/users/tobi.txt'),
  },
  {
    name: 'mounted, without index',
    options: { index: false },
    prepare: cut(2),
    requests: gets('/static', '/static/', '/static/users', '/static/users/'),
  },
  { name: 'a file as the root', root: 'todo.txt', prepare: cut(2), requests: gets('/todo', '/todo/', '/todo/x') },
  { name: 'no root', root: 'does_not_exist', requests: gets('/todo.txt', '/../todo.txt', '/') },
  { name: 'no root, an error', root: 'does_not_exist', options: { fallthrough: false }, requests: gets('/') },
  {
    name: 'a status of the program’s',
    prepare: (_req, res) => {
      res.statusCode = 500
    },
    requests: [GET('/todo.txt'), GET('/todo.txt', { 'If-None-Match': '*' }), GET('/todo.txt', { Range: 'bytes=0-1' })],
  },
  {
    name: 'headers that are there already',
    prepare: (_req, res) => {
      res.setHeader('Set-Cookie', ['a=1', 'b=2'])
      res.setHeader('Content-Type', 'text/x-mine')
      res.setHeader('Cache-Control', 'no-store')
      res.setHeader('Accept-Ranges', 'none')
      res.setHeader('Content-Language', 'en')
      res.setHeader('Content-Location', '/there')
    },
    requests: [GET('/todo.txt'), GET('/todo.txt', { 'If-None-Match': '*' }), GET('/todo.txt', { 'If-Match': '"x"' })],
  },
  {
    name: 'validators of the program’s',
    prepare: (_req, res) => {
      res.setHeader('ETag', '"mine"')
      res.setHeader('Last-Modified', 'Tue, 01 Jan 2019 00:00:00 GMT')
    },
    requests: [
      GET('/todo.txt'),
      GET('/todo.txt', { 'If-None-Match': '"mine"' }),
      GET('/todo.txt', { 'If-Match': '"other"' }),
      GET('/todo.txt', { 'If-Modified-Since': 'Tue, 01 Jan 2019 00:00:00 GMT' }),
      GET('/todo.txt', { 'If-Unmodified-Since': 'Mon, 01 Jan 2018 00:00:00 GMT' }),
      GET('/todo.txt', { Range: 'bytes=0-1', 'If-Range': '"mine"' }),
      GET('/todo.txt', { Range: 'bytes=0-1', 'If-Range': '"other"' }),
    ],
  },
  {
    name: 'setHeaders',
    options: {
      setHeaders(res, file, stat) {
        res.setHeader('X-Set', `${path.basename(file)} ${stat.size} ${stat.isFile()} ${stat.mtime.toISOString()}`)
        res.setHeader('ETag', '"set"')
      },
    },
    requests: [
      ...gets('/nums.txt', '/users/', '/users', '/bogus', '/.hidden'),
      GET('/nums.txt', { 'If-None-Match': '"set"' }),
      GET('/nums.txt', { 'If-Match': '"set"' }),
      GET('/nums.txt', { 'If-Match': '"other"' }),
      GET('/nums.txt', { Range: 'bytes=1-2' }),
      GET('/nums.txt', { Range: 'bytes=100-' }),
      { target: '/nums.txt', method: 'HEAD' },
    ],
  },
  {
    name: 'a response that has begun',
    prepare: (_req, res) => res.write('0'),
    requests: gets('/nums.txt', '/nothing'),
  },
]

for (const { name, options, root = '.', prepare, requests } of CASES) {
  const title = name ?? `options ${JSON.stringify(options ?? {})}, ${requests.length} × ${requests[0].method ?? 'GET'}`
  test(title, { skip: process.platform === 'win32' }, async (t) => {
    const folder = path.join(makeTree(t, FILES), root)
    const expected = await listen(t, serverOf(http, reference, folder, options, prepare))
    const ports = {
      ironwire: await listen(t, serverOf(ironwire.http, ironwire.serveStatic, folder, options, prepare)),
      'node:http': await listen(t, serverOf(http, ironwire.serveStatic, folder, options, prepare)),
    }
    const serve = ironwire.serveStatic(folder, options)
    const mocked = (target) => (req, res) => {
      // Its client would resolve the dots.
      req.url = target
      prepare?.(req, res)
      serve(req, res, (error) => answer(res, error))
    }
    for (const { target, method = 'GET', headers } of requests) {
      const right = shown(await request(expected, target, { method, headers }))
      // Twice: what was read once may be remembered.
      for (const [where, port] of [...Object.entries(ports), ...Object.entries(ports)]) {
        const got = shown(await request(port, target, { method, headers }))
        assert.deepStrictEqual(got, right, `${method} ${target} ${JSON.stringify(headers ?? {})} on ${where}`)
      }
      const injected = await inject(mocked(target), { method, url: '/', headers })
      assert.deepStrictEqual(
        [injected.statusCode, injected.rawPayload.toString('latin1')],
        [right.status, right.body],
        target,
      )
    }
  })
}

test('errors of the arguments', () => {
  const { serveStatic } = ironwire
  for (const [args, message] of [
    [[], /^root path required/],
    [[''], /^root path required/],
    [[42], /^root path must be a string.*42/],
    [['.', { setHeaders: 3 }], /^option setHeaders must be function.*3/],
    [['.', { dotfiles: 'hide' }], /^dotfiles option must be "allow", "deny", or "ignore".*hide/],
    [['.', { extensions: [1] }], /^extensions option must be array of strings or false.*1/],
    [['.', { index: [{}] }], /^index option must be array of strings or false/],
  ]) {
    assert.throws(() => serveStatic(...args), { name: 'TypeError', message }, message.source)
  }
  // What serve-static passes over in silence.
  for (const [options, code, message] of [
    [{ maxAge: 'soon' }, 'ERR_INVALID_ARG_VALUE', /options\.maxAge.*like "1d".*'soon'/],
    [{ maxAge: {} }, 'ERR_INVALID_ARG_TYPE', /options\.maxAge/],
    [{ precompresed: true }, 'IRONWIRE_UNKNOWN_OPTION', /Did you mean "precompressed"/],
    [{ precompressed: ['deflate'] }, 'ERR_INVALID_ARG_VALUE', /"br", "zstd", "gzip".*'deflate'/],
    [{ single: 5 }, 'ERR_INVALID_ARG_TYPE', /options\.single.*5/],
    [{ notFound: true }, 'ERR_INVALID_ARG_TYPE', /options\.notFound/],
    [{ headers: { 'A B': '1' } }, 'ERR_INVALID_ARG_VALUE', /options\.headers.*'A B'/],
    [{ headers: { 'Content-Length': '1' } }, 'ERR_INVALID_ARG_VALUE', /Content-Length/],
    [{ headers: { A: 'x\r\ny' } }, 'ERR_INVALID_ARG_VALUE', /options\.headers/],
    [5, 'ERR_INVALID_ARG_TYPE', /options/],
  ]) {
    assert.throws(() => serveStatic(__dirname, options), { code, message })
  }
  assert.strictEqual(typeof serveStatic(__dirname, null), 'function')
  assert.strictEqual(typeof serveStatic(require('node:url').pathToFileURL(__dirname)), 'function')
})
