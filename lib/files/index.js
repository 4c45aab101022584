'use strict'

// Static files: a handler for servers that there are, and a server of its own.

const { serveStatic } = require('./serve.js')
const { createStaticServer } = require('./server.js')

module.exports = { serveStatic, createStaticServer }
