'use strict'

// One contender's server: `node server.js NAME`, with TLS if `tls` follows.

const { expose } = require('../lib/child.js')
const { memory } = require('../lib/memory.js')
const [, , name, secure] = process.argv
const contender = require('./contenders/index.js')[name]

expose({ listen: () => contender.listen(secure !== undefined), memory })
