'use strict'

// The end of the stack is an error of JavaScript's, wherever a call comes from.

const assert = require('node:assert')
const { spawnSync } = require('node:child_process')
const path = require('node:path')
const test = require('node:test')

/** Runs this file's other half and gives what it prints. */
function run(where, flags = [], shell = false) {
  const args = [...flags, path.join(__dirname, 'stack-child.js'), where]
  const command = shell
    ? ['sh', ['-c', `${shell}; exec "$0" "$@"`, process.execPath, ...args]]
    : [process.execPath, args]
  const { status, signal, stdout, stderr } = spawnSync(...command, { encoding: 'utf8', timeout: 120_000 })
  assert.strictEqual(signal, null, stderr)
  assert.strictEqual(status, 0, stderr)
  return JSON.parse(stdout)
}

const CASES = [
  ['the main thread', 'main', []],
  ['no code from strings', 'main', ['--disallow-code-generation-from-strings']],
  ['a worker', 'worker', []],
  ['a worker of half a megabyte', '0.5', []],
]

for (const [name, where, flags] of CASES) {
  test(`near the end of the stack of ${name}`, () => {
    for (const [call, { ended, done, other }] of Object.entries(run(where, flags))) {
      assert.ok(ended > 0 && done > 0, call)
      assert.deepStrictEqual(other, [], call)
    }
  })
}

test('a main thread with little more stack than V8 needs', { skip: process.platform !== 'linux' }, () => {
  for (const { other } of Object.values(run('main', [], 'ulimit -s 1100'))) assert.deepStrictEqual(other, [])
})
