'use strict'

// The schemas that people use, loaded whole, and messages of them held against Python's protobuf, in both faces.

const assert = require('node:assert')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const test = require('node:test')
const { protobuf } = require('../..')
const { missing, run } = require('./python.js')
const { maker, types } = require('./random.js')

const home = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-schemas-'))
test.after(() => fs.rmSync(home, { recursive: true }))

const installed = (...parts) => path.join(__dirname, 'node_modules', ...parts)

/** The .proto files below a folder. */
function protos(folder) {
  const all = fs.readdirSync(folder, { recursive: true, withFileTypes: true })
  const files = all.filter((entry) => entry.isFile() && entry.name.endsWith('.proto'))
  return files.map((entry) => path.join(entry.parentPath ?? entry.path, entry.name)).sort()
}

const xds = (name) => installed('@grpc', 'grpc-js-xds', 'deps', name)

/** Trees of files: where they are, and how many messages they have at least. */
const TREES = {
  googleapis: {
    // What is google/protobuf there is the innards of compilers, of which some files are not.
    files: () => protos(installed('google-proto-files', 'google')).filter((file) => !/google.protobuf./.test(file)),
    includePaths: [installed('google-proto-files')],
    // More than anybody else has.
    limits: { sourceBytes: 2 ** 28 },
    messages: 40_000,
    every: 60,
  },
  'cosmos, tendermint, gogoproto': {
    files: () =>
      ['cosmos', 'tendermint', 'amino', 'cosmos_proto', 'gogoproto'].flatMap((name) =>
        protos(installed('@protobufs', name)),
      ),
    includePaths: [installed('@protobufs')],
    messages: 600,
  },
  'envoy with its imports': {
    files: () =>
      [
        'service/discovery/v3/ads',
        'service/load_stats/v3/lrs',
        'config/route/v3/route',
        'config/cluster/v3/cluster',
        'config/listener/v3/listener',
      ]
        .concat('extensions/filters/network/http_connection_manager/v3/http_connection_manager')
        .map((name) => `envoy/${name}.proto`),
    includePaths: ['envoy-api', 'xds', 'googleapis', 'protoc-gen-validate'].map(xds),
    // It sets an option that the version of protoc-gen-validate beside it does not have: protoc refuses that.
    strict: false,
    refused: /unknown option "ignore_empty"/,
    messages: 400,
  },
  etcd: {
    files: () => protos(installed('etcd3', 'proto')),
    // Options of files that are not imported.
    strict: false,
    refused: /Could not resolve option \(google\.api\.http\)/,
    messages: 90,
  },
  'OpenStreetMap, the format': { files: () => [installed('osm-pbf-parser', 'lib', 'osmformat.proto')], messages: 12 },
  'OpenStreetMap, the file': { files: () => [installed('osm-pbf-parser', 'lib', 'fileformat.proto')], messages: 2 },
  'Prometheus remote write': {
    files: () => protos(installed('prometheus-remote-write')),
    strict: false,
    refused: /Could not resolve option \(nullable\)/,
    messages: 6,
  },
}

/** Packages of Python's, of which descriptors are what there is. */
const DESCRIBED = {
  kubernetes: { packages: ['k8s'], messages: 240 },
  opentelemetry: { packages: ['opentelemetry.proto'], messages: 40 },
  'vector tiles': { packages: ['mapbox_vector_tile'], messages: 4 },
  'GTFS realtime': { packages: ['google.transit'], messages: 15 },
}

/** What JSON has for a value of Python's: numbers of any size are exact in neither. */
const sorted = (value) => {
  if (Array.isArray(value)) return value.map(sorted)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sorted(value[key])]),
  )
}

/** Messages through Python and back, and through both faces. */
function roundTrip(root, every, options = {}) {
  const set = protobuf.toDescriptorSet(root)
  const compatible = protobuf.fromDescriptorSet(set, { defaults: false, nan: true, unknownFields: true, ...options })
  const file = path.join(home, 'set.binpb')
  fs.writeFileSync(file, set)
  const make = maker(0x5eed)
  const cases = types(root, every).map((info) => {
    const type = info.message
    const object = make(info)
    const bytes = type.encode(object)
    const decoded = type.decode(bytes)
    assert.ok(type.equals(decoded, object), info.fullName)
    assert.ok(type.equals(type.clone(decoded), decoded), info.fullName)
    const other = protobuf.lookup(compatible, info.fullName)
    assert.deepStrictEqual(other.encode(other.decode(bytes)), type.encode(decoded), info.fullName)
    return { info, type, other, bytes, decoded }
  })
  const lines = cases.map(({ info, bytes }) => `${info.fullName} ${bytes.toString('hex')}\n`)
  const answers = run(['peer.py', file], lines.join('')).toString().split('\n')
  for (const [index, { info, type, other, decoded }] of cases.entries()) {
    const [hex, json] = answers[index].split(/ (.*)/)
    const bytes = Buffer.from(hex, 'hex')
    assert.ok(type.equals(type.decode(bytes), decoded), info.fullName)
    assert.deepStrictEqual(other.encode(other.decode(bytes)), type.encode(type.decode(bytes)), info.fullName)
    assert.deepStrictEqual(sorted(type.toJson(decoded)), sorted(JSON.parse(json)), info.fullName)
    assert.ok(type.equals(type.fromJson(JSON.parse(json)), decoded), info.fullName)
  }
  return cases.length
}

for (const [name, { files, includePaths, strict = true, limits, refused, messages, every }] of Object.entries(TREES)) {
  test(name, { skip: missing }, () => {
    const options = { includePaths, limits }
    if (refused)
      assert.throws(() => protobuf.loadSync(files(), options), { code: 'IRONWIRE_PROTOBUF_SCHEMA', message: refused })
    const root = protobuf.loadSync(files(), { ...options, strict })
    const all = protobuf.reflect(root).messages.length
    assert.ok(all >= messages, `${all} messages`)
    assert.ok(roundTrip(root, every) > 0)
  })
}

for (const [name, { packages, messages }] of Object.entries(DESCRIBED)) {
  test(name, { skip: missing }, () => {
    const root = protobuf.parseDescriptorSet(run(['descriptors.py', ...packages]))
    const all = protobuf.reflect(root).messages.length
    assert.ok(all >= messages, `${all} messages`)
    assert.ok(roundTrip(root) > 0)
  })
}
