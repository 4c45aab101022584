'use strict'

// What `ironwire pbjs --load`, `pbts --load` and protoc-gen-ironwire write: modules that run, and types that say what they do.

const assert = require('node:assert')
const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const test = require('node:test')
const { protobuf } = require('../..')

const root = path.join(__dirname, '..', '..')
const bin = (name) => path.join(root, 'bin', `${name}.js`)

const FILES = {
  'shop.proto': `syntax = "proto3"; package shop;
    import "google/protobuf/timestamp.proto"; import "google/protobuf/duration.proto"; import "money.proto";
    enum Pay { PAY_NONE = 0; CARD = 1; }
    // An order.
    message Order {
      string full_id = 1; optional int32 count = 2; repeated Line lines = 3; map<string, Pay> pays = 4;
      // How it is sent.
      oneof send_to { string mail = 5; Line line = 6; Pay pay = 7; }
      google.protobuf.Timestamp made_at = 8; google.protobuf.Duration took = 9; money.Money total = 10; bytes photo = 11; int64 big = 12;
      message Line { string class = 1; }
    }
    message delete { int32 a = 1; }
    service Shop { rpc Buy (Order) returns (money.Money); }`,
  'money.proto':
    'syntax = "proto2"; package money; enum Coin { CENT = 1; } message Money { required int32 cents = 1; optional Coin coin = 2; }',
  'more.proto': 'syntax = "proto3"; package more; message Other { string name = 1; }',
}

function project(t, files = {}) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-modules-'))
  t.after(() => fs.rmSync(folder, { recursive: true }))
  for (const [name, text] of Object.entries({ ...FILES, ...files })) fs.writeFileSync(path.join(folder, name), text)
  fs.mkdirSync(path.join(folder, 'node_modules'))
  fs.symlinkSync(root, path.join(folder, 'node_modules', 'ironwire'), 'junction')
  return folder
}

function run(folder, program, ...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 60_000,
  })
  return { status, stdout, stderr }
}

/** Compiles what is there with TypeScript. */
function compile(folder) {
  const compilerOptions = {
    strict: true,
    noEmit: true,
    target: 'es2023',
    module: 'nodenext',
    moduleResolution: 'nodenext',
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    types: ['node'],
    typeRoots: [path.join(root, 'node_modules', '@types')],
  }
  fs.writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.mts', '*.cts'] }))
  const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const { status, stdout, stderr } = run(folder, tsc, '-p', '.')
  assert.strictEqual(status, 0, stdout + stderr)
}

const FORMS = [
  '--camel-case',
  '--oneofs',
  '--enums',
  'string',
  '--timestamps',
  'date',
  '--durations',
  'milliseconds',
  '--int64',
  'bigint',
]

test('the types match the modules, also for discriminated unions', (t) => {
  const folder = project(t, {
    'use.mts': `
      import root, { Order, Pay, delete as remove, money, type $ } from './shop.mjs'
      const bytes: Buffer = Order.encode({
        fullId: 'a', sendTo: 'line', line: { class: 'x' }, pays: new Map([['a', Pay.CARD]]), madeAt: new Date(0), took: 1.5,
        total: { cents: 5 }, big: '7',
      })
      const order: Order = Order.decode(bytes)
      order.count satisfies number | undefined
      order.fullId satisfies string
      order.photo satisfies Buffer
      order.madeAt satisfies Date | undefined
      order.took satisfies number | undefined
      order.big satisfies bigint
      order.total?.coin satisfies 'CENT' | undefined
      order.pays['a'] satisfies 'PAY_NONE' | 'CARD' | number | undefined
      switch (order.sendTo) {
        case 'mail': order.mail satisfies string; break
        case 'line': order.line.class satisfies string; break
        case 'pay': order.pay satisfies Pay | number; break
        default: order.sendTo satisfies undefined; order.line satisfies undefined
      }
      // @ts-expect-error: it is there only when the oneof says so
      order.line.class
      // @ts-expect-error: absent is undefined, and not null
      order.madeAt satisfies Date | null
      // @ts-expect-error: no such member
      Order.encode({ sendTo: 'none' })
      // @ts-expect-error: no such field
      Order.create({ fullid: 'a' })
      // @ts-expect-error: what is required has to be given
      money.Money.encode({})
      remove.encode({ a: 1 })
      root.shop.Order.encode(Order.create({ fullId: 'x' }))
      root.shop.Shop.methods.Buy.responseType.decode(money.Money.encode({ cents: 1 })).cents satisfies number
      const line: $.shop.Order.Line = Order.Line.create()
      Order.equals(order, Order.clone(order)) satisfies boolean
      console.log(line.class === '', order.sendTo, order.sendTo === 'line' && order.line, root.shop.Order === Order, order.madeAt)
    `,
  })
  for (const [command, output] of [
    ['pbjs', 'shop.mjs'],
    ['pbts', 'shop.d.mts'],
  ]) {
    const { status, stderr } = run(
      folder,
      bin('ironwire'),
      command,
      'shop.proto',
      '--load',
      ...FORMS,
      '--module',
      'esm',
      '-o',
      output,
    )
    assert.strictEqual(status, 0, stderr)
  }
  compile(folder)
  // What runs is the same text without its types.
  const source = fs.readFileSync(path.join(folder, 'use.mts'), 'utf8')
  const plain = source
    .replace(/, type \$/, '')
    .replace(/ satisfies [^\n;]*/g, '')
    .replace(/: (?:Buffer|Order|\$[.\w]*)(?= =)/g, '')
    .replace(/\/\/ @ts-expect-error.*\n.*\n/g, '')
  fs.writeFileSync(path.join(folder, 'use.mjs'), plain)
  const { stdout, stderr } = run(folder, 'use.mjs')
  assert.strictEqual(stdout, "true line { class: 'x' } true 1970-01-01T00:00:00.000Z\n", stderr)
})

test('types of the plain forms', (t) => {
  const folder = project(t, {
    'use.mts': `
      import { Order, Pay } from './shop.cjs'
      const order = Order.decode(Buffer.alloc(0))
      order.full_id satisfies string
      order.mail satisfies string | undefined
      order.pay satisfies number | undefined
      order.made_at?.nanos satisfies number | undefined
      order.big satisfies number | bigint
      Pay.CARD satisfies 1
      // @ts-expect-error: absent is undefined
      order.mail satisfies string
    `,
  })
  for (const [command, output] of [
    ['pbjs', 'shop.cjs'],
    ['pbts', 'shop.d.cts'],
  ]) {
    assert.strictEqual(run(folder, bin('ironwire'), command, 'shop.proto', '--load', '-o', output).status, 0)
  }
  compile(folder)
  const script =
    "import { Order, shop } from './shop.cjs'; console.log(Order === shop.Order, Order.decode(Buffer.alloc(0)).full_id)"
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: folder,
    encoding: 'utf8',
  })
  assert.strictEqual(stdout, 'true \n')
})

test('names with a special meaning in modules', (t) => {
  const words =
    'Buffer default protobuf root bytes delete any exports module require await then __proto__ constructor'.split(' ')
  const folder = project(t, {
    'words.proto': `syntax = "proto3"; ${words.map((word) => `message ${word} { int32 ${word} = 1; }`).join(' ')}`,
    'use.mts': `
      import root, { Buffer as Bytes, delete as remove, any, constructor as own } from './words.mjs'
      const bytes: Buffer = remove.encode({ delete: 5 })
      remove.decode(bytes).delete satisfies number
      root.default.decode(bytes).default satisfies number
      const message: any = any.create({ any: 1 })
      Bytes.encode({}) satisfies Buffer
      own.encode({ constructor: 1 })
    `,
  })
  for (const [command, output] of [
    ['pbjs', 'words.mjs'],
    ['pbts', 'words.d.mts'],
  ]) {
    const { status, stderr } = run(
      folder,
      bin('ironwire'),
      command,
      'words.proto',
      '--load',
      '--module',
      'esm',
      '-o',
      output,
    )
    assert.strictEqual(status, 0, stderr)
  }
  assert.strictEqual(run(folder, bin('ironwire'), 'pbjs', 'words.proto', '--load', '-o', 'words.cjs').status, 0)
  compile(folder)
  fs.writeFileSync(
    path.join(folder, 'all.mjs'),
    `import root, * as all from './words.mjs'
     import common from './words.cjs'
     console.log(${JSON.stringify(words)}.filter((word) => word !== 'default').every((word) => all[word] === root[word] && common[word].name === word),
       root.default.encode({ default: 5 }))`,
  )
  const { stdout, stderr } = run(folder, 'all.mjs')
  assert.strictEqual(stdout, 'true <Buffer 08 05>\n', stderr.slice(0, 2000))
})

test('several files, and both kinds of modules', (t) => {
  const folder = project(t)
  assert.strictEqual(
    run(folder, bin('ironwire'), 'pbjs', 'money.proto', 'more.proto', '--load', '-o', 'both.js').status,
    0,
  )
  const both = require(path.join(folder, 'both.js'))
  assert.deepStrictEqual(Object.keys(both).sort(), ['Coin', 'Money', 'Other', 'money', 'more'])
  assert.deepStrictEqual(both.Money.decode(both.Money.encode({ cents: 5 })), { cents: 5 })
  // `protobuf()` as an ECMAScript module.
  assert.strictEqual(run(folder, bin('ironwire'), 'pbjs', 'shop.proto', '--module', 'esm', '-o', 'shop.mjs').status, 0)
  fs.writeFileSync(
    path.join(folder, 'use.mjs'),
    "import messages, { Money, delete as remove } from './shop.mjs'; console.log(Money.encode({ cents: 5 }), messages.delete === remove)",
  )
  assert.strictEqual(run(folder, 'use.mjs').stdout, '<Buffer 08 05> true\n')
})

test('invalid command lines', (t) => {
  const folder = project(t)
  for (const [args, message] of [
    [['money.proto', 'more.proto'], /several with --load/],
    [['money.proto', '--oneofs'], /--oneofs goes with --load/],
    [['money.proto', '--load', '--no-defaults'], /--no-defaults does not go with --load/],
    [['money.proto', '--load', '--enums', 'names'], /--enums is number or string, not 'names'/],
    [['money.proto', '--module', 'umd'], /--module is commonjs or esm/],
    [['money.proto', '-', '--load'], /standard input must be the only file/],
  ]) {
    const { status, stderr } = run(folder, bin('ironwire'), 'pbjs', ...args)
    assert.match(stderr, message)
    assert.strictEqual(status, 2)
  }
  const { status, stderr } = run(folder, bin('ironwire'), 'pbjs', 'none.proto', '--load')
  assert.match(stderr, /^ironwire: none\.proto was not found/)
  assert.strictEqual(status, 1)
})

/** What protoc asks a plugin, and what it is answered. */
const { Request, Response } = protobuf.parse(`syntax = "proto2";
  message Request { repeated string file_to_generate = 1; optional string parameter = 2; repeated bytes proto_file = 15; }
  message Response { optional string error = 1; optional uint64 supported_features = 2; optional int32 minimum_edition = 3;
    optional int32 maximum_edition = 4; repeated File file = 15; message File { optional string name = 1; optional string content = 15; } }`)
const { Set: DescriptorSet } = protobuf.parse('syntax = "proto2"; message Set { repeated bytes file = 1; }')

function ask(request) {
  const { status, stdout } = spawnSync(process.execPath, [bin('protoc-gen-ironwire')], {
    input: Request.encode(request),
  })
  assert.strictEqual(status, 0)
  return Response.decode(stdout)
}

test('the protoc plugin', (t) => {
  const folder = project(t)
  const made = protobuf.loadSync(['shop.proto', 'more.proto'].map((name) => path.join(folder, name)))
  const files = DescriptorSet.decode(protobuf.toDescriptorSet(made)).file
  const answer = ask({ file_to_generate: ['shop.proto', 'more.proto'], proto_file: files })
  assert.strictEqual(answer.error, undefined)
  assert.deepStrictEqual([answer.supported_features, answer.minimum_edition, answer.maximum_edition], [3, 998, 1001])
  assert.deepStrictEqual(
    answer.file.map((file) => file.name),
    ['shop_pb.js', 'shop_pb.d.ts', 'more_pb.js', 'more_pb.d.ts'],
  )
  for (const { name, content } of answer.file) fs.writeFileSync(path.join(folder, name), content)
  const shop = require(path.join(folder, 'shop_pb.js'))
  assert.deepStrictEqual(shop.Order.decode(shop.Order.encode({ total: { cents: 5 } })).total, { cents: 5 })
  // A module has what its file imports, and no more.
  assert.strictEqual(shop.more, undefined)
  const wrong = ask({ file_to_generate: ['shop.proto'], parameter: 'int64=long', proto_file: files })
  assert.match(wrong.error, /options\.int64/)
  assert.match(ask({ file_to_generate: ['shop.proto'], proto_file: files.slice(-1) }).error, /shop\.proto/)
})
