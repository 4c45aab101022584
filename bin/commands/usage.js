'use strict'

// What the commands have in common: parsing the command line, and reporting errors in it.

const { parseArgs } = require('node:util')
const { nearest } = require('../../lib/options.js')

/** The command line is wrong. The message says what would be right. */
class UsageError extends Error {}

/** Parses the arguments to `{ values, positionals }`, like `parseArgs`. */
function parse(args, options) {
  try {
    return parseArgs({ args, options, allowPositionals: true })
  } catch (error) {
    const name = /^Unknown option '--([^'=]+)/.exec(error.message)?.[1]
    const near = name && nearest(name, Object.keys(options))
    // Cuts off Node's hint about arguments that begin with a dash.
    const [what] = error.message.split(/\. (?=To )/)
    throw new UsageError(near ? `${what}: did you mean --${near}?` : what)
  }
}

module.exports = { UsageError, parse }
