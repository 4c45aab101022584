'use strict'

// Programs on protobufjs with the require redirected: @grpc/proto-loader, a server and a client of @grpc/grpc-js, and static code as pbjs
// writes it. Each runs on protobufjs and on ours, and prints the same.

const assert = require('node:assert')
const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { test } = require('node:test')

const FOLDER = path.join(__dirname, 'protobufjs')
const REDIRECT = path.join(FOLDER, 'redirect.js')

function run(args, env = {}) {
  const flags = ['--require', REDIRECT]
  return execFileSync(process.execPath, [...flags, ...args], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    timeout: 60_000,
  })
}

/** What a program prints is what it prints on protobufjs. */
function same(...args) {
  const printed = run(args)
  assert.ok(printed.length > 10)
  assert.deepStrictEqual(JSON.parse(printed), JSON.parse(run(args, { REFERENCE: '1' })))
}

test('@grpc/proto-loader loads, serializes and describes the same', () => same(path.join(FOLDER, 'loader.js')))

test('@grpc/grpc-js calls through it', () => same(path.join(FOLDER, 'grpc.js')))

test('static modules of pbjs run with the require changed', (t) => {
  // Beside the packages: what the module requires is found from where it lies.
  const place = fs.mkdtempSync(path.join(FOLDER, 'static-'))
  t.after(() => fs.rmSync(place, { recursive: true, force: true }))
  const pbjs = require.resolve('protobufjs-cli/bin/pbjs')
  for (const [wrap, file] of [
    ['commonjs', 'commonjs.js'],
    ['default', 'default.js'],
  ]) {
    const module = path.join(place, file)
    const args = ['-t', 'static-module', '-w', wrap, '-o', module, path.join(FOLDER, 'library.proto')]
    execFileSync(process.execPath, [pbjs, ...args], { cwd: os.tmpdir(), timeout: 60_000 })
    same(path.join(FOLDER, 'static.js'), module)
    // And with nothing but the require changed.
    const changed = path.join(place, `changed-${file}`)
    const source = fs.readFileSync(module, 'utf8')
    const text = source.replaceAll(
      '"protobufjs/minimal"',
      JSON.stringify(require.resolve('../../lib/protobufjs/minimal.js')),
    )
    assert.notStrictEqual(text, source)
    fs.writeFileSync(changed, text)
    const printed = execFileSync(process.execPath, [path.join(FOLDER, 'static.js'), changed], { encoding: 'utf8' })
    assert.strictEqual(printed, run([path.join(FOLDER, 'static.js'), module]))
  }
})
