'use strict'

// ironwire pbts FILE.proto   TypeScript declarations
// ironwire pbjs FILE.proto   a CommonJS module

const { Buffer } = require('node:buffer')
const fs = require('node:fs')
const path = require('node:path')
const process = require('node:process')
const { protobuf } = require('../..')
const { UsageError, parse } = require('./usage.js')

const USAGE = `usage: ironwire pbts|pbjs FILE.proto [options]

  pbts   writes TypeScript declarations of the messages
  pbjs   writes a CommonJS module that exports the messages (call it .cjs, and its types .d.cts, where package.json
         says "type": "module")

  FILE.proto may be -, which is standard input.

  -o, --output FILE        where to, instead of standard output
  -I, --proto_path DIR     where imports are looked for; may be repeated (then here, then beside FILE.proto);
                           and FILE.proto, where it is not here. An import never leads out of these folders
      --max-source BYTES   the most that FILE.proto and all it imports may take (64 MiB)
      --int64 FORM         64-bit integers: auto (default), bigint or string
      --no-defaults        decoded objects have only what was there
      --unknown-fields     decoded objects keep what the schema does not know
      --strict             take what protoc takes and nothing else
  -h, --help               this text
`

const OPTIONS = {
  output: { type: 'string', short: 'o' },
  proto_path: { type: 'string', short: 'I', multiple: true, default: [] },
  'max-source': { type: 'string' },
  int64: { type: 'string' },
  'no-defaults': { type: 'boolean' },
  'unknown-fields': { type: 'boolean' },
  strict: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
}

const { O_RDONLY, O_NONBLOCK = 0, O_NOFOLLOW = 0 } = fs.constants

const MOST = 64 * 2 ** 20

/** Reads an open file, which may be a pipe or a device, as long as it has no more than `most` bytes. */
function readAll(name, fd, most) {
  const chunks = []
  for (let left = most + 1; ; ) {
    const chunk = Buffer.allocUnsafe(Math.min(left, 65536))
    const n = fs.readSync(fd, chunk, 0, chunk.length, null)
    if (n === 0) return Buffer.concat(chunks)
    chunks.push(chunk.subarray(0, n))
    left -= n
    if (left === 0) throw new Error(`${name} has more than ${most} bytes: see --max-source`)
  }
}

const holds = (folder, file) =>
  file === folder || file.startsWith(folder.endsWith(path.sep) ? folder : folder + path.sep)

/** Where a path really leads; null where there is nothing. */
function realPath(file) {
  try {
    return fs.realpathSync(file)
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
    throw error
  }
}

/**
 * Reads an import from the first folder that has it; null where none does, which leaves Google's own files to the compiler. What a
 * schema asks for may come from anywhere: it gets regular files within the folders, whatever `..`, links and devices there are.
 */
function importer(folders, most) {
  const places = [...new Set(folders.map((folder) => path.resolve(folder)))]
  const realPlaces = places.map(realPath).filter((place) => place !== null)
  const outside = (name, file) => {
    const message = `import "${name}" leads to ${file}, which is in none of the folders for imports: ${places.join(', ')}`
    return new Error(message)
  }
  return (name) => {
    if (path.posix.isAbsolute(name) || path.win32.isAbsolute(name)) {
      throw new Error(`import "${name}" is an absolute path: imports are relative to a folder of --proto_path`)
    }
    for (const place of places) {
      const asked = path.resolve(place, name)
      if (!places.some((folder) => holds(folder, asked))) throw outside(name, asked)
      const file = realPath(asked)
      if (file === null) continue
      if (!realPlaces.some((folder) => holds(folder, file))) throw outside(name, file)
      return readRegular(name, file, most)
    }
    return null
  }
}

function readRegular(name, file, most) {
  const check = (stats) => {
    if (!stats.isFile()) throw new Error(`import "${name}": ${file} is not a regular file`)
  }
  // Before it is opened, as that alone does something to a device; and after, as it may have been exchanged: then without waiting for
  // the other end of a pipe.
  check(fs.statSync(file))
  const fd = fs.openSync(file, O_RDONLY | O_NONBLOCK | O_NOFOLLOW)
  try {
    check(fs.fstatSync(fd))
    return readAll(file, fd, most)
  } finally {
    fs.closeSync(fd)
  }
}

/** Reads what the command line itself names. */
function readGiven(file, most) {
  const fd = fs.openSync(file, 'r')
  try {
    return readAll(file, fd, most)
  } finally {
    fs.closeSync(fd)
  }
}

function commandLine(args) {
  const { values, positionals } = parse(args, OPTIONS)
  const [command, file, ...rest] = positionals
  if (values.help) return { values }
  if (command === undefined) throw new UsageError('no command given')
  if (command !== 'pbts' && command !== 'pbjs') throw new UsageError(`there is no command '${command}'`)
  if (file === undefined) throw new UsageError('no .proto file given')
  if (rest.length > 0) throw new UsageError('one .proto file at a time')
  if (values.int64 !== undefined && !['auto', 'bigint', 'string'].includes(values.int64)) {
    throw new UsageError(`--int64 is auto, bigint or string, not '${values.int64}'`)
  }
  const given = values['max-source']
  const most = given === undefined ? MOST : Number(given)
  if (!/^\d+$/.test(given ?? '1') || most < 1 || most > 2147483647) {
    throw new UsageError(`--max-source is a number of bytes from 1 to 2147483647, not '${given}'`)
  }
  return { values, command, file, most }
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
function input(file, folders, most) {
  if (file === '-') {
    const text = about('standard input', () => readAll('standard input', 0, most))
    const load = importer([...folders, process.cwd()], most)
    return { filename: '-', resolveImport: (name) => (name === '-' ? text : load(name)) }
  }
  // As protoc does, where it is not here.
  const places = [process.cwd(), ...folders].map((folder) => path.resolve(folder, file))
  const root = places.find((place) => fs.existsSync(place)) ?? places[0]
  const text = about(file, () => readGiven(root, most))
  const load = importer([...folders, process.cwd(), path.dirname(root)], most)
  const filename = path.relative(process.cwd(), root).split(path.sep).join('/')
  return { filename, resolveImport: (name) => (name === filename ? text : load(name)) }
}

function main(args) {
  const { values, command, file, most } = commandLine(args)
  if (values.help) return process.stdout.write(USAGE)
  const settings = {
    ...input(file, values.proto_path, most),
    limits: values['max-source'] === undefined ? undefined : { sourceBytes: most },
    strict: values.strict,
    int64: values.int64,
    defaults: values['no-defaults'] ? false : undefined,
    unknownFields: values['unknown-fields'],
  }
  const text = command === 'pbjs' ? protobuf.toJS(null, settings) : protobuf.pbts(protobuf(null, settings))
  if (values.output === undefined || values.output === '-') process.stdout.write(text)
  else about(values.output, () => fs.writeFileSync(values.output, text))
}

module.exports = { main }
