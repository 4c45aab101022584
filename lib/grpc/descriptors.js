'use strict'

// The files in which services are declared, for the reflection service: found by file name, by declared symbol and by
// extension.

const { Buffer } = require('node:buffer')
const { isUint8Array } = require('node:util/types')
const { invalidArgType } = require('../errors.js')

const SOURCE = `syntax = "proto3";
import "google/protobuf/descriptor.proto";
message Files { repeated bytes file = 1; }
`
const WHAT =
  "a schema loaded by '@grpc/proto-loader' or ironwire's 'protobuf', a service of one, the bytes of a FileDescriptorSet, or an array of these"
const NO_NAME = 'schema.proto'
const { LABEL_REQUIRED, TYPE_GROUP } = { LABEL_REQUIRED: 2, TYPE_GROUP: 10 }

let types

/** The message types that decode descriptors, compiled on first use. */
function loaded() {
  if (types !== undefined) return types
  const { Files, google } = require('../protobuf/index.js').parse(SOURCE, { camelCase: true })
  types = { Files, File: google.protobuf.FileDescriptorProto }
  return types
}

const schemaBehind = (source) => require('../protobuf/messages.js').findSchema(source) ?? source.reflection?.schema

/** Calls `on.type(fullName, type)` and the like for everything that a file declares. Missing callbacks are skipped. */
function walk(file, on) {
  const enums = (list, scope) => {
    for (const type of list) {
      on.type?.(scope + type.name, type)
      for (const { name } of type.value) {
        // In protobuf, the values of an enum belong to the scope around it, but many clients look for them inside the
        // enum.
        on.name?.(scope + name)
        on.name?.(`${scope + type.name}.${name}`)
      }
    }
  }
  const extensions = (list, scope) => {
    for (const field of list) on.extension?.(scope + field.name, field, scope)
  }
  const messages = (list, scope) => {
    for (const type of list) {
      const inner = `${scope + type.name}.`
      on.type?.(scope + type.name, type)
      for (const field of type.field) on.field?.(inner + field.name, field, inner)
      for (const { name } of type.oneofDecl) on.name?.(inner + name)
      messages(type.nestedType, inner)
      enums(type.enumType, inner)
      extensions(type.extension, inner)
    }
  }
  const scope = file.package ? `${file.package}.` : ''
  messages(file.messageType, scope)
  enums(file.enumType, scope)
  extensions(file.extension, scope)
  for (const service of file.service) {
    on.service?.(scope + service.name)
    for (const method of service.method) on.method?.(`${scope + service.name}.${method.name}`, method, scope)
  }
}

/**
 * The serialized files behind a source, and the names of the services that the source stands for; undefined for all.
 */
function filesOf(source) {
  const { Files } = loaded()
  if (isUint8Array(source)) return { files: Files.decode(source).file }
  if (source === null || typeof source !== 'object') throw invalidArgType('pkg', WHAT, source)
  const schema = schemaBehind(source)
  if (schema !== undefined) {
    const services = source.methods === undefined ? undefined : [source.fullName]
    return { files: Files.decode(schema.native.descriptors(false)).file, services }
  }
  // In what @grpc/proto-loader returns, messages and enums of a package have the files, and so do the request types of
  // a service's methods.
  const files = new Set()
  for (const value of Object.values(source)) {
    for (const holder of [
      value,
      value?.requestType,
      ...Object.values(value ?? {}).map((method) => method?.requestType),
    ]) {
      if (Array.isArray(holder?.fileDescriptorProtos)) for (const bytes of holder.fileDescriptorProtos) files.add(bytes)
    }
  }
  return { files: [...files] }
}

/** Whether a message or an enum is possible in proto2 only. */
function isOld({ value, field, extensionRange }) {
  if (value !== undefined) return value.length > 0 && value[0].number !== 0
  return extensionRange.length > 0 || field.some(({ label, type }) => label === LABEL_REQUIRED || type === TYPE_GROUP)
}

/** The full name of a type whose name is relative to a scope. */
function resolve(name, scope, types) {
  if (name.startsWith('.')) return name.slice(1)
  for (let outer = scope; outer !== ''; outer = outer.slice(0, outer.lastIndexOf('.', outer.length - 2) + 1)) {
    if (types.has(outer + name)) return outer + name
  }
  return name
}

class Descriptors {
  /** Files by name: decoded (`file`), as sent to clients (`bytes`) and as given (`given`). */
  #files = new Map()
  /** File names by declared symbol, and by declared type. */
  #symbols = new Map()
  #types = new Map()
  /** By extended type: file names by extension number. */
  #extensions = new Map()
  services = new Set()

  /** `services` are the names of the services to list; undefined for all. */
  constructor(sources, services) {
    const listed = new Set(services)
    for (const source of Array.isArray(sources) ? sources : [sources]) this.#add(filesOf(source), services && listed)
    for (const [name, entry] of this.#files) this.#index(name, entry.file)
    for (const [name, entry] of this.#files) {
      this.#indexExtensions(name, entry.file)
      if (entry.file.dependency.length === 0) this.#complete(name, entry)
    }
  }

  /**
   * The files of one source import each other by name. If another source has a different file with the same name, that
   * file is renamed.
   */
  #add({ files, services }, listed) {
    const { File } = loaded()
    const names = new Map()
    for (const bytes of files) {
      const file = File.decode(bytes)
      const name = this.#nameFor(file.name || NO_NAME, bytes)
      names.set(file.name ?? '', name)
      walk(file, {
        service: (service) => {
          if (listed?.has(service) ?? services?.includes(service) ?? true) this.services.add(service)
        },
      })
      if (this.#files.has(name)) continue
      const dependency = file.dependency.map((imported) => names.get(imported) ?? imported)
      const same = file.name === name && dependency.every((imported, i) => imported === file.dependency[i])
      const renamed = same ? file : { ...file, name, dependency }
      this.#files.set(name, { file: renamed, bytes: same ? bytes : File.encode(renamed), given: bytes })
    }
  }

  #nameFor(given, bytes) {
    let name = given
    for (let i = 2; this.#files.has(name) && Buffer.compare(this.#files.get(name).given, bytes) !== 0; i++) {
      name = given.replace(/(\.proto)?$/, `.${i}$1`)
    }
    return name
  }

  #index(file, content) {
    const name = (symbol) => this.#symbols.has(symbol) || this.#symbols.set(symbol, file)
    const type = (symbol) => {
      name(symbol)
      if (!this.#types.has(symbol)) this.#types.set(symbol, file)
    }
    walk(content, { type, name, field: name, service: name, method: name, extension: name })
  }

  #indexExtensions(file, content) {
    const extension = (_name, { extendee, number }, scope) => {
      const type = resolve(extendee, scope, this.#types)
      if (!this.#extensions.has(type)) this.#extensions.set(type, new Map())
      this.#extensions.get(type).set(number, file)
    }
    walk(content, { extension })
  }

  /**
   * Files from @grpc/proto-loader have no imports, use relative names, are always proto3, and list extensions among the
   * fields as well. This repairs them, because no client could build them otherwise.
   */
  #complete(name, entry) {
    const { file } = entry
    const imports = new Set()
    let changed = false
    const refer = (holder, key, scope) => {
      if (!holder[key]) return
      const type = resolve(holder[key], scope, this.#types)
      const from = this.#types.get(type)
      if (from !== undefined && from !== name) imports.add(from)
      changed ||= holder[key] !== `.${type}`
      holder[key] = `.${type}`
    }
    const type = (_name, type) => {
      if (type.field !== undefined) {
        const own = type.field.filter((field) => !field.name.startsWith('.'))
        changed ||= own.length < type.field.length
        type.field = own
      }
      if (file.syntax !== 'proto3' || !isOld(type)) return
      file.syntax = 'proto2'
      changed = true
    }
    walk(file, {
      type,
      field: (_name, field, scope) => refer(field, 'typeName', scope),
      extension: (_name, field, scope) => {
        refer(field, 'extendee', scope)
        refer(field, 'typeName', scope)
      },
      method: (_name, method, scope) => {
        refer(method, 'inputType', scope)
        refer(method, 'outputType', scope)
      },
    })
    if (imports.size === 0 && !changed) return
    file.dependency = [...imports]
    entry.bytes = loaded().File.encode(file)
  }

  // ---- lookups: serialized files, the requested one first, then its imports; undefined if not found

  byName(name) {
    if (!this.#files.has(name)) return undefined
    const names = new Set([name])
    for (const each of names) for (const imported of this.#files.get(each)?.file.dependency ?? []) names.add(imported)
    return [...names].flatMap((each) => this.#files.get(each)?.bytes ?? [])
  }

  bySymbol(name) {
    return this.byName(this.#symbols.get(withoutDot(name)))
  }

  byExtension(type, number) {
    return this.byName(this.#extensions.get(withoutDot(type))?.get(number))
  }

  /** The numbers of a type's extensions; undefined if it has none. */
  extensionsOf(type) {
    const extensions = this.#extensions.get(withoutDot(type))
    return extensions && [...extensions.keys()]
  }
}

const withoutDot = (name) => (name.startsWith('.') ? name.slice(1) : name)

module.exports = { Descriptors }
