'use strict'

// `ironwire pbts` and `ironwire pbjs`: what they write compiles, means what the messages do, and runs.

const assert = require('node:assert')
const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const test = require('node:test')
const { protobuf } = require('../..')

const root = path.join(__dirname, '..', '..')
const cli = path.join(root, 'bin', 'ironwire.js')

const PROTO = `
  syntax = "proto2";
  package shop;
  import "money.proto";
  import "google/protobuf/timestamp.proto";
  // How it is paid. */ } not code {
  enum Pay { CASH = 1; CARD = 2; }
  message Order {
    required string id = 1;
    optional int64 count = 2 [deprecated = true];
    repeated Line lines = 3;
    map<string, Pay> pays = 4;
    oneof to { string mail = 5; Line line = 6; }
    optional bytes photo = 7;
    optional google.protobuf.Timestamp at = 8;
    optional Money total = 9;
    message Line { optional string class = 1; optional Kind kind = 2; enum Kind { NEW = 0; } }
    extensions 100 to 110;
  }
  extend Order { optional string note = 100; }
  message Map { optional bool set = 1; }
`
const MONEY = 'syntax = "proto3"; package money; message Money { int32 cents = 1; }'

const USE = `
import { Order, Pay, Map as SchemaMap, type Money } from './shop'
const bytes: Buffer = Order.encode({ id: 'a', count: 5n, lines: [{ class: 'x', kind: Order.Line.Kind.NEW }], pays: { a: Pay.CARD }, note: 'n' })
const order = Order.decode(bytes)
order.id satisfies string
order.count satisfies number | bigint
order.lines[0].class satisfies string
order.pays.a satisfies 1 | 2
order.mail satisfies string | null | undefined
order.total satisfies Money | null
order.photo satisfies Buffer | null
order.note satisfies string | null | undefined
SchemaMap.encode({ set: true })
Order.encode.bytes satisfies number
// @ts-expect-error: id is required
Order.encode({})
// @ts-expect-error: no such field
Order.encode({ id: 'a', nothing: 1 })
// @ts-expect-error: a string is no number of cents' message
Order.encode({ id: 'a', total: 'x' })
// @ts-expect-error: not a value of the enum
const pay: Pay = 3
`

function project(t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-pbts-'))
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }))
  fs.writeFileSync(path.join(folder, 'shop.proto'), PROTO)
  fs.writeFileSync(path.join(folder, 'money.proto'), MONEY)
  return folder
}

function run(folder, ...args) {
  return spawnSync(process.execPath, [cli, ...args], { cwd: folder, encoding: 'utf8' })
}

test('declarations compile, and hold a program to the schema', (t) => {
  const folder = project(t)
  const { status, stderr } = run(folder, 'pbts', 'shop.proto', '-o', 'shop.d.ts')
  assert.strictEqual(status, 0, stderr)
  fs.writeFileSync(path.join(folder, 'use.ts'), USE)
  fs.symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'), 'junction')
  const config = {
    compilerOptions: { module: 'nodenext', strict: true, noEmit: true, types: ['node'], target: 'es2023' },
  }
  fs.writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify({ ...config, include: ['*.ts'] }))
  const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const compiled = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' })
  assert.strictEqual(compiled.status, 0, compiled.stdout + compiled.stderr)
})

test('the forms of 64-bit integers and absent fields follow the options', () => {
  const source = 'message A { optional int64 n = 1; optional bytes b = 2; }'
  assert.match(protobuf.pbts(protobuf(source, { int64: 'string' })), /n: string\n {2}b: Buffer \| null/)
  assert.match(protobuf.pbts(protobuf(source, { int64: 'bigint', defaults: false })), /n\?: bigint\n {2}b\?: Buffer\n/)
})

test('a module written by pbjs is the schema', (t) => {
  const folder = project(t)
  const { status, stdout, stderr } = run(folder, 'pbjs', 'shop.proto', '--int64', 'bigint')
  assert.strictEqual(status, 0, stderr)
  const file = path.join(folder, 'shop.js')
  fs.writeFileSync(file, stdout.replace('require("ironwire")', `require(${JSON.stringify(root)})`))
  const { Order, Money } = require(file)
  assert.deepStrictEqual(Order.decode(Order.encode({ id: 'a', total: { cents: 5 } })).total, { cents: 5 })
  assert.strictEqual(Order.decode(Order.encode({ id: 'a', count: 1 })).count, 1n)
  assert.strictEqual(Money.encodingLength({ cents: 300 }), 3)
})

test('what goes wrong is said on stderr', (t) => {
  const folder = project(t)
  assert.strictEqual(run(folder).status, 2)
  const missing = run(folder, 'pbts', 'nowhere.proto')
  assert.strictEqual(missing.status, 1)
  assert.match(missing.stderr, /ironwire: ENOENT/)
  fs.writeFileSync(path.join(folder, 'broken.proto'), 'message {')
  assert.match(run(folder, 'pbts', 'broken.proto').stderr, /ironwire: broken\.proto:1:9: /)
})
