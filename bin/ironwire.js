#!/usr/bin/env node
'use strict'

// ironwire pbts FILE.proto   TypeScript declarations
// ironwire pbjs FILE.proto   a CommonJS module

const fs = require('node:fs')
const path = require('node:path')
const { parseArgs } = require('node:util')
const { protobuf } = require('..')

const USAGE = `usage: ironwire pbts|pbjs FILE.proto [options]

  pbts   writes TypeScript declarations of the messages
  pbjs   writes a CommonJS module that exports the messages

  -o, --output FILE        where to, instead of standard output
  -I, --proto_path DIR     where imports are looked for; may be repeated (then here)
      --int64 FORM         64-bit integers: auto (default), bigint or string
      --no-defaults        decoded objects have only what was there
      --strict             take what protoc takes and nothing else
`

const options = {
  output: { type: 'string', short: 'o' },
  proto_path: { type: 'string', short: 'I', multiple: true, default: [] },
  int64: { type: 'string' },
  'no-defaults': { type: 'boolean' },
  strict: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
}

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

function main() {
  const { values, positionals } = parseArgs({ options, allowPositionals: true })
  const [command, file, ...rest] = positionals
  if (values.help) return process.stdout.write(USAGE)
  if (!['pbts', 'pbjs'].includes(command) || file === undefined || rest.length > 0) {
    process.stderr.write(USAGE)
    process.exitCode = 2
    return
  }
  const root = path.resolve(file)
  const load = importer([...values.proto_path, process.cwd(), path.dirname(root)])
  const filename = path.relative(process.cwd(), root)
  const settings = {
    filename,
    resolveImport: (name) => (name === filename ? fs.readFileSync(root) : load(name)),
    strict: values.strict,
    int64: values.int64,
    defaults: values['no-defaults'] ? false : undefined,
  }
  const text = command === 'pbjs' ? protobuf.toJS(null, settings) : protobuf.pbts(protobuf(null, settings))
  if (values.output === undefined) process.stdout.write(text)
  else fs.writeFileSync(values.output, text)
}

try {
  main()
} catch (error) {
  process.stderr.write(`ironwire: ${error.message}\n`)
  process.exitCode = 1
}
