'use strict'

// Where the package has to work: under Node's own switches, after tools that rewrite its sources, among globals and values of others.

const assert = require('node:assert')
const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const test = require('node:test')
const vm = require('node:vm')
const binding = require('../../binding.js')
const { protobuf } = require('../..')

const ROOT = path.join(__dirname, '..', '..')

/** What a script prints, run with `protobuf` in scope. */
function run(script, flags = []) {
  const source = `const { protobuf } = require(${JSON.stringify(ROOT)})\n${script}`
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [...flags, '-e', source], { encoding: 'utf8' })
  assert.strictEqual(status, 0, `${signal} ${stderr}`)
  return stdout
}

const SAMPLE = `
  const source = 'enum Color { RED = 0; BLUE = 2; } message A { required int32 a = 1; optional string s = 2; ' +
    'optional bytes b = 3 [default = "\\\\001\\\\377"]; map<string, int64> m = 4; repeated Color c = 5; optional A n = 6; }'
  const outcome = (f) => { try { return f() } catch (error) { return error.code + ' ' + error.message } }
  const show = () => {
    const all = protobuf(source)
    const bytes = all.A.encode({ a: 1, s: 'é', m: new Map([['k', 2n ** 60n]]), c: ['BLUE', 0], n: { a: 2 } })
    const decoded = all.A.decode(bytes)
    return [
      bytes.toString('hex'), decoded.n.b.toString('hex'), String(decoded.m.k), decoded.s, decoded.c.join(),
      protobuf.toJson(all.A, { a: 5 }), protobuf.toText(all.A, { a: 5 }, { singleLine: true }),
      outcome(() => all.A.encode({})), outcome(() => all.A.encode({ a: 1, c: ['GREEN'] })), outcome(() => all.A.decode(Buffer.from([8]))),
      outcome(() => protobuf('message')), outcome(() => protobuf.fromJson(all.A, '{"x":1}')),
    ].join('\\n')
  }
`

test('the same results under Node’s security flags', () => {
  const script = `${SAMPLE} console.log(show())`
  const expected = run(script)
  assert.match(expected, /Invalid enum value: 'GREEN' is no value of Color/)
  for (const flags of [
    ['--frozen-intrinsics'],
    ['--disable-proto=throw'],
    ['--disable-proto=delete'],
    ['--jitless'],
    ['--disallow-code-generation-from-strings'],
    ['--frozen-intrinsics', '--disallow-code-generation-from-strings'],
  ]) {
    assert.strictEqual(run(script, flags), expected, flags.join(' '))
  }
  assert.strictEqual(run(`Object.freeze(Object.prototype); Object.freeze(Error.prototype)\n${script}`), expected)
})

test('generated code does not depend on function texts or other globals', () => {
  const expected = run(`${SAMPLE} console.log(show())`)
  const hostile = `{
    Function.prototype.toString = () => { throw new Error('the text of a function was asked for') }
    const { log } = console
    const Bytes = globalThis.Buffer
    ${SAMPLE.replaceAll('Buffer.from', 'Bytes.from')}
    globalThis.Buffer = globalThis.URL = globalThis.setTimeout = globalThis.setImmediate = undefined
    const text = show()
    globalThis.Buffer = Bytes
    log(text)
  }`
  assert.strictEqual(run(hostile), expected)
})

test('the codec of small schemas is the file that large ones run', () => {
  assert.strictEqual(
    binding.protoCodecBody(),
    fs.readFileSync(path.join(ROOT, 'lib', 'protobuf', 'codec-body.js'), 'utf8'),
    'the addon is older than lib/protobuf/codec-body.js: build it',
  )
  const small = protobuf('message A { required int32 a = 1; repeated string s = 2; }').A
  const more = Array.from({ length: 20 }, (_, i) => `message M${i} {}`).join(' ')
  const large = protobuf(`message A { required int32 a = 1; repeated string s = 2; } ${more}`).A
  const outcome = (f) => {
    try {
      return f()
    } catch (error) {
      return [error.code, error.message]
    }
  }
  for (const object of [
    { a: 1 },
    { a: 1, s: ['x'.repeat(20000)] },
    { a: 1, s: ['y'.repeat(5000)] },
    {},
    null,
    'text',
    undefined,
  ]) {
    assert.deepStrictEqual(
      outcome(() => small.encode(object)),
      outcome(() => large.encode(object)),
    )
    assert.strictEqual(small.encode.bytes, large.encode.bytes)
  }
  for (const args of [
    [Buffer.from('0801', 'hex')],
    [Buffer.from('000801', 'hex'), 1],
    [Buffer.from('080100', 'hex'), 0, 2],
    ['x'],
    [Buffer.alloc(0)],
  ]) {
    assert.deepStrictEqual(
      outcome(() => small.decode(...args)),
      outcome(() => large.decode(...args)),
    )
    assert.strictEqual(small.decode.bytes, large.decode.bytes)
  }
})

test('values of another realm are accepted', () => {
  const foreign = (code, given = {}) => vm.runInNewContext(code, given)
  const source =
    'message A { optional string s = 1; map<string, int32> m = 2; optional bytes b = 3; repeated int32 r = 4; optional fixed64 f = 5; oneof o { bytes x = 6; int32 y = 7; } }'
  const { A } = protobuf(source)
  const u8 = foreign('Uint8Array.of(10, 2, 104, 105)')
  const at = (fields) => A.encode(fields).toString('hex')
  assert.strictEqual(A.decode(u8).s, 'hi')
  assert.strictEqual(at({ m: foreign('new Map([["a", 1]])') }), at({ m: { a: 1 } }))
  assert.strictEqual(at({ b: u8 }), at({ b: Buffer.from(u8) }))
  assert.strictEqual(at({ b: foreign('new DataView(new ArrayBuffer(2))') }), at({ b: Buffer.alloc(2) }))
  assert.strictEqual(at({ b: foreign('new ArrayBuffer(2)') }), at({ b: Buffer.alloc(2) }))
  for (const list of [
    '[1, 2]',
    'new Set([1, 2])',
    'Int32Array.of(1, 2)',
    '[1, 2].values()',
    '(function* () { yield 1; yield 2 })()',
  ]) {
    assert.strictEqual(at({ r: foreign(list) }), at({ r: [1, 2] }), list)
  }
  assert.strictEqual(at({ f: foreign('Object(5n)') }), at({ f: 5 }))
  assert.strictEqual(
    at({ f: foreign('Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)') }),
    at({ f: Buffer.from([1, 2, 3, 4, 5, 6, 7, 8]) }),
  )
  const decoded = { x: foreign('new Uint8Array(0)'), y: 0 }
  assert.throws(() => at(decoded), { code: 'IRONWIRE_PROTOBUF_ONEOF' })
  const into = foreign('new Uint8Array(8)')
  assert.strictEqual(A.encode({ s: 'hi' }, into, 1), into)
  assert.strictEqual(Buffer.from(into).toString('hex'), '000a026869000000')
  for (const given of ['Uint8Array.from(text)', 'Uint8Array.from(text).buffer']) {
    assert.deepStrictEqual(Object.keys(protobuf(foreign(given, { text: [...Buffer.from('message Q {}')] }))), ['Q'])
  }
  assert.strictEqual(protobuf.toJson(A, { b: u8 }), '{"b":"CgJoaQ=="}')
  assert.strictEqual(protobuf.binaryToJson(A, u8), '{"s":"hi"}')
  assert.strictEqual(protobuf.binaryToText(A, u8, { singleLine: true }).trim(), 's: "hi"')
  assert.strictEqual(
    protobuf.fromJson(A, foreign('Uint8Array.from(text)', { text: [...Buffer.from('{"s":"x"}')] })).s,
    'x',
  )
  assert.strictEqual(protobuf.decodeDelimited(A, foreign('Uint8Array.of(4, 10, 2, 104, 105)')).s, 'hi')
  assert.strictEqual(protobuf.encodeDelimited(A, { s: 'hi' }, into)[0], 4)
  assert.ok(
    protobuf.fromDescriptorSet(foreign('Uint8Array.from(x)', { x: [...protobuf.toDescriptorSet(protobuf(source))] })).A,
  )
})
