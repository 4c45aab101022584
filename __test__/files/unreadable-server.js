'use strict'

// A handler over the folder given, run by a user who may not read everything.

const { createServer } = require('node:http')
const process = require('node:process')
const ironwire = require('ironwire')

const [root] = process.argv.slice(2)
const serve = ironwire.serveStatic(root)
const handled = createServer((req, res) => serve(req, res, (error) => res.end(`${error?.status} ${error?.code}`)))
const bare = ironwire.createStaticServer(root, { listing: true, headers: { 'X-Site': 'yes' } })

if (process.getuid() === 0) {
  process.setgroups([])
  process.setgid(65534)
  process.setuid(65534)
}
handled.listen(0, '127.0.0.1', () => {
  bare.listen(0, '127.0.0.1', () => process.send([handled.address().port, bare.address().port]))
})
