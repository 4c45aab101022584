'use strict'

// Builds JavaScript text that is safe whatever a schema contains: every name is quoted or a plain identifier, and every
// value is a literal or passed in.

const types = require('../types.js')
const { safeProp } = require('../util/index.js')

// Names that every object inherits: such a property exists even if the object does not have its own.
const INHERITED = new Set(Object.getOwnPropertyNames(Object.prototype))

const quote = (text) => JSON.stringify(text)
const isEnum = (field) => field.resolvedType?._kind === 'enum'
const isMessage = (field) => field.resolvedType?._kind === 'type'
const isClosed = (field) => isEnum(field) && field.resolvedType._features.enum_type === 'CLOSED'

/** The scalar type that a value is encoded as; undefined for messages. */
function scalar(field) {
  if (isEnum(field)) return 'int32'
  return types.basic[field.type] === undefined ? undefined : field.type
}

/** A tag as a number, including its wire type. */
const tagOf = (id, wireType) => ((id << 3) | wireType) >>> 0

class Text {
  constructor() {
    this.lines = []
    /** The values that the text refers to as `K[n]`. */
    this.values = []
    this.places = new Map()
    /**
     * The number of bytes known to be free at this point of an encoder, and the number of places that write a length.
     */
    this.room = 0
    this.sites = 0
  }

  line(text) {
    this.lines.push(text)
  }

  /** An expression for a value. */
  constant(value) {
    if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
    if (value === null || value === undefined || typeof value !== 'object')
      return value === undefined ? 'undefined' : quote(value)
    return this.value(value)
  }

  /** An expression for something that is passed in. */
  value(value) {
    if (!this.places.has(value)) this.places.set(value, this.values.push(value) - 1)
    return `K[${this.places.get(value)}]`
  }
}

module.exports = { INHERITED, Text, isClosed, isEnum, isMessage, quote, safeProp, scalar, tagOf }
