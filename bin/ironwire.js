#!/usr/bin/env node
'use strict'

// ironwire pbts FILE.proto   TypeScript declarations
// ironwire pbjs FILE.proto   a CommonJS module
//
// Exit status: 0 done, 1 the schema or a file is wrong, 2 the command line is.

const fs = require('node:fs')
const path = require('node:path')
const { parseArgs } = require('node:util')
const { protobuf, version } = require('..')

const USAGE = `usage: ironwire pbts|pbjs FILE.proto [options]

  pbts   writes TypeScript declarations of the messages
  pbjs   writes a CommonJS module that exports the messages (call it .cjs, and its types .d.cts, where package.json
         says "type": "module")

  FILE.proto may be -, which is standard input.

  -o, --output FILE        where to, instead of standard output
  -I, --proto_path DIR     where imports are looked for; may be repeated (then here, then beside FILE.proto);
                           and FILE.proto, where it is not here
      --int64 FORM         64-bit integers: auto (default), bigint or string
      --no-defaults        decoded objects have only what was there
      --unknown-fields     decoded objects keep what the schema does not know
      --strict             take what protoc takes and nothing else
  -h, --help               this text
      --version            the version of ironwire
`

const OPTIONS = {
  output: { type: 'string', short: 'o' },
  proto_path: { type: 'string', short: 'I', multiple: true, default: [] },
  int64: { type: 'string' },
  'no-defaults': { type: 'boolean' },
  'unknown-fields': { type: 'boolean' },
  strict: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
}

class UsageError extends Error {}

/** Reads an import from the first folder that has it; null where none does, which leaves Google's own files to the compiler. */
function importer(folders) {
  return (name) => {
    for (const folder of folders) {
      const file = path.resolve(folder, name)
      if (fs.existsSync(file)) return fs.readFileSync(file)
    }
    return null
  }
}

function commandLine() {
  let parsed
  try {
    parsed = parseArgs({ options: OPTIONS, allowPositionals: true })
  } catch (error) {
    throw new UsageError(error.message)
  }
  const { values, positionals } = parsed
  const [command, file, ...rest] = positionals
  if (values.help || values.version) return { values }
  if (command === undefined) throw new UsageError('no command given')
  if (command !== 'pbts' && command !== 'pbjs') throw new UsageError(`there is no command '${command}'`)
  if (file === undefined) throw new UsageError('no .proto file given')
  if (rest.length > 0) throw new UsageError('one .proto file at a time')
  if (values.int64 !== undefined && !['auto', 'bigint', 'string'].includes(values.int64)) {
    throw new UsageError(`--int64 is auto, bigint or string, not '${values.int64}'`)
  }
  return { values, command, file }
}

/** What `task` gives; an error of the system's says which file it was about. */
function about(name, task) {
  try {
    return task()
  } catch (error) {
    if (error.syscall !== undefined && error.path === undefined) error.message = `${name}: ${error.message}`
    throw error
  }
}

/** The root file, by the name that errors and generated code will give it, and how its imports are found. */
function input(file, folders) {
  if (file === '-') {
    const text = about('standard input', () => fs.readFileSync(0))
    const load = importer([...folders, process.cwd()])
    return { filename: '-', resolveImport: (name) => (name === '-' ? text : load(name)) }
  }
  // As protoc does, where it is not here.
  const places = [process.cwd(), ...folders].map((folder) => path.resolve(folder, file))
  const root = places.find((place) => fs.existsSync(place)) ?? places[0]
  const text = about(file, () => fs.readFileSync(root))
  const load = importer([...folders, process.cwd(), path.dirname(root)])
  const filename = path.relative(process.cwd(), root).split(path.sep).join('/')
  return { filename, resolveImport: (name) => (name === filename ? text : load(name)) }
}

function main() {
  const { values, command, file } = commandLine()
  if (values.help) return process.stdout.write(USAGE)
  if (values.version) return process.stdout.write(`${version}\n`)
  const settings = {
    ...input(file, values.proto_path),
    strict: values.strict,
    int64: values.int64,
    defaults: values['no-defaults'] ? false : undefined,
    unknownFields: values['unknown-fields'],
  }
  const text = command === 'pbjs' ? protobuf.toJS(null, settings) : protobuf.pbts(protobuf(null, settings))
  if (values.output === undefined || values.output === '-') process.stdout.write(text)
  else about(values.output, () => fs.writeFileSync(values.output, text))
}

// What was written may fail later. A reader that has had enough, such as `head`, needs no message.
process.stdout.on('error', (error) => {
  if (error.code !== 'EPIPE') process.stderr.write(`ironwire: standard output: ${error.message}\n`)
  process.exitCode = 1
})

try {
  main()
} catch (error) {
  const isUsage = error instanceof UsageError
  process.stderr.write(`ironwire: ${error.message}\n${isUsage ? "Try 'ironwire --help'.\n" : ''}`)
  process.exitCode = isUsage ? 2 : 1
}
