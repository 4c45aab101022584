'use strict'

// npm `protocol-buffers` has a test suite of its own. It must pass on us, with a package of one line in its place.

const assert = require('node:assert')
const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const test = require('node:test')

const root = path.join(__dirname, '..', '..')
const theirs = path.dirname(require.resolve('protocol-buffers/package.json'))

for (const flags of [[], ['--disallow-code-generation-from-strings']]) {
  test(['the suite of protocol-buffers 5 passes, 66 of 66', ...flags].join(' '), (t) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-protocol-buffers-'))
    t.after(() => fs.rmSync(folder, { recursive: true, force: true }))
    fs.cpSync(path.join(theirs, 'test'), path.join(folder, 'test'), { recursive: true })
    fs.writeFileSync(path.join(folder, 'index.js'), `module.exports = require(${JSON.stringify(root)}).protobuf\n`)
    fs.symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'), 'junction')
    const files = fs.readdirSync(path.join(folder, 'test')).filter((name) => name.endsWith('.js'))
    const tape = path.join(root, 'node_modules', 'tape', 'bin', 'tape')
    const args = [...flags, tape, ...files.map((name) => path.join('test', name))]
    const { stdout, stderr, status } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' })
    assert.strictEqual(status, 0, stdout + stderr)
    assert.match(stdout, /^# tests 66$/m)
    assert.match(stdout, /^# pass {2}66$/m)
  })
}
