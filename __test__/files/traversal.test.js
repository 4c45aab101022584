'use strict'

// Nothing outside the root, however it is asked for: over raw sockets, so that no client tidies the target up.

const assert = require('node:assert')
const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const http = require('node:http')
const path = require('node:path')
const { test } = require('node:test')
const ironwire = require('ironwire')
const { listen, makeTree, mount, request } = require('./support')

const posix = { skip: process.platform === 'win32' }

const FILES = {
  'index.html': 'INSIDE',
  'sub/deep/file.txt': 'INSIDE',
  'sub/..hidden..': 'INSIDE',
  '...': 'INSIDE',
  'a\\b.txt': 'INSIDE',
}

/** Ways to write `..` and `/`, of all the decoders that ever took them for it. */
const DOTS = [
  '..',
  '%2e%2e',
  '.%2e',
  '%2E.',
  '%252e%252e',
  '%c0%ae%c0%ae',
  '%e0%80%ae%e0%80%ae',
  '%f0%80%80%ae%f0%80%80%ae',
  '\xc0\xae\xc0\xae',
  '%u002e%u002e',
  '..;',
  '.. ',
  '..%20',
  '..%00',
  '%00..',
  '\u002e\u002e',
  '....',
  '..%09',
  '%uff0e%uff0e',
  '\xef\xbc\x8e\xef\xbc\x8e',
  '%ef%bc%8e%ef%bc%8e',
]
const SLASHES = [
  '/',
  '%2f',
  '%2F',
  '\\',
  '%5c',
  '%255c',
  '%252f',
  '//',
  '/./',
  '\\/',
  '%c0%af',
  '%e0%80%af',
  '\xc0\xaf',
  '%c1%9c',
  '%u2215',
  ';/',
  '/%2e/',
  '%2f%2f',
  '%ef%bc%8f',
]

const TARGETS = []
for (const dots of DOTS) {
  for (const slash of SLASHES) {
    TARGETS.push(`/${dots}${slash}outside.txt`)
    TARGETS.push(`/sub${slash}${dots}${slash}${dots}${slash}outside.txt`)
    TARGETS.push(`/sub/deep/${(dots + slash).repeat(3)}outside.txt`)
    TARGETS.push(`${slash}${dots}/outside.txt`)
  }
}
TARGETS.push(
  '/..',
  '/../',
  '/../root/../outside.txt',
  '/../root/index.html',
  '//etc/passwd',
  '///etc/passwd',
  '/%2fetc/passwd',
  '/%2f%2fetc%2fpasswd',
  '/C:/Windows/win.ini',
  '/C:%5cWindows%5cwin.ini',
  '/c:outside.txt',
  '/%5c%5c127.0.0.1%5cshare%5cfile',
  '/file:///etc/passwd',
  'http://localhost/../outside.txt',
  'http://localhost/%2e%2e/outside.txt',
  'http://localhost:80@other/../outside.txt',
  'file:///etc/passwd',
  '/link-out.txt',
  '/link-dir/outside.txt',
  '/link-up/outside.txt',
  '/link-absolute',
  '/link-chain',
  '/sub/link-back/../../outside.txt',
  '/index.html%00.txt',
  '/index.html%00',
  '/%00',
  '/index.html::$DATA',
  '/index.html%3a%3a$DATA',
  '/NUL',
  '/sub%5cdeep%5cfile.txt',
  '/.%00./outside.txt',
  `/${'../'.repeat(1000)}outside.txt`,
  `/${'%2e%2e/'.repeat(1000)}etc/passwd`,
  `/${'a/'.repeat(2000)}${'../'.repeat(2001)}outside.txt`,
  `/sub/${'./'.repeat(2000)}../../outside.txt`,
)

function links(root) {
  const outside = path.join(root, '..', 'outside.txt')
  fs.symlinkSync('../outside.txt', path.join(root, 'link-out.txt'))
  fs.symlinkSync('..', path.join(root, 'link-up'))
  fs.symlinkSync(path.dirname(outside), path.join(root, 'link-dir'))
  fs.symlinkSync(outside, path.join(root, 'link-absolute'))
  fs.symlinkSync('link-out.txt', path.join(root, 'link-chain'))
  fs.symlinkSync('deep', path.join(root, 'sub', 'link-back'))
  fs.symlinkSync('sub/deep/file.txt', path.join(root, 'link-in'))
  fs.symlinkSync(path.join(root, 'sub'), path.join(root, 'link-in-absolute'))
}

const OPTIONS = [
  {},
  { dotfiles: 'allow', fallthrough: false },
  { dotfiles: 'allow', listing: true, single: true, precompressed: true, compress: true, extensions: ['txt'] },
]

for (const options of OPTIONS) {
  test(`files outside of the root cannot be reached, with ${JSON.stringify(options)}`, posix, async (t) => {
    const root = makeTree(t, FILES)
    links(root)
    const answers = (res) => (error) => {
      res.statusCode = error ? error.status : 404
      res.end()
    }
    const serve = ironwire.serveStatic(root, options)
    const listener = (req, res) => serve(req, res, answers(res))
    const ports = [
      await listen(t, ironwire.http.createServer(listener)),
      await listen(t, http.createServer(listener)),
      await mount(t, root, { ...options, fallthrough: undefined }),
    ]
    for (const target of TARGETS) {
      for (const port of ports) {
        const { status, body } = await request(port, target)
        const text = body.toString('latin1')
        assert.ok(
          !text.includes('OUTSIDE') && !text.includes('root:x:') && !text.includes('outside.txt<'),
          `${target}: ${status} ${text}`,
        )
        assert.ok([200, 301, 400, 403, 404].includes(status), `${target}: ${status}`)
        if (status === 200) assert.match(text, options.listing ? /INSIDE|<html/i : /^INSIDE$/, target)
      }
    }
    // What is inside stays within reach, by symbolic links as well.
    for (const target of [
      '/',
      '/sub/deep/file.txt',
      '/sub/../index.html',
      '/sub/link-back/file.txt',
      '/link-in',
      '/link-in-absolute/deep/file.txt',
      '/a%5cb.txt',
    ]) {
      for (const port of ports) {
        const { status, body } = await request(port, target)
        assert.deepStrictEqual([status, body.toString()], [200, 'INSIDE'], target)
      }
    }
  })
}

test('a folder that becomes a link to the outside during a request', posix, async (t) => {
  const root = makeTree(t, { 'sub/outside.txt': 'INSIDE' })
  const port = await mount(t, root)
  const real = path.join(root, 'real')
  fs.renameSync(path.join(root, 'sub'), real)
  fs.symlinkSync('..', path.join(root, 'up'))
  let over = false
  let asked = 0
  const asking = (async () => {
    for (; !over; asked++) {
      const { body } = await request(port, '/sub/outside.txt')
      assert.doesNotMatch(body.toString(), /OUTSIDE/)
    }
  })()
  let failed = false
  asking.catch(() => {
    failed = true
  })
  for (let i = 0; (i < 300 || asked < 50) && !failed; i++) {
    // Exchanged in one step, as a hostile neighbour would.
    for (const target of ['real', '..']) {
      fs.symlinkSync(target, path.join(root, 'next'))
      fs.renameSync(path.join(root, 'next'), path.join(root, 'sub'))
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  over = true
  await asking
})

test('special files are not opened, and nothing hangs', posix, async (t) => {
  const root = makeTree(t, { 'index.html': 'INSIDE' })
  execFileSync('mkfifo', [path.join(root, 'fifo'), path.join(root, 'fifo.html')])
  fs.symlinkSync('/dev/zero', path.join(root, 'zero'))
  fs.symlinkSync('fifo', path.join(root, 'link'))
  const socket = require('node:net').createServer()
  await new Promise((resolve) => socket.listen(path.join(root, 'socket'), resolve))
  t.after(() => socket.close())
  for (const options of [
    {},
    { extensions: ['html'], index: ['fifo', 'index.html'], listing: true, precompressed: true },
  ]) {
    const port = await mount(t, root, options)
    for (const target of ['/fifo', '/fifo.html', '/link', '/zero', '/socket', '/fifo/']) {
      const { status } = await request(port, target)
      // A link to a device leads out of the root, besides.
      assert.strictEqual(status, target === '/zero' ? 403 : 404, target)
    }
    const { status, body } = await request(port, '/')
    assert.deepStrictEqual([status, body.toString()], [200, 'INSIDE'])
  }
})
