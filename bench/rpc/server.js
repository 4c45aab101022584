'use strict'

// One contender's server: `node server.js NAME`.

const { expose } = require('../lib/child.js')
const { rss } = require('../lib/rss.js')
const contender = require('./contenders/index.js')[process.argv[2]]

expose({ listen: () => contender.listen(), rss })
