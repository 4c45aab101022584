'use strict'

// Shared by the commands: parsing of the command line, and the error for one that is wrong.

const { parseArgs } = require('node:util')
const { nearest } = require('../../lib/options.js')

/** The command line is wrong. Its message says what would be right. */
class UsageError extends Error {}

/** Parses the arguments as `parseArgs` does, and returns its `{ values, positionals }`. */
function parse(args, options) {
  try {
    return parseArgs({ args, options, allowPositionals: true })
  } catch (error) {
    const name = /^Unknown option '--([^'=]+)/.exec(error.message)?.[1]
    const near = name && nearest(name, Object.keys(options))
    // Node adds a sentence about arguments that begin with a dash.
    const [what] = error.message.split(/\. (?=To )/)
    throw new UsageError(near ? `${what}: did you mean --${near}?` : what)
  }
}

module.exports = { UsageError, parse }
