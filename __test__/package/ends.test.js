'use strict'

// What is preloaded into test files (scripts/ends.js): one that leaves something open fails, says what, and ends.

const assert = require('node:assert')
const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { test } = require('node:test')

const ENDS = path.join(__dirname, '../../scripts/ends.js')

test('a test file that leaves a server open says so and fails, one that leaves nothing passes', (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-ends-'))
  t.after(() => fs.rmSync(folder, { recursive: true, force: true, maxRetries: 20 }))
  const run = (name, patience, body) => {
    const file = path.join(folder, `${name}.test.js`)
    fs.writeFileSync(file, `require('node:test').test('${name}', async () => { ${body} })`)
    const { NODE_TEST_CONTEXT: _, ...env } = process.env
    const args = ['--require', ENDS, '--test', '--test-reporter=tap', file]
    return spawnSync(process.execPath, args, {
      encoding: 'utf8',
      timeout: 60_000,
      env: { ...env, IRONWIRE_TEST_ENDS_WITHIN_MS: String(patience) },
    })
  }
  const open = run('open', 200, `require('node:net').createServer().listen(0)`)
  assert.deepStrictEqual([open.signal, open.status], [null, 1], open.stdout + open.stderr)
  assert.match(open.stdout + open.stderr, /open\.test\.js does not end: it has left open TCPServerWrap/)
  assert.match(open.stdout, /ok 1 - open/, 'what its tests have found is told all the same')

  const closed = run('closed', 20_000, `await new Promise((resolve) => setTimeout(resolve, 20))`)
  assert.deepStrictEqual([closed.signal, closed.status], [null, 0], closed.stdout + closed.stderr)
  assert.doesNotMatch(closed.stdout + closed.stderr, /does not end/)
})
