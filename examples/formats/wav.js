'use strict'

// WAV files: chunks in a RIFF container.
//
//   node examples/formats/wav.js FILE.wav

const { codec } = require('ironwire')

const wav = codec.layout(`
  endian le;
  enum Coding : u16 { PCM = 1, float = 3 }
  struct Chunk {
    ascii(4) id;
    u32 size = sizeof(data);
    switch (id) {
      "fmt ": struct { Coding coding; u16 channels; u32 rate; u32 bytesPerSecond; u16 block; u16 depth; bytes(rest) extra; };
      default: bytes(rest);
    } data @size(size);
    align(2);
  }
  struct Wav {
    ascii(4) riff = "RIFF";
    u32 size = sizeof(form..chunks);
    ascii(4) form = "WAVE";
    Chunk chunks[rest] @size(size - 4);
  }
`)

module.exports = { wav }

if (require.main === module && process.argv[2]) {
  for (const { id, data } of wav.decode(require('node:fs').readFileSync(process.argv[2])).chunks) console.log(id, data)
}
