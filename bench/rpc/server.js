'use strict'

// One contender's server: `node server.js NAME`.

const { expose } = require('../lib/child.js')
const { memory } = require('../lib/memory.js')
const contender = require('./contenders/index.js')[process.argv[2]]

expose({ listen: () => contender.listen(), memory })
