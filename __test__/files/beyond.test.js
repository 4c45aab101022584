'use strict'

// What goes beyond serve-static: encodings, ranges and conditions by RFC 9110, pages for what is not there, listings, constant headers.

const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { test } = require('node:test')
const zlib = require('node:zlib')
const { createStaticServer } = require('ironwire')
const { listen, makeTree, mount, request } = require('./support')

const posix = { skip: process.platform === 'win32' }

/** The test on a server whose requests Rust answers by itself, and on one whose requests come through JavaScript. */
function each(name, ...rest) {
  const body = rest.pop()
  const ways = {
    'without JavaScript': mount,
    'through a handler': (t, root, options) => listen(t, createStaticServer(root, options)),
  }
  for (const [way, serve] of Object.entries(ways)) {
    const start = async (t, files, options) => {
      const root = makeTree(t, files)
      return { root, port: await serve(t, root, options) }
    }
    test(`${name}, ${way}`, ...rest, (t) => body(t, start))
  }
}

const SCRIPT = 'export const text = "all the same, all the same"\n'.repeat(400)

each('precompressed files, by the accepted encodings and their weights', async (t, start) => {
  const { port } = await start(
    t,
    {
      'app.js': 'plain',
      'app.js.br': 'brotli',
      'app.js.gz': 'gzip',
      'app.js.zst': 'zstd',
      'only.css': 'plain',
      'only.css.gz': 'gzip',
      'none.txt': 'plain',
      'sub/index.html': 'plain',
      'sub/index.html.br': 'brotli',
    },
    { precompressed: true },
  )
  const CODINGS = { brotli: 'br', gzip: 'gzip', zstd: 'zstd', plain: undefined }
  for (const [target, accepted, expected] of [
    ['/app.js', undefined, 'plain'],
    ['/app.js', '', 'plain'],
    ['/app.js', 'gzip', 'gzip'],
    ['/app.js', 'x-gzip', 'gzip'],
    ['/app.js', 'GZip', 'gzip'],
    ['/app.js', 'gzip, deflate, br, zstd', 'brotli'],
    ['/app.js', 'gzip, deflate, br', 'brotli'],
    ['/app.js', 'br;q=0.5, gzip;q=0.8', 'gzip'],
    ['/app.js', 'br;q=0, gzip', 'gzip'],
    ['/app.js', 'br ; q = 0, gzip ;q=1', 'gzip'],
    ['/app.js', 'zstd, br;q=0.9', 'zstd'],
    ['/app.js', '*', 'brotli'],
    ['/app.js', '*;q=0.1, br;q=0', 'zstd'],
    ['/app.js', 'identity', 'plain'],
    ['/app.js', 'identity;q=0.5, gzip;q=0.4', 'plain'],
    ['/app.js', 'identity;q=0, gzip', 'gzip'],
    ['/app.js', 'deflate', 'plain'],
    ['/app.js', 'nonsense;;;,,', 'plain'],
    ['/only.css', 'br, gzip', 'gzip'],
    ['/only.css', 'br', 'plain'],
    ['/none.txt', 'br, gzip', 'plain'],
    ['/sub/', 'br', 'brotli'],
  ]) {
    const headers = accepted === undefined ? {} : { 'Accept-Encoding': accepted }
    const response = await request(port, target, { headers })
    const what = `${target} ${accepted}`
    assert.strictEqual(response.status, 200, what)
    assert.strictEqual(response.body.toString(), expected, what)
    assert.strictEqual(response.headers['content-encoding'], CODINGS[expected], what)
    if (target !== '/none.txt') assert.strictEqual(response.headers.vary, 'Accept-Encoding', what)
    const type = { '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8' }[path.extname(target)]
    if (type) assert.strictEqual(response.headers['content-type'], type, what)
  }
  // Each encoding is a representation of its own: the tag of one is not the other's, and a range is one of its own bytes.
  const tags = new Set()
  for (const coding of ['br', 'gzip', 'zstd', 'identity']) {
    const headers = { 'Accept-Encoding': coding }
    const { etag } = (await request(port, '/app.js', { headers })).headers
    tags.add(etag)
    const again = await request(port, '/app.js', { headers: { ...headers, 'If-None-Match': etag } })
    assert.deepStrictEqual([again.status, again.headers.vary], [304, 'Accept-Encoding'])
    const range = await request(port, '/app.js', { headers: { ...headers, Range: 'bytes=1-2' } })
    assert.strictEqual(range.status, 206)
    assert.strictEqual(range.body.length, 2)
  }
  assert.strictEqual(tags.size, 4)
})

each('no encoding is acceptable, not even identity', async (t, start) => {
  const { port } = await start(t, { 'a.txt': 'x'.repeat(5000) }, { precompressed: true })
  const { status } = await request(port, '/a.txt', { headers: { 'Accept-Encoding': 'identity;q=0' } })
  // Either is allowed (RFC 9110, section 12.5.3); ours serves.
  assert.ok([200, 406].includes(status))
})

each('compression on request: compressible types only, and the content is unchanged', async (t, start) => {
  const { port, root } = await start(
    t,
    {
      'app.js': SCRIPT,
      'page.html': `<p>${SCRIPT}`,
      'data.json': JSON.stringify(SCRIPT),
      'picture.svg': `<svg>${SCRIPT}</svg>`,
      'photo.jpg': Buffer.alloc(20_000, 1),
      'small.txt': 'short',
    },
    { compress: true },
  )
  // What changed within the last tick of the clock may change again without showing: it is neither kept nor compressed.
  await new Promise((resolve) => setTimeout(resolve, 100))
  const decoders = { br: zlib.brotliDecompressSync, gzip: zlib.gunzipSync, zstd: zlib.zstdDecompressSync }
  for (const coding of ['br', 'gzip', 'zstd']) {
    for (const file of ['app.js', 'page.html', 'data.json', 'picture.svg']) {
      for (let i = 0; i < 3; i++) {
        const response = await request(port, `/${file}`, { headers: { 'Accept-Encoding': coding } })
        assert.deepStrictEqual(
          [response.status, response.headers['content-encoding'], response.headers.vary],
          [200, coding, 'Accept-Encoding'],
        )
        assert.strictEqual(Number(response.headers['content-length']), response.body.length)
        assert.ok(response.body.length < fs.statSync(path.join(root, file)).size / 5)
        const decode = decoders[coding]
        // Before Node 22.15 there is no zstd to compare with.
        if (decode) assert.deepStrictEqual(decode(response.body), fs.readFileSync(path.join(root, file)))
        const head = await request(port, `/${file}`, { method: 'HEAD', headers: { 'Accept-Encoding': coding } })
        assert.deepStrictEqual([head.status, head.body.length, head.headers['content-encoding']], [200, 0, coding])
      }
    }
    for (const file of ['photo.jpg', 'small.txt']) {
      const { headers } = await request(port, `/${file}`, { headers: { 'Accept-Encoding': coding } })
      assert.strictEqual(headers['content-encoding'], undefined, file)
    }
  }
  const plain = await request(port, '/app.js')
  assert.deepStrictEqual([plain.body.toString(), plain.headers.vary], [SCRIPT, 'Accept-Encoding'])
  // Changed on disk, changed at once.
  fs.writeFileSync(path.join(root, 'app.js'), SCRIPT.replaceAll('same', 'new'))
  for (const wait of [0, 100]) {
    await new Promise((resolve) => setTimeout(resolve, wait))
    const { headers, body } = await request(port, '/app.js', { headers: { 'Accept-Encoding': 'gzip' } })
    const decoded = headers['content-encoding'] === 'gzip' ? zlib.gunzipSync(body) : body
    assert.strictEqual(decoded.toString(), SCRIPT.replaceAll('same', 'new'))
  }
})

/** `multipart/byteranges`: the parts, each with its headers. */
function parts({ headers, body }) {
  const boundary = /^multipart\/byteranges; boundary="?([^"]+)"?$/.exec(headers['content-type'])[1]
  assert.strictEqual(Number(headers['content-length']), body.length)
  const pieces = body.toString('latin1').split(`--${boundary}`)
  assert.match(pieces.at(-1), /^--(\r\n)?$/)
  return pieces.slice(1, -1).map((piece) => {
    const [head, ...rest] = piece.replace(/^\r\n/, '').replace(/\r\n$/, '').split('\r\n\r\n')
    return [/content-range: (.*)/i.exec(head)[1].trim(), rest.join('\r\n\r\n')]
  })
}

each('several ranges', async (t, start) => {
  const { port } = await start(t, { 'nums.txt': '0123456789', 'large.bin': Buffer.alloc(1_000_000, 'abcdefghij') })
  const get = (target, range) => request(port, target, { headers: { Range: range } })
  assert.deepStrictEqual(parts(await get('/nums.txt', 'bytes=0-1,4-5')), [
    ['bytes 0-1/10', '01'],
    ['bytes 4-5/10', '45'],
  ])
  assert.deepStrictEqual(parts(await get('/nums.txt', 'bytes=-1, 0-0')), [
    ['bytes 9-9/10', '9'],
    ['bytes 0-0/10', '0'],
  ])
  const short = await get('/nums.txt', 'bytes=-100')
  assert.deepStrictEqual([short.status, short.headers['content-range']], [206, 'bytes 0-9/10'])
  const large = parts(await get('/large.bin', 'bytes=0-299999,500000-999999'))
  assert.deepStrictEqual(
    large.map(([range, body]) => [range, body.length]),
    [
      ['bytes 0-299999/1000000', 300_000],
      ['bytes 500000-999999/1000000', 500_000],
    ],
  )
  const { status, headers } = await get('/nums.txt', 'bytes=20-,30-40')
  assert.deepStrictEqual([status, headers['content-range']], [416, 'bytes */10'])
  // One that can be satisfied is enough.
  const one = await get('/nums.txt', 'bytes=50-60,2-3')
  assert.deepStrictEqual([one.status, one.headers['content-range'], one.body.toString()], [206, 'bytes 2-3/10', '23'])
  // So many that they are an attack: the whole file, once.
  const many = await get('/nums.txt', `bytes=${Array.from({ length: 200 }, () => '0-').join(',')}`)
  assert.ok(many.status === 200 || many.status === 416, String(many.status))
  assert.ok(many.body.length <= 200)
  const head = await request(port, '/nums.txt', { method: 'HEAD', headers: { Range: 'bytes=0-1' } })
  assert.strictEqual(head.body.length, 0)
})

each('a download is resumed with its weak tag or date', async (t, start) => {
  const justWritten = (file) => fs.writeFileSync(file, 'content')
  const { root, port } = await start(t, { 'old.txt': 'content', 'new.txt': justWritten })
  for (const target of ['/old.txt', '/new.txt']) {
    const { etag, 'last-modified': modified } = (await request(port, target)).headers
    assert.match(etag, /^W\//)
    const strong = etag.slice(2)
    const later = new Date(Date.parse(modified) + 1000).toUTCString()
    for (const [headers, status] of [
      [{ Range: 'bytes=3-', 'If-Range': etag }, 206],
      [{ Range: 'bytes=3-', 'If-Range': modified }, 206],
      [{ Range: 'bytes=3-', 'If-Range': strong }, 200],
      [{ Range: 'bytes=3-', 'If-Range': `W/${etag}` }, 200],
      [{ Range: 'bytes=3-', 'If-Range': later }, 200],
      [{ 'If-Match': etag }, 200],
      [{ 'If-Match': strong }, 200],
      [{ 'If-Match': `"x", ${etag}` }, 200],
      [{ 'If-Match': 'W/"x"' }, 412],
    ]) {
      const response = await request(port, target, { headers })
      assert.strictEqual(response.status, status, `${target} ${JSON.stringify(headers)}`)
      assert.strictEqual(response.body.toString(), { 200: 'content', 206: 'tent' }[status] ?? response.body.toString())
    }
    const changed = path.join(root, target)
    fs.writeFileSync(changed, 'CONTENT!')
    fs.utimesSync(changed, 1_800_000_000, 1_800_000_000)
    for (const validator of [etag, modified]) {
      const { status, body } = await request(port, target, { headers: { Range: 'bytes=3-', 'If-Range': validator } })
      assert.deepStrictEqual([status, body.toString()], [200, 'CONTENT!'])
    }
  }
})

each('conditions, by the precedence of RFC 9110, section 13.2.2', async (t, start) => {
  const { port } = await start(t, { 'a.txt': 'content' }, { etag: 'strong' })
  const { etag, 'last-modified': modified } = (await request(port, '/a.txt')).headers
  assert.match(etag, /^"[^"]+"$/)
  const before = new Date(Date.parse(modified) - 1000).toUTCString()
  const after = new Date(Date.parse(modified) + 1000).toUTCString()
  for (const [headers, status] of [
    [{ 'If-Match': etag }, 200],
    [{ 'If-Match': '*' }, 200],
    [{ 'If-Match': '"x"' }, 412],
    [{ 'If-Match': `"x", ${etag}` }, 200],
    // Decided before, and instead of, the date.
    [{ 'If-Match': etag, 'If-Unmodified-Since': before }, 200],
    [{ 'If-Match': '"x"', 'If-Unmodified-Since': after }, 412],
    [{ 'If-Unmodified-Since': modified }, 200],
    [{ 'If-Unmodified-Since': before }, 412],
    [{ 'If-Unmodified-Since': 'no date' }, 200],
    [{ 'If-None-Match': etag }, 304],
    [{ 'If-None-Match': `W/${etag}` }, 304],
    [{ 'If-None-Match': '*' }, 304],
    [{ 'If-None-Match': '"x", "y"' }, 200],
    [{ 'If-None-Match': '"x"', 'If-Modified-Since': after }, 200],
    [{ 'If-None-Match': etag, 'If-Modified-Since': before }, 304],
    [{ 'If-Modified-Since': modified }, 304],
    [{ 'If-Modified-Since': after }, 304],
    [{ 'If-Modified-Since': before }, 200],
    [{ 'If-Modified-Since': 'no date' }, 200],
    [{ 'If-Match': '"x"', 'If-None-Match': etag }, 412],
    [{ Range: 'bytes=0-1', 'If-Range': etag }, 206],
    [{ Range: 'bytes=0-1', 'If-Range': '"x"' }, 200],
    [{ Range: 'bytes=0-1', 'If-Range': modified }, 206],
    [{ Range: 'bytes=0-1', 'If-Range': before }, 200],
    [{ Range: 'bytes=0-1', 'If-None-Match': etag }, 304],
    [{ Range: 'bytes=99-', 'If-Range': '"x"' }, 200],
    // A strong tag promises the very bytes: what is weak does not name it.
    [{ 'If-Match': `W/${etag}` }, 412],
    [{ Range: 'bytes=0-1', 'If-Range': `W/${etag}` }, 200],
  ]) {
    const response = await request(port, '/a.txt', { headers })
    assert.strictEqual(response.status, status, JSON.stringify(headers))
    if (status === 304) assert.deepStrictEqual([response.headers.etag, response.body.length], [etag, 0])
  }
})

each('a strong tag depends on the content, not on the time', async (t, start) => {
  const { port, root } = await start(t, { 'a.txt': 'one' }, { etag: 'strong' })
  const tag = async () => (await request(port, '/a.txt')).headers.etag
  const first = await tag()
  fs.utimesSync(path.join(root, 'a.txt'), 1_600_000_000, 1_600_000_000)
  assert.strictEqual(await tag(), first)
  fs.writeFileSync(path.join(root, 'a.txt'), 'two')
  assert.notStrictEqual(await tag(), first)
})

each('a single-page application: routes get its page, missing files do not', async (t, start) => {
  const { port } = await start(
    t,
    { 'index.html': 'THE APP', 'app.js': 'code', 'sub/x.txt': 'x' },
    { single: true, headers: { 'X-A': '1' } },
  )
  const navigation = { Accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }
  for (const target of ['/', '/users/5', '/deep/er/route?x=1', '/sub/none']) {
    const response = await request(port, target, { headers: navigation })
    assert.deepStrictEqual([response.status, response.body.toString()], [200, 'THE APP'], target)
    assert.strictEqual(response.headers['content-type'], 'text/html; charset=utf-8')
    assert.strictEqual(response.headers.vary, target === '/' ? undefined : 'Accept, Sec-Fetch-Mode')
  }
  for (const target of ['/missing.js', '/img/logo.png']) {
    assert.strictEqual((await request(port, target)).status, 404, target)
  }
  const file = await request(port, '/app.js')
  assert.deepStrictEqual([file.body.toString(), file.headers['x-a']], ['code', '1'])
})

each('the page for 404', async (t, start) => {
  const { port } = await start(t, { '404.html': 'NOTHING HERE', 'a.txt': 'a' }, { notFound: '404.html' })
  const missing = await request(port, '/nothing')
  assert.deepStrictEqual(
    [missing.status, missing.body.toString(), missing.headers['content-type']],
    [404, 'NOTHING HERE', 'text/html; charset=utf-8'],
  )
  // It is no answer to a condition, and no representation of what was asked for.
  const again = await request(port, '/nothing', { headers: { 'If-None-Match': '*', Range: 'bytes=0-1' } })
  assert.deepStrictEqual([again.status, again.body.toString()], [404, 'NOTHING HERE'])
  const head = await request(port, '/nothing', { method: 'HEAD' })
  assert.deepStrictEqual([head.status, head.body.length], [404, 0])
  assert.strictEqual((await request(port, '/a.txt')).status, 200)
})

each('a listing shows every name, and escapes it', posix, async (t, start) => {
  const names = [
    'a.txt',
    'zoo',
    'sub',
    '<script>alert(1)</script>',
    '"quoted" & \'single\'',
    'javascript:alert(1)',
    'ü ☃.txt',
    '%41.txt',
    '?#.txt',
    'a\nb',
  ]
  const files = Object.fromEntries(names.filter((name) => !name.includes('/')).map((name) => [name, 'x']))
  delete files.sub
  delete files['<script>alert(1)</script>']
  const { port } = await start(
    t,
    { ...files, '<script>alert(1)<': 'x', 'sub/inner.txt': 'x', '.secret': 'x', 'with/index.html': 'INDEX' },
    { listing: true },
  )
  const { status, headers, body } = await request(port, '/')
  const html = body.toString()
  assert.deepStrictEqual([status, headers['content-type'].toLowerCase()], [200, 'text/html; charset=utf-8'])
  assert.match(html, /<meta name="viewport"/)
  assert.doesNotMatch(html, /<script>alert/)
  assert.doesNotMatch(html, /\.secret/)
  assert.doesNotMatch(html, /href="javascript:/)
  const links = [...html.matchAll(/href="([^"]*)"/g)].map(([, href]) => href)
  assert.ok(
    links.some((href) => href.endsWith('sub/')),
    'folders end with a slash',
  )
  // Each link leads to what it names.
  const decode = (text) =>
    text
      .replaceAll('&amp;', '&')
      .replaceAll('&#39;', "'")
      .replaceAll('&#x27;', "'")
      .replaceAll('&quot;', '"')
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>')
  let followed = 0
  for (const href of links) {
    const { pathname, origin } = new URL(decode(href), 'http://localhost/')
    if (origin !== 'http://localhost' || pathname === '/') continue
    const { status } = await request(port, pathname)
    assert.strictEqual(status, 200, href)
    followed++
  }
  assert.ok(followed >= names.length, `${followed} links followed of ${links}`)
  assert.strictEqual((await request(port, '/with/')).body.toString(), 'INDEX')
  assert.match((await request(port, '/sub/')).body.toString(), /inner\.txt/)
  // It is off where nobody asked for it.
  const closed = await start(t, { 'a.txt': 'x' })
  assert.strictEqual((await request(closed.port, '/')).status, 404)
  assert.strictEqual((await request(closed.port, '/a.txt')).status, 200)
})

each('headers of every response', async (t, start) => {
  const headers = { 'X-One': '1', 'X-Many': ['a', 'b'], 'Access-Control-Allow-Origin': '*' }
  const { port } = await start(t, { 'a.txt': 'a', 'sub/x': 'x' }, { headers })
  const { etag } = (await request(port, '/a.txt')).headers
  for (const [target, options] of [
    ['/a.txt', {}],
    ['/a.txt', { method: 'HEAD' }],
    ['/a.txt', { headers: { 'If-None-Match': etag } }],
    ['/a.txt', { headers: { Range: 'bytes=0-0' } }],
    ['/a.txt', { method: 'OPTIONS' }],
    ['/sub', {}],
    ['/a.txt', { headers: { 'If-Match': '"x"' } }],
    ['/a.txt', { headers: { Range: 'bytes=9-' } }],
    ['/none', {}],
    ['/none', { method: 'HEAD' }],
    ['/%zz', {}],
    ['/a.txt', { method: 'POST' }],
  ]) {
    const response = await request(port, target, options)
    const where = `${options.method ?? 'GET'} ${target}: ${response.status}`
    assert.deepStrictEqual([response.headers['x-one'], response.headers['x-many']], ['1', 'a, b'], where)
  }
  const options = await request(port, '/a.txt', { method: 'OPTIONS' })
  assert.deepStrictEqual([options.status, options.headers.allow], [204, 'GET, HEAD, OPTIONS'])
})

each('types: a charset for text, application/octet-stream for unknown files', async (t, start) => {
  const types = {
    'a.html': 'text/html; charset=utf-8',
    'a.css': 'text/css; charset=utf-8',
    'a.js': 'text/javascript; charset=utf-8',
    'a.mjs': 'text/javascript; charset=utf-8',
    'a.json': 'application/json; charset=utf-8',
    'a.map': 'application/json; charset=utf-8',
    'a.wasm': 'application/wasm',
    'a.svg': 'image/svg+xml',
    'a.png': 'image/png',
    'a.avif': 'image/avif',
    'a.webp': 'image/webp',
    'a.ico': 'image/vnd.microsoft.icon',
    'a.woff2': 'font/woff2',
    'a.mp4': 'video/mp4',
    'a.webm': 'video/webm',
    'a.mp3': 'audio/mpeg',
    'a.pdf': 'application/pdf',
    'a.txt': 'text/plain; charset=utf-8',
    'a.md': 'text/markdown; charset=utf-8',
    'a.xml': 'application/xml',
    'a.webmanifest': 'application/manifest+json; charset=utf-8',
    'A.HTML': 'text/html; charset=utf-8',
    'a.unknown-ending': 'application/octet-stream',
    a: 'application/octet-stream',
  }
  const { port } = await start(t, Object.fromEntries(Object.keys(types).map((name) => [name, 'x'])))
  for (const [name, type] of Object.entries(types)) {
    assert.strictEqual((await request(port, `/${name}`)).headers['content-type'], type, name)
  }
})
