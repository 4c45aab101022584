'use strict'

// `protoc-gen-ironwire` under protoc itself.

const assert = require('node:assert')
const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const test = require('node:test')
const { missing, python } = require('./python.js')

const root = path.join(__dirname, '..', '..')

const FILES = {
  'people/person.proto': `syntax = "proto3"; package people; import "google/protobuf/timestamp.proto"; import "people/phone.proto";
    // Somebody.
    message Person { string full_name = 1; optional int32 age = 2; google.protobuf.Timestamp born_at = 3;
      oneof contact { string mail = 4; Phone phone = 5; } }`,
  'people/phone.proto':
    'edition = "2023"; package people; message Phone { string number = 1; Kind kind = 2; enum Kind { NONE = 0; HOME = 1; } }',
  'old.proto':
    'syntax = "proto2"; message Old { required int32 a = 1; optional group Inner = 2 { optional string s = 1; } }',
}

function project(t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-plugin-'))
  t.after(() => fs.rmSync(folder, { recursive: true }))
  for (const [name, text] of Object.entries(FILES)) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true })
    fs.writeFileSync(path.join(folder, name), text)
  }
  fs.mkdirSync(path.join(folder, 'node_modules'))
  fs.symlinkSync(root, path.join(folder, 'node_modules', 'ironwire'), 'junction')
  return folder
}

function protoc(folder, ...args) {
  const plugin = `--plugin=protoc-gen-ironwire=${path.join(root, 'bin', 'protoc-gen-ironwire.js')}`
  const options = { cwd: folder, encoding: 'utf8', timeout: 60_000 }
  return spawnSync(python, ['-m', 'grpc_tools.protoc', '-I.', plugin, '--ironwire_out=.', ...args], options)
}

test('modules and declarations of files, in every edition', { skip: missing }, (t) => {
  const folder = project(t)
  const { status, stderr } = protoc(
    folder,
    '--ironwire_opt=module=esm,extension=.mjs,camel_case,oneofs,enums=string,timestamps=date',
    ...Object.keys(FILES),
  )
  assert.strictEqual(status, 0, stderr)
  fs.writeFileSync(
    path.join(folder, 'use.mjs'),
    `import { Person, people } from './people/person_pb.mjs'
     import { Phone } from './people/phone_pb.mjs'
     import old from './old_pb.mjs'
     const person = { fullName: 'A', bornAt: new Date(0), contact: 'phone', phone: Phone.create({ number: '5', kind: 'HOME' }) }
     const read = Person.decode(Person.encode(person))
     console.log(JSON.stringify([read, people.Person === Person, old.Old.decode(old.Old.encode({ a: 1, inner: { s: 'x' } }))]))`,
  )
  const used = spawnSync(process.execPath, ['use.mjs'], { cwd: folder, encoding: 'utf8' })
  assert.deepStrictEqual(
    JSON.parse(used.stdout),
    [
      { fullName: 'A', bornAt: '1970-01-01T00:00:00.000Z', phone: { number: '5', kind: 'HOME' }, contact: 'phone' },
      true,
      { a: 1, inner: { s: 'x' } },
    ],
    used.stderr,
  )
  const types = fs.readFileSync(path.join(folder, 'people', 'person_pb.d.mts'), 'utf8')
  assert.match(types, /declare const Person: \$\.people\.Person\.\$Message/)
})

test('CommonJS is the default, and invalid options are reported', { skip: missing }, (t) => {
  const folder = project(t)
  assert.strictEqual(protoc(folder, 'old.proto').status, 0)
  const script = 'console.log(require("./old_pb.js").Old.encode({ a: 5 }).toString("hex"))'
  assert.strictEqual(spawnSync(process.execPath, ['-e', script], { cwd: folder, encoding: 'utf8' }).stdout, '0805\n')
  for (const [option, message] of [
    ['modul=esm', /there is no option modul: known are /],
    ['module=umd', /must be 'commonjs' or 'esm'/],
    ['oneofs=maybe', /is true or false, not 'maybe'/],
    ['extension=.ts', /the option extension is /],
  ]) {
    const { status, stderr } = protoc(folder, `--ironwire_opt=${option}`, 'old.proto')
    assert.strictEqual(status, 1)
    assert.match(stderr, message)
  }
})
