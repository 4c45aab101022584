'use strict'

// `Field` and `MapField`, the reflection objects of fields and extensions.

const { Enum } = require('./enum.js')
const { makers } = require('./namespace.js')
const { ReflectionObject } = require('./object.js')
const types = require('./types.js')
const util = require('./util/index.js')

const RULE = /^(?:required|optional|repeated)$/

const isType = (object) => object?._kind === 'type'

/** The name of a type given to a decorator: a name, a message class, or an object of enum values. */
function typeName(type) {
  if (typeof type === 'function') return util.decorateType(type).name
  return type && typeof type === 'object' ? util.decorateEnum(type).name : type
}

/** Sets what `fromJSON` supports in addition to the constructor. */
function named(field, json) {
  if (json.protoName) field.protoName = json.protoName
  const jsonName = json.jsonName ?? json.options?.json_name
  if (jsonName !== undefined) field.jsonName = jsonName
  return field
}

class Field extends ReflectionObject {
  static className = 'Field'

  static fromJSON(name, json) {
    const field = new Field(name, json.id, json.type, json.rule, json.extend, json.options, json.comment)
    if (json.edition) field._edition = json.edition
    // JSON descriptions without an edition are proto3, as in protobufjs.
    field._defaultEdition = 'proto3'
    return named(field, json)
  }

  /** A decorator for a property of a message class. */
  static d(id, type, rule, defaultValue) {
    const name = typeName(type)
    return (prototype, fieldName) => {
      const field = new Field(fieldName, id, name, rule, { default: defaultValue })
      util.decorateType(prototype.constructor).add(field)
    }
  }

  /** `rule` and `extend` are optional. */
  constructor(name, id, type, rule, extend, options, comment) {
    let rest = [rule, extend, options, comment]
    if (util.isObject(rule)) rest = [undefined, undefined, rule, extend]
    else if (util.isObject(extend)) rest = [rule, undefined, extend, options]
    super(name, rest[2])
    if (!util.isInteger(id) || id < 0) throw TypeError('id must be a non-negative integer')
    if (!util.isString(type)) throw TypeError('type must be a string')
    const label = rest[0]?.toString().toLowerCase()
    if (label !== undefined && !RULE.test(label)) throw TypeError('rule must be a string rule')
    if (rest[1] !== undefined && !util.isString(rest[1])) throw TypeError('extend must be a string')
    this.rule = label && label !== 'optional' ? label : undefined
    this.type = type
    this.id = id
    this.extend = rest[1] || undefined
    this.repeated = label === 'repeated'
    this.map = false
    /** The type that contains the field, and its oneof. */
    this.message = null
    this.partOf = null
    /** The default of the type, and the value on the prototype of messages. */
    this.typeDefault = null
    this.defaultValue = null
    this.long = util.Long ? types.long[type] !== undefined : false
    this.bytes = type === 'bytes'
    this.resolvedType = null
    /** For an extension: the field that represents it in the extended type. That field refers to the declaration. */
    this.extensionField = null
    this.declaringField = null
    this.comment = rest[3]
    /** The name in the source, if it differs, and the name in JSON. */
    this.protoName = undefined
    this.jsonName = undefined
  }

  get _kind() {
    return 'field'
  }

  get required() {
    return this._features.field_presence === 'LEGACY_REQUIRED'
  }

  get optional() {
    return !this.required
  }

  /** Whether it is encoded as a group. */
  get delimited() {
    return isType(this.resolvedType) && this._features.message_encoding === 'DELIMITED'
  }

  get packed() {
    return this._features.repeated_field_encoding === 'PACKED'
  }

  get hasPresence() {
    if (this.repeated || this.map) return false
    const tells = this.partOf || this.declaringField || this.extensionField
    return Boolean(tells) || this._features.field_presence !== 'IMPLICIT'
  }

  get _featuresFrom() {
    return this.partOf
  }

  toJSON({ keepComments = false } = {}) {
    return util.toObject(['edition', this._editionToJSON(), 'rule', this.rule, ...this._toJSON(keepComments)])
  }

  _toJSON(keepComments) {
    const { protoName, jsonName } = this
    return [
      ...['type', this.type, 'id', this.id, 'extend', this.extend],
      ...['protoName', protoName !== this.name ? protoName : undefined],
      ...['jsonName', jsonName !== util.jsonName(protoName || this.name) ? jsonName : undefined],
      ...['options', this.options, 'comment', keepComments ? this.comment : undefined],
    ]
  }

  resolve() {
    if (this.resolved) return this
    this.typeDefault = types.defaults[this.type]
    if (this.typeDefault === undefined) {
      // The type of an extension is looked up from where it is declared.
      this.resolvedType = (this.declaringField ?? this).parent.lookupTypeOrEnum(this.type)
      this.typeDefault = isType(this.resolvedType) ? null : Object.values(this.resolvedType.values)[0]
    } else if (this.options?.proto3_optional) {
      this.typeDefault = null
    }
    const given = this.options?.default
    if (given != null) {
      const isName = this.resolvedType instanceof Enum && typeof given === 'string'
      this.typeDefault = isName ? this.resolvedType.values[given] : given
    }
    if (this.options) {
      if (isType(this.resolvedType)) delete this.options.packed
      if (Object.keys(this.options).length === 0) this.options = undefined
    }
    this.typeDefault = this._inItsForm(this.typeDefault)
    if (this.map) this.defaultValue = util.emptyObject
    else this.defaultValue = this.repeated ? util.emptyArray : this.typeDefault
    if (isType(this.parent) && this.parent._ctor) this.parent._ctor.prototype[this.name] = this.defaultValue
    this.protoName ??= this.name
    this.jsonName ??= util.jsonName(this.protoName)
    return super.resolve()
  }

  /** A default in the form that messages use: Longs, and bytes instead of text. */
  _inItsForm(value) {
    if (this.long) {
      const unsigned = this.type === 'uint64' || this.type === 'fixed64'
      const { Long } = util
      return Object.freeze(
        typeof value === 'string' ? Long.fromString(value, unsigned) : Long.fromNumber(value, unsigned),
      )
    }
    if (typeof value !== 'string') return value
    if (types.long[this.type] !== undefined) return Number.parseInt(value, 10)
    if (!this.bytes) return value
    return util.Buffer.from(value, util.base64.test(value) ? 'base64' : 'utf8')
  }

  _inferLegacyProtoFeatures(edition) {
    const features = {}
    if (edition !== 'proto2' && edition !== 'proto3') return features
    if (this.rule === 'required') features.field_presence = 'LEGACY_REQUIRED'
    if (this.parent && types.defaults[this.type] === undefined) {
      const type = this.parent.get(this.type.split('.').pop())
      if (isType(type) && type.group) features.message_encoding = 'DELIMITED'
    }
    const packed = this.getOption('packed')
    if (packed === true) features.repeated_field_encoding = 'PACKED'
    else if (packed === false) features.repeated_field_encoding = 'EXPANDED'
    return features
  }

  _resolveFeatures(edition) {
    return super._resolveFeatures(this._edition || edition)
  }
}

class MapField extends Field {
  static className = 'MapField'

  static fromJSON(name, json) {
    return named(new MapField(name, json.id, json.keyType, json.type, json.options, json.comment), json)
  }

  static d(id, keyType, valueType) {
    const name = typeName(valueType)
    return (prototype, fieldName) => {
      util.decorateType(prototype.constructor).add(new MapField(fieldName, id, keyType, name))
    }
  }

  constructor(name, id, keyType, type, options, comment) {
    super(name, id, type, undefined, undefined, options, comment)
    if (!util.isString(keyType)) throw TypeError('keyType must be a string')
    this.keyType = keyType
    this.resolvedKeyType = null
    this.map = true
  }

  toJSON({ keepComments = false } = {}) {
    return util.toObject(['keyType', this.keyType, ...this._toJSON(keepComments)])
  }

  resolve() {
    if (!this.resolved && types.mapKey[this.keyType] === undefined) throw Error(`invalid key type: ${this.keyType}`)
    return super.resolve()
  }
}

makers.Field = Field
makers.MapField = MapField

module.exports = { Field, MapField }
