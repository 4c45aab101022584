'use strict'

// Checks before the timing that every contender encodes a value to the same bytes, and decodes them to that value.

/** Whether `actual`, decoded by some package, contains everything in `expected`. Additional properties are defaults. */
function agrees(expected, actual) {
  if (typeof expected === 'number') return Number(actual) === expected
  if (expected instanceof Uint8Array) return actual instanceof Uint8Array && Buffer.compare(expected, actual) === 0
  if (Array.isArray(expected)) {
    return actual?.length === expected.length && expected.every((item, i) => agrees(item, actual[i]))
  }
  if (expected !== null && typeof expected === 'object') {
    return actual != null && Object.keys(expected).every((key) => agrees(expected[key], actual[key]))
  }
  return expected === actual
}

function demand(ok, message) {
  if (!ok) throw new Error(`no agreement, so nothing to compare: ${message}`)
}

/** Throws unless all `types` (name to adapter) agree on `values`. Returns the bytes of each value. */
function checkBinary(types, values) {
  const [[first, reference]] = types
  const all = values.map((value) => Buffer.from(reference.encode(reference.prepare(value))))
  for (const [name, type] of types) {
    for (const [i, value] of values.entries()) {
      const bytes = Buffer.from(type.encode(type.prepare(value)))
      demand(
        bytes.equals(all[i]),
        `${name} encodes value ${i} to ${bytes.length} bytes, ${first} to ${all[i].length} others`,
      )
      demand(agrees(value, type.decode(all[i])), `${name} decodes value ${i} to something else`)
    }
  }
  return all
}

/** The same for ProtoJSON. Texts may differ in white space and in the order of keys. */
function checkJson(types, texts, bytes) {
  const { isDeepStrictEqual } = require('node:util')
  for (const [name, type] of types) {
    for (const [i, text] of texts.entries()) {
      demand(Buffer.from(type.fromJson(text)).equals(bytes[i]), `${name} makes other bytes of JSON text ${i}`)
      demand(
        isDeepStrictEqual(JSON.parse(type.toJson(bytes[i])), JSON.parse(text)),
        `${name} prints other JSON for value ${i}`,
      )
    }
  }
}

module.exports = { agrees, checkBinary, checkJson }
