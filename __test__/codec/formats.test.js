'use strict'

// The layouts of examples/formats on files that other programs made: read, looked at, and written back byte for byte. What made the files is in
// fixtures/make.py and make-mqtt.js.

const test = require('node:test')
const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const zlib = require('node:zlib')

const fixture = (name) => fs.readFileSync(path.join(__dirname, 'fixtures', name))
const example = (name) => require(`../../examples/formats/${name}.js`)

/** Reads a file of one record, and sees that it is written back the same. */
function both(layout, bytes) {
  const record = layout.decode(bytes)
  assert.equal(layout.decode.bytes, bytes.length)
  assert.deepEqual(layout.encode(record), bytes)
  return record
}

test('DNS, with compressed names', () => {
  const { dns, nameOf, toName } = example('dns')
  const message = both(dns, fixture('answer.dns'))
  assert.equal(message.response, true)
  assert.deepEqual(
    message.answers.map(({ name, type, data }) => [nameOf(name), type, typeof data === 'string' ? data : nameOf(data)]),
    [
      ['www.example.com', 'CNAME', 'web.example.com'],
      ['web.example.com', 'A', '192.0.2.1'],
      ['web.example.com', 'A', '192.0.2.2'],
    ],
  )
  const [soa] = message.authorities
  assert.deepEqual([nameOf(soa.data.primary), soa.data.serial], ['ns.example.com', 7])
  const [aaaa, mx, txt] = message.additionals
  assert.equal(aaaa.data, '2001:db8::53')
  assert.deepEqual([mx.data.preference, nameOf(mx.data.exchange)], [10, 'mail.example.com'])
  assert.deepEqual(txt.data, ['v=spf1 -all', 'second'])
  const plain = dns.encode({
    ...message,
    questions: message.questions.map((it) => ({ ...it, name: toName(nameOf(it.name)) })),
  })
  assert.equal(nameOf(dns.decode(plain).questions[0].name), 'www.example.com')
})

test('DNS: names with pointer loops, and names that are too long', () => {
  const { dns } = example('dns')
  const header = Buffer.from('000000000001000000000000', 'hex')
  for (const name of ['c00c', 'c0ff', '016101', `${'01610162'.repeat(3)}c00c`]) {
    const message = Buffer.concat([header, Buffer.from(`${name}00010001`, 'hex')])
    assert.throws(() => dns.decode(message), {
      code: /^IRONWIRE_LAYOUT_(LIMIT|TRUNCATED)$/,
      path: /^questions\[0\]\.name\.labels/,
    })
  }
})

test('pcap: Ethernet, IPv4, IPv6, TCP, UDP', () => {
  const { pcap } = example('pcap')
  const { packets, network } = both(pcap, fixture('packets.pcap'))
  assert.equal(network, 'Ethernet')
  const [tcp, dns, udp] = packets.map(({ data }) => data.payload)
  assert.deepEqual([tcp.source, tcp.destination, tcp.dontFragment, tcp.ttl], ['192.0.2.1', '198.51.100.2', true, 64])
  assert.deepEqual(
    [tcp.payload.source, tcp.payload.destination, tcp.payload.syn, tcp.payload.ack],
    [40000, 80, true, false],
  )
  assert.deepEqual(
    tcp.payload.options.map(({ kind }) => kind),
    [2, 1, 3, 4, 0, 0],
  )
  assert.equal(example('dns').dns.decode(dns.payload.payload).questions[0].type, 'A')
  assert.deepEqual([udp.source, String(udp.payload.payload)], ['2001:db8::1', 'hello'])
})

test('pcap: a wrong checksum is an error', () => {
  const { pcap } = example('pcap')
  const bytes = fixture('packets.pcap')
  bytes[24 + 16 + 14 + 8]++
  assert.throws(() => pcap.decode(bytes), {
    code: 'IRONWIRE_LAYOUT_CHECKSUM',
    path: 'packets[0].data.payload.checksum',
    offset: 64,
  })
})

test('TLS: a ClientHello', () => {
  const { records } = both(example('tls').tls, fixture('hello.tls'))
  const [{ type, body }] = records
  assert.equal(type, 'Handshake')
  const { extensions, ciphers, random } = body[0].body
  assert.equal(random.length, 64)
  assert.ok(ciphers.includes(0x1301))
  assert.equal(extensions.find((it) => it.type === 0).data.names[0].name, 'example.com')
  assert.deepEqual(extensions.find((it) => it.type === 16).data.protocols, ['h2', 'http/1.1'])
})

test('MQTT', () => {
  const { mqtt } = example('mqtt')
  const bytes = fixture('packets.mqtt')
  const packets = mqtt.decodeMany(bytes)
  assert.deepEqual(mqtt.encodeMany(packets), bytes)
  assert.deepEqual(
    packets.map(({ kind }) => kind),
    ['CONNECT', 'CONNACK', 'SUBSCRIBE', 'SUBACK', 'PUBLISH', 'PUBACK', 'PUBLISH', 'PINGREQ', 'DISCONNECT'],
  )
  const [connect, , subscribe, , publish] = packets.map(({ body }) => body)
  assert.deepEqual(
    [connect.client, connect.user, String(connect.will.message), connect.willQos],
    ['client', 'ada', 'bye', 1],
  )
  assert.deepEqual(
    subscribe.topics.map(({ filter, qos }) => [filter, qos]),
    [
      ['sensors/#', 1],
      ['x', 0],
    ],
  )
  assert.deepEqual([publish.id, publish.payload.length], [7, 200])
})

test('WebSocket frames of all three lengths', () => {
  const { frame, unmask } = example('websocket')
  // RFC 6455, 5.7.
  const hello = both(frame, Buffer.from('818537fa213d7f9f4d5158', 'hex'))
  assert.deepEqual([hello.opcode, String(unmask(hello))], ['text', 'Hello'])
  for (const [size, head] of [
    [125, '827d'],
    [126, '827e007e'],
    [65535, '827effff'],
    [65536, '827f0000000000010000'],
  ]) {
    const payload = Buffer.alloc(size, 'x')
    assert.deepEqual(both(frame, Buffer.concat([Buffer.from(head, 'hex'), payload])).payload, payload)
  }
})

test('ZIP', () => {
  const { readZip, writeZip } = example('zip')
  const bytes = fixture('files.zip')
  const archive = readZip(bytes)
  assert.deepEqual(
    archive.entries.map(({ name, comment }) => [name, comment]),
    [
      ['hello.txt', 'of hello'],
      ['grüße.txt', 'of grüße'],
      ['empty', 'of empty'],
    ],
  )
  assert.equal(archive.end.comment, 'the end')
  const { data, crc } = archive.entries[0].file
  const text = zlib.inflateRawSync(data)
  assert.equal(String(text), 'hello, hello, hello, hello')
  assert.equal(
    require('../../index.js')
      .codec.layout('struct A { u32be crc = crc32(text); bytes(rest) text; }')
      .encode({ text })
      .readUInt32BE(),
    crc,
  )
  assert.deepEqual(writeZip(archive), bytes)
})

test('PNG', () => {
  const { chunks } = both(example('images').png, fixture('picture.png'))
  assert.deepEqual(
    chunks.map(({ type }) => type),
    ['IHDR', 'pHYs', 'IDAT', 'IEND'],
  )
  assert.deepEqual(chunks[0].data, {
    width: 5,
    height: 3,
    depth: 8,
    color: 'rgb',
    compression: 0,
    filter: 0,
    interlaced: false,
  })
  assert.deepEqual([...zlib.inflateSync(chunks[2].data).subarray(1, 4)], [255, 128, 0])
})

test('BMP', () => {
  const { width, height, rows } = both(example('images').bmp, fixture('picture.bmp'))
  assert.deepEqual([width, height, rows.length], [5, 3, 3])
  assert.deepEqual([...rows[1].pixels.subarray(3, 6)], [3, 2, 1])
})

test('WAV', () => {
  const { chunks } = both(example('wav').wav, fixture('tone.wav'))
  assert.deepEqual(
    chunks.map(({ id }) => id),
    ['fmt ', 'data'],
  )
  const { coding, channels, rate } = chunks[0].data
  assert.deepEqual([coding, channels, rate], ['PCM', 1, 8000])
  assert.equal(chunks[1].data.readInt16LE(8), -32768)
})

test('ELF', { skip: process.platform !== 'linux' || !['x64', 'arm64', 'riscv64'].includes(process.arch) }, () => {
  const { elf, sectionName } = example('elf')
  const bytes = fs.readFileSync('/bin/true')
  const file = elf.decode(bytes)
  assert.equal(elf.decode.bytes, bytes.length)
  assert.equal(file.machine, { x64: 'x86_64', arm64: 'aarch64', riscv64: 'riscv' }[process.arch])
  const names = file.sections.map((section) => sectionName(file, section))
  assert.ok(['.text', '.dynstr', '.shstrtab'].every((name) => names.includes(name)))
  assert.deepEqual(elf.encode(file), bytes)
})

test('tar', () => {
  const { readTar, writeTar } = example('tar')
  const bytes = fixture('files.tar')
  const files = readTar(bytes)
  assert.deepEqual(
    files.map(({ size, modified, user }) => [size, modified, user]),
    [
      [5, 1700000000, 'ada'],
      [600, 1700000000, 'ada'],
    ],
  )
  assert.equal(`${files[1].prefix}/${files[1].name}`, `directory/${'long'.repeat(25)}/file`)
  assert.equal(String(files[0].data), 'hello')
  assert.deepEqual(writeTar(files), bytes)
})

test('UBX and NMEA', () => {
  const { ubx, nmea, checksumOf } = example('gps')
  const { body } = both(ubx, fixture('position.ubx'))
  assert.deepEqual([body.time, body.longitude, body.latitude], [123456000, 134000000, 525000000])
  const sentence = both(nmea, Buffer.from('$GPGLL,4916.45,N,12311.12,W,225444,A*31\r\n'))
  assert.deepEqual([sentence.fields[0], sentence.checksum], ['GPGLL', checksumOf(sentence)])
})

test('MessagePack', () => {
  const { value, plain } = example('messagepack')
  assert.deepEqual(plain(both(value, fixture('values.msgpack'))), {
    compact: true,
    list: [0, -1, 200, 70000, 2n ** 40n, -(2n ** 40n), 1.5, null],
    text: 'grüße'.repeat(10),
    bytes: Buffer.from([0, 1]),
  })
  assert.throws(() => value.decode(Buffer.alloc(100, 0x91)), {
    code: 'IRONWIRE_LAYOUT_LIMIT',
    message: /nested deeper than 64/,
  })
  assert.throws(() => value.decode(Buffer.from('dcffff', 'hex')), {
    code: 'IRONWIRE_LAYOUT_TRUNCATED',
    message: /65535 bytes are needed, 0 are left/,
  })
})
