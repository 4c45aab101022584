'use strict'

// What lies below the root but may not be read by the user that the server runs as.

const assert = require('node:assert')
const { fork } = require('node:child_process')
const { once } = require('node:events')
const fs = require('node:fs')
const path = require('node:path')
const { test } = require('node:test')
const { makeTree, request } = require('./support')

test('unreadable files are refused, and the next handler gets the error', {
  skip: process.platform === 'win32',
}, async (t) => {
  const root = makeTree(t, { 'a.txt': 'a', 'secret.txt': 's', 'closed/x.txt': 'x' })
  fs.chmodSync(path.dirname(root), 0o755)
  const child = fork(path.join(__dirname, 'unreadable-server.js'), [root])
  t.after(() => child.kill('SIGKILL'))
  const [[handled, bare]] = await once(child, 'message')
  const closed = ['secret.txt', 'closed'].map((name) => path.join(root, name))
  for (const file of closed) fs.chmodSync(file, 0)
  try {
    assert.strictEqual((await request(handled, '/a.txt')).body.toString(), 'a')
    for (const target of ['/secret.txt', '/closed/x.txt', '/closed/']) {
      assert.strictEqual((await request(handled, target)).body.toString(), '403 EACCES', target)
      const { status, headers, body } = await request(bare, target)
      assert.deepStrictEqual([status, headers['x-site']], [403, 'yes'], target)
      assert.doesNotMatch(body.toString(), /EACCES|secret|root/, 'nothing of the insides')
    }
    assert.strictEqual((await request(bare, '/a.txt')).body.toString(), 'a')
  } finally {
    // Else the folder could not be removed.
    for (const file of closed) fs.chmodSync(file, 0o755)
  }
})
