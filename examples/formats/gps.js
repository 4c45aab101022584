'use strict'

// The messages of GPS receivers: UBX frames, which are binary, and NMEA 0183 sentences, which are text.
//
//   node examples/formats/gps.js

const { codec } = require('ironwire')

const ubx = codec.layout(`
  endian le;
  struct Position {
    u32 time; i32 longitude; i32 latitude; i32 height; i32 heightAboveSea; u32 horizontalAccuracy; u32 verticalAccuracy;
  }
  struct Ubx {
    magic "\\xb5\\x62";
    u8 class; u8 id;
    u16 length = sizeof(body);
    switch ((class << 8) | id) { 0x0102: Position; default: bytes(rest); } body @size(length);
    u16 checksum = fletcher8(class..body);
  }
`)

const hex = {
  decode: (text) => Number.parseInt(text, 16),
  encode: (value) => value.toString(16).toUpperCase().padStart(2, '0'),
}
const fields = { decode: (text) => text.split(','), encode: (list) => list.join(',') }

const nmea = codec.layout([
  { magic: '$' },
  { name: 'fields', type: 'ascii(until 0x2a)', map: fields },
  { name: 'checksum', type: 'ascii(2)', map: hex },
  { magic: '\r\n' },
])

/** The exclusive or of all characters between `$` and `*`. */
function checksumOf({ fields: list }) {
  return Buffer.from(list.join(','), 'latin1').reduce((all, byte) => all ^ byte, 0)
}

module.exports = { ubx, nmea, checksumOf }

if (require.main === module) {
  const sentence = nmea.decode(Buffer.from('$GPGLL,4916.45,N,12311.12,W,225444,A*31\r\n'))
  console.log(sentence.fields.join(' '), sentence.checksum === checksumOf(sentence))
}
