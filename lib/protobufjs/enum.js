'use strict'

// `Enum`, the reflection object of an enum.

const { Namespace, makers } = require('./namespace.js')
const { ReflectionObject } = require('./object.js')
const util = require('./util/index.js')

class Enum extends ReflectionObject {
  static className = 'Enum'

  static fromJSON(name, json) {
    const made = new Enum(name, json.values, json.options, json.comment, json.comments, json.valuesOptions)
    made.reserved = json.reserved
    if (json.visibility) made.visibility = json.visibility
    if (json.edition) made._edition = json.edition
    // JSON descriptions without an edition are proto3, as in protobufjs.
    made._defaultEdition = 'proto3'
    return made
  }

  constructor(name, values, options, comment, comments, valuesOptions) {
    super(name, options)
    if (values && typeof values !== 'object') throw TypeError('values must be an object')
    this.valuesById = Object.create(null)
    /** Numbers by name, and through the prototype names by number, like enums in TypeScript. */
    this.values = Object.create(this.valuesById)
    this.comment = comment
    this.comments = comments || {}
    this.valuesOptions = valuesOptions
    this._valuesFeatures = {}
    this.reserved = undefined
    this.visibility = undefined
    for (const key of Object.keys(values ?? {})) {
      const number = values[key]
      if (key === '__proto__' || typeof number !== 'number') continue
      this.values[key] = number
      this.valuesById[number] ??= key
    }
  }

  get _kind() {
    return 'enum'
  }

  _resolveFeatures(edition) {
    super._resolveFeatures(this._edition || edition)
    for (const key of Object.keys(this.values)) {
      this._valuesFeatures[key] = util.merge({}, this._features, this.valuesOptions?.[key]?.features)
    }
    return this
  }

  toJSON({ keepComments = false } = {}) {
    return util.toObject([
      ...['edition', this._editionToJSON(), 'options', this.options, 'valuesOptions', this.valuesOptions],
      ...['values', this.values, 'reserved', this.reserved?.length ? this.reserved : undefined],
      ...['visibility', this.visibility, 'comment', keepComments ? this.comment : undefined],
      ...['comments', keepComments ? this.comments : undefined],
    ])
  }

  add(name, id, comment, options) {
    if (!util.isString(name)) throw TypeError('name must be a string')
    if (!util.isInteger(id)) throw TypeError('id must be an integer')
    if (name === '__proto__') return this
    if (this.values[name] !== undefined) throw Error(`duplicate name '${name}' in ${this}`)
    if (this.isReservedId(id)) throw Error(`id ${id} is reserved in ${this}`)
    if (this.isReservedName(name)) throw Error(`name '${name}' is reserved in ${this}`)
    if (this.valuesById[id] === undefined) this.valuesById[id] = name
    else if (!this.options?.allow_alias) throw Error(`duplicate id ${id} in ${this}`)
    this.values[name] = id
    if (options) {
      this.valuesOptions ??= {}
      this.valuesOptions[name] = options
    }
    this.comments[name] = comment || null
    return this
  }

  remove(name) {
    if (!util.isString(name)) throw TypeError('name must be a string')
    const number = this.values[name]
    if (number == null) throw Error(`name '${name}' does not exist in ${this}`)
    delete this.valuesById[number]
    delete this.values[name]
    delete this.comments[name]
    if (this.valuesOptions) delete this.valuesOptions[name]
    return this
  }

  isReservedId(id) {
    return Namespace.isReservedId(this.reserved, id)
  }

  isReservedName(name) {
    return Namespace.isReservedName(this.reserved, name)
  }
}

makers.Enum = Enum

module.exports = { Enum }
