'use strict'

// For support.js: a static server in a process of its own, where nothing hooks into its requests, so that Rust answers them by itself. The test
// runner does hook into those of its own process.

const process = require('node:process')
const { createStaticServer } = require('ironwire')
const { kAccessLog } = require('../../lib/http/symbols.js')

const [root, text] = process.argv.slice(2)
const { passesOn, ...options } = JSON.parse(text)

/** As the servers of serve-static.test.js answer for what no file does. */
function listener(_req, res) {
  res.setHeader('X-Next', 'next')
  res.statusCode = 404
  res.end('next')
}

const server = createStaticServer(root, options, passesOn ? listener : undefined)
let answered = 0
server[kAccessLog] = (rows) => {
  answered += rows.split('\n').length - 1
}
server.listen(0, '127.0.0.1', () => process.send(server.address().port))
process.on('message', () => process.send(answered))
