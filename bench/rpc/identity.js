'use strict'

// The certificate of the tests for TLS: ECDSA, P-256.

const fs = require('node:fs')
const path = require('node:path')

const read = (name) => fs.readFileSync(path.join(__dirname, '../../__test__/https/fixtures', name))

module.exports = {
  ca: read('ca-cert.pem'),
  key: read('server-key.pem'),
  cert: Buffer.concat([read('server-cert.pem'), read('between-cert.pem')]),
}
