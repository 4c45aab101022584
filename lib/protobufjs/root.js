'use strict'

// `Root`, the top of a tree of reflection objects: loads files and resolves extensions.

const { setTimeout } = require('node:timers')
const common = require('./common.js')
const { Enum } = require('./enum.js')
const { Field } = require('./field.js')
const { Namespace, checkDepth } = require('./namespace.js')
const { OneOf } = require('./oneof.js')
const util = require('./util/index.js')

// Namespaces and enums with such names become properties of their parent.
const EXPOSED = /^[A-Z]/

/** The name of a file among the common ones; null if it is not one of them. */
function commonName(file) {
  const at = file.lastIndexOf('google/protobuf/')
  return [at < 0 ? file : file.slice(at), file].find((name) => Object.hasOwn(common, name)) ?? null
}

/** Adds a field to the extended type of an extension. Returns false if that type does not exist yet. */
function extend(field) {
  const extended = field.parent.lookup(field.extend)
  if (!extended) return false
  const sister = new Field(field.fullName, field.id, field.type, field.rule, undefined, field.options)
  if (extended.get(sister.name)) return true
  sister.declaringField = field
  field.extensionField = sister
  extended.add(sister)
  return true
}

class Root extends Namespace {
  static className = 'Root'

  static fromJSON(json, root = new Root(), depth = 0) {
    checkDepth(depth, util.recursionLimit)
    const target = root || new Root()
    if (json.options) target.setOptions(json.options)
    return target.addJSON(json.nested, depth).resolveAll()
  }

  constructor(options) {
    super('', options)
    /** Extensions whose extended type does not exist yet. */
    this.deferred = []
    /** The names of the loaded files. */
    this.files = []
    this._edition = 'proto2'
    this._fullyQualifiedObjects = {}
  }

  get _isRoot() {
    return true
  }

  /** Loads files with all imports, with a callback or a promise. */
  load(filename, options, callback) {
    if (typeof options === 'function') return this.load(filename, undefined, options)
    if (!callback) return util.asPromise(this.load, this, filename, options)
    let queued = 0
    let finished = false
    const finish = (error) => {
      if (finished) return
      finished = true
      if (error) return callback(error)
      try {
        this.resolveAll()
      } catch (failure) {
        return callback(failure)
      }
      return callback(null, this)
    }
    const read = (file, isWeak, depth) => {
      queued++
      const done = (error, source) => {
        queued--
        if (finished) return
        if (error && !isWeak) return finish(error)
        try {
          if (!error) this._take(file, source, options, depth, visit)
        } catch (failure) {
          return finish(failure)
        }
        if (queued === 0) finish(null)
      }
      if (Object.hasOwn(common, file)) setTimeout(() => done(null, common[file]))
      else this.fetch(file, done)
    }
    const visit = (file, isWeak, depth) => {
      const name = this._once(file)
      if (name !== null) read(name, isWeak, depth)
    }
    this._start(filename, visit)
    if (queued === 0) finish(null)
    return this
  }

  /** Loads files with all imports, synchronously. */
  loadSync(filename, options) {
    if (!util.isNode) throw Error('not supported')
    const visit = (file, isWeak, depth) => {
      const name = this._once(file)
      if (name === null) return
      let source = common[name]
      if (!Object.hasOwn(common, name)) {
        try {
          source = util.fs.readFileSync(name).toString('utf8')
        } catch (error) {
          if (isWeak) return
          throw error
        }
      }
      this._take(name, source, options, depth, visit)
    }
    this._start(filename, visit)
    return this.resolveAll()
  }

  _start(filename, visit) {
    for (const file of util.isString(filename) ? [filename] : filename) {
      const resolved = this.resolvePath('', file)
      if (resolved) visit(resolved, false, 0)
    }
  }

  /** Returns the name of a file and marks it as loaded; null if it was loaded before. */
  _once(file) {
    const name = commonName(file) ?? file
    if (this.files.includes(name)) return null
    this.files.push(name)
    return name
  }

  /** Adds a file, given as `.proto` source or JSON, and visits its imports. */
  _take(file, given, options, depth, visit) {
    checkDepth(depth, util.recursionLimit)
    const source = util.isString(given) && given[0] === '{' ? JSON.parse(given) : given
    if (!util.isString(source)) {
      this.setOptions(source.options).addJSON(source.nested)
      return
    }
    const { parse } = Root
    if (parse === null) throw Error('this build has no parser')
    parse.filename = file
    const { imports = [], weakImports = [] } = parse(source, this, options)
    for (const [list, isWeak] of [
      [imports, false],
      [weakImports, true],
    ]) {
      for (const imported of list) {
        const resolved = commonName(imported) || this.resolvePath(file, imported)
        if (resolved) visit(resolved, isWeak, depth + 1)
      }
    }
  }

  resolveAll() {
    if (!this._needsRecursiveResolve) return this
    if (this.deferred.length > 0) {
      const missing = this.deferred.map((field) => `'extend ${field.extend}' in ${field.parent.fullName}`)
      throw Error(`unresolvable extensions: ${missing.join(', ')}`)
    }
    return super.resolveAll()
  }

  _handleAdd(object) {
    if (object instanceof Field) {
      if (object.extend !== undefined && !object.extensionField && !extend(object)) this.deferred.push(object)
    } else if (object instanceof Enum) {
      if (EXPOSED.test(object.name)) object.parent[object.name] = object.values
    } else if (!(object instanceof OneOf)) {
      if (object._kind === 'type') this.deferred = this.deferred.filter((field) => !extend(field))
      for (const nested of object.nestedArray) this._handleAdd(nested)
      if (EXPOSED.test(object.name)) object.parent[object.name] = object
    }
    if (object._kind === 'type' || object instanceof Enum || object instanceof Field) {
      this._fullyQualifiedObjects[object.fullName] = object
    }
  }

  _handleRemove(object) {
    if (object instanceof Field) {
      if (object.extend !== undefined && object.extensionField) {
        object.extensionField.parent.remove(object.extensionField)
        object.extensionField = null
      } else if (object.extend !== undefined) {
        this.deferred = this.deferred.filter((field) => field !== object)
      }
    } else if (object instanceof Enum || object instanceof Namespace) {
      for (const nested of object.nestedArray ?? []) this._handleRemove(nested)
      if (EXPOSED.test(object.name)) delete object.parent[object.name]
    }
    delete this._fullyQualifiedObjects[object.fullName]
  }
}

// Programs may replace these.
Root.prototype.resolvePath = util.path.resolve
Root.prototype.fetch = util.fetch
/** Set if the parser is available: see `index.js`. */
Root.parse = null

module.exports = { Root }
