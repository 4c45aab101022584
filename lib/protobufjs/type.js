'use strict'

// `Type`, the reflection object of a message. It gets its `encode`, `decode` and conversions from emit/ at the first use.

const { Field, MapField } = require('./field.js')
const { fromObject, toObject } = require('./emit/convert.js')
const { link, unlink } = require('./emit/unit.js')
const { verifier } = require('./emit/verify.js')
const { Message } = require('./message.js')
const { Namespace, checkDepth, makers } = require('./namespace.js')
const { OneOf } = require('./oneof.js')
const { Reader } = require('./reader.js')
const { Writer } = require('./writer.js')
const util = require('./util/index.js')
const wrappers = require('./wrappers.js')

const has = (object, key) => Object.hasOwn(object, key)

class Type extends Namespace {
  static className = 'Type'

  static fromJSON(name, json, depth = 0) {
    checkDepth(depth, util.nestingLimit)
    const type = new Type(name, json.options)
    for (const field of Object.keys(json.fields)) {
      const described = json.fields[field]
      type.add((described.keyType === undefined ? Field : MapField).fromJSON(field, described))
    }
    // Added before the reserved ranges are set, because descriptions may contain reserved fields.
    for (const oneof of Object.keys(json.oneofs ?? {})) type.add(OneOf.fromJSON(oneof, json.oneofs[oneof]))
    type.addJSON(json.nested, depth)
    type.extensions = json.extensions
    type.reserved = json.reserved
    if (json.group) type.group = true
    if (json.visibility) type.visibility = json.visibility
    if (json.comment) type.comment = json.comment
    if (json.edition) type._edition = json.edition
    // JSON descriptions without an edition are proto3, as in protobufjs.
    type._defaultEdition = 'proto3'
    return type
  }

  /** A decorator for a message class. */
  static d(typeName) {
    return (target) => {
      util.decorateType(target, typeName)
    }
  }

  /** Generates a class of messages with `util.codegen`. */
  static generateConstructor(type) {
    const gen = util.codegen(['p'])
    for (const field of type.fieldsArray) {
      if (field.map || field.repeated) gen('this%s=%s', util.safeProp(field.name), field.map ? '{}' : '[]')
    }
    return gen('if(p)for(var k of Object.keys(p))if(p[k]!=null&&k!=="__proto__")this[k]=p[k]')
  }

  constructor(name, options) {
    super(name.replace(/\W/g, ''), options)
    this.fields = {}
    this.oneofs = undefined
    this.extensions = undefined
    this.reserved = undefined
    /** True for the type of a group. */
    this.group = undefined
    this.visibility = undefined
    this._fieldsById = null
    this._fieldsArray = null
    this._oneofsArray = null
    this._ctor = null
    /** The link to the emitted functions; see `emit/unit.js`. */
    this._link = null
  }

  get _kind() {
    return 'type'
  }

  get _isPlain() {
    return false
  }

  get fieldsById() {
    if (this._fieldsById) return this._fieldsById
    const byId = {}
    for (const field of Object.values(this.fields)) {
      if (byId[field.id]) throw Error(`duplicate id ${field.id} in ${this}`)
      byId[field.id] = field
    }
    this._fieldsById = byId
    return byId
  }

  get fieldsArray() {
    this._fieldsArray ||= util.toArray(this.fields)
    return this._fieldsArray
  }

  get oneofsArray() {
    this._oneofsArray ||= util.toArray(this.oneofs)
    return this._oneofsArray
  }

  /** The class of its messages. */
  get ctor() {
    if (this._ctor === null) {
      this.ctor = Type.generateConstructor(this)()
      this._isGenerated = true
    }
    return this._ctor
  }

  set ctor(ctor) {
    const { prototype } = ctor
    if (!(prototype instanceof Message)) {
      ctor.prototype = new Message()
      Object.defineProperty(ctor.prototype, 'constructor', { value: ctor, writable: true, configurable: true })
      util.merge(ctor.prototype, prototype)
    }
    ctor.$type = ctor.prototype.$type = this
    util.merge(ctor, Message, true)
    this._ctor = ctor
    this._isGenerated = false
    unlink(this)
    delete this.fromObject
    for (const field of this.fieldsArray) ctor.prototype[field.name] = field.resolve().defaultValue
    for (const oneof of this.oneofsArray) {
      const { name, oneof: names } = oneof.resolve()
      Object.defineProperty(ctor.prototype, name, { get: util.oneOfGetter(names), set: util.oneOfSetter(names) })
    }
  }

  toJSON(options) {
    const { options: own, nested } = super.toJSON(options)
    const fields = this.fieldsArray.filter((field) => !field.declaringField)
    return util.toObject([
      ...['edition', this._editionToJSON(), 'options', own],
      ...['oneofs', Namespace.arrayToJSON(this.oneofsArray, options)],
      ...['fields', Namespace.arrayToJSON(fields, options) ?? {}],
      ...['extensions', this.extensions?.length ? this.extensions : undefined],
      ...['reserved', this.reserved?.length ? this.reserved : undefined],
      ...['group', this.group || undefined, 'visibility', this.visibility, 'nested', nested],
      ...['comment', options?.keepComments ? this.comment : undefined],
    ])
  }

  resolveAll() {
    if (!this._needsRecursiveResolve) return this
    super.resolveAll()
    for (const oneof of this.oneofsArray) oneof.resolve()
    for (const field of this.fieldsArray) field.resolve()
    return this
  }

  _resolveFeaturesRecursive(edition) {
    if (!this._needsRecursiveFeatureResolution) return this
    const own = this._edition || edition
    super._resolveFeaturesRecursive(own)
    for (const oneof of this.oneofsArray) oneof._resolveFeatures(own)
    for (const field of this.fieldsArray) field._resolveFeatures(own)
    return this
  }

  get(name) {
    for (const members of [this.fields, this.oneofs, this.nested]) {
      if (members && has(members, name)) return members[name]
    }
    return null
  }

  add(object) {
    if (this.get(object.name)) throw Error(`duplicate name '${object.name}' in ${this}`)
    const isField = object instanceof Field && object.extend === undefined
    if (!isField && !(object instanceof OneOf)) return super.add(object)
    if (isField && this.fieldsById[object.id]) throw Error(`duplicate id ${object.id} in ${this}`)
    if (isField && this.isReservedId(object.id)) throw Error(`id ${object.id} is reserved in ${this}`)
    if ((isField && this.isReservedName(object.name)) || object.name[0] === '$') {
      throw Error(`name '${object.name}' is reserved in ${this}`)
    }
    if (object.name === '__proto__') return this
    if (isField) {
      object.parent?.remove(object)
      this.fields[object.name] = object
      object.message = this
    } else {
      this.oneofs ??= {}
      this.oneofs[object.name] = object
    }
    object.onAdd(this)
    return this._changed()
  }

  remove(object) {
    const isField = object instanceof Field && object.extend === undefined
    if (!isField && !(object instanceof OneOf)) return super.remove(object)
    const members = isField ? this.fields : this.oneofs
    if (!util.remove(members, object, object.name)) throw Error(`${object} is not a member of ${this}`)
    object.parent = null
    object.onRemove(this)
    return this._changed()
  }

  /** Drops everything that was derived from the fields. */
  _changed() {
    this._fieldsById = this._fieldsArray = this._oneofsArray = null
    unlink(this)
    for (const made of ['verify', 'fromObject', 'toObject']) delete this[made]
    return this
  }

  isReservedId(id) {
    return Namespace.isReservedId(this.reserved, id)
  }

  isReservedName(name) {
    return Namespace.isReservedName(this.reserved, name)
  }

  create(properties) {
    return new this.ctor(properties)
  }

  /** Creates the functions that encode, decode and convert its messages. The first call of any of them does this. */
  setup() {
    this._resolve()
    link(this)
    this.verify = verifier(this)
    this.fromObject = fromObject(this)
    this.toObject = toObject(this)
    const wrapper = wrappers[this.fullName]
    if (wrapper) {
      const own = Object.create(this, { _ctor: { value: this.ctor } })
      own.fromObject = this.fromObject
      own.toObject = this.toObject
      this.fromObject = wrapper.fromObject.bind(own)
      this.toObject = wrapper.toObject.bind(own)
    }
    return this
  }

  /** Resolves its features and the types of its fields. */
  _resolve() {
    const { root } = this
    if (root._needsRecursiveFeatureResolution) {
      const edition = root._edition || this._edition
      if (edition) root._resolveFeaturesRecursive(edition)
    }
    for (const field of this.fieldsArray) field.resolve()
  }

  encode(message, writer, depth) {
    return this.setup().encode(message, writer, depth)
  }

  encodeDelimited(message, writer) {
    return this.encode(message, (writer || Writer.create()).fork()).ldelim()
  }

  decode(reader, ...rest) {
    return this.setup().decode(reader, ...rest)
  }

  decodeDelimited(from) {
    const reader = from instanceof Reader ? from : Reader.create(from)
    return this.decode(reader, reader.size())
  }

  verify(message, depth) {
    return this.setup().verify(message, depth)
  }

  fromObject(object, depth) {
    return this.setup().fromObject(object, depth)
  }

  toObject(message, options, depth) {
    return this.setup().toObject(message, options, depth)
  }

  getTypeUrl(prefix = 'type.googleapis.com') {
    return `${prefix}/${this.fullName.replace(/^\./, '')}`
  }
}

makers.Type = Type

module.exports = { Type }
