'use strict'

// The base of all reflection objects: a name, options and features, within a parent.

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

/** The default features of each edition. */
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
    /** Options nested as in the source. */
    this.parsedOptions = null
    this.name = name
    /** The edition of a top-level object of a file, and the edition to assume if it has none. */
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
    // An object outside of a root may still find other types later.
    if (!this.resolved && this.root._isRoot) this.resolved = true
    return this
  }

  _resolveFeaturesRecursive(edition) {
    return this._resolveFeatures(this._edition || edition)
  }

  /**
   * The features of an object are those of its parent (at the top of a file those of its edition), overridden by its
   * own.
   */
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
    // The field that represents this extension in the extended type.
    if (this.extensionField) this.extensionField._features = this._features
    this._featuresResolved = true
  }

  /** Features that older syntax expresses in other ways. */
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

  /** Adds an option in nested form. `property` is a path within the option `name`. */
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

  /** The edition for JSON. It is omitted for proto3, which JSON without an edition means. */
  _editionToJSON() {
    return this._edition && this._edition !== 'proto3' ? this._edition : undefined
  }
}

module.exports = { ReflectionObject }
