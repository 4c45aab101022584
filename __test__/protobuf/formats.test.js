'use strict'

const assert = require('node:assert')
const test = require('node:test')
const { protobuf } = require('../..')

const messages = protobuf(`
  syntax = "proto3";
  package t;
  import "google/protobuf/any.proto";
  import "google/protobuf/duration.proto";
  import "google/protobuf/field_mask.proto";
  import "google/protobuf/struct.proto";
  import "google/protobuf/timestamp.proto";
  import "google/protobuf/wrappers.proto";
  enum Level { LOW = 0; HIGH = 1; }
  message All {
    int32 small_int = 1; int64 big = 2; double real = 3; string text = 4; bytes data = 5; bool flag = 6; Level level = 7;
    repeated int32 list = 8; map<string, All> by_name = 9; map<int32, Level> by_number = 10; All child = 11;
    oneof choice { string word = 12; uint32 number = 13; }
    google.protobuf.Any any = 14; google.protobuf.Timestamp when = 15; google.protobuf.Duration long = 16;
    google.protobuf.FieldMask mask = 17; google.protobuf.Struct object = 18; google.protobuf.Value value = 19;
    google.protobuf.Int64Value wrapped = 20; string __proto__ = 21; float float = 22; optional int32 maybe = 23;
  }
`)
const { All } = messages

const plain = (json, options) => JSON.parse(protobuf.binaryToJson(All, protobuf.jsonToBinary(All, json), options))

test('JSON to binary and back', () => {
  const values = {
    smallInt: -5,
    big: '-9223372036854775808',
    real: 0.1,
    text: 'é😀"\\\n\u2028',
    data: 'AAH/',
    flag: true,
    level: 'HIGH',
    list: [1, -1, 2147483647],
    byName: { '': {}, k: { smallInt: 1 } },
    byNumber: { '-1': 'HIGH', 7: 3 },
    child: { child: {} },
    number: 0,
    any: { '@type': 'example.org/t.All', any: { '@type': 'x/google.protobuf.Duration', value: '1.500s' } },
    when: '2020-02-29T12:00:00.000000001Z',
    long: '-0.250s',
    mask: 'a.bC,d',
    object: { a: [null, 1.5, 'x', { b: false }] },
    value: null,
    wrapped: '0',
    float: 'NaN',
    maybe: 0,
  }
  assert.deepStrictEqual(plain(JSON.stringify(values)), values)
  assert.deepStrictEqual(plain(JSON.stringify(values, null, 2)), values)
  // UTF-8 in place of a string, and both spellings of a name.
  assert.deepStrictEqual(plain(Buffer.from('{"small_int": 1, "text": "é"}')), { smallInt: 1, text: 'é' })
  assert.deepStrictEqual(plain('{"\\u005f_proto__": "data"}'), { Proto: 'data' })
})

test('options', () => {
  assert.deepStrictEqual(plain('{"smallInt": 1, "level": 1}', { protoNames: true, enumNumbers: true }), {
    small_int: 1,
    level: 1,
  })
  const all = plain('{}', { defaults: true })
  assert.strictEqual(all.smallInt, 0)
  assert.strictEqual(all.big, '0')
  assert.deepStrictEqual([all.list, all.byName, all.level], [[], {}, 'LOW'])
  assert.ok(!('child' in all) && !('maybe' in all) && !('word' in all))
  assert.throws(() => plain('{"nope": [{"a": 1}]}'), {
    code: 'IRONWIRE_PROTOBUF_JSON',
    message: /no field "nope" at line 1, column 2/,
  })
  const ignoring = protobuf.jsonToBinary(All, '{"nope": [{"a": 1}], "level": "NEW", "flag": true}', {
    ignoreUnknown: true,
  })
  assert.deepStrictEqual([...ignoring], [0x30, 1])
})

test('objects', () => {
  const object = { small_int: 3, big: 2n ** 62n, by_name: { __proto__: null, a: { text: 'x' } } }
  const json = protobuf.toJson(All, object)
  assert.strictEqual(json, '{"smallInt":3,"big":"4611686018427387904","byName":{"a":{"text":"x"}}}')
  const back = protobuf.fromJson(All, json)
  assert.strictEqual(back.small_int, 3)
  assert.strictEqual(back.big, 2n ** 62n)
  assert.strictEqual(back.by_name.a.text, 'x')
  const text = protobuf.toText(All, object)
  assert.match(
    text,
    /^small_int: 3\nbig: 4611686018427387904\nby_name {\n {2}key: "a"\n {2}value {\n {4}text: "x"\n {2}}\n}\n$/,
  )
  assert.deepStrictEqual(protobuf.fromText(All, text), back)
  assert.strictEqual(protobuf.toText(All, { list: [1, 2] }, { singleLine: true }), 'list: 1 list: 2 ')
})

test('JSON that does not match the message is refused', () => {
  const wrong = [
    ['', /end of JSON/],
    ['null', /./],
    ['{', /end of JSON/],
    ['{} x', /end of the text/],
    ['{"smallInt": 1,}', /./],
    ["{'smallInt': 1}", /./],
    ['{"smallInt": 01}', /./],
    ['{"smallInt": 1.5}', /is not a signed 32-bit integer/],
    ['{"smallInt": 2147483648}', /out of range/],
    ['{"smallInt": 1, "small_int": 2}', /appears twice/],
    ['{"word": "a", "number": 1}', /more than one member/],
    ['{"byName": {"a": {}, "\\u0061": {}}}', /twice/],
    ['{"byNumber": {"1": "LOW", "1": "LOW"}}', /twice/],
    ['{"object": {"a": 1, "a": 2}}', /twice/],
    ['{"list": [null]}', /./],
    ['{"text": "\\ud800"}', /surrogate/],
    ['{"text": "\u0001"}', /control character/],
    ['{"data": "a"}', /base64/],
    ['{"real": 1e999}', /out of range/],
    ['{"real": NaN}', /./],
    ['{"level": "NEW"}', /no value "NEW"/],
    ['{"when": "2020-02-30T00:00:00Z"}', /timestamp/],
    ['{"long": "1"}', /duration/],
    ['{"mask": "a_b"}', /field mask/],
    ['{"any": {"value": 1}}', /@type/],
    ['{"any": {"@type": "x/unknown.Type"}}', /not in the schema/],
    ['{"any": {"@type": "x/t.All", "@type": "x/t.All"}}', /./],
    [`${'{"child":'.repeat(101)}{}${'}'.repeat(101)}`, /nested deeper/],
    [`{"value":${'['.repeat(1e5)}`, /nested deeper/],
  ]
  for (const [json, message] of wrong) {
    assert.throws(() => protobuf.jsonToBinary(All, json), { message }, json.slice(0, 60))
  }
  assert.throws(() => protobuf.jsonToBinary(All, Buffer.from('{"text":"\xff"}', 'latin1')), {
    code: 'IRONWIRE_PROTOBUF_UTF8',
  })
  assert.throws(() => protobuf.jsonToBinary(All, '{"text": 5}'), {
    code: 'IRONWIRE_PROTOBUF_JSON',
    message: /line 1, column 10/,
  })
})

test('text format', () => {
  const text = `
    # comment
    small_int: -0x5, big: 017; real: inf text: "a" 'b\\u00e9' data: "\\x00\\377"
    list: [1, 2] list: 3 by_name { key: "k" value < small_int: 1 > }
    any { [example.org/t.All] { flag: true } } level: 1 float: 1.5f`
  const object = protobuf.fromText(All, text)
  assert.strictEqual(object.small_int, -5)
  assert.strictEqual(object.big, 15)
  assert.strictEqual(object.real, Infinity)
  assert.strictEqual(object.text, 'abé')
  assert.deepStrictEqual([...object.data], [0, 255])
  assert.deepStrictEqual(object.list, [1, 2, 3])
  assert.strictEqual(object.by_name.k.small_int, 1)
  assert.deepStrictEqual([...object.any.value], [0x30, 1])
  for (const wrong of [
    'small_int: 1 small_int: 2',
    'nope: 1',
    'small_int',
    'small_int: 08',
    'text: "',
    'child {',
    'list: [1',
    'word: "" number: 1',
  ]) {
    assert.throws(
      () => protobuf.textToBinary(All, wrong),
      { code: 'IRONWIRE_PROTOBUF_TEXT', message: /line 1, column \d+/ },
      wrong,
    )
  }
  const unknown = Buffer.from('c03e05ca3e03616263d23e020801', 'hex')
  assert.strictEqual(protobuf.binaryToText(All, unknown), '')
  assert.strictEqual(
    protobuf.binaryToText(All, unknown, { unknown: true }),
    '1000: 5\n1001: "abc"\n1002 {\n  1: 1\n}\n',
  )
})

test('invalid binary, limits, invalid arguments', () => {
  const code = (expected, call) => assert.throws(call, { code: expected })
  code('IRONWIRE_PROTOBUF_INVALID', () => protobuf.binaryToJson(All, Buffer.from([8])))
  code('IRONWIRE_PROTOBUF_UTF8', () => protobuf.binaryToJson(All, Buffer.from([0x22, 1, 0xff])))
  code('IRONWIRE_PROTOBUF_UNREPRESENTABLE', () => protobuf.toJson(All, { when: { seconds: 1e15 } }))
  code('IRONWIRE_PROTOBUF_UNREPRESENTABLE', () => protobuf.toJson(All, { value: {} }))
  code('ERR_INVALID_ARG_TYPE', () => protobuf.binaryToJson(All, 'text'))
  code('ERR_INVALID_ARG_TYPE', () => protobuf.jsonToBinary(All, 5))
  code('ERR_INVALID_ARG_TYPE', () => protobuf.jsonToBinary({}, '{}'))
  code('ERR_INVALID_ARG_VALUE', () => protobuf('message A {}', { maxSize: 0 }))
  const source = 'syntax = "proto2"; message A { required int32 a = 1; optional A b = 2; repeated int32 c = 3; }'
  const { A } = protobuf(source, { maxSize: 40, maxValues: 3, depth: 2 })
  code('IRONWIRE_PROTOBUF_REQUIRED', () => protobuf.jsonToBinary(A, '{}'))
  assert.strictEqual(protobuf.jsonToBinary(A, '{}', { partial: true }).length, 0)
  assert.strictEqual(protobuf.binaryToJson(A, Buffer.alloc(0), { partial: true }), '{}')
  code('IRONWIRE_PROTOBUF_LIMIT', () => protobuf.jsonToBinary(A, `{"a":1}${' '.repeat(40)}`))
  code('IRONWIRE_PROTOBUF_LIMIT', () => protobuf.binaryToJson(A, Buffer.from([8, 1, 0x18, 1, 0x18, 1, 0x18, 1])))
  code('IRONWIRE_PROTOBUF_LIMIT', () =>
    protobuf.jsonToBinary(A, '{"a":1,"b":{"a":1,"b":{"a":1,"b":{"a":1}}}}'.slice(0, 99), {}),
  )
})

test('lookup by full name', () => {
  assert.strictEqual(protobuf.lookup(messages, 't.All'), All)
  assert.strictEqual(protobuf.lookup(messages, 'google.protobuf.Any').name, 'Any')
  assert.strictEqual(protobuf.lookup(messages, 't.Nothing'), undefined)
  assert.throws(() => protobuf.lookup({}, 't.All'), { code: 'ERR_INVALID_ARG_TYPE' })
})
