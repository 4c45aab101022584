'use strict'

// The method by which every server says whether it is well, as gRPC's health checking protocol has it: `HealthCheckRequest { string service = 1; }`,
// `HealthCheckResponse { ServingStatus status = 1; }`.

const { Buffer } = require('node:buffer')

const HEALTH_METHOD = '/grpc.health.v1.Health/Check'

/** Field 1, a varint: SERVING is 1, NOT_SERVING 2. */
const SERVING = Buffer.from([0x08, 0x01])
const NOT_SERVING = Buffer.from([0x08, 0x02])

/** What a server answers. The service that is asked about is not looked at: a server does all of what it does, or nothing. */
const healthOf = (server) => (server.healthy && !server.closing ? SERVING : NOT_SERVING)

/** Whether an answer says so. Unknown fields may be around it. */
const isServing = (reply) => !NOT_SERVING.equals(reply)

module.exports = { HEALTH_METHOD, healthOf, isServing }
