'use strict'

// `protobuf.load(file, options)`, `loadSync` and `parse`: schemas with the semantics of `protoc`. Unlike in
// `protobuf()`, absent fields are absent, NaN is a value, unknown fields are kept, and names are qualified by their
// packages.

const fs = require('node:fs')
const path = require('node:path')
const process = require('node:process')
const { invalidArgType, invalidArgValue, makeError } = require('../errors.js')
const { refuseUnknown } = require('../options.js')
const { finder, holds, readAll, readRegular, realPath } = require('./files.js')
const { bytes } = require('./formats.js')
const { Schema } = require('./schema.js')
const { meant, meantNames } = require('./settings.js')
const { text } = require('./source.js')
const { fillType, makeRoot } = require('./types.js')

const NAMES = [...meantNames, 'includePaths', 'resolveImport']

/** Checks the options and returns `{ settings, includePaths, resolveImport }`. */
function checked(options, names = NAMES) {
  if (options === undefined || options === null) options = {}
  if (typeof options !== 'object') throw invalidArgType('options', 'of type object', options)
  refuseUnknown(options, names)
  const { includePaths = [], resolveImport } = options
  if (!Array.isArray(includePaths) || includePaths.some((folder) => typeof folder !== 'string')) {
    throw invalidArgType('options.includePaths', 'an array of paths', includePaths)
  }
  if (resolveImport !== undefined && typeof resolveImport !== 'function') {
    throw invalidArgType('options.resolveImport', 'of type function', resolveImport)
  }
  return { settings: meant(options), includePaths, resolveImport }
}

function failed(message) {
  return makeError(Error, 'IRONWIRE_PROTOBUF_SCHEMA', message, failed)
}

/** The files of a schema: the paths and names of the root files, and the folders for imports. */
class Files {
  #find
  /** Names by real path, so that a file is compiled once even if it is imported under several names. */
  #names = new Map()

  constructor(files, { settings, includePaths }) {
    const list = Array.isArray(files) ? files : [files]
    if (list.length === 0 || list.some((file) => typeof file !== 'string')) {
      throw invalidArgType('file', 'of type string or an array of strings', files)
    }
    this.most = settings.limits.sourceBytes
    const found = list.map((file) => this.#locate(file, includePaths))
    const folders = includePaths.length > 0 ? [...includePaths] : [...found.map(path.dirname), process.cwd()]
    const places = folders.map((folder) => path.resolve(folder))
    // A root file outside these folders adds its own folder.
    for (const file of found) if (!places.some((place) => holds(place, file))) places.push(path.dirname(file))
    this.#find = finder(places)
    this.roots = found.map((file) => {
      const place = places.find((folder) => holds(folder, file))
      const name = path.relative(place, file).split(path.sep).join('/')
      this.#names.set(realPath(file), name)
      return { name, file }
    })
  }

  /** As in protoc: relative to the current folder, or else in the first include path that has it. */
  #locate(file, includePaths) {
    const places = ['.', ...includePaths].map((folder) => path.resolve(folder, file))
    const found = places.find((place) => fs.existsSync(place))
    if (found === undefined) throw failed(`${file} was not found. Searched: ${[...new Set(places)].join(', ')}`)
    return found
  }

  /** Finds an import: `{ text }` if it is a file that is already known by another name, `{ file }`, or null. */
  import(name) {
    const file = this.#find(name)
    if (file === null) return null
    const known = this.#names.get(file)
    if (known === undefined) this.#names.set(file, name)
    else if (known !== name) return { text: `syntax = "proto3"; import public ${JSON.stringify(known)};` }
    return { file }
  }
}

/** The result of `resolveImport` as text; null for no result. */
function given(name, found) {
  if (found === null || found === undefined) return null
  const source = text(found)
  if (source !== undefined) return source
  throw invalidArgType(`what resolveImport gave for ${name}`, 'a string or bytes', found)
}

/** Asks the program's `resolveImport` first, then looks for the file. */
function importSync(files, resolveImport, name) {
  const own = resolveImport && given(name, resolveImport(name))
  if (own != null) return own
  const found = files.import(name)
  if (found === null) return null
  return found.text ?? readRegular(name, found.file, files.most).toString()
}

async function importLater(files, resolveImport, name) {
  const own = resolveImport && given(name, await resolveImport(name))
  if (own != null) return own
  const found = files.import(name)
  if (found === null) return null
  return found.text ?? (await fs.promises.readFile(regular(name, found.file, files.most), 'utf8'))
}

/** Checks that a file may be imported: it is a regular file and not too large. */
function regular(name, file, most) {
  const stats = fs.statSync(file)
  if (!stats.isFile()) throw failed(`import "${name}": ${file} is not a regular file`)
  if (stats.size > most) throw failed(`${file} has more than ${most} bytes: see options.limits.sourceBytes`)
  return file
}

function readRoot({ file }, most) {
  const fd = fs.openSync(file, 'r')
  try {
    return readAll(file, fd, most, 'options.limits.sourceBytes').toString()
  } finally {
    fs.closeSync(fd)
  }
}

const own = (roots) => new Set(roots.map(([name]) => name))

/** Compiles root files synchronously. `resolve` returns imported files. */
function compile(roots, settings, resolve) {
  const steps = Schema.compiling(roots, settings, fillType)
  let step = steps.next()
  while (!step.done) step = steps.next(resolve(step.value))
  return makeRoot(step.value, own(roots))
}

/** The same with an asynchronous `resolve`. */
async function compileLater(roots, settings, resolve) {
  const steps = Schema.compiling(roots, settings, fillType)
  let step = steps.next()
  while (!step.done) step = steps.next(await resolve(step.value))
  return makeRoot(step.value, own(roots))
}

/** Loads a file, or several, with everything that they import. */
function loadSync(file, options) {
  const all = checked(options)
  const files = new Files(file, all)
  const roots = files.roots.map((root) => [root.name, readRoot(root, files.most)])
  return compile(roots, all.settings, (name) => importSync(files, all.resolveImport, name))
}

async function loadLater(file, options) {
  const all = checked(options)
  const files = new Files(file, all)
  const roots = []
  for (const root of files.roots) {
    roots.push([root.name, await fs.promises.readFile(root.file, 'utf8')])
  }
  return compileLater(roots, all.settings, (name) => importLater(files, all.resolveImport, name))
}

/** Like {@link loadSync}, but asynchronous. Calls back, or returns a promise. */
function load(file, options, callback) {
  if (typeof options === 'function') [options, callback] = [undefined, options]
  if (callback === undefined) return loadLater(file, options)
  if (typeof callback !== 'function') throw invalidArgType('callback', 'of type function', callback)
  loadLater(file, options).then(
    (root) => process.nextTick(callback, null, root),
    (error) => process.nextTick(callback, error),
  )
}

/** Compiles a schema given as text. Only its imports are read from files, and only within `includePaths`. */
function parse(source, options) {
  const all = checked(options, [...NAMES, 'filename'])
  const name = options?.filename ?? 'schema.proto'
  if (typeof name !== 'string' || name === '') throw invalidArgType('options.filename', 'a name', name)
  const found = text(source)
  if (found === undefined) throw invalidArgType('source', 'of type string or an instance of Buffer', source)
  const find = finder(all.includePaths)
  const files = {
    most: all.settings.limits.sourceBytes,
    import(wanted) {
      const file = find(wanted)
      return file === null ? null : { file }
    },
  }
  return compile([[name, found]], all.settings, (wanted) => importSync(files, all.resolveImport, wanted))
}

/**
 * Loads a `google.protobuf.FileDescriptorSet`, as written by `protoc -o`. `options.files` names the files whose names
 * are also available without their package.
 */
function parseDescriptorSet(set, options) {
  const { settings } = checked(options, [...meantNames, 'files'])
  const { files } = options ?? {}
  if (files !== undefined && (!Array.isArray(files) || files.some((name) => typeof name !== 'string'))) {
    throw invalidArgType('options.files', 'an array of names', files)
  }
  const schema = Schema.fromDescriptors(bytes('bytes', set), settings, fillType)
  const names = schema.outline.files.map(([name]) => name)
  for (const name of files ?? []) {
    if (!names.includes(name)) throw invalidArgValue('options.files', name, 'is not a file of the descriptor set')
  }
  return makeRoot(schema, new Set(files ?? names.slice(-1)))
}

module.exports = { load, loadSync, parse, parseDescriptorSet }
