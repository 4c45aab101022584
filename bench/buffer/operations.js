'use strict'

// The operations on whole buffers, with Node's method and with the function of `codec`.

const { randomBytes } = require('node:crypto')
const { Buffer, isUtf8, transcode } = require('node:buffer')
const { codec } = require('../../index.js')

/** Text in which every byte is as frequent as in prose. No search value begins with a rare byte. */
const text = (size) => Buffer.from(randomBytes(size).toString('hex').slice(0, size))
const absent = Buffer.from('0123456789abcdeX')
const absentBackwards = Buffer.from('X123456789abcdef')

/** Each function makes the two operations to compare, for a given size. */
const operations = {
  'hex encode'(size) {
    const bytes = randomBytes(size)
    return [() => bytes.toString('hex'), () => codec.hex.encode(bytes)]
  },
  'hex decode'(size) {
    const digits = randomBytes(size).toString('hex')
    return [() => Buffer.from(digits, 'hex'), () => codec.hex.decode(digits)]
  },
  'base64 encode'(size) {
    const bytes = randomBytes(size)
    return [() => bytes.toString('base64'), () => codec.base64.encode(bytes)]
  },
  'base64 decode'(size) {
    const digits = randomBytes(size).toString('base64')
    return [() => Buffer.from(digits, 'base64'), () => codec.base64.decode(digits)]
  },
  'utf8 validate'(size) {
    const bytes = text(size)
    return [() => isUtf8(bytes), () => codec.utf8.validate(bytes)]
  },
  'latin1 decode'(size) {
    const bytes = text(size)
    return [() => bytes.toString('latin1'), () => codec.latin1.decode(bytes)]
  },
  'utf16 decode'(size) {
    const bytes = randomBytes(size)
    return [() => bytes.toString('utf16le'), () => codec.utf16.decode(bytes)]
  },
  'transcode latin1 to utf8'(size) {
    const bytes = randomBytes(size)
    return [() => transcode(bytes, 'latin1', 'utf8'), () => codec.transcode(bytes, 'latin1', 'utf8')]
  },
  'indexOf, absent'(size) {
    const bytes = text(size)
    return [() => bytes.indexOf(absent), () => codec.indexOf(bytes, absent)]
  },
  'indexOf, absent, random bytes'(size) {
    const bytes = randomBytes(size)
    return [() => bytes.indexOf(absent), () => codec.indexOf(bytes, absent)]
  },
  'indexOf, a line end that is absent'(size) {
    const bytes = text(size)
    return [() => bytes.indexOf('\r\n\r\n'), () => codec.indexOf(bytes, '\r\n\r\n')]
  },
  'indexOf, at the beginning'(size) {
    const bytes = text(size)
    bytes.set(absent.subarray(0, size), 0)
    return [() => bytes.indexOf(absent), () => codec.indexOf(bytes, absent)]
  },
  'indexOf, one byte'(size) {
    const bytes = text(size)
    return [() => bytes.indexOf(88), () => codec.indexOf(bytes, 88)]
  },
  'lastIndexOf, absent'(size) {
    const bytes = text(size)
    return [() => bytes.lastIndexOf(absentBackwards), () => codec.lastIndexOf(bytes, absentBackwards)]
  },
  'includes, absent'(size) {
    const bytes = text(size)
    const word = absent.toString()
    return [() => bytes.includes(word), () => codec.includes(bytes, word)]
  },
  compare(size) {
    const [a, b] = [Buffer.alloc(size), Buffer.alloc(size)]
    return [() => Buffer.compare(a, b), () => codec.compare(a, b)]
  },
  equals(size) {
    const [a, b] = [Buffer.alloc(size), Buffer.alloc(size)]
    return [() => a.equals(b), () => codec.equals(a, b)]
  },
  swap16(size) {
    const bytes = randomBytes(size)
    return [() => bytes.swap16(), () => codec.swap16(bytes)]
  },
  swap32(size) {
    const bytes = randomBytes(size)
    return [() => bytes.swap32(), () => codec.swap32(bytes)]
  },
  swap64(size) {
    const bytes = randomBytes(size)
    return [() => bytes.swap64(), () => codec.swap64(bytes)]
  },
  'fill by pattern'(size) {
    const bytes = Buffer.alloc(size)
    return [() => bytes.fill('abc'), () => codec.fill(bytes, 'abc')]
  },
  'concat of four'(size) {
    const list = Array.from({ length: 4 }, () => randomBytes(size / 4))
    return [() => Buffer.concat(list), () => codec.concat(list)]
  },
}

/**
 * Loops over Buffer's methods. Each is compiled separately, as in a program that has only one: if several share their
 * code, V8 makes it three times as slow.
 */
const compile = (body) => new Function('bytes', 'values', `${body} // ${randomBytes(8).toString('hex')}`)
const readLoop = () =>
  compile('for (let i = 0; i < values.length; i++) values[i] = bytes.readInt16BE(2 * i); return values')
const writeLoop = () =>
  compile('for (let i = 0; i < values.length; i++) bytes.writeInt16BE(values[i], 2 * i); return bytes')

/** Arrays of numbers. Buffer has no such operations, so they do not count in the mean. */
const arrays = {
  'readArray i16be'(size) {
    const bytes = randomBytes(size)
    const read = readLoop()
    return [() => read(bytes, new Int16Array(size / 2)), () => codec.readArray('i16be', bytes)]
  },
  'readArray i16be, into an array'(size) {
    const bytes = randomBytes(size)
    const into = new Int16Array(size / 2)
    const read = readLoop()
    return [() => read(bytes, into), () => codec.readArray('i16be', bytes, 0, undefined, { into })]
  },
  'readArray i16be, swap16 on a copy'(size) {
    const bytes = randomBytes(size)
    const turned = () => {
      const copy = Buffer.allocUnsafeSlow(size)
      bytes.copy(copy)
      copy.swap16()
      return new Int16Array(copy.buffer, 0, size / 2)
    }
    return [turned, () => codec.readArray('i16be', bytes)]
  },
  'writeArray i16be'(size) {
    const values = new Int16Array(new Uint8Array(randomBytes(size)).buffer)
    const out = Buffer.alloc(size)
    const write = writeLoop()
    return [() => write(out, values), () => codec.writeArray('i16be', out, values)]
  },
}

module.exports = { operations, arrays }
