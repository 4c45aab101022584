'use strict'

// Frameworks and clients that know nothing of ironwire do the same with `ironwire/register` and without it.

const path = require('node:path')
const { alike } = require('../../register/support.js')

alike(path.join(__dirname, 'programs'))
