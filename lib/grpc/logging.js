'use strict'

// The log of gRPC, as in @grpc/grpc-js: `setLogger`, `setLogVerbosity`, and the environment variables
// `GRPC_NODE_VERBOSITY` and `GRPC_VERBOSITY`.

const process = require('node:process')
const { logVerbosity } = require('./constants.js')

/** The console is looked up for each message, because a program may have replaced it. */
const print =
  (letter) =>
  (message, ...rest) =>
    globalThis.console.error(`${letter} ${message}`, ...rest)

let logger = { error: print('E'), info: print('I'), debug: print('D') }
let verbosity = verbosityOf(process.env.GRPC_NODE_VERBOSITY ?? process.env.GRPC_VERBOSITY)

function verbosityOf(name = '') {
  const known = name.toUpperCase()
  return Object.hasOwn(logVerbosity, known) && Number.isInteger(logVerbosity[known])
    ? logVerbosity[known]
    : logVerbosity.ERROR
}

const METHODS = ['debug', 'info', 'error']

function log(severity, ...args) {
  if (severity < verbosity) return
  // A logger may have only `error`.
  const method = [METHODS[severity], 'error'].find((name) => typeof logger[name] === 'function')
  if (method !== undefined) logger[method](...args)
}

module.exports = {
  log,
  getLogger: () => logger,
  setLogger(given) {
    logger = given
  },
  setLogVerbosity(given) {
    verbosity = given
  },
}
