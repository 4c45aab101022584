'use strict'

// Encoding and decoding without code generation (`--disallow-code-generation-from-strings`). The Rust codec does the
// work. This code writes the values of an object to a tape for it, with the same checks and error texts as emitted
// code, and builds objects from the tape that it returns. Both tapes are described in `src/proto/codec/tape.rs`.

const { Buffer } = require('node:buffer')
const constants = require('../constants.js')
const { invalidArgType } = require('../errors.js')
const { codecOf, isRefusal, unshared } = require('./formats.js')
const { invalid, unknownFields } = require('./read.js')
const W = require('./write.js')

const { REPEATED, MAP, REQUIRED, PRESENCE, INITIAL } = constants.fields
const { END: READ_END, RAW: READ_RAW, CLOSED: READ_CLOSED, WRITE_END, WRITE_RAW, WRITE_FIELDS } = constants.tape
const KEEP_UNKNOWN = constants.formats.UNKNOWN

const INT64 = new Set(['int64', 'uint64', 'sint64', 'fixed64', 'sfixed64'])
const FLOAT = new Set(['float', 'double'])

const identity = (value) => value

/**
 * Makes a function that returns a field's default. Bytes are created anew for every object, because they are mutable.
 */
function maker(value) {
  if (!Array.isArray(value)) return () => value
  const [type, text] = value
  if (type === 'bytes') return () => Buffer.from(text, 'hex')
  const made = type === 'int' ? BigInt(text) : Number(text)
  return () => made
}

/** Makes a function that tells whether a value counts as present. */
function presence(kind, nan) {
  if (typeof kind === 'number' ? kind >= 0 : kind === 'string' || kind === 'bytes' || (nan && FLOAT.has(kind))) {
    return (v) => v != null
  }
  // biome-ignore lint/suspicious/noSelfCompare: NaN counts as absent
  return (v) => v != null && v === v
}

/** Makes a function that tells whether a value differs from the default, for implicit presence. */
function difference(kind, enumeration) {
  // A name may stand for the default, too.
  if (enumeration !== null) return (v) => v !== 0 && (typeof v !== 'string' || enumeration.names[v] !== 0)
  if (kind === 'string') return (v) => v !== ''
  if (kind === 'bytes') return W.notEmpty
  if (kind === 'bool') return identity
  // Negative zero differs from zero here, because its bits differ.
  if (FLOAT.has(kind)) return (v) => v !== 0 || 1 / v < 0
  // biome-ignore lint/suspicious/noDoubleEquals: zero may be a BigInt or a string
  if (INT64.has(kind)) return (v) => v != 0
  return (v) => v !== 0
}

/** Reads a property like emitted code does: without inherited properties of Object. */
function getter(name) {
  return name in Object.prototype ? (o) => W.own(o, name) : (o) => o[name]
}

/** Makes a function that reads a scalar at word `i` of a tape. `t` is the tape as bytes, `input` the decoded buffer. */
function scalarReader(kind, R) {
  if (typeof kind === 'number') return (_t, tape, i) => tape[i] | 0
  switch (kind) {
    case 'string':
      return (_t, tape, i, input) => R.str(input, tape[i], tape[i + 1])
    case 'bytes':
      return (_t, tape, i, input) => R.bytes(input, tape[i], tape[i + 1])
    case 'bool':
      return (_t, tape, i) => tape[i] !== 0
    case 'float':
      return (t, _tape, i) => R.float(t, i * 4)
    case 'double':
      return (t, _tape, i) => R.double(t, i * 4)
    case 'uint64':
    case 'fixed64':
      return (t, _tape, i) => R.fixed64(t, i * 4)
    case 'int64':
    case 'sint64':
    case 'sfixed64':
      return (t, _tape, i) => R.sfixed64(t, i * 4)
    case 'uint32':
    case 'fixed32':
      return (_t, tape, i) => tape[i]
    default:
      return (_t, tape, i) => tape[i] | 0
  }
}

class Table {
  constructor(schema) {
    const { nan, depth, defaults, unknownFields: keep, face } = schema.settings
    this.schema = schema
    this.depth = depth
    this.defaults = defaults
    // Set for `protobuf.load()`, where absent fields are absent.
    this.face = face
    this.keep = keep
    this.R = schema.readers
    this.native = codecOf(schema)
    this.scratch = null
    this.fields = new Map()
    this.messages = JSON.parse(schema.native.table()).map(([fields, oneofs]) => ({
      fields: fields.map((field) => this.#field(field, nan)),
      oneofs,
    }))
  }

  #field([name, id, kind, flags, oneof, value, conversion], nan) {
    const enumeration = typeof kind === 'number' && kind < 0 ? this.schema.enums[-1 - kind] : null
    const field = {
      name,
      id,
      kind,
      flags,
      oneof,
      get: getter(name),
      present: presence(kind, nan),
      differs: difference(kind, enumeration),
      make: maker(value),
      enumeration,
      isMessage: typeof kind === 'number' && kind >= 0,
      to: conversion === undefined ? identity : this.R[conversion[0]],
      from: conversion === undefined ? identity : W[conversion[1]],
      read: scalarReader(kind, this.R),
      write: kind === 'string' ? W.str : W[kind],
    }
    this.fields.set(id, field)
    return field
  }

  // ---- writing

  /** Encodes object `o`. */
  encode(id, o) {
    for (let need = 4096; ; need *= 2) {
      const room = this.scratch !== null && this.scratch.length >= need ? this.scratch : Buffer.allocUnsafeSlow(need)
      // A nested encoding, started by a getter, must not use the same memory.
      this.scratch = null
      try {
        const last = this.#message(room, 0, this.messages[id], o, 0)
        room[last] = WRITE_END
        this.scratch = room
        return this.native.assemble(id, room.subarray(0, last + 1))
      } catch (error) {
        if (error !== W.FULL) throw error
        need = room.length
      }
    }
  }

  #message(b, p, { fields, oneofs }, o, d) {
    if (d > this.depth) W.tooDeep(this.depth)
    W.room(b, p)
    const members = oneofs.map((oneof) => this.#members(fields, oneof, o))
    for (const [position, field] of fields.entries()) {
      const { flags, name } = field
      const v = field.oneof >= 0 ? members[field.oneof].get(position) : field.get(o)
      if (flags & MAP) p = this.#map(b, p, field, v, d)
      else if (flags & REPEATED) p = this.#repeated(b, p, field, v, d)
      else {
        const present = field.present(v)
        if (!present && flags & REQUIRED) W.required(name)
        if (present && (flags & (PRESENCE | REQUIRED) || field.differs(v))) p = this.#value(b, p, field, v, name, d)
      }
    }
    const raw = this.keep ? o[unknownFields] : undefined
    if (raw === undefined) return p
    for (const record of raw) {
      if (typeof record === 'string')
        throw invalidArgType('unknown fields', 'instances of Buffer or Uint8Array', record)
      b[p++] = WRITE_RAW
      p = W.bytes(b, p, record, 'unknown fields')
    }
    return p
  }

  /** The members of a oneof by position. Each is read once, so that the checked value is the written one. */
  #members(fields, [name, positions, property], o) {
    const values = positions.map((position) => fields[position].get(o))
    const chosen = this.face?.oneofCases ? getter(property)(o) : null
    if (chosen != null) {
      const at = positions.findIndex((position) => fields[position].name === chosen)
      if (at < 0 || values[at] == null) W.oneofCase(property, chosen)
      return new Map([[positions[at], values[at]]])
    }
    const set = values.filter((value, index) => fields[positions[index]].present(value)).length
    if (set > 1 && this.face) W.oneofClash(name)
    if (set > 1) {
      const defaults = positions.map((position) => fields[position].make())
      W.oneofTwice(name, values, defaults)
      return new Map()
    }
    return new Map(positions.map((position, index) => [position, values[index]]))
  }

  #repeated(b, p, field, v, d) {
    if (v == null) return p
    if (!Array.isArray(v)) v = W.list(field.name, v)
    for (let i = 0; i < v.length; i++) {
      const x = v[i]
      if (field.present(x)) p = this.#value(b, p, field, x, field.name, d)
    }
    return p
  }

  #map(b, p, field, v, d) {
    if (v == null) return p
    const [key, value] = this.messages[field.kind].fields
    const flat = W.entries(field.name, v)
    for (let i = 0; i < flat.length; i += 2) {
      W.room(b, p)
      p = W.unsignedVarint(b, p, field.id + WRITE_FIELDS)
      if (key.kind === 'bool') {
        p = W.unsignedVarint(b, p, key.id + WRITE_FIELDS)
        b[p++] = W.boolKey(field.name, flat[i])
      } else p = this.#value(b, p, key, flat[i], field.name, d)
      if (value.present(flat[i + 1])) p = this.#value(b, p, value, flat[i + 1], field.name, d)
      b[p++] = WRITE_END
    }
    return p
  }

  #value(b, p, field, x, name, d) {
    W.room(b, p)
    p = W.unsignedVarint(b, p, field.id + WRITE_FIELDS)
    if (field.isMessage) {
      x = field.from(x, name)
      if (typeof x !== 'object') W.notObject(name, x)
      const start = p
      p = this.#message(b, p, this.messages[field.kind], x, d + 1)
      if (p === start) W.empty(name, x)
      W.room(b, p)
      b[p] = WRITE_END
      return p + 1
    }
    if (field.enumeration !== null) return W.enumValue(b, p, x, name, field.enumeration)
    if (field.kind === 'bool') {
      b[p] = x ? 1 : 0
      return p + 1
    }
    return field.write(b, p, x, name)
  }

  // ---- reading

  /** Decodes `input` to an object. */
  decode(id, given) {
    const input = unshared(given)
    let tape
    try {
      tape = this.native.tape(id, input, this.keep ? KEEP_UNKNOWN : 0)
    } catch (error) {
      if (!isRefusal(error)) throw error
      // Emitted code uses other texts, those of npm `protocol-buffers`.
      throw error.code === 'IRONWIRE_PROTOBUF_REQUIRED' ? invalid() : invalid(error.message)
    }
    const bytes = Buffer.from(tape.buffer, tape.byteOffset, tape.byteLength)
    return this.#object(this.messages[id], { tape, bytes, at: 0, input })
  }

  #object(message, tape) {
    const o = {}
    for (const field of message.fields) {
      if (!(field.flags & INITIAL) || Object.hasOwn(o, field.name)) continue
      if (field.flags & REPEATED) this.#set(o, field.name, [])
      else if (field.flags & MAP) this.#set(o, field.name, {})
      else if (this.defaults || this.#isImplicit(field)) this.#set(o, field.name, field.make())
    }
    const set = new Set()
    for (;;) {
      const id = tape.tape[tape.at++]
      if (id === READ_END) break
      if (id >= READ_CLOSED) this.#unknown(o, id, tape)
      else this.#property(o, message, this.fields.get(id), tape, set)
    }
    if (this.defaults) {
      for (const [index, [, positions]] of message.oneofs.entries()) {
        if (set.has(index)) continue
        for (const position of positions) {
          const { name, make } = message.fields[position]
          this.#set(o, name, make())
        }
      }
    }
    return o
  }

  /** Whether a field has its default although absent fields are absent. */
  #isImplicit({ flags }) {
    return this.face && (!(flags & PRESENCE) || flags & REQUIRED)
  }

  #property(o, { oneofs }, field, tape, set) {
    const { flags, name } = field
    if (field.oneof >= 0) set.add(field.oneof)
    if (flags & MAP) {
      const [key, value] = this.#entry(this.messages[field.kind].fields, tape)
      if (!Object.hasOwn(o, name)) this.#set(o, name, {})
      this.R.entry(o[name], key, value)
    } else if (flags & REPEATED) {
      if (!Object.hasOwn(o, name)) this.#set(o, name, [])
      o[name].push(this.#read(field, tape))
    } else this.#set(o, name, this.#read(field, tape))
    if (field.oneof >= 0 && this.face?.oneofCases) this.#set(o, oneofs[field.oneof][2], name)
  }

  #read(field, tape) {
    if (field.isMessage) {
      this.R.count()
      return field.to(this.#object(this.messages[field.kind], tape))
    }
    const value = field.read(tape.bytes, tape.tape, tape.at, tape.input)
    tape.at += 2
    const names = this.face?.enumNames && field.enumeration !== null ? field.enumeration.byNumber : undefined
    return names?.get(value) ?? value
  }

  #entry([key, value], tape) {
    let k = key.make()
    let x = value.make()
    for (;;) {
      const id = tape.tape[tape.at++]
      if (id === READ_END) break
      if (id === key.id) k = this.#read(key, tape)
      else if (id === value.id) x = this.#read(value, tape)
      // Unknown fields of a map entry cannot be kept.
      else tape.at += 2
    }
    if (x === null && value.isMessage) {
      this.R.count()
      x = value.to(this.decode(value.kind, tape.input.subarray(0, 0)))
    } else if (x === null) x = this.R.bytes(tape.input, 0, 0)
    return [k, x]
  }

  #unknown(o, id, tape) {
    const first = tape.tape[tape.at++]
    const second = tape.tape[tape.at++]
    if (id === READ_RAW) this.R.keep(o, tape.input, first, second)
    else if (!this.keep && !this.face) this.R.invalidEnum(second | 0)
    else if (this.keep) this.R.keepValue(o, first * 8, second | 0)
  }

  #set(o, name, value) {
    if (name === '__proto__') this.R.define(o, name, value)
    else o[name] = value
  }
}

const tables = new WeakMap()

/** The functions for `Schema.link` of a message, without emitted code. */
function bodies(schema, id) {
  const table = tables.get(schema) ?? new Table(schema)
  tables.set(schema, table)
  return {
    write(b, p, o) {
      const encoded = table.encode(id, o)
      return W.raw(b, p, [encoded])
    },
    read: (b, p, end) => table.decode(id, b.subarray(p, end)),
  }
}

module.exports = { bodies }
