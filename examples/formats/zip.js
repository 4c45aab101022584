'use strict'

// ZIP archives (APPNOTE.TXT): read from the directory at the end, and written.
//
//   node examples/formats/zip.js FILE.zip

const { codec } = require('ironwire')

const structs = `
  endian le;
  enum Method : u16 { stored = 0, deflated = 8, zstd = 93 }

  struct File {
    magic "PK\\x03\\x04";
    u16 version; u16 flags; Method method; u16 time; u16 date; u32 crc; u32 packed; u32 size;
    u16 nameLength = count(name); u16 extraLength = count(extra);
    utf8(nameLength) name; bytes(extraLength) extra;
    bytes(packed) data;
  }
  struct Entry {
    magic "PK\\x01\\x02";
    u16 madeBy; u16 version; u16 flags; Method method; u16 time; u16 date; u32 crc; u32 packed; u32 size;
    u16 nameLength = count(name); u16 extraLength = count(extra); u16 commentLength = count(comment);
    u16 disk; u16 internal; u32 external; u32 offset;
    utf8(nameLength) name; bytes(extraLength) extra; utf8(commentLength) comment;
  }
  struct End {
    magic "PK\\x05\\x06";
    u16 disk; u16 firstDisk; u16 entriesHere; u16 entries; u32 size; u32 offset; utf8(u16) comment;
  }
`

const end = codec.layout(structs, { root: 'End' })
const entry = codec.layout(structs, { root: 'Entry' })
const file = codec.layout(structs, { root: 'File' })

/** Returns `{ end, entries }` of an archive. Each entry has its `file`. */
function readZip(bytes) {
  const tail = end.decode(bytes, bytes.lastIndexOf('PK\x05\x06', undefined, 'latin1'))
  const entries = entry.decodeMany(bytes, { offset: tail.offset, count: tail.entries })
  return { end: tail, entries: entries.map((it) => ({ ...it, file: file.decode(bytes, it.offset) })) }
}

/** Makes an archive and fills in offsets and sizes. */
function writeZip({ end: tail, entries }) {
  const parts = []
  let offset = 0
  const listed = entries.map((it) => {
    const bytes = file.encode(it.file)
    parts.push(bytes)
    offset += bytes.length
    return { ...it, offset: offset - bytes.length }
  })
  const directory = entry.encodeMany(listed)
  const count = entries.length
  return Buffer.concat([
    ...parts,
    directory,
    end.encode({ ...tail, entriesHere: count, entries: count, size: directory.length, offset }),
  ])
}

module.exports = { readZip, writeZip, file, entry, end }

if (require.main === module && process.argv[2]) {
  for (const { name, size, method } of readZip(require('node:fs').readFileSync(process.argv[2])).entries) {
    console.log(name, size, method)
  }
}
