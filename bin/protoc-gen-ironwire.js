#!/usr/bin/env node
'use strict'

// The plugin for protoc and buf. For each file it generates a module and its declarations: `a/b.proto` becomes
// `a/b_pb.js` and `a/b_pb.d.ts`.
//
//   protoc --ironwire_out=out --ironwire_opt=module=esm,enums=string person.proto
//
// The options are those of `protobuf.load()`, and `module`. A module includes everything that its file imports.

const fs = require('node:fs')
const process = require('node:process')
const { protobuf } = require('..')

/** `proto_file` is declared as bytes, because files are passed on unchanged. */
const { Request, Response, File, Files } = protobuf.parse(`
  syntax = "proto2";
  message Request { repeated string file_to_generate = 1; optional string parameter = 2; repeated bytes proto_file = 15; }
  message Response {
    optional string error = 1;
    optional uint64 supported_features = 2;
    optional int32 minimum_edition = 3;
    optional int32 maximum_edition = 4;
    message Generated { optional string name = 1; optional string content = 15; }
    repeated Generated file = 15;
  }
  message File { optional string name = 1; repeated string dependency = 3; }
  message Files { repeated bytes file = 1; }
`)

// FEATURE_PROTO3_OPTIONAL and FEATURE_SUPPORTS_EDITIONS; the editions from PROTO2 to 2024.
const FEATURES = 1 | 2
const EDITIONS = [998, 1001]

const FLAGS = { camelCase: true, oneofs: true, unknownFields: true }
const WORDS = new Set(['int64', 'enums', 'timestamps', 'durations', 'module', 'extension'])

/** Parses `module=esm,camel_case,enums=string`. */
function options(parameter = '') {
  const all = {}
  for (const part of parameter.split(',').filter((text) => text !== '')) {
    const [given, value = 'true'] = part.split('=')
    const name = given.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase())
    if (name in FLAGS) {
      if (value !== 'true' && value !== 'false') throw new Error(`the option ${given} is true or false, not '${value}'`)
      all[name] = value === 'true'
    } else if (WORDS.has(name)) all[name] = value
    else throw new Error(`there is no option ${given}: known are ${[...Object.keys(FLAGS), ...WORDS].join(', ')}`)
  }
  return all
}

/** A `FileDescriptorSet` with a file and everything that it imports, imported files first. */
function closure(name, files) {
  const found = new Map()
  const visit = (wanted) => {
    const file = files.get(wanted)
    // A file that is not given is built in, or reported as missing later.
    if (file === undefined || found.has(wanted)) return
    file.dependency.forEach(visit)
    found.set(wanted, file.bytes)
  }
  visit(name)
  return Files.encode({ file: [...found.values()] })
}

/** The extensions of modules and of their declarations. */
const EXTENSIONS = { '.js': '.d.ts', '.mjs': '.d.mts', '.cjs': '.d.cts' }

function generate({ file_to_generate: names, parameter, proto_file: protoFiles }) {
  const { module = 'commonjs', extension = '.js', ...settings } = options(parameter)
  if (!Object.hasOwn(EXTENSIONS, extension)) {
    throw new Error(`the option extension is ${Object.keys(EXTENSIONS).join(', ')}, not '${extension}'`)
  }
  const files = new Map()
  for (const bytes of protoFiles) {
    const { name, dependency } = File.decode(bytes)
    files.set(name, { bytes, dependency })
  }
  return names.flatMap((name) => {
    const root = protobuf.parseDescriptorSet(closure(name, files), { ...settings, files: [name] })
    const stem = `${name.replace(/\.proto$/, '')}_pb`
    return [
      { name: stem + extension, content: protobuf.toModule(root, { module }) },
      { name: stem + EXTENSIONS[extension], content: protobuf.pbts(root) },
    ]
  })
}

function answer(input) {
  const [minimum_edition, maximum_edition] = EDITIONS
  const about = { supported_features: FEATURES, minimum_edition, maximum_edition }
  try {
    return { ...about, file: generate(Request.decode(input)) }
  } catch (error) {
    // protoc shows this message to its user.
    return { ...about, error: error.message }
  }
}

// If the reader is gone, no message is needed.
process.stdout.on('error', () => {
  process.exitCode = 1
})
process.stdout.write(Response.encode(answer(fs.readFileSync(0))))
