#!/usr/bin/env node
'use strict'

// ironwire serve [DIR]            serves a folder over HTTP
// ironwire registry               runs an addressing server
// ironwire pbts|pbjs FILE.proto   generates code for a schema
//
// Exit status: 0 success, 1 failure, 2 an error in the command line.

const process = require('node:process')
const { version } = require('..')
const { UsageError } = require('./commands/usage.js')

const USAGE = `usage: ironwire COMMAND [options]

Commands
  serve [DIR]       serves the files of a folder over HTTP or HTTPS
  registry          runs an addressing server, where rpc clients find servers by name
  pbts FILE.proto   writes TypeScript declarations for the messages of a protobuf schema
  pbjs FILE.proto   writes a JavaScript module that exports the messages of a protobuf schema

  ironwire COMMAND --help   shows the options of a command
  ironwire --version        shows the version of ironwire
`

function main(args) {
  const command = args.find((arg) => !arg.startsWith('-'))
  if (command === undefined && args.includes('--version')) return process.stdout.write(`${version}\n`)
  if (command === undefined && (args.includes('--help') || args.includes('-h'))) return process.stdout.write(USAGE)
  if (command === undefined) throw new UsageError('no command given')
  if (args[0] === 'serve') return require('./commands/serve.js').main(args.slice(1))
  if (args[0] === 'registry') return require('./commands/registry.js').main(args.slice(1))
  return require('./commands/protobuf.js').main(args)
}

// Writing may fail later. A reader that closes early, such as `head`, needs no message.
process.stdout.on('error', (error) => {
  if (error.code !== 'EPIPE') process.stderr.write(`ironwire: standard output: ${error.message}\n`)
  process.exitCode = 1
})

try {
  main(process.argv.slice(2))
} catch (error) {
  const isUsage = error instanceof UsageError
  const [command] = process.argv.slice(2)
  const help = command === 'serve' || command === 'registry' ? `ironwire ${command} --help` : 'ironwire --help'
  process.stderr.write(`ironwire: ${error.message}\n${isUsage ? `Try '${help}'.\n` : ''}`)
  process.exitCode = isUsage ? 2 : 1
}
