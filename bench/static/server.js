'use strict'

// A static file server of one contender: `node server.js PROGRAM ROOT`.

const fs = require('node:fs')
const http = require('node:http')
const path = require('node:path')
const { expose } = require('../lib/child.js')
const { requirePeer } = require('../lib/peers.js')

const [program, root] = process.argv.slice(2)

const ironwire = () => require('../..')

const piped = ({ createServer }) =>
  createServer((req, res) => {
    res.setHeader('Content-Type', 'application/octet-stream')
    fs.createReadStream(path.join(root, req.url)).pipe(res)
  })

function app(handler) {
  const app = requirePeer('express')()
  app.use(handler)
  return app
}

const programs = {
  ironwire: () => ironwire().createStaticServer(root),
  sirv: () => http.createServer(requirePeer('sirv')(root, { etag: true })),
  'express.static': () => http.createServer(app(requirePeer('express').static(root))),
  'express on ironwire': () => ironwire().http.createServer(app(ironwire().serveStatic(root))),
  pipe: () => piped(http),
  'pipe on ironwire': () => piped(ironwire().http),
}

function listen() {
  const server = programs[program]()
  // Slow readers are measured, too, so connections must stay open.
  server.keepAliveTimeout = 3_600_000
  return new Promise((resolve, reject) => {
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => resolve(server.address().port))
  })
}

expose({ listen, rss: () => process.memoryUsage.rss() })
