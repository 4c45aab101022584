'use strict'

// ironwire pbts FILE.proto…   TypeScript declarations
// ironwire pbjs FILE.proto…   a module

const fs = require('node:fs')
const path = require('node:path')
const process = require('node:process')
const { protobuf } = require('../..')
const { MOST, finder, readAll, readRegular } = require('../../lib/protobuf/files.js')
const { UsageError, parse } = require('./usage.js')

const HINT = '--max-source'

const USAGE = `usage: ironwire pbts|pbjs FILE.proto… [options]

  pbts   writes TypeScript declarations for the messages of a schema
  pbjs   writes a JavaScript module that exports the messages of a schema. If package.json says "type": "module",
         call a CommonJS module .cjs, and its declarations .d.cts

  FILE.proto may be -, which means standard input. With --load, several files become one module.

  -o, --output FILE        write to this file instead of standard output
  -I, --proto_path DIR     look for imports in this folder, and for FILE.proto if it is not in the current folder. May be
                           repeated. Imports are then looked for in the current folder and beside FILE.proto. An import
                           never leads out of these folders
      --max-source BYTES   the maximum size of FILE.proto and all its imports together (64 MiB)
      --module KIND        for pbjs: commonjs (default) or esm
      --int64 FORM         64-bit integers: auto (default), bigint, string or number
  -h, --help               show this text

  With --load, messages are those of protobuf.load():

      --load               absent fields stay absent, packages are namespaces, unknown fields are kept
      --camel-case         name properties in camel case
      --enums FORM         number (default) or string
      --oneofs             add a property for each oneof that names the member that is set
      --timestamps FORM    message (default) or date
      --durations FORM     message (default) or milliseconds

  Without --load, messages are those of protobuf(), which are like npm protocol-buffers':

      --no-defaults        decoded objects have only the fields that were present
      --unknown-fields     decoded objects keep fields that the schema does not know
      --strict             accept only what protoc accepts
`

const COMMON = {
  output: { type: 'string', short: 'o' },
  proto_path: { type: 'string', short: 'I', multiple: true, default: [] },
  'max-source': { type: 'string' },
  module: { type: 'string' },
  int64: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
}
const LOADED = {
  load: { type: 'boolean' },
  'camel-case': { type: 'boolean' },
  enums: { type: 'string' },
  oneofs: { type: 'boolean' },
  timestamps: { type: 'string' },
  durations: { type: 'string' },
}
const COMPATIBLE = {
  'no-defaults': { type: 'boolean' },
  'unknown-fields': { type: 'boolean' },
  strict: { type: 'boolean' },
}

/** The values of options that take a word. */
const WORDS = {
  module: ['commonjs', 'esm'],
  int64: ['auto', 'bigint', 'string', 'number'],
  enums: ['number', 'string'],
  timestamps: ['message', 'date'],
  durations: ['message', 'milliseconds'],
}

/** Reads a file that is named on the command line. */
function readGiven(file, most) {
  const fd = fs.openSync(file, 'r')
  try {
    return readAll(file, fd, most, HINT)
  } finally {
    fs.closeSync(fd)
  }
}

/**
 * Makes a function that reads an import from the first folder that has it. It returns null if none does, so that the
 * compiler can provide Google's own files.
 */
function importer(folders, most) {
  const find = finder(folders)
  return (name) => {
    const file = find(name)
    return file === null ? null : readRegular(name, file, most, HINT)
  }
}

function commandLine(args) {
  const { values, positionals } = parse(args, { ...COMMON, ...LOADED, ...COMPATIBLE })
  const [command, ...files] = positionals
  if (values.help) return { values }
  if (command === undefined) throw new UsageError('no command given')
  if (command !== 'pbts' && command !== 'pbjs') throw new UsageError(`there is no command '${command}'`)
  if (files.length === 0) throw new UsageError('no .proto file given')
  if (files.length > 1 && !values.load) throw new UsageError('one .proto file at a time, or several with --load')
  const [others, which] = values.load ? [COMPATIBLE, 'does not go with'] : [LOADED, 'goes with']
  for (const name of Object.keys(others)) {
    if (values[name] !== undefined) throw new UsageError(`--${name} ${which} --load`)
  }
  for (const [name, words] of Object.entries(WORDS)) {
    if (values[name] !== undefined && !words.includes(values[name])) {
      throw new UsageError(`--${name} is ${words.slice(0, -1).join(', ')} or ${words.at(-1)}, not '${values[name]}'`)
    }
  }
  const given = values['max-source']
  const most = given === undefined ? MOST : Number(given)
  if (!/^\d+$/.test(given ?? '1') || most < 1 || most > 2147483647) {
    throw new UsageError(`--max-source is a number of bytes from 1 to 2147483647, not '${given}'`)
  }
  return { values, command, files, most }
}

/** Runs `task`. Adds the name of the file to a system error that lacks it. */
function about(name, task) {
  try {
    return task()
  } catch (error) {
    if (error.syscall !== undefined && error.path === undefined) error.message = `${name}: ${error.message}`
    throw error
  }
}

/** The root file by the name that errors and generated code will use, and the function that resolves its imports. */
function input(file, folders, most) {
  if (file === '-') {
    const text = about('standard input', () => readAll('standard input', 0, most, HINT))
    const load = importer([...folders, process.cwd()], most)
    return { filename: '-', resolveImport: (name) => (name === '-' ? text : load(name)) }
  }
  // Like protoc: look in the other folders if it is not in the current one.
  const places = [process.cwd(), ...folders].map((folder) => path.resolve(folder, file))
  const root = places.find((place) => fs.existsSync(place)) ?? places[0]
  const text = about(file, () => readGiven(root, most))
  const load = importer([...folders, process.cwd(), path.dirname(root)], most)
  const filename = path.relative(process.cwd(), root).split(path.sep).join('/')
  return { filename, resolveImport: (name) => (name === filename ? text : load(name)) }
}

/** The result of `protobuf.load()`. */
function loaded(files, values, most) {
  const options = {
    includePaths: [...values.proto_path, '.'],
    limits: { sourceBytes: most },
    int64: values.int64,
    camelCase: values['camel-case'],
    enums: values.enums,
    oneofs: values.oneofs,
    timestamps: values.timestamps,
    durations: values.durations,
  }
  if (!files.includes('-')) return protobuf.loadSync(files, options)
  if (files.length > 1) throw new UsageError('standard input must be the only file')
  const text = about('standard input', () => readAll('standard input', 0, most, HINT))
  return protobuf.parse(text, { ...options, filename: '-' })
}

/** The text that the command writes. */
function output({ values, command, files, most }) {
  const { module } = values
  if (values.load) {
    const root = loaded(files, values, most)
    return command === 'pbjs' ? protobuf.toModule(root, { module }) : protobuf.pbts(root)
  }
  const settings = {
    ...input(files[0], values.proto_path, most),
    limits: values['max-source'] === undefined ? undefined : { sourceBytes: most },
    strict: values.strict,
    int64: values.int64,
    defaults: values['no-defaults'] ? false : undefined,
    unknownFields: values['unknown-fields'],
  }
  return command === 'pbjs' ? protobuf.toJS(null, { ...settings, module }) : protobuf.pbts(protobuf(null, settings))
}

function main(args) {
  const line = commandLine(args)
  const { values } = line
  if (values.help) return process.stdout.write(USAGE)
  const text = output(line)
  if (values.output === undefined || values.output === '-') process.stdout.write(text)
  else about(values.output, () => fs.writeFileSync(values.output, text))
}

module.exports = { main }
