'use strict'

// ironwire and its peers behind one interface. `load(name)` returns
//
//   compile(source)   compiles a schema, as far as the package does that on its own, and returns `type(name)`
//   type(name)        {encode(value), decode(bytes), prepare(plain)} and, if the package has ProtoJSON,
//                     {fromJson(text): bytes, toJson(bytes): text}
//   parsesSource      false for a package that has no .proto parser
//   jsonOnly          true for a second variant that only the JSON cases compare
//
// `prepare` converts a plain object to the input that the package expects; it is not timed.

const { pathToFileURL } = require('node:url')
const { requirePeer } = require('../lib/peers.js')

const same = (plain) => plain

/** A variant of ironwire: `open(protobuf, source)` returns the messages. */
function ironwire(open) {
  const { protobuf } = require('../..')
  return {
    compile(source) {
      const messages = open(protobuf, source)
      return (name) => {
        const message = messages[name]
        return {
          encode: (value) => message.encode(value),
          decode: (bytes) => message.decode(bytes),
          prepare: same,
          fromJson: (text) => protobuf.jsonToBinary(message, text),
          toJson: (bytes) => protobuf.binaryToJson(message, bytes),
        }
      }
    },
  }
}

const loaders = {
  // Called like npm protocol-buffers.
  ironwire: () => ironwire((protobuf, source) => protobuf(source)),

  'ironwire, load': () => ironwire((protobuf, source) => protobuf.parse(source)),

  'protocol-buffers'() {
    const protobuf = requirePeer('protocol-buffers')
    return {
      compile(source) {
        const messages = protobuf(source)
        return (name) => {
          const message = messages[name]
          return { encode: (value) => message.encode(value), decode: (bytes) => message.decode(bytes), prepare: same }
        }
      },
    }
  },

  protobufjs() {
    const protobuf = requirePeer('protobufjs')
    requirePeer('protobufjs/ext/protojson').install?.(protobuf)
    return {
      compile(source) {
        const { root } = protobuf.parse(source, { keepCase: true })
        root.resolveAll()
        return (name) => {
          const message = root.lookupType(name)
          return {
            encode: (value) => message.encode(value).finish(),
            decode: (bytes) => message.decode(bytes),
            prepare: same,
            fromJson: (text) => message.encode(message.fromJsonString(text)).finish(),
            toJson: (bytes) => message.toJsonString(message.decode(bytes)),
          }
        }
      },
    }
  },

  // Not real ProtoJSON, because it supports neither NaN nor well-known types, but many programs use it instead.
  'protobufjs, fromObject'() {
    const protobuf = requirePeer('protobufjs')
    const conversion = { longs: String, enums: String, bytes: String }
    return {
      jsonOnly: true,
      compile(source) {
        const { root } = protobuf.parse(source, { keepCase: true })
        return (name) => {
          const message = root.lookupType(name)
          return {
            fromJson: (text) => message.encode(message.fromObject(JSON.parse(text))).finish(),
            toJson: (bytes) => JSON.stringify(message.toObject(message.decode(bytes), conversion)),
          }
        }
      },
    }
  },

  async pbf() {
    const load = (name) => import(pathToFileURL(requirePeer.resolve(name)).href)
    const { PbfReader, PbfWriter } = await load('pbf')
    const { compile } = await load('pbf/compile')
    const parser = requirePeer('protocol-buffers-schema')
    return {
      compile(source) {
        const compiled = compile(parser.parse(source))
        return (name) => {
          const read = compiled[`read${name}`]
          const write = compiled[`write${name}`]
          return {
            encode(value) {
              const writer = new PbfWriter()
              write(value, writer)
              return writer.finish()
            },
            decode: (bytes) => read(new PbfReader(bytes)),
            prepare: same,
          }
        }
      },
    }
  },

  '@bufbuild/protobuf'() {
    const bufbuild = requirePeer('@bufbuild/protobuf')
    const { FileDescriptorSetSchema } = requirePeer('@bufbuild/protobuf/wkt')
    const protobufjs = requirePeer('protobufjs')
    const { FileDescriptorSet } = requirePeer('protobufjs/ext/descriptor')
    /** It has no parser of its own and starts from a compiled descriptor. */
    function describe(source) {
      const { root, syntax } = parseWithSyntax(protobufjs, source)
      const set = root.toDescriptor(syntax)
      // protoc sets the JSON names, protobufjs does not. The schemas here have no nested messages.
      for (const { field } of set.file.flatMap((file) => file.messageType))
        for (const one of field) one.jsonName = one.name
      return FileDescriptorSet.encode(set).finish()
    }
    return {
      parsesSource: false,
      compile(source) {
        const registry = bufbuild.createFileRegistry(bufbuild.fromBinary(FileDescriptorSetSchema, describe(source)))
        return (name) => {
          const message = registry.getMessage(name)
          return {
            encode: (value) => bufbuild.toBinary(message, value),
            decode: (bytes) => bufbuild.fromBinary(message, bytes),
            prepare: (plain) => bufbuild.create(message, adapt(plain, message)),
            fromJson: (text) => bufbuild.toBinary(message, bufbuild.fromJsonString(message, text)),
            toJson: (bytes) => bufbuild.toJsonString(message, bufbuild.fromBinary(message, bytes)),
          }
        }
      },
    }
  },
}

function parseWithSyntax(protobufjs, source) {
  const { root } = protobufjs.parse(source, { keepCase: true })
  root.resolveAll()
  return { root, syntax: /syntax = "(proto[23])"/.exec(source)[1] }
}

/**
 * The types INT64, UINT64, FIXED64, SFIXED64 and SINT64 of descriptor.proto, for which @bufbuild/protobuf uses BigInt.
 */
const LONG_TYPES = new Set([3, 4, 6, 16, 18])

function adapt(plain, message) {
  const adapted = {}
  for (const field of message.fields) {
    const value = plain[field.localName]
    if (value === undefined) continue
    const one = (item) => {
      if (field.message) return adapt(item, field.message)
      return LONG_TYPES.has(field.scalar) ? BigInt(item) : item
    }
    adapted[field.localName] = Array.isArray(value) ? value.map(one) : one(value)
  }
  return adapted
}

const names = Object.keys(loaders)
const load = async (name) => loaders[name]()

module.exports = { names, load }
