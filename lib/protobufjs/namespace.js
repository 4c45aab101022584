'use strict'

// A reflection object that contains others. Each class registers itself in `makers` and is recognized by its `_kind`,
// because modules that require each other would see incomplete exports.

const { ReflectionObject } = require('./object.js')
const util = require('./util/index.js')

const has = (object, key) => Object.hasOwn(object, key)

/** `fromJSON` of each class, registered by its module. */
const makers = {}

function checkDepth(depth, limit) {
  if (depth > limit) throw Error('max depth exceeded')
}

/** Makes the reflection object for a JSON description. */
function made(name, json, depth) {
  const { Type, Enum, Service, Field, MapField } = makers
  if (json.fields !== undefined) return Type.fromJSON(name, json, depth)
  if (json.values !== undefined) return Enum.fromJSON(name, json)
  if (json.methods !== undefined) return Service.fromJSON(name, json, depth)
  if (json.id !== undefined) return (json.keyType === undefined ? Field : MapField).fromJSON(name, json)
  return Namespace.fromJSON(name, json, depth)
}

class Namespace extends ReflectionObject {
  static className = 'Namespace'

  static fromJSON(name, json, depth = 0) {
    checkDepth(depth, util.recursionLimit)
    return new Namespace(name, json.options).addJSON(json.nested, depth)
  }

  static arrayToJSON(array, options) {
    if (!array?.length) return undefined
    return Object.fromEntries(array.map((object) => [object.name, object.toJSON(options)]))
  }

  static isReservedId(reserved, id) {
    return Boolean(reserved?.some((range) => typeof range !== 'string' && range[0] <= id && range[1] >= id))
  }

  static isReservedName(reserved, name) {
    return Boolean(reserved?.includes(name))
  }

  constructor(name, options) {
    super(name, options)
    this.nested = undefined
    this._nestedArray = null
    this._lookupCache = Object.create(null)
    this._needsRecursiveFeatureResolution = true
    this._needsRecursiveResolve = true
  }

  /** Whether another namespace may be merged into it. Types and services cannot be merged. */
  get _isPlain() {
    return true
  }

  get nestedArray() {
    this._nestedArray ||= util.toArray(this.nested)
    return this._nestedArray
  }

  toJSON(options) {
    return util.toObject(['options', this.options, 'nested', Namespace.arrayToJSON(this.nestedArray, options)])
  }

  addJSON(nested, depth = 0) {
    checkDepth(depth, util.recursionLimit)
    for (const name of Object.keys(nested ?? {})) this.add(made(name, nested[name], depth + 1))
    return this
  }

  get(name) {
    return this.nested && has(this.nested, name) ? this.nested[name] : null
  }

  getEnum(name) {
    const found = this.get(name)
    if (found?._kind !== 'enum') throw Error(`no such enum: ${name}`)
    return found.values
  }

  add(object) {
    const isMember = object instanceof Namespace || ['enum', 'oneof'].includes(object?._kind)
    if (!isMember && !(object?._kind === 'field' && object.extend !== undefined)) {
      throw TypeError('object must be a valid nested object')
    }
    if (object.name === '__proto__') return this
    const before = this.get(object.name)
    if (before) {
      if (!(before instanceof Namespace && object instanceof Namespace && before._isPlain)) {
        throw Error(`duplicate name '${object.name}' in ${this}`)
      }
      // The new object takes over the contents of the old one.
      for (const nested of before.nestedArray) object.add(nested)
      this.remove(before)
      object.setOptions(before.options, true)
    }
    this.nested ||= {}
    this.nested[object.name] = object
    // At the top level of a file, the default edition applies if none is set.
    if (this._isPlain) object._edition ||= object._defaultEdition
    for (let above = this; above; above = above.parent) {
      above._needsRecursiveFeatureResolution = true
      above._needsRecursiveResolve = true
    }
    object.onAdd(this)
    return this._forget()
  }

  remove(object) {
    if (!(object instanceof ReflectionObject)) throw TypeError('object must be a ReflectionObject')
    if (object.parent !== this || !util.remove(this.nested, object, object.name)) {
      throw Error(`${object} is not a member of ${this}`)
    }
    if (Object.keys(this.nested).length === 0) this.nested = undefined
    object.onRemove(this)
    return this._forget()
  }

  /** Clears cached lookups, here and in all parents. */
  _forget() {
    this._nestedArray = null
    for (let above = this; above; above = above.parent) above._lookupCache = Object.create(null)
    return this
  }

  /** The namespace at a path. It is created if it does not exist. */
  define(path, json) {
    const names = util.isString(path) ? path.split('.') : path
    if (!Array.isArray(names)) throw TypeError('illegal path')
    if (names[0] === '') throw Error('path must be relative')
    checkDepth(names.length, util.recursionLimit)
    let at = this
    for (const name of names) {
      const found = at.get(name)
      if (found && !(found instanceof Namespace)) throw Error('path conflicts with non-namespace objects')
      const next = found ?? new Namespace(name)
      if (!found) at.add(next)
      at = next
    }
    if (json) at.addJSON(json)
    return at
  }

  resolveAll() {
    if (!this._needsRecursiveResolve) return this
    if (this._needsRecursiveFeatureResolution) this._resolveFeaturesRecursive(this._edition)
    this.resolve()
    for (const object of this.nestedArray) {
      if (object instanceof Namespace) object.resolveAll()
      else object.resolve()
    }
    this._needsRecursiveResolve = false
    return this
  }

  _resolveFeaturesRecursive(edition) {
    if (!this._needsRecursiveFeatureResolution) return this
    this._needsRecursiveFeatureResolution = false
    const own = this._edition || edition
    super._resolveFeaturesRecursive(own)
    for (const object of this.nestedArray) object._resolveFeaturesRecursive(own)
    return this
  }

  /** Looks a path up, from here and then from the parents. `filter` restricts the classes of the result. */
  lookup(path, filter, onlyHere) {
    if (typeof filter === 'boolean') return this.lookup(path, undefined, filter)
    if (path === '.') return this.root
    const names = util.isString(path) ? (path === '' ? [] : path.split('.')) : path
    if (names.length === 0) return this
    if (names[0] === '') return this.root.lookup(names.slice(1), filter)
    const wanted = filter && !Array.isArray(filter) ? [filter] : filter
    const isWanted = (object) => object && (!wanted || wanted.includes(object.constructor))
    const flat = names.join('.')
    const here = this._find(names, flat)
    if (isWanted(here)) return here
    const full = this.root._fullyQualifiedObjects?.[`.${flat}`]
    if (isWanted(full)) return full
    for (let above = this.parent; above && !onlyHere; above = above.parent) {
      const found = above._find(names, flat)
      if (isWanted(found)) return found
    }
    return null
  }

  /** Looks in this namespace, and in nested ones if this has nothing of the first name. */
  _find(names, flat) {
    if (flat in this._lookupCache) return this._lookupCache[flat]
    const first = this.get(names[0])
    let found = null
    if (first && names.length === 1) found = first
    else if (first instanceof Namespace) found = first._find(names.slice(1), names.slice(1).join('.'))
    else if (!first) {
      for (const object of this.nestedArray) {
        found = object instanceof Namespace ? object._find(names, flat) : null
        if (found) break
      }
    }
    this._lookupCache[flat] = found
    return found
  }

  lookupType(path) {
    const found = this.lookup(path, [makers.Type])
    if (!found) throw Error(`no such type: ${path}`)
    return found
  }

  lookupEnum(path) {
    return this._wanted(path, 'Enum', [makers.Enum])
  }

  lookupTypeOrEnum(path) {
    return this._wanted(path, 'Type or Enum', [makers.Type, makers.Enum])
  }

  lookupService(path) {
    return this._wanted(path, 'Service', [makers.Service])
  }

  _wanted(path, what, classes) {
    const found = this.lookup(path, classes)
    if (!found) throw Error(`no such ${what} '${path}' in ${this}`)
    return found
  }
}

module.exports = { Namespace, makers, checkDepth }
