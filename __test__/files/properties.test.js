'use strict'

// Random requests over a random tree: what serve-static (and `send` below it) answers on Node's server, ours answers on ours. Where it is meant to differ,
// docs/static.md says so, and `differs` here.

const assert = require('node:assert')
const http = require('node:http')
const path = require('node:path')
const { test } = require('node:test')
const reference = require('serve-static')
const ironwire = require('ironwire')
const { randomOf } = require('../chance')
const { listen, makeTree, mount, request } = require('./support')

const ROUNDS = 8
const REQUESTS = 150

const ENDINGS = ['', '.txt', '.html', '.js', '.css', '.json', '.png', '.svg', '.bin', '.tar.gz', '.']
const NAMES = [
  'a',
  'b',
  'index',
  'some name',
  'ü',
  '☃',
  'x.y',
  '.dot',
  '..',
  '...',
  'A',
  '%41',
  'a+b',
  "it's",
  '(x)',
  'semi;colon',
  '#x',
  '?y',
  '&',
  '=',
]

function makeFiles(pick, number) {
  const files = {}
  for (let i = 0; i < 25; i++) {
    const parts = Array.from({ length: 1 + number(3) }, () => pick(NAMES)).filter((name) => name !== '..')
    const name = `${parts.join('/')}${pick(ENDINGS)}`
    const isTaken = Object.keys(files).some(
      (other) => other === name || other.startsWith(`${name}/`) || name.startsWith(`${other}/`),
    )
    if (name === '' || name.endsWith('/') || isTaken) continue
    files[name] = Buffer.alloc(pick([0, 1, 10, 1000, 70_000]), `${i} `)
  }
  return files
}

/** A target: of a file that there is, one like it, or anything. */
function makeTarget(pick, number, files) {
  const names = Object.keys(files)
  let target = pick([
    () => pick(names),
    () => path.dirname(pick(names)),
    () => pick(names).replace(/\.\w+$/, ''),
    () => Array.from({ length: number(4) }, () => pick(NAMES)).join('/'),
  ])()
  if (target === '.') target = ''
  const encode = pick([
    encodeURI,
    (text) => text.split('/').map(encodeURIComponent).join('/'),
    (text) => encodeURI(text).replace(/[a-z]/g, (c) => (number(4) ? c : `%${c.charCodeAt(0).toString(16)}`)),
  ])
  const dots = pick(['', '', '', '', '../', 'a/../', './', 'x/../../', '%2e%2e/', '//'])
  return `/${dots}${encode(target)}${pick(['', '', '', '/', '?', '?a=b', '?a=/../', '%', '%00', '%zz', '/.'])}`.replaceAll(
    '#',
    '%23',
  )
}

function makeHeaders(pick, number, known) {
  const headers = {}
  const tags = [
    '*',
    '"x"',
    'W/"x"',
    '',
    known.etag ?? '"y"',
    `"x", ${known.etag}`,
    (known.etag ?? '"z"').replace(/^W\//, ''),
    'no tag',
  ]
  const dates = [
    known['last-modified'] ?? 'never',
    'Thu, 01 Jan 1970 00:00:00 GMT',
    'Fri, 01 Jan 2038 00:00:00 GMT',
    'yesterday',
    '',
  ]
  const bound = () => pick(['', String(number(12)), '0', '99999999'])
  if (!number(4)) headers['If-None-Match'] = pick(tags)
  if (!number(5)) headers['If-Modified-Since'] = pick(dates)
  if (!number(6)) headers['If-Match'] = pick(tags)
  if (!number(6)) headers['If-Unmodified-Since'] = pick(dates)
  if (!number(3))
    headers.Range = pick([
      `bytes=${bound()}-${bound()}`,
      `bytes=${bound()}-${bound()}`,
      'bytes=-',
      'bytes=a-b',
      'lines=0-1',
      `bytes = 0-1`,
    ])
  if (headers.Range && !number(3)) headers['If-Range'] = pick([...tags, ...dates])
  if (!number(10)) headers['Cache-Control'] = 'no-cache'
  return headers
}

/** Where ours is meant to answer otherwise: docs/static.md, "Differences from serve-static". */
function differs(headers, known) {
  const ifRange = headers['If-Range']
  if (headers.Range && ifRange) {
    // A range is for the very tag that was sent: `send` searches the text for it.
    if (known.etag && ifRange !== known.etag && ifRange.includes(known.etag)) return true
    // ... and for the very date: `send` takes later ones.
    if (Date.parse(ifRange) > Date.parse(known['last-modified'])) return true
  }
  // The last so many bytes of a file that has fewer are all of it (section 14.1.2); `send` finds nothing there.
  const suffix = /^bytes=-(\d+)$/.exec(headers.Range)?.[1]
  if (suffix !== undefined && Number(suffix) > Number(known['content-length'])) return true
  // Any state will do (section 13.1.1): `send` wants a tag.
  return headers['If-Match'] === '*' && known.etag === undefined
}

const OPTIONS = [
  {},
  { fallthrough: false },
  { dotfiles: 'allow', extensions: ['html', 'txt'] },
  { dotfiles: 'deny', fallthrough: false, index: ['index.txt', 'index.html', 'a'] },
  { redirect: false, index: false, etag: false },
  { acceptRanges: false, lastModified: false },
]

function serverOf(http, serveStatic, root, options) {
  const serve = serveStatic(root, options)
  return http.createServer((req, res) => {
    serve(req, res, (error) => {
      res.setHeader(
        'X-Next',
        error ? `${error.name} ${error.status} ${error.code ?? ''} ${JSON.stringify(error.headers ?? {})}` : 'next',
      )
      res.statusCode = error ? error.status : 404
      res.end('next')
    })
  })
}

function shown({ status, pairs, headers, body }) {
  const compared = pairs.filter(([name]) => !['Date', 'Connection', 'Keep-Alive', 'X-Next'].includes(name))
  return { status, headers: compared, next: headers['x-next'], body: body.toString('latin1') }
}

for (let round = 0; round < ROUNDS; round++) {
  test(`random requests, round ${round}`, { skip: process.platform === 'win32' }, async (t) => {
    const rng = randomOf(1000 + round)
    const number = (below) => Math.floor(rng() * below)
    const pick = (list) => list[number(list.length)]
    const files = makeFiles(pick, number)
    const root = makeTree(t, files)
    const options = OPTIONS[round % OPTIONS.length]
    const expected = await listen(t, serverOf(http, reference, root, options))
    const actual = await listen(t, serverOf(ironwire.http, ironwire.serveStatic, root, options))
    const mounted = options.fallthrough === false ? undefined : await mount(t, root, { ...options, passesOn: true })
    let compared = 0
    for (let i = 0; i < REQUESTS; i++) {
      const target = makeTarget(pick, number, files)
      const known = (await request(expected, target)).headers
      const headers = makeHeaders(pick, number, known)
      const method = pick(['GET', 'GET', 'GET', 'HEAD', 'POST'])
      const right = shown(await request(expected, target, { method, headers }))
      const got = shown(await request(actual, target, { method, headers }))
      if (differs(headers, known)) continue
      compared++
      const what = `${method} ${target} ${JSON.stringify(headers)} ${JSON.stringify(options)}`
      if (mounted !== undefined) {
        const bare = shown(await request(mounted, target, { method, headers }))
        // For an error there is a page of its own.
        if (right.status === 412 || right.status === 416 || right.status === 500)
          assert.strictEqual(bare.status, right.status, what)
        else assert.deepStrictEqual(bare, right, `${what} without JavaScript`)
      }
      assert.deepStrictEqual(got, right, what)
    }
    assert.ok(compared > REQUESTS / 2)
  })
}
