'use strict'

// Enumerations of @grpc/grpc-js, which have their numbers by name and their names by number.

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
  /** Bytes of a received message, if no option says otherwise. */
  MAX_RECEIVE: 4 * 1024 * 1024,
}
