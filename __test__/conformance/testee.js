'use strict'

// The testee of protobuf's conformance suite: requests on stdin, responses on stdout, each a message of conformance.proto behind a
// length of four bytes. `CONFORMANCE_PROTOS` is the directory of the suite's .proto files.
//
// Binary goes through `decode` and `encode`: emitted JavaScript, or with `--disallow-code-generation-from-strings` the Rust codec.
// JSON and text format are Rust either way.
//
//   node testee.js          as `protobuf()` has messages
//   node testee.js load     as `protobuf.load()` has them

const { existsSync, readFileSync, readSync, writeSync } = require('node:fs')
const { join } = require('node:path')
const { protobuf } = require('../..')

const directory = process.env.CONFORMANCE_PROTOS
const ROOT = `
  syntax = "proto3";
  import "conformance/conformance.proto";
  import "google/protobuf/test_messages_proto2.proto";
  import "google/protobuf/test_messages_proto3.proto";
  import "google/protobuf/test_messages_proto2_editions.proto";
  import "google/protobuf/test_messages_proto3_editions.proto";
  import "google/protobuf/test_messages_edition2023.proto";`

function resolveImport(name) {
  const path = join(directory, name)
  return existsSync(path) ? readFileSync(path) : null
}

// One schema, so that an `Any` of one file may hold a message of another.
const messages =
  process.argv[2] === 'load'
    ? protobuf.parse(ROOT, { resolveImport })
    : protobuf(ROOT, { strict: true, unknownFields: true, nan: true, defaults: false, resolveImport })
const { ConformanceRequest, ConformanceResponse, FailureSet, WireFormat, TestCategory } =
  messages.conformance ?? messages

/** The object that the payload stands for. */
function parse(type, request) {
  if (request.protobuf_payload !== undefined) return type.decode(request.protobuf_payload)
  const ignoreUnknown = request.test_category === TestCategory.JSON_IGNORE_UNKNOWN_PARSING_TEST
  if (request.json_payload !== undefined) return protobuf.fromJson(type, request.json_payload, { ignoreUnknown })
  return protobuf.fromText(type, request.text_payload)
}

function serialize(type, object, request) {
  switch (request.requested_output_format) {
    case WireFormat.PROTOBUF:
      return { protobuf_payload: type.encode(object) }
    case WireFormat.JSON:
      return { json_payload: protobuf.toJson(type, object) }
    default:
      return { text_payload: protobuf.toText(type, object, { unknown: request.print_unknown_fields }) }
  }
}

function answer(request) {
  if (request.message_type === 'conformance.FailureSet') return { protobuf_payload: FailureSet.encode({}) }
  if (request.requested_output_format === WireFormat.JSPB || request.jspb_payload !== undefined) {
    return { skipped: 'JSPB is for use within Google' }
  }
  const type = protobuf.lookup(messages, request.message_type)
  if (type === undefined) return { runtime_error: `no message ${request.message_type}` }
  let object
  try {
    object = parse(type, request)
  } catch (error) {
    return { parse_error: error.message }
  }
  try {
    return serialize(type, object, request)
  } catch (error) {
    return { serialize_error: error.message }
  }
}

/** Reads until the buffer is full. False at the end of the input. */
function fill(buffer) {
  for (let at = 0; at < buffer.length; ) {
    const n = readSync(0, buffer, at, buffer.length - at, null)
    if (n === 0) return false
    at += n
  }
  return true
}

const length = Buffer.alloc(4)
while (fill(length)) {
  const request = Buffer.alloc(length.readUInt32LE())
  if (!fill(request)) break
  const response = ConformanceResponse.encode(answer(ConformanceRequest.decode(request)))
  length.writeUInt32LE(response.length)
  const out = Buffer.concat([length, response])
  for (let at = 0; at < out.length; ) at += writeSync(1, out, at)
}
