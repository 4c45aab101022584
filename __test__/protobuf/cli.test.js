'use strict'

// What a schema asks the command line to read: regular files in the folders for imports, and no more than a bound.

const assert = require('node:assert')
const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const test = require('node:test')

const BIN = path.join(__dirname, '..', '..', 'bin', 'ironwire.js')
const isPosix = process.platform !== 'win32'

const home = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-cli-'))
test.after(() => fs.rmSync(home, { recursive: true }))

const inside = (...parts) => path.join(home, ...parts)
fs.mkdirSync(inside('schemas', 'sub'), { recursive: true })
fs.mkdirSync(inside('schemas', 'folder.proto'))
fs.mkdirSync(inside('more'))
fs.writeFileSync(inside('secret.proto'), 'message Secret {}')
fs.writeFileSync(inside('schemas', 'sub', 'ok.proto'), 'message Ok {}')
fs.writeFileSync(inside('schemas', 'large.proto'), `message Large {}${' '.repeat(100_000)}`)
fs.writeFileSync(inside('more', 'more.proto'), 'message More {}')

/** Declarations for a schema with this import. */
function pbts(name, ...args) {
  fs.writeFileSync(inside('schemas', 'root.proto'), `import ${JSON.stringify(name)}; message Root {}`)
  const options = { cwd: inside('schemas'), encoding: 'utf8', timeout: 120_000 }
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    [BIN, 'pbts', 'root.proto', '--strict', ...args],
    options,
  )
  assert.strictEqual(signal, null)
  assert.strictEqual(status, stderr === '' ? 0 : 1)
  return { stdout, stderr }
}

test('imports inside the folders are read', () => {
  for (const name of ['sub/ok.proto', './sub/ok.proto', 'sub/../sub/ok.proto']) assert.match(pbts(name).stdout, /Ok/)
  assert.match(pbts('more.proto', '-I', '../more').stdout, /More/)
  assert.match(pbts('../more/more.proto', '-I', '../more').stdout, /More/)
  assert.match(pbts('google/protobuf/timestamp.proto').stdout, /Root/)
  assert.match(pbts('missing.proto').stderr, /imported file "missing.proto" was not found/)
})

test('files outside the folders are not read, existing or not', () => {
  for (const name of ['../secret.proto', '../missing.proto', 'sub/../../secret.proto', '../more/more.proto']) {
    assert.match(pbts(name).stderr, /^ironwire: import ".*" leads to .*, which is in none of the folders for imports: /)
  }
  for (const name of [
    inside('secret.proto'),
    inside('schemas', 'sub', 'ok.proto'),
    '/etc/passwd',
    'C:\\secret.proto',
  ]) {
    assert.match(pbts(name).stderr, /is an absolute path/)
  }
})

test('symbolic links are followed', { skip: !isPosix }, () => {
  fs.symlinkSync('../secret.proto', inside('schemas', 'out.proto'))
  fs.symlinkSync('..', inside('schemas', 'up'))
  fs.symlinkSync('sub/ok.proto', inside('schemas', 'in.proto'))
  fs.symlinkSync('/dev/zero', inside('schemas', 'zero.proto'))
  for (const name of ['out.proto', 'up/secret.proto', 'zero.proto'])
    assert.match(pbts(name).stderr, /which is in none of the folders/)
  assert.match(pbts('in.proto').stdout, /Ok/)
  assert.match(pbts('up/more/more.proto', '-I', '../more').stdout, /More/)
})

test('only regular files are read, up to a limit', () => {
  assert.match(pbts('folder.proto').stderr, /is not a regular file/)
  if (isPosix) {
    spawnSync('mkfifo', [inside('schemas', 'pipe.proto')])
    assert.match(pbts('pipe.proto').stderr, /is not a regular file/)
  }
  assert.match(
    pbts('large.proto', '--max-source', '50000').stderr,
    /large\.proto has more than 50000 bytes: see --max-source/,
  )
  assert.match(
    pbts('large.proto', '--max-source', '100020').stderr,
    /the sources have more than the limit of 100020 bytes/,
  )
  assert.match(pbts('large.proto').stdout, /Large/)
  for (const wrong of ['0', '-1', '5k', '1.5', '9999999999']) {
    const { status, stderr } = spawnSync(process.execPath, [BIN, 'pbts', 'x.proto', `--max-source=${wrong}`], {
      encoding: 'utf8',
    })
    assert.strictEqual(status, 2)
    assert.match(stderr, /--max-source is a number of bytes/)
  }
})

test('an endless file that the user names', { skip: !isPosix }, () => {
  const { status, stderr } = spawnSync(process.execPath, [BIN, 'pbjs', '/dev/zero'], {
    encoding: 'utf8',
    timeout: 120_000,
  })
  assert.strictEqual(status, 1)
  assert.match(stderr, /\/dev\/zero has more than 67108864 bytes/)
})
