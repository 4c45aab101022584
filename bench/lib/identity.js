'use strict'

// The key and certificate (ECDSA, P-256) of TLS servers.

const fs = require('node:fs')
const path = require('node:path')

const file = (name) => path.join(__dirname, '../../__test__/https/fixtures', name)
const files = { key: file('server-key.pem'), cert: file('server-cert.pem') }

const identity = () => ({ key: fs.readFileSync(files.key), cert: fs.readFileSync(files.cert) })

module.exports = { files, identity }
