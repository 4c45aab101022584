'use strict'

// What the commands have in common: how a command line is read, and what is said of one that is wrong.

const { parseArgs } = require('node:util')
const { nearest } = require('../../lib/options.js')

/** The command line is wrong. Its message says what would be right. */
class UsageError extends Error {}

/** `{ values, positionals }` of the arguments, as `parseArgs` has them. */
function parse(args, options) {
  try {
    return parseArgs({ args, options, allowPositionals: true })
  } catch (error) {
    const name = /^Unknown option '--([^'=]+)/.exec(error.message)?.[1]
    const near = name && nearest(name, Object.keys(options))
    // Node goes on about arguments that begin with a dash.
    const [what] = error.message.split(/\. (?=To )/)
    throw new UsageError(near ? `${what}: did you mean --${near}?` : what)
  }
}

module.exports = { UsageError, parse }
