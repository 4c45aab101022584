'use strict'

// The public face of static files: a handler for existing servers, and a server.

const { serveStatic } = require('./serve.js')
const { createStaticServer } = require('./server.js')

module.exports = { serveStatic, createStaticServer }
