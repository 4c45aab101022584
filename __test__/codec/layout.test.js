'use strict'

const test = require('node:test')
const assert = require('node:assert/strict')
const { codec } = require('../../index.js')

const { layout } = codec

test('a list of fields and a text give the same layout', () => {
  const list = layout({
    id: 'u16be',
    kind: { type: 'u8', enum: { A: 1, B: 2 } },
    point: [
      ['x', 'i16le'],
      ['y', 'i16le'],
    ],
    count: { type: 'u8', value: 'count(items)' },
    items: { type: 'u32be', count: 'count' },
    name: 'utf8(u8)',
  })
  const text = layout(`
    enum Kind : u8 { A = 1, B }
    struct Point { i16le x; i16le y; } // a comment
    struct Record { u16be id; Kind kind; Point point; u8 count = count(items); u32be items[count]; utf8(u8) name; }`)
  const record = { id: 7, kind: 'B', point: { x: -1, y: 2 }, items: [1, 4294967295], name: 'é' }
  const bytes = Buffer.from('000702ffff02000200000001ffffffff02c3a9', 'hex')
  for (const one of [list, text]) {
    assert.deepEqual(one.encode(record), bytes)
    assert.equal(one.encode.bytes, bytes.length)
    assert.deepEqual(one.decode(bytes), { ...record, count: 2 })
    assert.equal(one.decode.bytes, bytes.length)
    assert.equal(one.sizeOf(record), bytes.length)
    assert.equal(one.size, undefined)
  }
  assert.deepEqual(Object.keys(list.decode(bytes)), ['id', 'kind', 'point', 'count', 'items', 'name'])
})

test('into a buffer of the caller’s, at an offset', () => {
  for (const one of [layout({ a: 'u16be', b: 'u8' }), layout({ a: 'u16be', b: 'u8', c: 'utf8(u8)' })]) {
    const record = one.size ? { a: 258, b: 3 } : { a: 258, b: 3, c: '' }
    const length = one.sizeOf(record)
    const buffer = Buffer.alloc(8, 0xff)
    assert.equal(one.encode(record, buffer, 2), buffer)
    assert.equal(one.encode.bytes, length)
    assert.deepEqual([...buffer.subarray(0, 5)], [255, 255, 1, 2, 3])
    assert.equal(buffer.at(-1), 255)
    const array = new Uint8Array(length)
    one.encode(record, array)
    assert.deepEqual(one.decode(array), record)
    assert.deepEqual(one.decode(buffer, 2), record)
    assert.equal(one.decode.bytes, length)
    const full = Buffer.alloc(length + 1, 0xaa)
    assert.throws(() => one.encode(record, full, 2), { code: 'ERR_BUFFER_OUT_OF_BOUNDS' })
    for (const offset of [-1, 0.5, Number.NaN, 100]) {
      assert.throws(() => one.encode(record, full, offset), { code: 'ERR_OUT_OF_RANGE', message: /"offset"/ })
      assert.throws(() => one.decode(full, offset), { code: 'ERR_OUT_OF_RANGE', message: /"offset"/ })
    }
    assert.throws(() => one.encode(record, full, '0'), { code: 'ERR_INVALID_ARG_TYPE' })
    assert.throws(() => one.encode(record, 'text'), { code: 'ERR_INVALID_ARG_TYPE', message: /"buffer"/ })
    assert.throws(() => one.decode([1, 2, 3]), { code: 'ERR_INVALID_ARG_TYPE', message: /"buffer"/ })
    assert.ok(full.every((byte) => byte === 0xaa))
  }
})

test('integers and floats agree with Buffer’s methods', () => {
  const methods = {
    i8: 'Int8',
    u8: 'UInt8',
    i16: 'Int16',
    u16: 'UInt16',
    i32: 'Int32',
    u32: 'UInt32',
    i64: 'BigInt64',
    u64: 'BigUInt64',
    f32: 'Float',
    f64: 'Double',
  }
  const bytes = require('node:crypto').randomBytes(64)
  for (const [type, method] of Object.entries(methods)) {
    for (const order of type.endsWith('8') ? [''] : ['le', 'be']) {
      const { decode, encode, size } = layout({ a: `${type}${order}` })
      for (let at = 0; at < 50; at++) {
        const { a } = decode(bytes, at)
        assert.equal(a, bytes[`read${method}${order.toUpperCase()}`](at))
        if (!Number.isNaN(a)) assert.deepEqual(encode({ a }), bytes.subarray(at, at + size))
      }
    }
  }
  for (const bits of [24, 40, 48]) {
    for (const [letter, kind] of [
      ['u', 'UInt'],
      ['i', 'Int'],
    ]) {
      for (const order of ['le', 'be']) {
        const { decode, encode, size } = layout({ a: `${letter}${bits}${order}` })
        for (let at = 0; at < 50; at++) {
          const { a } = decode(bytes, at)
          assert.equal(a, bytes[`read${kind}${order.toUpperCase()}`](at, bits / 8))
          assert.deepEqual(encode({ a }), bytes.subarray(at, at + size))
        }
      }
    }
  }
})

test('every half-precision number, and those between', () => {
  const { decode, encode } = layout({ a: 'f16be' })
  const bytes = Buffer.alloc(2)
  for (let bits = 0; bits < 65536; bits++) {
    bytes.writeUInt16BE(bits)
    const { a } = decode(bytes)
    if (Number.isNaN(a)) assert.ok((bits & 0x7fff) > 0x7c00)
    else assert.deepEqual(encode({ a }), bytes)
  }
  for (const [value, bits] of [
    [65519.99, 0x7bff],
    [65520, 0x7c00],
    [2 ** -25, 0],
    [2 ** -25 * 1.01, 1],
    [1 + 2 ** -11, 0x3c00],
    [1 + 3 * 2 ** -11, 0x3c02],
    [2047.999 / 2048, 0x3c00],
  ]) {
    assert.equal(encode({ a: value }).readUInt16BE(), bits, String(value))
  }
})

test('varints', () => {
  const l = layout({ a: 'uleb128', b: 'sleb128', c: 'zigzag', d: 'uleb128n', e: 'sleb128n', f: 'zigzagn' })
  const bytes = l.encode({ a: 624485, b: -123456, c: -2, d: 2n ** 64n - 1n, e: -(2n ** 63n), f: -1n })
  assert.equal(
    bytes.toString('hex'),
    'e58e26' + 'c0bb78' + '03' + 'ffffffffffffffffff01' + '8080808080808080807f' + '01',
  )
  assert.deepEqual(l.decode(bytes), { a: 624485, b: -123456, c: -2, d: 2n ** 64n - 1n, e: -(2n ** 63n), f: -1n })
  assert.throws(() => layout({ a: 'uleb128(2)' }).decode(Buffer.from('808001', 'hex')), {
    message: /a: it is longer than 2 bytes, at offset 0/,
  })
  assert.throws(() => layout({ a: 'uleb128(2)' }).encode({ a: 16384 }), { code: 'ERR_OUT_OF_RANGE' })
  assert.throws(() => layout({ a: 'uleb128' }).decode(Buffer.from('ffffffffffffff7f', 'hex')), {
    message: /a: 72057594037927935 must be >= /,
  })
  assert.throws(() => layout({ a: 'uleb128n' }).decode(Buffer.alloc(10, 0xff)), { code: 'IRONWIRE_LAYOUT_INVALID' })
})

test('bits, from either end, across bytes', () => {
  const bytes = Buffer.from([0b10110011, 0b01010101, 0b11110000])
  assert.deepEqual(layout({ a: 'u1', b: 'u3', c: 'u9', d: 'i11' }).decode(bytes), {
    a: 1,
    b: 0b011,
    c: 0b001101010,
    d: -0b1000010000,
  })
  assert.deepEqual(layout({ a: 'u1', b: 'u3', c: 'u9', d: 'i11' }, { bits: 'lsb' }).decode(bytes), {
    a: 1,
    b: 0b001,
    c: 0b101011011,
    d: 0b11110000010 - 2048,
  })
  const wide = layout({ a: 'u3', b: 'u64', c: 'u5' })
  const record = { a: 5, b: 0x8000000000000001n, c: 17 }
  assert.deepEqual(wide.decode(wide.encode(record)), record)
  assert.equal(wide.encode(record).toString('hex'), 'b000000000000000' + '31')
})

test('text in all its forms', () => {
  const all = layout({
    fixed: 'utf8(6)',
    spaces: 'ascii(4, 32)',
    prefixed: 'latin1(u16le)',
    nul: 'utf8(until 0)',
    wide: 'utf16le(until 0)',
    hex: 'hex(2)',
    base64: 'base64(u8)',
    line: 'ascii(until 10)',
    rest: 'utf8(rest)',
  })
  const record = {
    fixed: 'é',
    spaces: 'ab',
    prefixed: 'ÿ',
    nul: 'x',
    wide: '日',
    hex: 'beef',
    base64: 'AAE=',
    line: 'GET /',
    rest: 'end',
  }
  const bytes = all.encode(record)
  assert.equal(bytes.toString('latin1'), 'Ã©\0\0\0\0ab  \x01\0ÿx\0\xe5\x65\0\0\xbe\xef\x02\0\x01GET /\nend')
  assert.deepEqual(all.decode(bytes), record)
  for (const [field, value, message] of [
    ['fixed', 'too long', /must have 6 bytes, but has 8/],
    ['fixed', 'x\0', /must not end with its fill byte 0/],
    ['spaces', 'é', /must only have ASCII characters/],
    ['prefixed', '日', /must only have characters below U\+0100/],
    ['nul', 'a\0b', /must not contain the byte 0, which ends it/],
    ['nul', 'a\ud800', /must not contain a lone surrogate/],
    ['hex', 'xyz', /must be hexadecimal digits/],
    ['hex', 'beefbeef', /must have 2 bytes, but has 4/],
    ['base64', 'AAE', /must be base64/],
    ['line', 5, /property must be of type string/],
  ]) {
    assert.throws(() => all.encode({ ...record, [field]: value }), { path: field, message })
  }
  assert.throws(() => layout({ a: 'utf8(2)' }).decode(Buffer.from([0xc3, 0x28])), {
    message: 'a: it is not UTF-8, at offset 0',
  })
  assert.throws(() => layout({ a: 'ascii(u8)' }).decode(Buffer.from([1, 200])), {
    message: 'a: it is not ASCII, at offset 1',
  })
  assert.equal(layout({ a: 'utf8(3)' }).decode(Buffer.from('\ufffd')).a, '\ufffd')
})

test('bytes are views of the input, and copied when written', () => {
  const l = layout({ a: 'bytes(u8)', b: 'bytes(rest)' })
  const bytes = Buffer.from([2, 1, 2, 3])
  const { a, b } = l.decode(bytes)
  assert.equal(a.buffer, bytes.buffer)
  assert.deepEqual([[...a], [...b]], [[1, 2], [3]])
  const source = new Uint8Array([9, 9])
  const out = l.encode({ a: source, b })
  source.fill(0)
  assert.deepEqual([...out], [2, 9, 9, 3])
})

test('arrays', () => {
  const l = layout(`struct A {
    u8 fixed[2]; u16be prefixed[u8]; u8 n = count(counted); i8 counted[n]; u8 zero[until 0]; u8 grid[2][3];
    struct { u8 more; u8 v; } list[until _.more == 0]; u32be rest[]; }`)
  const record = {
    fixed: [1, 2],
    prefixed: [258],
    n: 1,
    counted: [-1],
    zero: [7, 8],
    grid: [
      [1, 2, 3],
      [4, 5, 6],
    ],
    list: [
      { more: 1, v: 1 },
      { more: 0, v: 2 },
    ],
    rest: [1],
  }
  const bytes = l.encode(record)
  assert.equal(bytes.toString('hex'), '0102' + '010102' + '01ff' + '070800' + '010203040506' + '01010002' + '00000001')
  assert.deepEqual(l.decode(bytes), record)
  assert.deepEqual(l.encode({ ...record, fixed: new Uint8Array([1, 2]) }), bytes)
  for (const [change, path] of [
    [{ fixed: [1] }, 'fixed'],
    [{ zero: [0] }, 'zero[0]'],
    [{ list: [] }, 'list'],
    [
      {
        list: [
          { more: 0, v: 1 },
          { more: 0, v: 1 },
        ],
      },
      'list[0]',
    ],
    [{ counted: { length: 1 } }, 'counted'],
    [
      {
        grid: [
          [1, 2, 3],
          [4, '5', 6],
        ],
      },
      'grid[1][1]',
    ],
  ]) {
    assert.throws(() => l.encode({ ...record, ...change }), { path })
  }
})

test('switches, conditions, sizes, computed fields', () => {
  const l = layout(`
    enum Kind : u8 { number = 1, text, list }
    struct Message {
      flag big; u7 version = 3;
      Kind kind;
      u16be length = sizeof(body);
      switch (kind) { number: u32be; text: utf8(rest); list: struct { u8 items[rest]; }; 100..200: bytes(rest); } body @size(length);
      if (big) u64be extra;
      u8 has = present(note);
      if (has) utf8(u8) note;
      u32be crc = crc32(kind..note);
    }`)
  for (const [kind, body] of [
    ['number', 5],
    ['text', 'hi'],
    ['list', { items: [1, 2] }],
    [150, Buffer.from('x')],
  ]) {
    for (const rest of [{ big: false }, { big: true, extra: 1n, note: 'n' }]) {
      const bytes = l.encode({ kind, body, ...rest })
      const found = l.decode(bytes)
      assert.deepEqual(
        [found.kind, found.body, found.extra, found.note, found.version],
        [kind, body, rest.extra, rest.note, 3],
      )
      assert.equal('extra' in found, rest.big)
      assert.deepEqual(l.encode(found), bytes)
      assert.equal(
        found.crc,
        layout({ crc: { type: 'u32be', value: 'crc32(rest)' }, rest: 'bytes(rest)' })
          .encode({ rest: bytes.subarray(1, -4) })
          .readUInt32BE(),
      )
      bytes[bytes.length - 1] ^= 1
      assert.throws(() => l.decode(bytes), {
        code: 'IRONWIRE_LAYOUT_CHECKSUM',
        path: 'crc',
        message: /^crc: it is \d+, but must be \d+, at offset \d+$/,
      })
    }
  }
  assert.throws(() => l.encode({ big: false, kind: 'text', body: 5 }), { path: 'body', code: 'ERR_INVALID_ARG_TYPE' })
  assert.throws(() => l.encode({ big: false, kind: 99, body: 5 }), {
    path: 'body',
    message: 'body: no case has the value 99',
  })
  assert.throws(() => l.encode({ big: false, extra: 1n, kind: 'number', body: 5 }), {
    path: 'extra',
    message: /must be undefined, because its condition is false/,
  })
  assert.throws(() => l.decode(Buffer.from('0301000500000000010000000000', 'hex')), {
    path: 'body',
    message: 'body: its size counts 1 bytes that its fields do not use, at offset 8',
  })
  assert.throws(() => l.decode(Buffer.from('0401', 'hex')), {
    path: 'version',
    message: 'version: it is 4 instead of 3, at offset 0',
  })
})

test('the cases of a switch: enum names, numbers, ranges, strings', () => {
  const kind = { type: 'u8', enum: { a: 1, 'b c': 2 } }
  const l = layout({
    kind,
    value: { switch: 'kind', cases: { a: 'u8', 'b c': 'u16be', '3..5, 9': 'u24be' }, default: 'bytes(0)' },
  })
  for (const [hex, value] of [
    ['0107', 7],
    ['020102', 258],
    ['04000001', 1],
    ['09000001', 1],
    ['06', Buffer.alloc(0)],
  ]) {
    assert.deepEqual(l.decode(Buffer.from(hex, 'hex')).value, value)
  }
  const chunk = layout({
    id: 'ascii(4)',
    value: { switch: 'id', cases: { IHDR: 'u8', 'fmt ': 'u16be', '"\\`': 'u24be' } },
  })
  for (const [text, value] of [
    ['IHDR\x01', 1],
    ['fmt \0\x02', 2],
    ['"\\`\0\0\0\x03', 3],
  ]) {
    assert.equal(chunk.decode(Buffer.from(text)).value, value)
  }
})

test('computed values: counts, offsets, varint sizes, whole structs', () => {
  const l = layout(`struct A {
    u16be all = sizeof(struct); u8 words = (sizeof(options) + 8) / 4; u8 at = offsetof(data);
    bytes(rest) options @size(words * 4 - 8); u24le data; }`)
  const bytes = l.encode({ options: Buffer.alloc(8, 1), data: 0x030201 })
  assert.equal(bytes.toString('hex'), '000f' + '04' + '0c' + '0101010101010101' + '010203')
  assert.throws(() => l.encode({ options: Buffer.alloc(7), data: 0 }), {
    path: 'options',
    message: /must have a length of 4, but has 7/,
  })
  const v = layout('struct V { uleb128 length = sizeof(struct); utf8(rest) text; }')
  for (const n of [0, 1, 125, 126, 127, 128, 16380, 16381, 16382, 20000]) {
    const made = v.encode({ text: 'x'.repeat(n) })
    assert.equal(v.decode(made).length, made.length)
  }
})

test('magic, padding, alignment', () => {
  const l = layout([
    { magic: 'AB' },
    ['a', 'u8'],
    { align: 4, fill: 255 },
    { type: 'u16le', const: 0x0102 },
    { pad: 2 },
    ['b', 'u8'],
    { magic: Buffer.from([0, 255]) },
  ])
  const bytes = l.encode({ a: 1, b: 2 })
  assert.equal(bytes.toString('hex'), '414201ff' + '0201' + '0000' + '02' + '00ff')
  assert.deepEqual(l.decode(bytes), { a: 1, b: 2 })
  assert.throws(() => l.decode(Buffer.from('4143')), { message: 'the bytes are 34 31, not 41 42, at offset 0' })
  bytes[4] = 0
  assert.throws(() => l.decode(bytes), { message: 'it is 256 instead of 258, at offset 4' })
  const inner = layout('struct A { u8 x; align(4); u32le y; }')
  assert.deepEqual(inner.decode(Buffer.from([9, 1, 0, 0, 0, 5, 0, 0, 0]), 1), { x: 1, y: 5 })
})

test('fields at offsets', () => {
  const l = layout(
    `struct File { u16be where; u8 count; at (where) struct { u8 x; } items[count]; peek (0) u16be again; u8 last; }`,
  )
  const bytes = l.encode({ where: 6, count: 2, items: [{ x: 1 }, { x: 2 }], last: 9 })
  assert.equal(bytes.toString('hex'), '0006' + '02' + '09' + '0000' + '0102')
  assert.deepEqual(l.decode(bytes), { where: 6, count: 2, items: [{ x: 1 }, { x: 2 }], again: 6, last: 9 })
  assert.equal(l.decode.bytes, 8)
  assert.deepEqual(l.decode(Buffer.concat([Buffer.alloc(3), bytes]), 3), l.decode(bytes))
  assert.throws(() => l.decode(Buffer.from('00ff0109', 'hex')), { path: 'items', code: 'IRONWIRE_LAYOUT_TRUNCATED' })
})

test('times and addresses', () => {
  const l = layout({ v4: 'ipv4', v6: 'ipv6', mac: 'mac', id: 'uuid', at: 'unixtime(u32be)', ms: 'unixtime(i64le, ms)' })
  const record = {
    v4: '192.0.2.1',
    v6: '2001:db8::ff00:42:8329',
    mac: '00:1b:44:11:3a:b7',
    id: '123e4567-e89b-12d3-a456-426614174000',
    at: new Date(1700000000000),
    ms: new Date(-1),
  }
  const bytes = l.encode(record)
  assert.equal(bytes.toString('hex', 0, 4), 'c0000201')
  assert.deepEqual(l.decode(bytes), record)
  assert.deepEqual(l.decode(l.encode({ ...record, v6: '0:0:0:0:0:ffff:102:304' })).v6, '::ffff:1.2.3.4')
  for (const [field, value] of [
    ['v4', '1.2.3'],
    ['v4', '256.1.1.1'],
    ['v6', ':::'],
    ['mac', '00-1b-44-11-3a-b7'],
    ['id', 'x'],
    ['at', 5],
    ['at', new Date(1.7e12 + 1)],
    ['at', new Date(-1000)],
    ['at', new Date(Number.NaN)],
  ]) {
    assert.throws(
      () => l.encode({ ...record, [field]: value }),
      { path: field, code: /^ERR_INVALID_ARG_/ },
      `${field} ${value}`,
    )
  }
  assert.throws(() => layout({ a: 'unixtime(u64be)' }).decode(Buffer.alloc(8, 0xff)), {
    message: /is out of range for a Date/,
  })
})

test('mappers', () => {
  const calls = []
  const celsius = {
    type: 'i16be',
    map: {
      decode: (raw) => raw / 100,
      encode(value) {
        calls.push(value)
        return Math.round(value * 100)
      },
    },
  }
  const l = layout({
    n: { type: 'u8', value: 'count(list)' },
    a: celsius,
    list: { type: celsius, count: 'n' },
    flags: {
      type: 'u8',
      map: {
        decode: (v) => new Set([...'abc'].filter((_, i) => v & (1 << i))),
        encode: (set) => [...set].reduce((v, c) => v | (1 << 'abc'.indexOf(c)), 0),
      },
    },
    tail: { if: 'flags & 4', type: 'u8' },
  })
  const record = { a: 21.5, list: [0.01, -1], flags: new Set(['a', 'c']), tail: 7 }
  const bytes = l.encode(record)
  assert.equal(bytes.toString('hex'), '02' + '0866' + '0001ff9c' + '05' + '07')
  assert.deepEqual(calls, [21.5, 0.01, -1])
  assert.deepEqual(l.decode(bytes), { n: 2, ...record })
  const failing = layout({
    a: { type: 'u8', map: { decode: () => assert.fail('decode'), encode: () => assert.fail('encode') } },
  })
  assert.throws(() => failing.decode(Buffer.alloc(1)), { message: 'decode' })
  assert.throws(() => failing.encode({ a: 1 }), { message: 'encode' })
})

test('nested layouts and their parameters', () => {
  const point = layout({ x: 'i8', y: 'i8' })
  const color = layout(
    'enum Color : u8 { red, green } struct Other { u8 unused; } struct Paint { Color color; u8 alpha; }',
  )
  const shape = layout({ kind: 'u8', where: point, paint: color, path: { type: point, count: 'u8' } })
  const record = { kind: 1, where: { x: 1, y: -1 }, paint: { color: 'green', alpha: 9 }, path: [{ x: 2, y: 3 }] }
  assert.equal(shape.encode(record).toString('hex'), '01' + '01ff' + '0109' + '01' + '0203')
  assert.deepEqual(shape.decode(shape.encode(record)), record)
  const outer = layout({ shapes: { type: shape, count: 'rest' } })
  assert.deepEqual(outer.decode(shape.encodeMany([record, record])).shapes, [record, record])
  const given = layout(`
    struct Body(kind, size) { switch (kind) { 1: u8; default: utf8(size); } value; }
    struct Message { u8 kind; u8 size; Body(kind, size * 2) body; }`)
  assert.deepEqual(given.decode(Buffer.from('\x02\x01hi')).body, { value: 'hi' })
  assert.deepEqual(given.decode(Buffer.from('\x01\x01h')).body, { value: 104 })
})

test('any string can be a name', () => {
  const names = [
    '__proto__',
    'constructor',
    "'; process.exit(1) //",
    '"]: 1 }; throw 1 //',
    '\u2028',
    '1',
    '',
    '`',
    '$\u007bx}',
    '\\',
    '*/',
    'é日\u{1f600}',
  ]
  const l = layout([...names.map((name) => [name, 'u8']), ['tail', 'utf8(u8)']])
  const bytes = Buffer.from([...names.map((_, i) => i + 1), 0])
  const record = l.decode(bytes)
  for (const [i, name] of names.entries()) assert.equal(Object.getOwnPropertyDescriptor(record, name).value, i + 1)
  assert.equal(Object.getPrototypeOf(record), Object.prototype)
  assert.deepEqual(l.encode(record), bytes)
  const e = layout({ a: { type: 'u8', enum: Object.fromEntries(names.map((name, i) => [`${name}x`, i])) } })
  for (const name of names) assert.deepEqual(e.decode(e.encode({ a: `${name}x` })), { a: `${name}x` })
  assert.throws(() => layout([['a\ud800', 'u8']]), { code: 'ERR_INVALID_ARG_VALUE' })
  assert.throws(() => e.encode({ a: 'toString' }), { code: 'ERR_INVALID_ARG_VALUE' })
  assert.throws(() => layout({ ['__proto__']: 'u8' }).encode({}), { path: '__proto__' })
})

test('errors in a layout name the problem and its position', () => {
  for (const [text, message] of [
    ['struct A { u16 a; }', '1:12: a: u16 needs a byte order: u16be or u16le'],
    ['struct A { u8 a }', '1:17: expected ";", found "}"'],
    ['struct A {\n  u4 a;\n  f32be b;\n}', '3:3: b: 4 bits of a byte are left before this'],
    ['struct A { u3 a; }', "1:1: 5 bits of a byte are left before the struct's end"],
    ['struct A { u8 a; u8 a; }', '1:18: a: a field of this name is already defined'],
    ['struct A { B b; }', '1:12: b: unknown type B'],
    ['struct A { u8 a[n]; }', '1:17: a: unknown field n: only fields before this one can be used'],
    ['struct A { u8 n = sizeof(b); if (n) u8 b; }', /a condition cannot depend on sizes/],
    ['struct A { u8 n = 256; }', '1:19: n: 256 must be >= 0 and <= 255'],
    ['struct A { f32be f; u8 a[f]; }', /only integers and text can be used in expressions/],
    ['struct A { utf8(4) t; if (t == 1) u8 x; }', /text and numbers cannot be compared/],
    ['struct A { uleb128 n = sizeof(b); align(4); bytes(rest) b; }', /its own length moves the fields after it/],
    ['struct A { u8 a = b + 1; u8 b = a + 1; }', /can only use computed fields before it/],
    ['struct A { u8; }', '1:12: a field without a name must have a value'],
    ['struct A { utf8 t; }', /t: utf8 needs a length/],
    ['enum E : u8 { A = 300 } struct A { E e; }', /A = 300 does not fit/],
    ['struct A(n) { u8 x[n]; }', /A has parameters, so it cannot be the record itself/],
    ['struct A(n) { u8 x[n]; } struct B { A a; }', /expected 1 arguments, found 0/],
    ['struct A { u8 a; } struct A { u8 b; }', /struct A is already defined/],
    ['', '1:1: the layout has no struct'],
    ['struct A { switch (1) { 1: u8; } }', /expected/],
    [`struct A { u8 a${'[1]'.repeat(100)}; }`, /dimensions/],
    [`struct A { u8 a[${'('.repeat(1000)}1`, /nested deeper than \d+ levels/],
    [`struct A { u8 a[${'1 + '.repeat(1000)}1]; }`, /operators in a row/],
    ['struct A { "', /the " at the end of this is missing/],
    ['struct A { u8 a[99999999999999999999]; }', /not an integer of at most 64 bits/],
  ]) {
    assert.throws(
      () => layout(text),
      { name: /SyntaxError|Error/, code: /^IRONWIRE_LAYOUT_(SYNTAX|LIMIT)$/, message },
      text,
    )
  }
  assert.throws(() => layout('struct A { u8 a; }', { root: 'B' }), { message: /unknown struct B/ })
  for (const wrong of [
    null,
    5,
    undefined,
    {},
    [],
    { a: 5 },
    { a: null },
    { a: { typ: 'u8' } },
    [['a']],
    { a: { type: 'u8', map: {} } },
    { a: { type: 'u8', enum: { A: 'x' } } },
    { a: [] },
  ]) {
    assert.throws(() => layout(wrong), { code: 'ERR_INVALID_ARG_VALUE' })
  }
  assert.throws(() => layout({ a: 'u17' }), { code: 'IRONWIRE_LAYOUT_SYNTAX', path: '' })
  assert.throws(() => layout({ a: 'u16' }), { path: 'a', message: 'a: u16 needs a byte order: u16be or u16le' })
  assert.throws(() => layout({ a: 'u8' }, { maxdepth: 5 }), { code: 'IRONWIRE_UNKNOWN_OPTION' })
  assert.throws(() => layout({ a: 'u8' }, { maxDepth: 1e6 }), { code: 'ERR_OUT_OF_RANGE' })
  assert.throws(() => layout('struct A { u8 a; }'.padEnd(2 ** 20 + 1)), { code: 'IRONWIRE_LAYOUT_LIMIT' })
})

test('errors have a path and an offset', () => {
  const l = layout('struct A { u8 n; struct { struct { u8 length; bytes(length) data; } options[u8]; } headers[n]; }')
  const bytes = Buffer.from([2, 0, 2, 1, 9, 3, 9])
  assert.throws(() => l.decode(bytes), {
    code: 'IRONWIRE_LAYOUT_TRUNCATED',
    path: 'headers[1].options[1].data',
    offset: 6,
    message: 'headers[1].options[1].data: 3 bytes are needed, 1 is left, at offset 6',
  })
  const header = { options: [{ length: 1, data: Buffer.alloc(1) }] }
  assert.throws(() => l.encode({ n: 2, headers: [header, { options: [{ length: 300, data: Buffer.alloc(1) }] }] }), {
    code: 'ERR_OUT_OF_RANGE',
    path: 'headers[1].options[0].length',
    message:
      'The value of "record.headers[1].options[0].length" is out of range. It must be >= 0 and <= 255. Received 300',
  })
})

test('counts and sizes that exceed the input are refused before anything is allocated', () => {
  for (const [text, hex] of [
    ['struct A { u32be n; u64be a[n]; }', 'ffffffff00'],
    ['struct A { u8 a[u64be]; }', 'ffffffffffffffff00'],
    ['struct A { bytes(u48le) a; }', 'ffffffffffff'],
    ['struct A { struct { u8 x; u8 y; } a[uleb128]; }', 'ffffffff0f00'],
    ['struct A { bytes(rest) a @size(u32be); }', 'ffffffff'],
    ['struct A { i8 n; u8 a[n]; }', 'ff00'],
    ['struct A { i8 n; pad(n); }', 'ff00'],
  ]) {
    assert.throws(() => layout(text).decode(Buffer.from(hex, 'hex')), {
      code: /^IRONWIRE_LAYOUT_(TRUNCATED|INVALID)$/,
      path: /^a?$/,
    })
  }
  const nothing = layout('struct A { u32be n; struct { } a[n]; }')
  assert.throws(() => nothing.decode(Buffer.from('ffffffff', 'hex')), {
    code: 'IRONWIRE_LAYOUT_LIMIT',
    message: /more than 65536 values take no bytes/,
  })
  assert.equal(nothing.decode(Buffer.from('000003e8', 'hex')).a.length, 1000)
  const twice = layout('struct A { u8 n; if (n) peek (0) A x; if (n) peek (0) A y; }', { maxDepth: 30 })
  assert.throws(() => twice.decode(Buffer.from([1])), { code: 'IRONWIRE_LAYOUT_LIMIT' })
})

test('nesting limit', () => {
  const node = layout('struct Node { u8 more; if (more) Node next; }')
  const deep = (n) => Buffer.concat([Buffer.alloc(n, 1), Buffer.alloc(1)])
  node.decode(deep(63))
  assert.throws(() => node.decode(deep(64)), { code: 'IRONWIRE_LAYOUT_LIMIT', message: /nested deeper than 64/ })
  let record = { more: 0 }
  for (let i = 0; i < 63; i++) record = { more: 1, next: record }
  assert.deepEqual(node.encode(record), deep(63))
  assert.throws(() => node.encode({ more: 1, next: record }), { code: 'IRONWIRE_LAYOUT_LIMIT' })
  const circle = { more: 1 }
  circle.next = circle
  assert.throws(() => node.encode(circle), { code: 'IRONWIRE_LAYOUT_LIMIT' })
  layout('struct Node { u8 more; if (more) Node next; }', { maxDepth: 256 }).decode(deep(255))
  const list = layout([['value', 'u8'], { name: 'next', if: 'value', type: 'self' }])
  assert.deepEqual(list.decode(Buffer.from([1, 0])), { value: 1, next: { value: 0 } })
})

test('many at once', () => {
  const l = layout('struct A { u8 n; utf8(n) text; }')
  const records = Array.from({ length: 200 }, (_, i) => ({ n: i % 7, text: 'x'.repeat(i % 7) }))
  const bytes = l.encodeMany(new Set(records))
  assert.deepEqual(l.decodeMany(bytes), records)
  assert.deepEqual(l.decodeMany(bytes, { offset: 1, count: 3 }), records.slice(1, 4))
  assert.deepEqual(l.decodeMany(bytes, { count: 0 }), [])
  assert.throws(() => l.decodeMany(bytes.subarray(0, -1)), { path: '[199].text', code: 'IRONWIRE_LAYOUT_TRUNCATED' })
  assert.throws(() => l.encodeMany([records[0], { n: 'x' }]), { path: '[1].n' })
  assert.throws(() => l.encodeMany(5), { code: 'ERR_INVALID_ARG_TYPE' })
  for (const options of [{ offset: -1 }, { count: 1.5 }, { count: -1 }, { offset: Number.NaN }]) {
    assert.throws(() => l.decodeMany(bytes, options), { code: 'ERR_OUT_OF_RANGE' })
  }
  assert.throws(() => l.decodeMany(bytes, { start: 1 }), { code: 'IRONWIRE_UNKNOWN_OPTION' })
})

test('columns have the values of the records', () => {
  const fixed = `u8 a; i16le b; u24be c; u32le d; i48be e; u64be f; f32le g; f64be h; f16be i; u3 j; flag k; u4 l;
    enum : u8 { A, B } m; bool n; unixtime(u32be) o; utf8(5) p; bytes(3) q; ipv4 r; struct { u16be x; i8 y; } s; magic "m"; u8 t = 7;`
  for (const text of [`struct A { ${fixed} }`, `struct A { ${fixed} utf8(u8) u; u8 v[u8]; }`]) {
    const l = layout(text)
    const records = Array.from({ length: 300 }, (_, i) => ({
      a: i & 255,
      b: i - 100,
      c: i * 99,
      d: i * 7777777,
      e: i - 2 ** 40,
      f: BigInt(i) << 50n,
      g: i / 4,
      h: i / 3,
      i: i / 2,
      j: i & 7,
      k: i % 2 === 0,
      l: i & 15,
      m: i % 3 ? 'A' : i & 127,
      n: i % 5 === 0,
      o: new Date(i * 1000),
      p: i % 3 ? 'é' : 'abc',
      q: Buffer.from([i, 1, 2]),
      r: `10.0.0.${i & 255}`,
      s: { x: i, y: -1 },
      u: 'x'.repeat(i % 4),
      v: [i & 255],
    })).map((record) => (record.m === 0 || record.m === 1 ? { ...record, m: 'B' } : record))
    const bytes = l.encodeMany(records)
    const columns = l.decodeColumns(bytes)
    const decoded = l.decodeMany(bytes)
    assert.deepEqual(Object.keys(columns), Object.keys(decoded[0]))
    for (const [name, column] of Object.entries(columns)) {
      if (name === 's') {
        assert.ok(column.x instanceof Uint16Array && column.y instanceof Int8Array)
        assert.deepEqual(
          [...column.x],
          records.map(({ s }) => s.x),
        )
      } else
        assert.deepEqual(
          [...column],
          decoded.map((record) => record[name]),
          name,
        )
    }
    for (const [name, type] of Object.entries({
      a: Uint8Array,
      b: Int16Array,
      c: Uint32Array,
      d: Uint32Array,
      e: Float64Array,
      f: BigUint64Array,
      g: Float32Array,
      h: Float64Array,
      i: Float32Array,
      j: Uint8Array,
      l: Uint8Array,
    })) {
      assert.ok(columns[name] instanceof type, name)
    }
    assert.deepEqual(l.decodeColumns(bytes, { count: 5 }).a, new Uint8Array([0, 1, 2, 3, 4]))
    assert.equal(l.decodeColumns(Buffer.alloc(0)).a.length, 0)
    assert.throws(() => l.decodeColumns(bytes.subarray(0, -1)), { code: 'IRONWIRE_LAYOUT_TRUNCATED', path: /^\[299\]/ })
    if (l.size) {
      bytes[5 * l.size + l.size - 1] = 8
      assert.throws(() => l.decodeColumns(bytes), { path: '[5].t' })
    }
  }
})

test('columns into the result of an earlier call', () => {
  const record = (i) => ({ a: i & 255, b: -i, c: i / 4, d: i % 2 === 0, e: BigInt(i), f: `${i}`, s: { x: i } })
  const fields = 'u8 a; i16be b; f64le c; bool d; u64be e; utf8(5) f; struct { u16le x; } s;'
  for (const text of [`struct A { ${fields} }`, `struct A { ${fields} u8 v[u8]; }`]) {
    const l = layout(text)
    const many = (from) => Array.from({ length: 300 }, (_, i) => ({ ...record(from + i), v: [1] }))
    const [one, two] = [l.encodeMany(many(0)), l.encodeMany(many(1000))]
    const into = l.decodeColumns(one)
    const plain = l.decodeColumns(two)
    const again = l.decodeColumns(two, { into })
    assert.deepEqual(again, plain)
    for (const name of ['a', 'b', 'c', 'e']) assert.equal(again[name], into[name], name)
    assert.equal(again.s.x, into.s.x)
    assert.deepEqual(l.decodeColumns(one, { into: again }), l.decodeColumns(one))
    // As it was, where something is wrong: the last record has a boolean that is none.
    const wrong = Buffer.from(two)
    wrong[two.length - two.length / 300 + 11] = 2
    assert.throws(() => l.decodeColumns(wrong, { into: again }), { path: '[299].d' })
    assert.deepEqual(again.b, l.decodeColumns(one).b)
    const refused = { code: 'ERR_INVALID_ARG_VALUE', message: /options\.into/ }
    assert.throws(() => l.decodeColumns(one, { into: {} }), refused)
    assert.throws(() => l.decodeColumns(one, { into: { ...again } }), refused)
    assert.throws(() => l.decodeColumns(one, { into: null }), refused)
    assert.throws(() => l.decodeColumns(one, { into: again, count: 299 }), refused)
    assert.throws(() => layout(text).decodeColumns(one, { into: again }), refused)
    assert.deepEqual(again.b, l.decodeColumns(one).b)
    // From memory that is written to.
    const own = new Uint8Array(again.b.buffer)
    if (l.size && own.length > 10 * l.size) {
      const few = l.decodeColumns(one, { count: 5 })
      new Uint8Array(few.b.buffer).set(one.subarray(0, 5 * l.size))
      const bytes = new Uint8Array(few.b.buffer, 0, 5 * l.size)
      assert.deepEqual(l.decodeColumns(bytes, { count: 5, into: few }).b, again.b.subarray(0, 5))
    }
    structuredClone(again.b.buffer, { transfer: [again.b.buffer] })
    assert.throws(() => l.decodeColumns(one, { into: again }), refused)
  }
  assert.throws(() => layout('struct A { u8 a; }').decodeMany(Buffer.alloc(1), { into: {} }), {
    code: 'IRONWIRE_UNKNOWN_OPTION',
  })
})

test('records of all sizes, also at the end of the memory slab', () => {
  const l = layout({ a: 'utf8(u32be)', b: 'bytes(rest)' })
  for (const n of [0, 1, 100, 4000, 4090, 4096, 5000, 8190, 8192, 8200, 40000, 1e6]) {
    for (let round = 0; round < 5; round++) {
      const record = { a: 'x'.repeat(n), b: Buffer.alloc(round * 10, round) }
      const bytes = l.encode(record)
      assert.equal(bytes.length, l.encode.bytes)
      assert.deepEqual(l.decode(bytes), record)
    }
  }
  const kept = Array.from({ length: 1000 }, (_, i) => l.encode({ a: `${i}`, b: Buffer.alloc(i % 50, 1) }))
  for (const [i, bytes] of kept.entries()) assert.equal(l.decode(bytes).a, `${i}`)
})

test('getters and proxies: each property is read once, in order, and side effects are harmless', () => {
  const l = layout({
    n: { type: 'u8', value: 'count(list)' },
    a: 'utf8(u8)',
    b: 'u16be',
    list: { type: 'u8', count: 'n' },
    c: 'bytes(u8)',
  })
  const plain = { a: 'x', b: 1, list: [1, 2], c: Buffer.from('c') }
  const read = []
  const proxy = new Proxy(plain, {
    get(target, name) {
      read.push(name)
      return target[name]
    },
  })
  assert.deepEqual(l.encode(proxy), l.encode(plain))
  assert.deepEqual(read, ['a', 'b', 'list', 'c'])
  const nested = {
    ...plain,
    get b() {
      return l.encode({ ...plain, a: 'y'.repeat(200) }).length
    },
  }
  assert.equal(l.decode(l.encode(nested)).b, l.encode({ ...plain, a: 'y'.repeat(200) }).length)
  const thrower = {
    ...plain,
    get c() {
      throw new RangeError('mine')
    },
  }
  assert.throws(() => l.encode(thrower), { message: 'mine' })
  const list = [1, 2, 3]
  Object.defineProperty(list, 1, {
    get() {
      list.length = 2
      return 5
    },
    enumerable: true,
    configurable: true,
  })
  assert.throws(() => l.encode({ ...plain, list }))
  let first = true
  const fickle = {
    ...plain,
    get b() {
      first = !first
      return first ? 1 : 'x'
    },
  }
  assert.throws(() => l.encode(fickle), { code: 'IRONWIRE_LAYOUT_INVALID', message: /changed while it was being read/ })
  for (const one of [layout({ a: 'u8', b: 'u8' }), layout({ a: 'u8', b: 'utf8(u8)' })]) {
    const taken = new Uint8Array(new ArrayBuffer(16))
    const thief = {
      a: 1,
      get b() {
        structuredClone(taken.buffer, { transfer: [taken.buffer] })
        return one.size ? 1 : 'x'
      },
    }
    assert.throws(() => one.encode(thief, taken), {
      code: 'ERR_INVALID_ARG_VALUE',
      message: /"buffer" argument has no bytes: its ArrayBuffer was detached/,
    })
  }
})

test('detached, shrinking and shared buffers', () => {
  const l = layout({ a: 'u16be', b: 'bytes(u8)', crc: { type: 'u32be', value: 'crc32(a..b)' } })
  const bytes = l.encode({ a: 1, b: Buffer.from('bb') })
  const gone = new Uint8Array(bytes)
  structuredClone(gone.buffer, { transfer: [gone.buffer] })
  assert.throws(() => l.decode(gone), { code: 'ERR_INVALID_ARG_VALUE' })
  assert.throws(() => l.encode({ a: 1, b: gone }), { path: 'b', code: 'ERR_INVALID_ARG_TYPE' })
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length))
  shared.set(bytes)
  assert.equal(l.decode(shared).a, 1)
  shared[0] = 9
  assert.throws(() => l.decode(shared), { code: 'IRONWIRE_LAYOUT_CHECKSUM' })
  const resizable = new ArrayBuffer(bytes.length, { maxByteLength: 100 })
  const view = new Uint8Array(resizable)
  view.set(bytes)
  assert.equal(String(l.decode(view).b), 'bb')
  resizable.resize(4)
  assert.throws(() => l.decode(view), { code: 'IRONWIRE_LAYOUT_TRUNCATED' })
  const shrinking = layout({
    a: { type: 'u8', map: { decode: () => resizable.resize(0), encode: (v) => v } },
    b: 'bytes(2)',
    c: 'u8',
  })
  assert.throws(() => shrinking.decode(view))
  // A class of its own may claim a length that it has not.
  const liar = Buffer.from('secret').subarray(0, 1)
  Object.defineProperty(liar, 'length', { value: 6 })
  assert.equal(layout({ a: 'bytes(rest)' }).decode(liar).a.length, 1)
  const numbers = layout({ a: 'u16be', b: 'u32be' })
  for (const call of ['decode', 'decodeMany', 'decodeColumns', 'dump']) {
    if (call !== 'dump')
      assert.throws(() => numbers[call](liar), { code: 'IRONWIRE_LAYOUT_TRUNCATED', path: /a$/ }, call)
    assert.throws(() => numbers[call](Object.create(Buffer.prototype)), { code: 'ERR_INVALID_ARG_TYPE' }, call)
  }
  const own = new ArrayBuffer(8, { maxByteLength: 8 })
  const small = layout({ a: { type: 'u8', map: { decode: (n) => own.resize(2) ?? n, encode: (n) => n } }, b: 'u16be' })
  const views = new Uint8Array(own)
  assert.throws(() => small.decode(views), { code: /^IRONWIRE_LAYOUT_/ })
  assert.equal(own.byteLength, 2)
  class Liar extends Uint8Array {
    get length() {
      return 1000
    }
  }
  assert.equal(layout({ a: 'bytes(rest)' }).decode(new Liar(3)).a.length, 3)
})

test('a buffer of more than two gigabytes', () => {
  // Pages that nobody touches take no memory.
  const buffer = Buffer.alloc(2 ** 31 + 100)
  const at = 2 ** 31 + 20
  buffer.write('\u0002\u0001\u0003abc\u0000\u004d', at)
  for (const text of ['struct A { u16be a; utf8(u8) s; u16be c; }', 'struct A { u16be a; u8 s; u16be c; }']) {
    const l = layout(text)
    const record = l.decode(buffer, at)
    assert.equal(record.a, 513)
    assert.equal(l.decode.bytes, l.size ?? 8)
    assert.deepEqual(l.decodeMany(buffer, { offset: at, count: 1 }), [record])
    assert.deepEqual(l.decodeColumns(buffer, { offset: at, count: 1 }).a, Uint16Array.of(513))
  }
  const long = layout(`struct A { bytes(${at}) before; u16be a; u8 s; u8 wrong = 1; }`)
  assert.throws(() => long.decode(buffer), { path: 'wrong', offset: at + 3 })
})

test('no partial record is written into the caller’s buffer', () => {
  const l = layout({ a: 'u8', b: 'u8', c: [['d', 'u16be']], e: 'utf8(2)' })
  const flat = layout({ a: 'u8', b: 'u8', c: [['d', 'u16be']] })
  const buffer = Buffer.alloc(10, 0xaa)
  for (const record of [
    { a: 1, b: 300 },
    { a: 1, b: 1, c: { d: -1 } },
    { a: 1, b: 1, c: {} },
    { a: 1, b: 1, c: 5 },
    { a: 1 },
    { a: 1, b: 1, c: { d: 1 }, e: 'long' },
  ]) {
    assert.throws(() => l.encode(record, buffer))
    if (!record.e) assert.throws(() => flat.encode(record, buffer))
    assert.ok(buffer.every((byte) => byte === 0xaa))
  }
})

test('inspect() shows the layout, dump() the bytes', () => {
  const l = layout('struct A { u4 a; u12 b; u8 n = count(list); struct { u16be x; } list[n]; utf8(rest) text; }')
  const about = l.describe()
  assert.equal(about.minimum, 3)
  assert.deepEqual(about.fields.slice(0, 3), [
    { field: 'a', type: 'u4', offset: 0, bit: 0 },
    { field: 'b', type: 'u12', offset: 0, bit: 4 },
    { field: 'n', type: 'u8', offset: 2, size: 1, value: 'count(list)' },
  ])
  assert.equal(
    String(about).split('\n').slice(0, 4).join('\n'),
    [
      'offset  size  field  type',
      '0.0           a      u4',
      '0.4           b      u12',
      '2       1     n      u8           value: count(list)',
    ].join('\n'),
  )
  assert.equal(
    l.dump(Buffer.from([0x12, 0x34, 2, 0, 1, 0, 2, 104, 105])),
    [
      '00000000  12                         a          u4     1',
      '00000000  12 34                      b          u12    564',
      '00000002  02                         n          u8     2',
      '00000003  00 01                      list[0].x  u16be  1',
      '00000005  00 02                      list[1].x  u16be  2',
      '00000007  68 69                      text       utf8   "hi"',
      '',
    ].join('\n'),
  )
  assert.match(
    l.dump(Buffer.from([0x12, 0x34, 2, 0, 1, 0])),
    / n {2}.*\n! list: 4 bytes are needed, 3 are left, at offset 3\n$/,
  )
  assert.equal(layout({ a: 'u8', b: 'u16be' }).size, 3)
})

test('near the end of the stack there is an error and no crash, also in workers', () => {
  const code = `
    const { Worker, isMainThread } = require('node:worker_threads')
    const { codec } = require(${JSON.stringify(require.resolve('../../index.js'))})
    const l = codec.layout('struct Node { u8 more; struct { Node x[u8]; } kids[more]; }', { maxDepth: 256 })
    let bytes = Buffer.from([0])
    for (let i = 0; i < 255; i++) bytes = Buffer.concat([Buffer.from([1, 1]), bytes])
    const record = l.decode(bytes)
    let last = record
    while (last.kids.length) last = last.kids[0].x[0]
    last.more = 'x'
    let depth = 0
    const probe = (n) => { depth = n; probe(n + 1) }
    try { probe(0) } catch {}
    const codes = new Set()
    const tries = [() => l.decode(bytes.subarray(0, -1)), () => l.encode(record), () => l.dump(bytes), () => codec.layout('struct A { ' + 'struct { '.repeat(40))]
    for (const back of [5, 20, 80, 300, 600, depth / 2]) {
      for (const attempt of tries) {
        const down = (n) => {
          if (n > 0) return down(n - 1)
          try { attempt() } catch (error) { codes.add(error.code ?? error.name) }
        }
        try { down(depth - back - 60) } catch (error) { codes.add(error.name) }
      }
    }
    console.log([...codes].sort().join())
    if (isMainThread) new Worker(__filename)`
  const file = require('node:path').join(
    require('node:fs').mkdtempSync(`${require('node:os').tmpdir()}/layout-`),
    'deep.js',
  )
  require('node:fs').writeFileSync(file, code)
  for (const flags of [[], ['--disallow-code-generation-from-strings']]) {
    const { status, stdout, stderr } = require('node:child_process').spawnSync(process.execPath, [...flags, file], {
      encoding: 'utf8',
    })
    assert.equal(status, 0, stderr)
    const lines = stdout.trim().split('\n')
    assert.equal(lines.length, 2)
    for (const line of lines) assert.match(line, /IRONWIRE_LAYOUT_SYNTAX,IRONWIRE_LAYOUT_TRUNCATED/)
  }
})
