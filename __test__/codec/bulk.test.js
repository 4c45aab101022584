'use strict'

// Work on whole buffers, held against Node's methods: at sizes below and above those from which Rust does it.

const test = require('node:test')
const assert = require('node:assert/strict')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { Buffer: NodeBuffer, constants, isUtf8, transcode } = require('node:buffer')
const { randomBytes, randomInt } = require('node:crypto')
const { codec, Buffer } = require('../../index.js')

const SIZES = [0, 1, 2, 15, 16, 17, 31, 63, 64, 255, 511, 1024, 2047, 2048, 2050, 4096, 5000, 65_536, 100_001, 600_000]

/** What a call gives, or how it fails. */
function outcome(call) {
  try {
    return { value: call() }
  } catch (error) {
    return { name: error.name, code: error.code, message: error.message }
  }
}

test('Buffer is Node’s own class, unchanged', () => {
  assert.equal(Buffer, NodeBuffer)
  for (const name of ['indexOf', 'toString', 'swap16']) assert.equal(Buffer.prototype[name].name, name)
  assert.ok(codec.hex.decode('ff') instanceof NodeBuffer)
})

for (const form of ['hex', 'base64', 'base64url', 'utf8', 'latin1', 'utf16']) {
  const encoding = form === 'utf16' ? 'utf16le' : form
  const isCharset = ['utf8', 'latin1', 'utf16'].includes(form)
  const toText = isCharset ? codec[form].decode : codec[form].encode
  const toBytes = isCharset ? codec[form].encode : codec[form].decode

  test(`${form}: to text and back as in Node`, () => {
    for (const size of SIZES) {
      const bytes = randomBytes(size)
      const text = toText(bytes)
      assert.equal(text, bytes.toString(encoding))
      assert.equal(toText(new Uint8Array(bytes)), text)
      assert.deepEqual(toBytes(text), Buffer.from(text, encoding))
      assert.deepEqual(toBytes(text.toUpperCase()), Buffer.from(text.toUpperCase(), encoding))
    }
  })

  test(`${form}: invalid input gives the results of Node`, () => {
    const junk = ['g', ' ', '\n', '=', '-', '_', '+', '\0', 'é', '\u0131', '\u0141', '😀', '\ud800']
    for (const size of [1, 3, 40, 600, 3000]) {
      for (const piece of junk) {
        const text = randomBytes(size).toString(isCharset ? 'hex' : encoding)
        const at = randomInt(text.length + 1)
        const broken = text.slice(0, at) + piece + text.slice(at + randomInt(2))
        assert.deepEqual(toBytes(broken), Buffer.from(broken, encoding), JSON.stringify(broken.slice(0, 80)))
      }
    }
  })

  test(`${form}: arguments that are neither text nor bytes are refused`, () => {
    for (const wrong of [undefined, null, 5, {}, [1], Object.create(String.prototype)]) {
      assert.throws(() => toBytes(wrong), { code: 'ERR_INVALID_ARG_TYPE' })
    }
    for (const wrong of [
      undefined,
      null,
      'ff',
      [1],
      new DataView(new ArrayBuffer(4)),
      Object.create(Buffer.prototype),
    ]) {
      assert.throws(() => toText(wrong), { code: 'ERR_INVALID_ARG_TYPE' })
    }
    const gone = new Uint8Array(3000)
    structuredClone(gone.buffer, { transfer: [gone.buffer] })
    assert.throws(() => toText(gone), { code: 'ERR_INVALID_ARG_VALUE', message: /detached/ })
    const liar = Object.defineProperty(Buffer.from('abc'), 'length', { value: 5000 })
    assert.equal(toText(liar), Buffer.from('abc').toString(encoding))
  })
}

test('hex stops at the first invalid pair, wherever it is', () => {
  const text = randomBytes(3000).toString('hex')
  for (let at = 0; at < text.length; at += 7) {
    const broken = `${text.slice(0, at)}x${text.slice(at + 1)}`
    assert.equal(codec.hex.decode(broken).length, at >> 1)
    assert.ok(codec.hex.decode(broken).equals(Buffer.from(broken, 'hex')))
  }
})

test('concatenated and sliced strings are read correctly', () => {
  let pieces = ''
  for (let i = 0; i < 5000; i++) pieces += `${(i % 256).toString(16).padStart(2, '0')}`
  assert.deepEqual(codec.hex.decode(pieces), Buffer.from(pieces, 'hex'))
  const long = codec.hex.encode(randomBytes(200_000))
  assert.equal(codec.hex.encode(codec.hex.decode(long)), long)
  assert.deepEqual(codec.hex.decode(long.slice(7, -3)), Buffer.from(long.slice(7, -3), 'hex'))
})

test('text that is too long throws Node’s error', { skip: constants.MAX_STRING_LENGTH > 2 ** 30 }, () => {
  const large = Buffer.alloc(constants.MAX_STRING_LENGTH / 2 + 1)
  assert.throws(() => codec.hex.encode(large), { code: 'ERR_STRING_TOO_LONG' })
})

test('calls release their memory', () => {
  const { spawnSync } = require('node:child_process')
  const program = `
    const { codec } = require(${JSON.stringify(require.resolve('../../index.js'))})
    const bytes = Buffer.alloc(1 << 20, 'x')
    const round = () => {
      for (let i = 0; i < 100; i++) if (codec.hex.decode(codec.hex.encode(bytes)).length !== bytes.length) throw new Error()
      gc()
    }
    round()
    const before = process.memoryUsage.rss()
    for (let i = 0; i < 4; i++) round()
    console.log((process.memoryUsage.rss() - before) / 2 ** 20)`
  const { stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', '-e', program], { encoding: 'utf8' })
  // Had the texts alone been kept, it would be 800.
  assert.ok(Number(stdout || NaN) < 400, `${stdout}${stderr}`)
})

test('long text is collected in time, and outlives the worker that made it', () => {
  const { spawnSync } = require('node:child_process')
  const program = `
    const { Worker, isMainThread, parentPort } = require('node:worker_threads')
    const { codec } = require(${JSON.stringify(require.resolve('../../index.js'))})
    const hex = (byte) => codec.hex.encode(Buffer.alloc(70_000, byte))
    if (!isMainThread) {
      globalThis.held = Array.from({ length: 20 }, (_, i) => hex(i))
      parentPort.postMessage(globalThis.held)
    } else {
      let most = 0
      for (let i = 0; i < 10_000; i++) {
        hex(i)
        if (i % 100 === 0) most = Math.max(most, process.memoryUsage.rss())
      }
      console.log(most / 2 ** 20)
      let texts
      new Worker(__filename)
        .on('message', (message) => { texts = message })
        .on('exit', (code) => {
          gc()
          const isSame = (text, i) => text === Buffer.alloc(70_000, i).toString('hex')
          console.log(code, texts.every(isSame), new Map([[texts[3], 3]]).get(hex(3)), JSON.parse(JSON.stringify(texts))[5] === hex(5))
        })
    }`
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-')), 'texts.js')
  fs.writeFileSync(file, program)
  const { stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', file], { encoding: 'utf8' })
  fs.rmSync(path.dirname(file), { recursive: true })
  const [most, rest] = stdout.trim().split('\n')
  // All of them are 1.4 GB.
  assert.ok(Number(most) < 700, `${stdout}${stderr}`)
  assert.equal(rest, '0 true 3 true', stderr)
})

test('search: the results of Node, for any needle at any position', () => {
  const alphabets = ['ab', 'abcdefghijklmnop', '\x00\xff']
  const kinds = (needle) => [needle, new Uint8Array(needle), needle.toString('utf8'), needle.toString('latin1')]
  for (const size of [0, 1, 30, 2047, 2048, 3000, 9000, 40_000]) {
    for (const alphabet of [...alphabets, null]) {
      const bytes =
        alphabet === null
          ? randomBytes(size)
          : Buffer.from(Array.from({ length: size }, () => alphabet.charCodeAt(randomInt(alphabet.length))))
      const needles = [Buffer.alloc(0), Buffer.from('x'), Buffer.from('abX'), randomBytes(16), Buffer.alloc(size + 1)]
      for (let i = 0; i < 12; i++) {
        const at = randomInt(size + 1)
        needles.push(Buffer.from(bytes.subarray(at, at + randomInt(1, 24))))
      }
      for (const needle of needles.flatMap(kinds)) {
        for (const rest of [[], [undefined], [0], [-5], [size >> 1], [NaN], [size + 9], [3, 'latin1'], ['utf16le']]) {
          for (const method of ['indexOf', 'lastIndexOf', 'includes']) {
            assert.deepEqual(
              outcome(() => codec[method](bytes, needle, ...rest)),
              outcome(() => bytes[method](needle, ...rest)),
              `${method} ${size} ${JSON.stringify(rest)}`,
            )
          }
        }
      }
    }
  }
})

test('search: numbers, and invalid needles', () => {
  const bytes = Buffer.alloc(5000, 'abc')
  for (const value of [97, 0x161, -159, 97.9, 5, true, null, undefined, {}, [97], 5n]) {
    for (const method of ['indexOf', 'lastIndexOf', 'includes']) {
      assert.deepEqual(
        outcome(() => codec[method](bytes, value)),
        outcome(() => bytes[method](value)),
        `${method} ${typeof value}`,
      )
    }
  }
  assert.throws(() => codec.indexOf('abc', 'a'), { code: 'ERR_INVALID_ARG_TYPE' })
})

test('search: the last of several overlapping matches, across block borders', () => {
  for (const [haystack, needle] of [
    ['a'.repeat(9000), 'aa'],
    [`${'ab'.repeat(3000)}a`, 'aba'],
    [`${'.'.repeat(511)}xyz${'z'.repeat(4100)}`, 'xyz'],
    [`${'xz'.repeat(300)}xyxyxy${'zy'.repeat(2000)}`, 'xyxy'],
  ]) {
    for (let cut = 0; cut < 600; cut += 13) {
      const bytes = Buffer.from(haystack.slice(cut))
      assert.equal(codec.lastIndexOf(bytes, needle), bytes.lastIndexOf(needle))
      assert.equal(codec.indexOf(bytes, needle), bytes.indexOf(needle))
    }
  }
})

for (const [name, width] of [
  ['swap16', 2],
  ['swap32', 4],
  ['swap64', 8],
]) {
  test(`${name}: the results of Node, and an error if the length is not a multiple`, () => {
    for (const size of SIZES) {
      const bytes = randomBytes(size + 3).subarray(3)
      const expected = Buffer.from(bytes)
      const before = Buffer.from(bytes)
      const theirs = outcome(() => expected[name]())
      const ours = outcome(() => codec[name](bytes))
      if (size % width === 0) {
        assert.equal(ours.value, bytes)
        assert.deepEqual(bytes, expected)
      } else {
        assert.deepEqual(ours, theirs)
        assert.deepEqual(bytes, before)
      }
    }
    const shared = new Uint8Array(new SharedArrayBuffer(4096)).fill(7, 0, 1)
    codec[name](shared)
    assert.equal(shared.indexOf(7), width - 1)
  })
}

test('shared memory is read like any other', () => {
  const shared = new Uint8Array(new SharedArrayBuffer(5000)).map((_, i) => i)
  const same = Buffer.from(shared)
  assert.equal(codec.hex.encode(shared), same.toString('hex'))
  assert.equal(codec.indexOf(shared, same.subarray(100, 120)), same.indexOf(same.subarray(100, 120)))
})

test('objects that only look like bytes are refused, whatever their length says', () => {
  const pretender = (length) => Object.create(Uint8Array.prototype, { length: { value: length } })
  const needle = Buffer.from('abc')
  for (const length of [0, 16, 100_000]) {
    const value = pretender(length)
    const isTypeError = (error) => error instanceof TypeError && error.code !== 'IRONWIRE_INTERNAL'
    assert.throws(() => codec.hex.encode(value), { code: 'ERR_INVALID_ARG_TYPE' })
    for (const sought of [needle, 'abc', 97]) {
      for (const name of ['indexOf', 'lastIndexOf', 'includes']) {
        assert.throws(() => codec[name](value, sought), isTypeError, `${name} in ${length}`)
      }
    }
    if (length < 100_000) continue
    for (const name of ['swap16', 'swap32', 'swap64']) assert.throws(() => codec[name](value), isTypeError, name)
    const bytes = Buffer.alloc(100_000)
    assert.throws(() => codec.indexOf(bytes, value), isTypeError)
  }
})

test('all other functions are Node’s', () => {
  const [a, b] = [randomBytes(300), randomBytes(300)]
  assert.equal(codec.compare(a, b), Buffer.compare(a, b))
  assert.equal(codec.equals(a, new Uint8Array(a)), true)
  assert.equal(codec.equals(a, b), false)
  assert.throws(() => codec.equals(a, 'a'), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.deepEqual(codec.concat([a, b], 400), Buffer.concat([a, b], 400))
  const plain = new Uint8Array(10)
  assert.equal(codec.fill(plain, 'abc', 1, 8), plain)
  assert.deepEqual(Buffer.from(plain), Buffer.alloc(10).fill('abc', 1, 8))
  assert.deepEqual(codec.fill(Buffer.alloc(9), '0aff', 'hex'), Buffer.alloc(9).fill('0aff', 'hex'))
  assert.throws(() => codec.fill(plain, 'a', 0, 11), { code: 'ERR_OUT_OF_RANGE' })
  for (const bytes of [Buffer.from('aé漢😀'), Buffer.from([0xc3, 0x28]), Buffer.alloc(0)]) {
    assert.equal(codec.utf8.validate(bytes), isUtf8(bytes))
    assert.deepEqual(
      outcome(() => codec.transcode(bytes, 'utf8', 'utf16le')),
      outcome(() => transcode(bytes, 'utf8', 'utf16le')),
    )
  }
})
