'use strict'

// ELF files (64 bits, little-endian): the header, and the tables and sections that it refers to.
//
//   node examples/formats/elf.js /bin/true

const { codec } = require('ironwire')

const elf = codec.layout(`
  endian le;
  enum Type : u16 { none, rel, exec, dyn, core }
  enum Machine : u16 { i386 = 3, arm = 40, x86_64 = 62, aarch64 = 183, riscv = 243 }
  enum SectionType : u32 { null, progbits, symtab, strtab, rela, hash, dynamic, note, nobits, rel, shlib, dynsym }

  struct Segment { u32 type; u32 flags; u64 offset; u64 virtual; u64 physical; u64 fileSize; u64 memorySize; u64 alignment; }
  struct Section {
    u32 name; SectionType type; u64 flags; u64 address; u64 offset; u64 size; u32 link; u32 info; u64 alignment; u64 entrySize;
    // What has no bits in the file has a size all the same.
    if (type != SectionType.nobits) at (offset) bytes(size) data;
  }
  struct Elf {
    magic "\\x7fELF\\x02\\x01\\x01";
    u8 abi; u8 abiVersion; bytes(7) padding;
    Type type; Machine machine; u32 version; u64 entry; u64 segmentOffset; u64 sectionOffset; u32 flags;
    u16 headerSize; u16 segmentSize; u16 segmentCount; u16 sectionSize; u16 sectionCount; u16 names;
    at (segmentOffset) Segment segments[segmentCount];
    at (sectionOffset) Section sections[sectionCount];
  }
`)

/** The name of a section. */
function sectionName({ sections, names }, { name }) {
  const table = sections[names].data
  return table.toString('latin1', name, table.indexOf(0, name))
}

module.exports = { elf, sectionName }

if (require.main === module && process.argv[2]) {
  const file = elf.decode(require('node:fs').readFileSync(process.argv[2]))
  for (const section of file.sections) console.log(sectionName(file, section), section.type, section.size)
}
