'use strict'

// What the program is told of beside its calls, as @grpc/grpc-js does: `setLogger`, `setLogVerbosity`, and `GRPC_VERBOSITY` in the environment.

const process = require('node:process')
const { logVerbosity } = require('./constants.js')

/** The console is looked up when there is something to say: it may be another one by then. */
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
  // A logger may have `error` only.
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
