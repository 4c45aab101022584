'use strict'

// A compiled schema on the JavaScript side: the native schema, its outline, and its message objects.

const binding = require('../../binding.js')
const { makeError } = require('../errors.js')
const { ownCodec, sharedCodec } = require('./codec.js')
const { enumEncoding, scalars } = require('./encodings.js')
const { codecOf, origins, unshared, UNKNOWN } = require('./formats.js')
const { canGenerate } = require('./generate.js')
const { readHelpers, unknownFields } = require('./read.js')
const { reflectionOf } = require('./reflect.js')
const { bodies } = require('./table.js')
const W = require('./write.js')

/** Defines a property of any name. */
function define(object, name, value, enumerable = true) {
  Object.defineProperty(object, name, { value, enumerable, configurable: true, writable: true })
}

const encodingsOf = {}
const readersOf = {}

/** Calls the native side, and gives its errors a code. */
function linked(make) {
  try {
    return make()
  } catch (error) {
    // Not an error of the schema: the stack is exhausted.
    if (error.code !== 'GenericFailure') throw error
    throw makeError(Error, 'IRONWIRE_PROTOBUF_SCHEMA', error.message, linked)
  }
}

// In schemas of up to this many messages each message gets a codec of its own. In larger ones, making those would take
// too long.
const FEW = 16

class Schema {
  /**
   * Compiles source text. `settings` are the options of the native side. `resolve` returns the text of an imported
   * file.
   */
  static compile(name, source, settings, resolve) {
    const steps = Schema.compiling([[name, source]], settings)
    let step = steps.next()
    while (!step.done) step = steps.next(resolve(step.value))
    return step.value
  }

  /**
   * A generator for the same, with several roots as pairs of name and text. It yields the name of an import, receives
   * its text or null, and returns the schema. `fill(schema, object, id)` makes an object the message with this id.
   */
  static *compiling(roots, settings, fill) {
    const compiler = new binding.ProtoCompiler(settings)
    const given = new Set()
    for (const [name, source] of roots) {
      if (given.has(name)) continue
      given.add(name)
      let wanted = linked(() => compiler.root(name, source))
      while (wanted !== null) {
        given.add(wanted)
        const text = yield wanted
        wanted = linked(() => compiler.give(text))
      }
    }
    return Schema.#link(compiler, settings, fill)
  }

  /** Links a `FileDescriptorSet`. */
  static fromDescriptors(bytes, settings, fill) {
    return Schema.#link(bytes, settings, fill)
  }

  static #link(from, settings, fill) {
    return new Schema(
      linked(() => new binding.ProtoSchema(from, settings)),
      settings,
      fill,
    )
  }

  constructor(native, settings, fill = fillMessage) {
    this.native = native
    this.settings = settings
    this.outline = JSON.parse(this.native.outline())
    this.table = []
    this.enums = this.outline.enums.map(([, fullName, closed, values]) => {
      const names = Object.create(null)
      for (const [key, number] of values) names[key] ??= number
      const known = closed ? new Set(values.map(([, number]) => number)) : null
      // Reversed, so that the first name of a number is set last and wins.
      const byNumber = settings.face?.enumNames ? new Map(values.map(([key, number]) => [number, key]).reverse()) : null
      return { fullName, names, known, byNumber }
    })
    this.scalars = encodingsOf[settings.int64] ??= scalars(settings.int64)
    this.readers = readersOf[settings.int64] ??= readHelpers(settings.int64)
    this.makeCodec = canGenerate && this.outline.messages.length <= FEW ? ownCodec : sharedCodec
    this.messages = this.outline.messages.map(() => ({}))
    for (const [id, message] of this.messages.entries()) {
      origins.set(message, { schema: this, id })
      fill(this, message, id)
    }
  }

  /**
   * The functions that write and read a message. They are emitted at the first use together with those that they refer
   * to. Without code generation the table codec provides them.
   */
  link(id) {
    if (!canGenerate) this.table[id] ??= bodies(this, id)
    if (this.table[id] === undefined) {
      const emitted = new Function('R', 'W', 'T', 'E', 'U', this.native.emit(id))
      const made = emitted(this.readers, W, this.table, this.enums, unknownFields)
      for (const [index, write, read, group] of made) this.table[index] = { write, read, group }
    }
    return this.table[id]
  }

  /** Rewrites an input so that every message is in one part. */
  merge(id, bytes, error) {
    try {
      return codecOf(this).normalize(id, unshared(bytes), this.settings.unknownFields ? UNKNOWN : 0)
    } catch {
      throw error
    }
  }

  /** The `encode`, `decode` and `encodingLength` of a message. */
  codecFor(id) {
    return this.makeCodec(() => ({
      ...this.link(id),
      maxSize: this.settings.maxSize,
      maxValues: this.settings.maxValues,
      merge: (bytes, error) => this.merge(id, bytes, error),
    }))
  }

  /** The encoding of a field's type in the outline: a keyword, a message, or an enum. */
  encoding(type) {
    if (typeof type === 'string') return this.scalars[type]
    return type >= 0 ? this.messages[type] : enumEncoding(this.enums[-1 - type])
  }

  /** npm `protocol-buffers` shows map entries as `Map_string_int32` beside the message that contains the map. */
  mapEntries([, , , , , fields], each) {
    for (const [, type, key, value] of fields) {
      if (key === undefined) continue
      const name = `Map_${this.#typeName(key)}_${this.#typeName(value)}`
      this.messages[type].name = name
      each(name, this.messages[type])
    }
  }

  #typeName(type) {
    if (typeof type === 'string') return type
    return type >= 0 ? this.outline.messages[type][0] : this.outline.enums[-1 - type][0]
  }

  /** The values of an enum by name, in decoded form: numbers, or the name that is used for the number. */
  enumObject(id) {
    const object = {}
    const { byNumber } = this.enums[id]
    for (const [key, number] of this.outline.enums[id][3]) define(object, key, byNumber?.get(number) ?? number)
    return object
  }

  /**
   * The files in the order of `protobuf()`: the last one with all its imports, depth first, then files of a descriptor
   * set that it does not import.
   */
  order() {
    const { files } = this.outline
    const order = new Set()
    const visit = (file) => {
      if (order.has(file)) return
      order.add(file)
      files[file][2].forEach(visit)
    }
    for (let file = files.length - 1; file >= 0; file--) visit(file)
    return [...order]
  }

  /** The service names without their packages. */
  serviceNames() {
    return [...new Set(this.outline.services.map(([name]) => name))]
  }

  /**
   * Defines what `protobuf()` shows, in its order: enums, then messages of all files. Services are defined as
   * non-enumerable, because npm `protocol-buffers` has none, and programs that iterate over the object expect only
   * messages and enums.
   */
  show(target) {
    const { files, messages, enums } = this.outline
    const order = this.order()
    for (const name of this.serviceNames()) {
      const get = () => reflectionOf(this).services.findLast((service) => service.name === name)
      Object.defineProperty(target, name, { get, enumerable: false, configurable: true })
    }
    for (const file of order) for (const id of files[file][4]) define(target, enums[id][0], this.enumObject(id))
    for (const file of order) {
      for (const id of files[file][3]) define(target, messages[id][0], this.messages[id])
      for (const id of files[file][3]) this.mapEntries(messages[id], (key, entry) => define(target, key, entry))
    }
  }
}

/** Gives a message object the properties that npm `protocol-buffers` gives it, in the same order. */
function fillMessage(schema, object, id) {
  const { messages: outlines, enums: enumOutlines } = schema.outline
  const [name, , nested, enums, , fields] = outlines[id]
  for (const inner of nested) if (!outlines[inner][4]) define(object, outlines[inner][0], schema.messages[inner])
  for (const inner of nested) schema.mapEntries(outlines[inner], (key, entry) => define(object, key, entry))
  for (const inner of enums) define(object, enumOutlines[inner][0], schema.enumObject(inner))
  const { encode, decode, encodingLength } = schema.codecFor(id)
  object.type = 2
  object.message = true
  object.name = name
  object.buffer = true
  object.encode = encode
  object.decode = decode
  object.encodingLength = encodingLength
  object.dependencies = [...new Set(fields.map(([, type]) => schema.encoding(type)))]
}

module.exports = { Schema, define }
