'use strict'

// MessagePack: a tag byte determines the type of a value. Values keep their encoded form, so that they are written back
// identically.
//
//   node examples/formats/messagepack.js

const { codec } = require('ironwire')

const value = codec.layout(`
  endian be;
  struct Pair { Value key; Value value; }
  struct Value {
    u8 tag;
    switch (tag) {
      0x00..0x7f, 0xe0..0xff, 0xc0, 0xc2, 0xc3: struct {};
      0xcc: u8; 0xcd: u16; 0xce: u32; 0xcf: u64;
      0xd0: i8; 0xd1: i16; 0xd2: i32; 0xd3: i64;
      0xca: f32; 0xcb: f64;
      0xa0..0xbf: utf8(tag & 31);
      0xd9: utf8(u8); 0xda: utf8(u16); 0xdb: utf8(u32);
      0xc4: bytes(u8); 0xc5: bytes(u16); 0xc6: bytes(u32);
      0x90..0x9f: struct { Value items[tag & 15]; };
      0xdc: struct { Value items[u16]; };
      0x80..0x8f: struct { Pair pairs[tag & 15]; };
      0xde: struct { Pair pairs[u16]; };
    } data;
  }
`)

/** Converts a decoded value to a JavaScript value. */
function plain({ tag, data }) {
  if (tag < 0x80) return tag
  if (tag >= 0xe0) return tag - 256
  if (tag === 0xc0) return null
  if (tag === 0xc2 || tag === 0xc3) return tag === 0xc3
  if (data.items) return data.items.map(plain)
  if (data.pairs) return Object.fromEntries(data.pairs.map((pair) => [plain(pair.key), plain(pair.value)]))
  return data
}

module.exports = { value, plain }

if (require.main === module)
  console.log(plain(value.decode(Buffer.from('82a7636f6d70616374c3a6736368656d6100', 'hex'))))
