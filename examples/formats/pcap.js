'use strict'

// Packet captures (libpcap) and the headers in them: Ethernet, IPv4, IPv6, TCP, UDP.
//
//   node examples/formats/pcap.js FILE.pcap

const { codec } = require('ironwire')

const udp = codec.layout(`
  struct Udp { u16be source; u16be destination; u16be length; u16be checksum; bytes(rest) payload; }
`)

const tcp = codec.layout(`
  endian be;
  struct Option {
    u8 kind;
    if (kind > 1) u8 length;
    if (kind > 1) bytes(length - 2) data;
  }
  struct Tcp {
    u16 source; u16 destination;
    u32 sequence; u32 acknowledgment;
    u4 words = (sizeof(options) + 20) / 4; u4 reserved;
    flag cwr; flag ece; flag urg; flag ack; flag psh; flag rst; flag syn; flag fin;
    u16 window; u16 checksum; u16 urgent;
    Option options[rest] @size(words * 4 - 20);
    bytes(rest) payload;
  }
`)

const transport = { 6: tcp, 17: udp }

const ipv4 = codec.layout(
  [
    { name: 'version', type: 'u4', const: 4 },
    { name: 'words', type: 'u4', value: '(sizeof(options) + 20) / 4' },
    ['dscp', 'u6'],
    ['ecn', 'u2'],
    { name: 'length', type: 'u16', value: 'sizeof(version..payload)' },
    ['id', 'u16'],
    ['reserved', 'flag'],
    ['dontFragment', 'flag'],
    ['moreFragments', 'flag'],
    ['fragment', 'u13'],
    ['ttl', 'u8'],
    ['protocol', 'u8'],
    { name: 'checksum', type: 'u16', value: 'inet(version..options)' },
    ['source', 'ipv4'],
    ['destination', 'ipv4'],
    ['options', 'bytes(words * 4 - 20)'],
    {
      name: 'payload',
      switch: 'fragment == 0 ? protocol : 0',
      cases: transport,
      default: 'bytes(rest)',
      size: 'length - words * 4',
    },
  ],
  { endian: 'be' },
)

const ipv6 = codec.layout(
  [
    { name: 'version', type: 'u4', const: 6 },
    ['trafficClass', 'u8'],
    ['flow', 'u20'],
    { name: 'length', type: 'u16', value: 'sizeof(payload)' },
    ['next', 'u8'],
    ['hops', 'u8'],
    ['source', 'ipv6'],
    ['destination', 'ipv6'],
    { name: 'payload', switch: 'next', cases: transport, default: 'bytes(rest)', size: 'length' },
  ],
  { endian: 'be' },
)

const ethernet = codec.layout(
  [
    ['destination', 'mac'],
    ['source', 'mac'],
    ['type', 'u16'],
    { name: 'payload', switch: 'type', cases: { 2048: ipv4, 34525: ipv6 }, default: 'bytes(rest)' },
    // Short frames are padded to 60 bytes.
    ['padding', 'bytes(rest)'],
  ],
  { endian: 'be' },
)

/** A capture of Ethernet frames, in the byte order of most machines. */
const pcap = codec.layout(
  [
    { type: 'u32', const: 0xa1b2c3d4 },
    ['major', 'u16'],
    ['minor', 'u16'],
    ['zone', 'i32'],
    ['accuracy', 'u32'],
    ['snapLength', 'u32'],
    { name: 'network', type: 'u32', enum: { Ethernet: 1, Raw: 101 } },
    {
      name: 'packets',
      type: [
        ['seconds', 'u32'],
        ['microseconds', 'u32'],
        ['captured', 'u32'],
        ['length', 'u32'],
        {
          name: 'data',
          switch: 'captured == length ? 1 : 0',
          cases: { 1: ethernet },
          default: 'bytes(rest)',
          size: 'captured',
        },
      ],
      count: 'rest',
    },
  ],
  { endian: 'le' },
)

module.exports = { pcap, ethernet, ipv4, ipv6, tcp, udp }

if (require.main === module && process.argv[2]) {
  const { packets } = pcap.decode(require('node:fs').readFileSync(process.argv[2]))
  for (const { seconds, data } of packets) {
    const { source, destination, payload } = data.payload ?? {}
    console.log(seconds, source ?? data.source, destination ?? data.destination, payload)
  }
}
