'use strict'

// Emits functions in units: a type with the types that it refers to, up to a maximum, which call each other directly.
// Units call each other through links, so that a type of a large schema is emitted when it is first used. If a schema
// changes, the units of the type are dropped and emitted again by the next call.

const { Buffer } = require('node:buffer')
const { tools } = require('../../protobuf/codec.js')
const { slab } = require('../../protobuf/write.js')
const R = require('../read.js')
const { Reader } = require('../reader.js')
const util = require('../util/index.js')
const state = require('../util/state.js')
const W = require('../write.js')
const { EncodedWriter } = require('../writer.js')
const { decoder } = require('./decode.js')
const { encoder } = require('./encode.js')
const { Text, isMessage } = require('./text.js')

const { newSlab, copy, encodeLarge, SLAB, SHARED, EDGE, LARGE } = tools
const { FULL } = W
const FastBuffer = Buffer[Symbol.species]

const has = Object.prototype.hasOwnProperty

// The largest number of types in a unit. Few types of a large schema are used at a time, and emitting a thousand takes
// a second.
const MOST = 24

/** The types to emit together with a type, which comes first. */
function reach(type) {
  const found = new Set([type])
  for (const one of found) {
    one._resolve()
    for (const field of one.fieldsArray) {
      if (found.size < MOST && isMessage(field) && linkOf(field.resolvedType).unit === null)
        found.add(field.resolvedType)
    }
  }
  return [...found]
}

/**
 * The entry points of a type: its functions, or stubs that emit them at the first call. `g` reads the type between
 * group tags.
 */
class Link {
  constructor(type) {
    this.type = type
    this.reset()
  }

  reset() {
    this.unit = null
    this.w = (b, p, o, d) => this.emitted().w(b, p, o, d)
    this.r = (b, p, end, d, o, x) => this.emitted().r(b, p, end, d, o, x)
    // Separate, because few types are used as groups.
    this.g = (b, p, end, d, o, x, stop) => this.group()(b, p, end, d, o, x, stop)
    this.encode = null
    this.decode = null
  }

  emitted() {
    if (this.unit === null) new Unit(reach(this.type)).emit()
    return this
  }

  group() {
    const e = new Unit([])
    e.line(`const C0 = ${e.value(this.type.ctor)}`)
    decoder(e, this.type, 0, true)
    e.line('return g0')
    // Dropped together with the others.
    this.emitted().g = e.evaluate()
    return this.g
  }
}

function linkOf(type) {
  type._link ??= new Link(type)
  return type._link
}

let units = 0

class Unit extends Text {
  constructor(types) {
    super()
    this.types = types
  }

  #function(name, type) {
    const i = this.types.indexOf(type)
    return i >= 0 ? `${name}${i}` : `${this.value(linkOf(type))}.${name}`
  }

  writer(type) {
    return this.#function('w', type)
  }

  reader(type) {
    return this.#function('r', type)
  }

  groupReader(type) {
    return `${this.value(linkOf(type))}.g`
  }

  emit() {
    const { types } = this
    for (const [i, type] of types.entries()) {
      this.line(`const C${i} = ${this.value(type.ctor)}, p${i} = C${i}.prototype`)
      encoder(this, type, i)
      decoder(this, type, i, false)
      this.line(body(i, this.value(linkOf(type))))
    }
    for (let site = 0; site < this.sites; site++) this.line(`var z${site} = 1`)
    const made = types.map((_, i) => `{ w: w${i}, r: r${i}, encode: encode${i}, decode: decode${i} }`)
    this.line(`return [${made.join(', ')}]`)
    for (const [i, functions] of this.evaluate().entries()) Object.assign(linkOf(types[i]), functions, { unit: this })
  }

  evaluate() {
    // Identical texts would share V8's type feedback.
    const text = `'use strict'\n${HEAD}${this.lines.join('\n')}//${units++}`
    return new Function('H', 'K', text)(helpers, this.values)
  }

  drop() {
    for (const type of this.types) {
      const own = linkOf(type)
      if (type.encode === own.encode) delete type.encode
      if (type.decode === own.decode) delete type.decode
      own.reset()
    }
  }
}

/** Sets `encode` and `decode` of a type. */
function link(type) {
  const { encode, decode } = linkOf(type).emitted()
  type.encode = encode
  type.decode = decode
}

/** Drops everything emitted for a type. */
function unlink(type) {
  type._link?.unit?.drop()
  delete type.encode
  delete type.decode
}

/** `encode` and `decode` of a type, for the common case. Each type has a copy of its own. */
function body(i, own) {
  return `var isLarge${i} = false
function encode${i}(m, w, d) {
if (d === undefined) d = 0
if (w) return w._message(w${i}, m, d)
if (isLarge${i}) {
const writer = encodeApart(w${i}, m, d)
isLarge${i} = writer.pos > SHARED
return writer
}
const { bytes, pos } = slab
if (pos > EDGE) return encodeAnew(encode${i}, m, d)
slab.pos = SLAB
let end = -1
try {
end = w${i}(bytes, pos, m, d)
} catch (error) {
if (error !== FULL) throw error
} finally {
if (slab.bytes === bytes) slab.pos = end < 0 || end - pos > SHARED ? pos : end
}
if (end < 0) {
isLarge${i} = pos === 0
return pos === 0 ? encode${i}(m, w, d) : encodeAnew(encode${i}, m, d)
}
if (end - pos > SHARED) { const b = copy(bytes, pos, end); return new EncodedWriter(b, 0, b.length) }
return new EncodedWriter(bytes, pos, end)
}
function decode${i}(r, l, z, d, o) {
if (r instanceof FastBuffer && l === undefined && z === undefined && state.isUsualBuffer) {
return r${i}(r, 0, r.length, d === undefined ? 0 : d, o, Reader.discardUnknown ? discarding : keeping)
}
return decodeElse(r${i}, ${own}, r, l, z, d === undefined ? 0 : d, o)
}`
}

/** Encodes into a new slab: the old one is full, or in use by an outer encoding. */
function encodeAnew(encode, message, depth) {
  newSlab()
  return encode(message, undefined, depth)
}

/** Encodes a message that is larger than a slab into memory of its own. */
function encodeApart(write, message, depth) {
  const { bytes, pos } = slab
  slab.pos = SLAB
  try {
    const all = encodeLarge((b, p, o) => write(b, p, o, depth), message, LARGE)
    return new EncodedWriter(all, 0, all.length)
  } finally {
    if (slab.bytes === bytes) slab.pos = pos
  }
}

/**
 * Options for decoding: `source` is the original list if it is not a Buffer, and `keep` tells whether unknown fields
 * are kept.
 */
const discarding = { source: null, keep: false }
const keeping = { source: null, keep: true }

/**
 * Decodes from a reader, from another list of bytes, or from a part of either, up to the end-group tag `stop` if given.
 */
function decodeElse(read, link, from, length, stop, depth, into) {
  const reader = from instanceof Reader ? from : Reader.create(from)
  const { buf, pos, len } = reader
  const end = length === undefined ? len : pos + length
  if (end > len) throw RangeError('index out of range')
  const isBuffer = buf instanceof FastBuffer
  const b = isBuffer ? buf : new FastBuffer(buf.buffer, buf.byteOffset, buf.byteLength)
  const source = isBuffer && state.isUsualBuffer ? null : { subarray: (start, stop) => reader.raw(start, stop) }
  const how = { source, keep: !reader.discardUnknown }
  const message = stop === undefined ? read(b, pos, end, depth, into, how) : link.g(b, pos, end, depth, into, how, stop)
  reader.pos = stop === undefined ? end : R.at.p
  return message
}

/** Keeps the raw bytes of an unknown field. */
function keep(message, b, from, to, how) {
  keepRaw(message, how.source === null ? b.subarray(from, to) : how.source.subarray(from, to))
}

/** Keeps an element of a packed run as a field of its own. */
function keepElement(message, id, b, from, to) {
  keepRaw(message, util.rawField(id, 0, b.subarray(from, to)))
}

function keepRaw(message, bytes) {
  util.makeProp(message, '$unknowns', false)
  message.$unknowns ||= []
  message.$unknowns.push(bytes)
}

/** Deletes the other members of a oneof. */
function clear(message, names, kept) {
  for (const name of names) if (name !== kept && has.call(message, name)) delete message[name]
}

function missing(name, message) {
  throw util.ProtocolError(`missing required '${name}'`, { instance: message })
}

function missingEnd() {
  throw Error('missing end group')
}

const writers = Object.fromEntries(
  [
    ...['int32', 'uint32', 'sint32', 'int64', 'uint64', 'sint64', 'fixed32', 'sfixed32', 'fixed64', 'sfixed64'],
    ...['float', 'double', 'raw'],
  ].map((name) => [`w${name[0].toUpperCase()}${name.slice(1)}`, W[name]]),
)

const helpers = {
  ...R,
  ...writers,
  wString: W.str,
  wBytes: W.bytes,
  full: W.full,
  width: W.width,
  close: W.close,
  ...{
    util,
    state,
    Reader,
    FastBuffer,
    EncodedWriter,
    slab,
    copy,
    SLAB,
    SHARED,
    EDGE,
    FULL,
    has,
    keep,
    keepElement,
    clear,
  },
  ...{ missing, missingEnd, encodeAnew, encodeApart, decodeElse, discarding, keeping },
  longHash: util.LongBits.hashOf,
  emptyArray: util.emptyArray,
  emptyObject: util.emptyObject,
  protoOf: Object.getPrototypeOf,
  objects: Object.prototype,
}

const HEAD = `const { ${Object.keys(helpers).join(', ')} } = H\n`

module.exports = { link, unlink }
