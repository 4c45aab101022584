'use strict'

// Tape archives (POSIX ustar): numbers are octal text, and blocks have 512 bytes.
//
//   node examples/formats/tar.js FILE.tar

const { codec } = require('ironwire')

/** A number as octal digits with a terminator, `width` characters in all. */
const octal = (width, end = '\0') => ({
  type: `ascii(${width}, 0)`,
  map: {
    decode: (text) => Number.parseInt(text, 8) || 0,
    encode: (value) => value.toString(8).padStart(width - 1, '0') + (end === '\0' ? '' : end),
  },
})

const header = [
  ['name', 'utf8(100)'],
  ['mode', octal(8)],
  ['uid', octal(8)],
  ['gid', octal(8)],
  ['size', octal(12)],
  ['modified', octal(12)],
  ['checksum', 'bytes(8)'],
  ['type', 'ascii(1)'],
  ['link', 'utf8(100)'],
  ['magic', 'bytes(8)'],
  ['user', 'utf8(32)'],
  ['group', 'utf8(32)'],
  ['major', 'ascii(8)'],
  ['minor', 'ascii(8)'],
  ['prefix', 'utf8(155)'],
  { pad: 12 },
]
const block = codec.layout(header)

/** The files of an archive, up to the zeros at its end. */
function readTar(bytes) {
  const files = []
  for (let offset = 0; offset < bytes.length && bytes[offset] !== 0; ) {
    const entry = block.decode(bytes, offset)
    const start = offset + block.size
    files.push({ ...entry, data: bytes.subarray(start, start + entry.size) })
    offset = start + Math.ceil(entry.size / 512) * 512
  }
  return files
}

/** Makes an archive, padded to a multiple of `blocking` bytes. */
function writeTar(files, blocking = 10240) {
  const parts = files.flatMap(({ data, ...entry }) => {
    const size = data.length
    const bytes = block.encode({ ...entry, size, checksum: Buffer.alloc(8, ' ') })
    const sum = bytes.reduce((all, byte) => all + byte, 0)
    bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
    return [bytes, data, Buffer.alloc((512 - (size % 512)) % 512)]
  })
  const length = parts.reduce((all, part) => all + part.length, 1024)
  return Buffer.concat(parts, Math.ceil(length / blocking) * blocking)
}

module.exports = { readTar, writeTar, block }

if (require.main === module && process.argv[2]) {
  for (const { name, size } of readTar(require('node:fs').readFileSync(process.argv[2]))) console.log(name, size)
}
