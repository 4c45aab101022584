'use strict'

// What all reflection objects are: a name, options and features, within a parent.

const util = require('./util/index.js')

const LEGACY = { enforce_naming_style: 'STYLE_LEGACY', default_symbol_visibility: 'EXPORT_ALL' }
const PROTO3 = {
  enum_type: 'OPEN',
  field_presence: 'IMPLICIT',
  json_format: 'ALLOW',
  message_encoding: 'LENGTH_PREFIXED',
  repeated_field_encoding: 'PACKED',
  utf8_validation: 'VERIFY',
  ...LEGACY,
}
const PROTO2 = {
  enum_type: 'CLOSED',
  field_presence: 'EXPLICIT',
  json_format: 'LEGACY_BEST_EFFORT',
  message_encoding: 'LENGTH_PREFIXED',
  repeated_field_encoding: 'EXPANDED',
  utf8_validation: 'NONE',
  ...LEGACY,
}
const EDITION_2023 = { ...PROTO3, field_presence: 'EXPLICIT' }
const EDITION_2024 = {
  ...EDITION_2023,
  enforce_naming_style: 'STYLE2024',
  default_symbol_visibility: 'EXPORT_TOP_LEVEL',
}
const EDITION_2026 = {
  ...EDITION_2024,
  enforce_naming_style: 'STYLE2026',
  default_symbol_visibility: 'STRICT',
  enforce_proto_limits: 'PROTO_LIMITS2026',
}

/** The features that an edition starts with. */
const editions = new Map([
  ['proto2', PROTO2],
  ['proto3', PROTO3],
  ['2023', EDITION_2023],
  ['2024', EDITION_2024],
  ['2026', EDITION_2026],
])

const has = (object, key) => Object.hasOwn(object, key)

class ReflectionObject {
  static className = 'ReflectionObject'

  constructor(name, options) {
    if (!util.isString(name)) throw TypeError('name must be a string')
    if (options && !util.isObject(options)) throw TypeError('options must be an object')
    this.options = options
    /** Options as they were nested in the source. */
    this.parsedOptions = null
    this.name = name
    /** The edition of a file's top level, and what it is taken to be where nothing says so. */
    this._edition = null
    this._defaultEdition = 'proto2'
    this._features = {}
    this._featuresResolved = false
    this.parent = null
    this.resolved = false
    this.comment = null
    this.filename = null
  }

  get root() {
    let object = this
    while (object.parent !== null) object = object.parent
    return object
  }

  get fullName() {
    const names = []
    for (let object = this; object; object = object.parent) names.unshift(object.name)
    return names.join('.')
  }

  toJSON() {
    throw Error(`${this} has no JSON`)
  }

  onAdd(parent) {
    if (this.parent && this.parent !== parent) this.parent.remove(this)
    this.parent = parent
    this.resolved = false
    parent.root._handleAdd?.(this)
  }

  onRemove(parent) {
    parent.root._handleRemove?.(this)
    this.parent = null
    this.resolved = false
  }

  resolve() {
    // What is in no root may still get to other types.
    if (!this.resolved && this.root._isRoot) this.resolved = true
    return this
  }

  _resolveFeaturesRecursive(edition) {
    return this._resolveFeatures(this._edition || edition)
  }

  /** Features are those of what an object stands in, those of its edition at the top of a file, and its own over them. */
  _resolveFeatures(edition) {
    if (this._featuresResolved) return
    if (!edition) throw Error(`Unknown edition for ${this.fullName}`)
    const own = util.merge({}, this.options?.features, this._inferLegacyProtoFeatures(edition))
    if (this._edition) {
      const defaults = editions.get(edition)
      if (defaults === undefined) throw Error(`Unknown edition: ${edition}`)
      this._features = util.merge({ ...defaults }, own)
    } else if (this._featuresFrom) {
      this._features = util.merge({}, this._featuresFrom._features, own)
    } else if (!this.declaringField) {
      if (!this.parent) throw Error(`Unable to find a parent for ${this.fullName}`)
      this._features = util.merge({}, this.parent._features, own)
    }
    // The field that stands in the extended type for this one.
    if (this.extensionField) this.extensionField._features = this._features
    this._featuresResolved = true
  }

  /** What older syntax says in other ways. */
  _inferLegacyProtoFeatures() {
    return {}
  }

  getOption(name) {
    return this.options && has(this.options, name) ? this.options[name] : undefined
  }

  setOption(name, value, ifNotSet) {
    if (name === '__proto__') return this
    this.options ||= {}
    if (name.startsWith('features.')) {
      util.setProperty(this.options, name, value, ifNotSet)
      return this
    }
    const before = this.getOption(name)
    if (ifNotSet && before !== undefined) return this
    if (before !== value) this.resolved = false
    this.options[name] = value
    return this
  }

  /** Adds to the options as they were nested: `property` is a path within the one of this name. */
  setParsedOption(name, value, property) {
    if (name === '__proto__') return this
    this.parsedOptions ||= []
    const known = property && this.parsedOptions.find((option) => has(option, name))
    if (known) util.setProperty(known[name], property, value)
    else this.parsedOptions.push({ [name]: property ? util.setProperty({}, property, value) : value })
    return this
  }

  setOptions(options, ifNotSet) {
    for (const name of Object.keys(options ?? {})) this.setOption(name, options[name], ifNotSet)
    return this
  }

  toString() {
    const { fullName } = this
    return fullName === '' ? this.constructor.className : `${this.constructor.className} ${fullName}`
  }

  /** The edition as JSON has it: proto3 is what it takes a schema for that says nothing. */
  _editionToJSON() {
    return this._edition && this._edition !== 'proto3' ? this._edition : undefined
  }
}

module.exports = { ReflectionObject }
