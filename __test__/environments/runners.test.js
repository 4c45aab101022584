'use strict'

// Test runners and hardened realms: where globals and intrinsics are another's.

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { describe, test } = require('node:test')
const { place, node, tool, works } = require('./place.js')

const JEST = `test('the application', async () => {
  expect(await require('./app.js').main()).toMatch(/^ironwire works/)
  jest.resetModules()
  expect(await require('./app.js').main()).toMatch(/^ironwire works/)
})
`

const VITEST = `import { expect, test } from 'vitest'
import { main } from './app.js'
import { http } from 'ironwire'
test('the application', async () => {
  expect(typeof http.createServer).toBe('function')
  expect(await main()).toMatch(/^ironwire works/)
})
`

describe('test runners', { concurrency: 2 }, () => {
  for (const environment of ['node', 'jsdom']) {
    test(`jest, ${environment}`, async () => {
      // Several files in one process, each with a realm and a registry of its own.
      const folder = place(`jest-${environment}`, {
        'a.test.js': JEST,
        'b.test.js': JEST,
        'package.json': '{"private":true}',
      })
      const config = JSON.stringify({ cache: false, testTimeout: 60_000 })
      const args = ['--runInBand', '--ci', '--detectOpenHandles', `--env=${environment}`, '--config', config]
      const output = await tool(folder, 'jest', args)
      assert.match(output, /Tests: +2 passed, 2 total/)
      assert.doesNotMatch(output, /open handle|did not exit|ReferenceError/)
    })
  }

  for (const pool of ['threads', 'forks', 'vmThreads']) {
    test(`vitest, ${pool}`, async () => {
      const folder = place(`vitest-${pool}`, { 'a.test.mjs': VITEST, 'b.test.mjs': VITEST })
      const args = ['run', `--pool=${pool}`, '--root=.', '--testTimeout=60000', '--maxWorkers=1']
      assert.match(await tool(folder, 'vitest', args), /Tests +2 passed \(2\)/)
    })
  }

  test('node --test', async () => {
    const code = `require('node:test')('the application', async () => {
      require('node:assert').match(await require('./app.js').main(), /^ironwire works/)
    })`
    const folder = place('node-test', { 'a.test.js': code })
    assert.match(await node(folder, '--test', '--test-reporter=tap', 'a.test.js'), /^# pass 1$/m)
  })
})

describe('ses', { concurrency: 2 }, () => {
  const main = "require('./app.js').main().then(console.log)"
  const all = "const ironwire = require('ironwire'); for (const name in ironwire) ironwire[name]"
  for (const [when, code] of [
    ['before the package is loaded', `require('ses'); lockdown(); ${main}`],
    ['after it was loaded', `${all}; require('ses'); lockdown(); ${main}`],
    [
      'with errors tamed and evaluation off',
      `require('ses'); lockdown({ errorTaming: 'safe', evalTaming: 'noEval' }); ${main}`,
    ],
  ]) {
    test(`lockdown() ${when}`, async () => {
      const folder = place(`ses-${when.replace(/\W+/g, '-')}`, { 'main.js': code })
      assert.match(await node(folder, 'main.js'), works)
    })
  }
})

test('installed packages are locked', () => {
  const wanted = JSON.parse(fs.readFileSync(path.join(__dirname, 'package.json'), 'utf8')).devDependencies
  const locked = JSON.parse(fs.readFileSync(path.join(__dirname, 'package-lock.json'), 'utf8')).packages['']
    .devDependencies
  assert.deepEqual(locked, wanted)
})
