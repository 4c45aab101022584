'use strict'

// `ironwire pbts` and `ironwire pbjs`: what they write compiles, means what the messages do, and runs.

const assert = require('node:assert')
const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const test = require('node:test')
const { protobuf, version } = require('../..')

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
    optional money.Money total = 9;
    map<int64, bytes> seals = 10;
    message Line { optional string class = 1; optional Kind kind = 2; enum Kind { NEW = 0; } }
    extensions 100 to 110;
  }
  extend Order { optional string note = 100; }
  message Scope { extend Order { optional string far = 101; } }
  service Shop {
    rpc Buy (Order) returns (money.Money);
    rpc Watch (Order) returns (stream money.Money);
    rpc Sum (stream money.Money) returns (money.Money);
    rpc Chat (stream Order) returns (stream money.Money);
  }
`
const MONEY = `
  syntax = "proto3"; package money;
  enum Coin { NONE = 0; CENT = 1; }
  message Money { int32 cents = 1; optional Coin coin = 2; }
  message Scope { int32 other = 1; }
`

const USE = `
import { protobuf, rpc } from 'ironwire'
import { Order, Pay, Money, Scope, Shop, type $ } from './shop'

const bytes: Buffer = Order.encode({
  id: 'a',
  count: 5n,
  lines: [{ class: 'x', kind: Order.Line.Kind.NEW }, { kind: 'NEW' }],
  pays: new Map([['a', Pay.CARD]]),
  seals: { 5: 'text', 6: new Uint8Array(2) },
  note: 'n',
  '[shop.Scope.far]': 'f',
  total: null,
})
const order = Order.decode(bytes)
order.id satisfies string
order.count satisfies number | bigint
order.lines[0].class satisfies string
order.pays.a satisfies 1 | 2
order.mail satisfies string | undefined
order.line satisfies Order.Line | null | undefined
order.total satisfies Money | null
order.at satisfies $.google.protobuf.Timestamp | null
order.photo satisfies Buffer | null
order.note satisfies string
order['[shop.Scope.far]'] satisfies string | undefined
Money.decode(bytes).coin satisfies number
Order.encode.bytes satisfies number
// What was decoded can be encoded, by every way there is.
Order.encode(order) satisfies Buffer
Order.encodingLength(order)
protobuf.fromJson(Order, protobuf.toJson(Order, order)).id satisfies string
protobuf.decodeDelimited(Order, protobuf.encodeDelimited(Order, order)).id satisfies string
for await (const item of protobuf.decodeStream(Order, process.stdin)) item.id satisfies string
const input: Order.$Input = { id: 'a', lines: new Set([{}]) }
Order.encode(input)
const pay: Pay = Pay.CASH

// The same for what protobuf() returns, and for its services.
const shop = protobuf<typeof import('./shop')>('')
shop.Order.decode(bytes).id satisfies string
const { Buy } = protobuf.service(shop, 'shop.Shop').methods
Buy.requestType.encode({ id: 'b' })
Buy.responseType.decode(bytes).cents satisfies number
Buy.path satisfies string

// Clients and handlers of a service.
const client: Shop.$Client = rpc.connect(1).service(Shop)
;(await client.buy({ id: 'a' })).cents satisfies number
client.buy({ id: 'a' }, { timeout: 5 }, (error, money) => {
  if (error === null) money.cents satisfies number
}).cancel()
for await (const money of client.watch({ id: 'a' })) money.cents satisfies number
;(await client.sum([{ cents: 1 }])).cents satisfies number
const sum = client.sum(null, (error, money) => money.cents satisfies number)
sum.write({ cents: 1 })
;(await client.sum().reply).cents satisfies number
const chat = client.chat()
chat.write({ id: 'a' })
for await (const money of chat) money.cents satisfies number
const handlers: Shop.$Handlers = {
  buy: (order, callback, call) => callback(null, { cents: order.lines.length }, { peer: call.peer.address ?? '' }),
  async *watch(order, call) {
    while (!call.signal.aborted) yield { cents: order.id.length }
  },
  async sum(requests) {
    let cents = 0
    for await (const money of requests) cents += money.cents
    return { cents }
  },
  chat(requests, call) {
    requests.on('data', (order) => call.write({ cents: order.lines.length }))
    requests.on('end', () => call.end())
  },
}
rpc.createServer().addService(Shop, handlers).addService(Shop, { buy: async () => ({ cents: 1, coin: 'CENT' }) })
// @ts-expect-error: id is required
client.buy({})
// @ts-expect-error: there is no such method
client.sell
// @ts-expect-error: it answers with Money
rpc.createServer().addService(Shop, { buy: async () => ({ dollars: 1 }) })
// @ts-expect-error: it streams Money
rpc.createServer().addService(Shop, { watch: async function* () { yield 'text' } })
// @ts-expect-error: it takes a stream of Money
client.sum([{ id: 'a' }])
// @ts-expect-error: an order is what it takes
chat.write({ cents: 1 })

protobuf.reflect(Order).fields satisfies protobuf.FieldInfo[]
protobuf.reflect(shop).files satisfies protobuf.FileInfo[]
const limits: protobuf.SchemaLimits = { nesting: 5 }

// @ts-expect-error: id is required
Order.encode({})
// @ts-expect-error: no such field
Order.encode({ id: 'a', nothing: 1 })
// @ts-expect-error: a string is no message
Order.encode({ id: 'a', total: 'x' })
// @ts-expect-error: a string is no list
Order.encode({ id: 'a', lines: 'x' })
// @ts-expect-error: no such name
Order.encode({ id: 'a', lines: [{ kind: 'OLD' }] })
// @ts-expect-error: not a value of the closed enum
Order.encode({ id: 'a', pays: { a: 3 } })
// @ts-expect-error: not a value of the enum
const none: Pay = 3
// @ts-expect-error: nothing of that name is nested there
Order.Lines
// @ts-expect-error: it may be null
order.total.cents
// @ts-expect-error: it may be absent
order.mail.length
// @ts-expect-error: there is no such method
protobuf.service(shop, 'shop.Shop').methods.Sell
// Of two messages of one name the imported one shows, as in npm protocol-buffers. The other is there by its full name.
Scope.decode(bytes).other satisfies number
// @ts-expect-error: it has no fields
declare const scope: $.shop.Scope, other: typeof scope.other
`

/** A folder with these files that goes away after the test. */
function project(t, files = { 'shop.proto': PROTO, 'money.proto': MONEY }) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-pbts-'))
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true })
    fs.writeFileSync(path.join(folder, name), text)
  }
  return folder
}

function run(folder, args, options) {
  return spawnSync(process.execPath, [cli, ...args], { cwd: folder, encoding: 'utf8', ...options })
}

function compile(folder, options) {
  fs.mkdirSync(path.join(folder, 'node_modules'))
  fs.symlinkSync(root, path.join(folder, 'node_modules', 'ironwire'), 'junction')
  fs.symlinkSync(path.join(root, 'node_modules', '@types'), path.join(folder, 'node_modules', '@types'), 'junction')
  const compilerOptions = {
    module: 'nodenext',
    strict: true,
    noEmit: true,
    types: ['node'],
    target: 'es2023',
    ...options,
  }
  fs.writeFileSync(
    path.join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, include: ['*.ts', '*.mts', '*.cts'] }),
  )
  const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const { status, stdout, stderr } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' })
  assert.strictEqual(status, 0, stdout + stderr)
}

test('declarations compile, and check programs against the schema', (t) => {
  const folder = project(t)
  const { status, stderr } = run(folder, ['pbts', 'shop.proto', '-o', 'shop.d.ts'])
  assert.strictEqual(status, 0, stderr)
  fs.writeFileSync(path.join(folder, 'use.mts'), USE.replaceAll("'./shop'", "'./shop.js'"))
  compile(folder)
})

test('names with a special meaning in TypeScript or JavaScript', (t) => {
  // Every word as message, nested message, enum, value, field, package and method at once.
  const words =
    'any bigint boolean number string symbol never unknown object undefined null void delete class function default interface let ' +
    'await static type namespace module declare abstract constructor prototype __proto__ toString hasOwnProperty valueOf __defineGetter__ arguments eval ' +
    'Array Buffer Map Record Promise globalThis Input Message is keyof infer new this true false typeof of get set import'
  const messages = words.split(' ').map(
    (word) =>
      `message ${word} { optional int32 ${word} = 1; message ${word}_ {} message In { optional ${word} ${word} = 1; message ${word} { optional bytes b = 1; } }
       repeated uint64 list = 2; map<string, ${word}_> map = 3; enum E${word} { ${word}__ = 0; } optional E${word} e = 4; }`,
  )
  const methods = words.split(' ').map((word) => `rpc ${word} (any) returns (any);`)
  const packages = words.split(' ').filter((word) => word !== 'toString')
  const folder = project(t, {
    'words.proto': `syntax = "proto2"; package ${packages.join('.')}; ${messages.join('\n')}\n service Words { ${methods.join('\n')} }`,
    'use.ts': `
      import { delete as remove, Buffer as SchemaBuffer, constructor, hasOwnProperty, toString, type $ } from './words'
      remove.decode(Buffer.alloc(0)).delete satisfies number
      const a: remove = remove.decode(Buffer.alloc(0))
      SchemaBuffer.decode(Buffer.alloc(0)).map satisfies { [key: string]: object }
      SchemaBuffer.In.Buffer.decode(Buffer.alloc(0)).b satisfies Buffer | null
      constructor.encode({ constructor: 1 })
      constructor.encode({})
      hasOwnProperty.encode({})
      toString.encode({ list: [5n] }).length
      // @ts-expect-error: a string is no number
      constructor.encode({ constructor: 'x' })
    `,
  })
  const { status, stderr } = run(folder, ['pbts', 'words.proto', '-o', 'words.d.ts'])
  assert.strictEqual(status, 0, stderr)
  compile(folder)
})

test('comments and names of files cannot become code', (t) => {
  const evil = '*/ declare const injected: number; export { injected } /*'
  const folder = project(t, {
    'evil.proto': `
      // ${evil}
      package evil;
      // ${evil} \u2028 *\\/ **/ *//
      message A {
        /* ${evil.replace('*/', '* /')} */
        optional int32 a = 1; // ${evil}
        // ${evil}
        optional int64 b = 2 [deprecated = true, default = -9223372036854775808];
      }
      enum E { X = 0; /* @ts-ignore \${evil} \` */ }
      // ${evil}
      service S { rpc Call (A) returns (A); // ${evil}
      }`,
    'use.ts': `
      import { A, E } from './evil'
      A.decode(Buffer.alloc(0)).a satisfies number
      // @ts-expect-error: it is in a comment
      import { injected } from './evil'
    `,
  })
  const { status, stdout, stderr } = run(folder, ['pbts', 'evil.proto'])
  assert.strictEqual(status, 0, stderr)
  fs.writeFileSync(path.join(folder, 'evil.d.ts'), stdout)
  compile(folder)
})

test('declarations of everything that a schema can be', (t) => {
  const folder = path.join(__dirname, 'fixtures')
  const { status, stdout, stderr } = run(folder, ['pbts', 'library.proto', '--strict'])
  assert.strictEqual(status, 0, stderr)
  assert.match(stdout, /declare const Book: \$\.library\.Book\.\$Message/)
  assert.match(stdout, / {6}\/\*\* @deprecated \*\/\n {6}authors: string\[\]\n/)
  compile(project(t, { 'library.d.ts': stdout }))
})

/** A decoded value as an expression of TypeScript. */
function literal(value) {
  if (typeof value === 'bigint') return `${value}n`
  if (value instanceof Uint8Array) return `Buffer.from([${[...value]}])`
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`
  if (value === null || typeof value !== 'object') return Number.isNaN(value) ? 'NaN' : JSON.stringify(value)
  return `{ ${Object.entries(value).map(([name, item]) => `${JSON.stringify(name)}: ${literal(item)}`)} }`
}

test('decoded objects have exactly the declared properties', (t) => {
  const fixtures = path.join(__dirname, 'fixtures')
  const resolveImport = (name) => {
    const file = path.join(fixtures, name)
    return fs.existsSync(file) ? fs.readFileSync(file) : null
  }
  const all = [{}, { defaults: false }, { int64: 'bigint' }, { int64: 'string', defaults: false }]
  const files = {}
  for (const [index, options] of all.entries()) {
    const messages = protobuf(null, { filename: 'library.proto', resolveImport, ...options })
    files[`library${index}.d.ts`] = protobuf.pbts(messages)
    const { Book } = messages
    const page = { number: 1, next: { isbn: 2n ** 60n, kind: 'ATLAS', shelf: 's', access: { level: 1 } } }
    const full = {
      isbn: 5,
      authors: ['a'],
      kinds: [1],
      pages: { p: page },
      ratings: { 1: 2.5 },
      at: {},
      cover: 'c',
      printed: {},
    }
    const values = [['library.Book', Book.decode(Book.encode(full))]]
    for (const info of protobuf.reflect(messages).messages) {
      if (info.fields.some((field) => field.label === 'required')) continue
      values.push([info.fullName, info.message.decode(Buffer.alloc(0))])
    }
    assert.ok(values.length > 20)
    const lines = values.map(([name, value], at) => `const v${at}: $.${name} = ${literal(value)}`)
    files[`use${index}.ts`] = `import type { $ } from './library${index}'\n${lines.join('\n')}\n`
  }
  compile(project(t, files))
})

test('the forms of 64-bit integers and absent fields follow the options', () => {
  const source = `message A { optional int64 n = 1; optional bytes b = 2; required bytes r = 3; repeated sint64 l = 4; optional A a = 5; }`
  const decoded = (options) => {
    const text = protobuf.pbts(protobuf(source, options))
    return /interface A \{\n([^}]*)\}/.exec(text)[1].trim().split(/\n\s*/)
  }
  assert.deepStrictEqual(decoded({ int64: 'string' }), [
    'n: string',
    'b: globalThis.Buffer | null',
    'r: globalThis.Buffer',
    'l: string[]',
    'a: $.A | null',
  ])
  assert.deepStrictEqual(decoded({ defaults: false }), [
    'n?: number | bigint',
    'b?: globalThis.Buffer',
    'r: globalThis.Buffer',
    'l: (number | bigint)[]',
    'a?: $.A',
  ])
  // The types say what is there.
  for (const options of [{}, { int64: 'bigint' }, { int64: 'string', defaults: false }]) {
    const { A } = protobuf(source, options)
    const object = A.decode(A.encode({ r: 'x', l: [1] }))
    const expected = { r: Buffer.from('x'), l: [{ bigint: 1n, string: '1' }[options.int64] ?? 1] }
    const zero = { bigint: 0n, string: '0' }[options.int64] ?? 0
    assert.deepStrictEqual(object, options.defaults === false ? expected : { n: zero, b: null, ...expected, a: null })
  }
})

test('a module written by pbjs works like the schema', (t) => {
  const folder = project(t)
  const { status, stdout, stderr } = run(folder, ['pbjs', 'shop.proto', '--int64', 'bigint'])
  assert.strictEqual(status, 0, stderr)
  const file = path.join(folder, 'shop.js')
  fs.writeFileSync(file, stdout.replace('require("ironwire")', `require(${JSON.stringify(root)})`))
  const { Order, Money } = require(file)
  assert.deepStrictEqual(Order.decode(Order.encode({ id: 'a', total: { cents: 5 } })).total, { cents: 5, coin: 0 })
  assert.strictEqual(Order.decode(Order.encode({ id: 'a', count: 1 })).count, 1n)
  const far = protobuf.lookup(require(file), 'shop.Scope')
  assert.deepStrictEqual(far.decode(far.encode({ other: 1 })), {})
  assert.strictEqual(Money.encodingLength({ cents: 300 }), 3)
})

test('an ECMAScript module can import everything that the types export', (t) => {
  const folder = project(t, {
    'words.proto': `${PROTO.replace('package shop;', '')} message delete {} message default {} message __proto__ {}`,
  })
  fs.writeFileSync(path.join(folder, 'money.proto'), MONEY)
  for (const [command, output] of Object.entries({ pbjs: 'words.cjs', pbts: 'words.d.cts' })) {
    const { status, stderr } = run(folder, [command, 'words.proto', '-o', output])
    assert.strictEqual(status, 0, stderr)
  }
  const types = fs.readFileSync(path.join(folder, 'words.d.cts'), 'utf8')
  const names = [...types.matchAll(/^export \{ (?:\S+ as )?(\S+) \}/gm)].map(([, name]) => name)
  for (const name of ['Pay', 'Order', 'Money', 'delete', '__proto__']) assert.ok(names.includes(name), name)
  const imported = names.map((name, index) => `${name} as n${index}`)
  fs.writeFileSync(
    path.join(folder, 'use.mts'),
    `import all, { ${imported.filter((line) => !line.startsWith('default ')).join(', ')} } from './words.cjs'
    for (const one of [${names.map((name, index) => (name === 'default' ? 'all.default' : `n${index}`))}]) {
      if (typeof one !== 'object') throw new TypeError(String(one))
    }
    if (n${names.indexOf('Order')}.decode(all.Order.encode({ id: 'a' })).id !== 'a') throw new Error('not a')`,
  )
  compile(folder)
  fs.copyFileSync(path.join(folder, 'use.mts'), path.join(folder, 'use.mjs'))
  const { status, stderr } = spawnSync(process.execPath, ['use.mjs'], { cwd: folder, encoding: 'utf8' })
  assert.strictEqual(status, 0, stderr)
})

test('a module written by pbjs compiles under the options it was made with', (t) => {
  const deep = `${'message M {'.repeat(100)}${'}'.repeat(100)}`
  const folder = project(t, { 'deep.cjs': protobuf.toJS(deep, { encodings: root, limits: { nesting: 100 } }) })
  assert.strictEqual(require(path.join(folder, 'deep.cjs')).M.M.M.name, 'M')
})

test('unknown fields are kept and typed if the option is set', (t) => {
  const folder = project(t, { 'a.proto': 'message A { optional A a = 1; }' })
  for (const [command, output] of Object.entries({ pbjs: 'a.js', pbts: 'a.d.ts' })) {
    const { status, stderr } = run(folder, [command, 'a.proto', '--unknown-fields', '-o', output])
    assert.strictEqual(status, 0, stderr)
  }
  fs.writeFileSync(
    path.join(folder, 'use.cts'),
    `import { protobuf } from 'ironwire'
    import { A } from './a'
    const a = A.decode(Buffer.from([10, 2, 16, 5]))
    a.a?.[protobuf.unknownFields] satisfies Buffer[] | undefined
    A.encode({ [protobuf.unknownFields]: [Buffer.alloc(0)] })
    // @ts-expect-error: they are bytes
    A.encode({ [protobuf.unknownFields]: ['x'] })`,
  )
  compile(folder)
  const { A } = require(path.join(folder, 'a.js'))
  const bytes = Buffer.from([10, 2, 16, 5])
  assert.deepStrictEqual(A.encode(A.decode(bytes)), bytes)
  assert.deepStrictEqual(A.decode(bytes).a[protobuf.unknownFields], [bytes.subarray(2)])
})

test('absent may be written as undefined, under the strictest options too', (t) => {
  const types = protobuf.pbts(
    protobuf('message A { optional int32 n = 1; repeated A list = 2; map<string, A> map = 3; }'),
  )
  const folder = project(t, {
    'a.d.ts': types,
    'use.ts': `
      import { A } from './a'
      const a: A.$Input = { n: undefined, list: undefined, map: undefined }
      A.encode({ ...a, n: Math.random() > 0.5 ? 1 : undefined })`,
  })
  compile(folder, { exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true })
})

test('file errors are reported in one line', { skip: !fs.existsSync('/dev/full') }, (t) => {
  const folder = project(t)
  const full = fs.openSync('/dev/full', 'w')
  t.after(() => fs.closeSync(full))
  const fails = (args, text, options) => {
    const { status, stderr } = run(folder, args, options)
    assert.match(stderr, text)
    assert.strictEqual(stderr.trim().split('\n').length, 1, stderr)
    assert.strictEqual(status, 1)
  }
  const stdio = ['ignore', full, 'pipe']
  fails(['pbts', 'shop.proto'], /^ironwire: standard output: ENOSPC/, { stdio })
  fails(['pbjs', 'shop.proto'], /^ironwire: standard output: ENOSPC/, { stdio })
  fails(['--help'], /^ironwire: standard output: ENOSPC/, { stdio })
  fails(['pbts', 'shop.proto', '-o', '/dev/full'], /^ironwire: \/dev\/full: ENOSPC/)
  fails(['pbts', folder], /^ironwire: .*ironwire-pbts-.*: EISDIR/)
  fails(['pbts', 'none.proto'], /^ironwire: ENOENT: .*none\.proto/)
})

test('a closed output pipe causes no stack trace', { skip: process.platform === 'win32' }, (t) => {
  const fields = Array.from({ length: 9000 }, (_, i) => `optional int32 field_of_some_length_${i} = ${i + 1};`)
  const folder = project(t, { 'long.proto': `message Long { ${fields.join('\n')} }` })
  const command = `'${process.execPath}' '${cli}' pbts long.proto | head -n 1`
  const { stdout, stderr } = spawnSync('sh', ['-c', command], { cwd: folder, encoding: 'utf8' })
  assert.deepStrictEqual([stdout, stderr], ['// Written by `ironwire pbts`: edit the .proto file instead.\n', ''])
})

test('a missing import is reported at its position', (t) => {
  const folder = project(t, { 'a.proto': 'import "b.proto";\nmessage A { optional B b = 1; }' })
  const { status, stderr } = run(folder, ['pbts', 'a.proto'])
  assert.strictEqual(status, 1)
  assert.match(stderr, /^ironwire: a\.proto:2:22: Could not resolve B: .*, and "b\.proto" was not found\n$/)
})

test('imports come from -I, from here, and from beside the file; the schema from standard input', (t) => {
  const folder = project(t, {
    'a/root.proto':
      'import "x.proto"; import "y.proto"; import "z.proto"; message R { optional X x = 1; optional Y y = 2; optional Z z = 3; }',
    'inc/x.proto': 'message X {}',
    'y.proto': 'message Y {}',
    'a/z.proto': 'message Z {}',
  })
  const there = run(folder, ['pbts', '-I', 'inc', 'a/root.proto', '--strict'])
  assert.strictEqual(there.status, 0, there.stderr)
  for (const name of ['R', 'X', 'Y', 'Z']) assert.match(there.stdout, new RegExp(`interface ${name} `))
  assert.match(run(folder, ['pbts', '-I', 'a', '-I', 'inc', 'root.proto']).stdout, /interface R /)
  const input = 'import "x.proto"; message Piped { optional X x = 1; }'
  const piped = run(folder, ['pbts', '-', '-I', 'inc'], { input })
  assert.strictEqual(piped.status, 0, piped.stderr)
  assert.match(piped.stdout, /interface Piped /)
  assert.strictEqual(run(folder, ['pbts', '-', '-Iinc', '-o', '-'], { input }).stdout, piped.stdout)
  const { status, stderr } = run(folder, ['pbts', 'a/root.proto', '--strict'])
  assert.strictEqual(status, 1)
  assert.match(stderr, /^ironwire: a\/root\.proto:1:\d+: .*x\.proto/)
})

test('errors are reported on stderr and by the exit status', (t) => {
  const folder = project(t)
  const usage = [[], ['pbxx', 'a'], ['pbts'], ['pbts', 'a', 'b'], ['pbts', 'a', '--int64', 'x'], ['pbts', '--nope']]
  for (const args of usage) {
    const { status, stderr, stdout } = run(folder, args)
    assert.strictEqual(status, 2, args.join(' '))
    assert.match(stderr, /^ironwire: .+\nTry 'ironwire --help'\.\n$/)
    assert.strictEqual(stdout, '')
  }
  const missing = run(folder, ['pbts', 'nowhere.proto'])
  assert.strictEqual(missing.status, 1)
  assert.match(missing.stderr, /^ironwire: ENOENT/)
  fs.writeFileSync(path.join(folder, 'broken.proto'), 'message {')
  const broken = run(folder, ['pbts', 'broken.proto', '-o', 'broken.d.ts'])
  assert.strictEqual(broken.status, 1)
  assert.match(broken.stderr, /^ironwire: broken\.proto:1:9: /)
  assert.strictEqual(fs.existsSync(path.join(folder, 'broken.d.ts')), false)
  const help = run(folder, ['--help'])
  assert.deepStrictEqual([help.status, help.stdout.startsWith('usage: ironwire')], [0, true])
  assert.strictEqual(run(folder, ['--version']).stdout, `${version}\n`)
})
