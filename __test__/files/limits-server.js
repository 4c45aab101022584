'use strict'

// For limits.test.js: a folder on three servers, and what the process has in use.

const fs = require('node:fs')
const http = require('node:http')
const process = require('node:process')
const ironwire = require('ironwire')
const { native } = require('../../lib/engine.js')

const root = process.argv[2]
const serve = ironwire.serveStatic(root)
const handler = (req, res) => {
  serve(req, res, (error) => {
    res.statusCode = error ? error.status : 404
    res.end()
  })
}
const servers = [ironwire.createStaticServer(root), ironwire.http.createServer(handler), http.createServer(handler)]
let taken = []

const COMMANDS = {
  report() {
    globalThis.gc()
    return {
      rss: process.memoryUsage.rss(),
      descriptors: fs.readdirSync('/proc/self/fd').length,
      plans: native.filesUsage(1).plans,
    }
  },
  /** Takes nearly all descriptors that there are. */
  exhaust() {
    try {
      for (;;) taken.push(fs.openSync('/dev/null'))
    } catch {
      for (let i = 0; i < 3; i++) fs.closeSync(taken.pop())
    }
    return { taken: taken.length }
  },
  relax() {
    for (const fd of taken) fs.closeSync(fd)
    taken = []
    return {}
  },
}
process.on('message', (command) => process.send(COMMANDS[command]()))

Promise.all(
  servers.map(
    (server) => new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port))),
  ),
).then((ports) => process.send({ ports }))
