'use strict'

// Images: PNG (RFC 2083) and BMP.
//
//   node examples/formats/images.js FILE.png

const { codec } = require('ironwire')

const png = codec.layout(`
  endian be;
  enum Color : u8 { gray = 0, rgb = 2, palette = 3, grayAlpha = 4, rgba = 6 }
  struct Chunk {
    u32 length = sizeof(data);
    ascii(4) type;
    switch (type) {
      "IHDR": struct { u32 width; u32 height; u8 depth; Color color; u8 compression; u8 filter; bool interlaced; };
      "PLTE": struct { struct { u8 red; u8 green; u8 blue; } colors[rest]; };
      "tEXt": struct { latin1(until 0) keyword; latin1(rest) text; };
      "pHYs": struct { u32 x; u32 y; u8 unit; };
      default: bytes(rest);
    } data @size(length);
    u32 crc = crc32(type..data);
  }
  struct Png { magic "\\x89PNG\\r\\n\\x1a\\n"; Chunk chunks[until _.type == "IEND"]; }
`)

const bmp = codec.layout(`
  endian le;
  struct Bmp {
    magic "BM";
    u32 fileSize; u32 reserved; u32 dataOffset;
    u32 headerSize; i32 width; i32 height; u16 planes; u16 depth; u32 compression; u32 imageSize;
    i32 horizontal; i32 vertical; u32 colors; u32 important;
    bytes(dataOffset - 54) palette;
    // Rows are filled up to multiples of four bytes, and go from the bottom to the top.
    struct { bytes(width * depth / 8) pixels; pad((4 - width * depth / 8 % 4) % 4); } rows[height];
  }
`)

module.exports = { png, bmp }

if (require.main === module && process.argv[2]) {
  for (const { type, data } of png.decode(require('node:fs').readFileSync(process.argv[2])).chunks)
    console.log(type, data)
}
