'use strict'

// The programs in docs/protobuf.md and docs/protobufjs.md run, and print what the comments beside their `console.log` say.

const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { test } = require('node:test')
const { ROOT, freePort, start } = require('../tutorial/support')

const programs = ['protobuf.md', 'protobufjs.md'].flatMap((name) => {
  const text = fs.readFileSync(path.join(ROOT, 'docs', name), 'utf8')
  return [...text.matchAll(/^```js\n(.*?)^```$/gms)].map(([, program]) => [name, program])
})

test('the docs have their programs', () => assert.strictEqual(programs.length, 7))

for (const [index, [name, program]] of programs.entries()) {
  test(`program ${index + 1}, of docs/${name}`, async (t) => {
    const directory = fs.mkdtempSync(path.join(ROOT, 'examples', '.docs-'))
    t.after(() => fs.rmSync(directory, { recursive: true, force: true }))
    const file = path.join(directory, 'program.js')
    fs.writeFileSync(file, program.replace(/\b3001\b/g, await freePort()))
    const expected = [...program.matchAll(/console\.log\(.*\) \/\/ (.*)$/gm)].flatMap(([, printed]) =>
      printed.split(' and '),
    )
    assert.notStrictEqual(expected.length, 0)
    const started = start(t, file, { cwd: ROOT })
    assert.deepStrictEqual(await started.ended, { code: 0, signal: null }, started.stderr)
    assert.deepStrictEqual([started.stderr, started.stdout.split('\n').slice(0, -1)], ['', expected])
  })
}
