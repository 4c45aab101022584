'use strict'

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { test } = require('node:test')

const constants = require('../../lib/constants.js')

test('the numbers that cross are integers, in groups', () => {
  const groups = Object.entries(constants)
  assert.ok(groups.length > 10)
  for (const [name, group] of groups) {
    assert.ok(Object.isFrozen(group), name)
    assert.ok(Object.keys(group).length > 0, name)
    for (const [key, number] of Object.entries(group)) assert.ok(Number.isSafeInteger(number), `${name}.${key}`)
  }
  assert.equal(constants.rpc.MAGIC, Buffer.from('IWRP').readUInt32BE())
  assert.equal(constants.tape.END, 0xffffffff)
  assert.equal(constants.errno.EOF, -4095)
})

test('one that Rust does not have is an error, not undefined', () => {
  assert.throws(() => constants.http.CURSER, { name: 'ReferenceError', message: 'ironwire: Rust has no http.CURSER' })
  assert.throws(() => constants.htpp, ReferenceError)
  assert.throws(() => {
    const { KEEPALIVE } = constants.flag
    return KEEPALIVE
  }, ReferenceError)
})

test('the words of rows have names, and what handlers of events read has no number of its own', () => {
  const files = ['dgram', 'files', 'grpc', 'http', 'http/client', 'http2', 'net', 'rpc'].flatMap((name) => {
    const folder = path.join(__dirname, '../../lib', name)
    return fs.readdirSync(folder).map((file) => path.join(folder, file))
  })
  const readers = files.filter(
    (file) => file.endsWith('.js') && /\b(?:words|table)\[/.test(fs.readFileSync(file, 'utf8')),
  )
  assert.deepEqual(readers.map((file) => path.basename(file)).sort(), [
    'batch.js',
    'batch.js',
    'batch.js',
    'connection.js',
    'peer.js',
    'port.js',
    'reads.js',
    'site.js',
    'site.js',
  ])
  for (const file of readers) {
    const text = fs.readFileSync(file, 'utf8')
    for (const [index] of text.matchAll(/\b(?:words|table)\[[^\]]*\]/g)) assert.doesNotMatch(index, /\b\d/, file)
  }
})

test('bits of one argument are different, and kinds of one row, too', () => {
  const { CLOSE, CHUNKED, LENGTH, SECONDS, MAX_SECONDS } = constants.respond
  const sets = [
    Object.values(constants.send),
    Object.values(constants.flag),
    Object.values(constants.fields),
    Object.values(constants.formats),
    [CLOSE, CHUNKED, LENGTH, 2 ** SECONDS],
  ]
  for (const bits of sets) {
    assert.ok(bits.every((bit) => bit > 0 && (bit & (bit - 1)) === 0))
    assert.equal(new Set(bits).size, bits.length)
  }
  assert.ok((MAX_SECONDS + 1) * 2 ** SECONDS < 2 ** 32)
  const kinds = [...Object.values(constants.event), constants.read.READ]
  assert.equal(new Set(kinds).size, kinds.length)
  assert.equal(new Set(Object.values(constants.frame)).size, Object.keys(constants.frame).length)
})

test('the documented kinds and reasons of rpc are those in use', () => {
  const text = fs.readFileSync(path.join(__dirname, '../../docs/rpc-protocol.md'), 'utf8')
  const { PREFACE, BROKEN, ...kinds } = constants.frame
  for (const [name, number] of Object.entries(kinds)) {
    const row = new RegExp(`^\\|\\s*\`?${number}\`?\\s*\\|[^\\n]*${name}`, 'im')
    assert.match(text, row, `${name} is ${number}`)
  }
})
