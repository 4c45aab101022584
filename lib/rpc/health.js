'use strict'

// The health method of every server, as in gRPC's health checking protocol: `HealthCheckRequest { string service = 1;
// }`, `HealthCheckResponse { ServingStatus status = 1; }`.

const { Buffer } = require('node:buffer')

const HEALTH_METHOD = '/grpc.health.v1.Health/Check'

/** Field 1 as a varint: SERVING is 1, NOT_SERVING is 2. */
const SERVING = Buffer.from([0x08, 0x01])
const NOT_SERVING = Buffer.from([0x08, 0x02])

/** The server's answer. The name of the service in the request is ignored: health applies to the whole server. */
const healthOf = (server) => (server.healthy && !server.closing ? SERVING : NOT_SERVING)

/**
 * Whether an answer says that the server is healthy. Anything other than exactly NOT_SERVING counts, because unknown
 * fields may be present.
 */
const isServing = (reply) => !NOT_SERVING.equals(reply)

module.exports = { HEALTH_METHOD, healthOf, isServing }
