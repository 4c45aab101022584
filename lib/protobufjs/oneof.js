'use strict'

// `OneOf`, the reflection object of a oneof.

const { Field } = require('./field.js')
const { ReflectionObject } = require('./object.js')
const util = require('./util/index.js')

class OneOf extends ReflectionObject {
  static className = 'OneOf'

  static fromJSON(name, json) {
    return new OneOf(name, json.oneof, json.options, json.comment)
  }

  /** A decorator for the property that tells which member is set. */
  static d(...names) {
    return (prototype, oneofName) => {
      util.decorateType(prototype.constructor).add(new OneOf(oneofName, names))
      Object.defineProperty(prototype, oneofName, { get: util.oneOfGetter(names), set: util.oneOfSetter(names) })
    }
  }

  /** `fieldNames` is optional. */
  constructor(name, fieldNames, options, comment) {
    const isLeftOut = !Array.isArray(fieldNames)
    super(name, isLeftOut && fieldNames !== undefined ? fieldNames : options)
    /** The names of its members, and the members that already exist as fields. */
    this.oneof = isLeftOut ? [] : fieldNames
    this.fieldsArray = []
    this.comment = comment
  }

  get _kind() {
    return 'oneof'
  }

  /** True for the oneof with a single member that represents an `optional` field of proto3. */
  get isProto3Optional() {
    return this.fieldsArray?.length === 1 && this.fieldsArray[0].options?.proto3_optional === true
  }

  toJSON({ keepComments = false } = {}) {
    return util.toObject([
      ...['options', this.options, 'oneof', this.oneof, 'comment', keepComments ? this.comment : undefined],
    ])
  }

  add(field) {
    if (!(field instanceof Field)) throw TypeError('field must be a Field')
    if (field.parent && field.parent !== this.parent) field.parent.remove(field)
    this.oneof.push(field.name)
    this.fieldsArray.push(field)
    field.partOf = this
    this._addToParent()
    return this
  }

  remove(field) {
    if (!(field instanceof Field)) throw TypeError('field must be a Field')
    const index = this.fieldsArray.indexOf(field)
    if (index < 0) throw Error(`${field} is not a member of ${this}`)
    this.fieldsArray.splice(index, 1)
    const named = this.oneof.indexOf(field.name)
    if (named >= 0) this.oneof.splice(named, 1)
    field.partOf = null
    return this
  }

  onAdd(parent) {
    super.onAdd(parent)
    for (const name of this.oneof) {
      const field = parent.get(name)
      if (!field || field.partOf) continue
      field.partOf = this
      this.fieldsArray.push(field)
    }
    this._addToParent()
  }

  onRemove(parent) {
    for (const field of this.fieldsArray) field.parent?.remove(field)
    super.onRemove(parent)
  }

  _addToParent() {
    if (!this.parent) return
    for (const field of this.fieldsArray) if (!field.parent) this.parent.add(field)
  }
}

module.exports = { OneOf }
