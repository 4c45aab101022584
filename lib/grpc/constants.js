'use strict'

// The enumerations of @grpc/grpc-js. Each maps names to numbers and numbers to names.

const { status: statuses } = require('../rpc/status.js')

function enumeration(numbers) {
  const values = {}
  for (const [name, number] of Object.entries(numbers)) {
    values[name] = number
    values[number] = name
  }
  return values
}

module.exports = {
  status: enumeration(statuses),
  connectivityState: enumeration({ IDLE: 0, CONNECTING: 1, READY: 2, TRANSIENT_FAILURE: 3, SHUTDOWN: 4 }),
  logVerbosity: enumeration({ DEBUG: 0, INFO: 1, ERROR: 2, NONE: 3 }),
  compressionAlgorithms: enumeration({ identity: 0, deflate: 1, gzip: 2 }),
  propagate: enumeration({
    DEADLINE: 1,
    CENSUS_STATS_CONTEXT: 2,
    CENSUS_TRACING_CONTEXT: 4,
    CANCELLATION: 8,
    DEFAULTS: 65535,
  }),
  /** Default limit for the size of a received message, in bytes. */
  MAX_RECEIVE: 4 * 1024 * 1024,
}
