'use strict'

// A program on one contender: `node server.js PROGRAM CONTENDER`.

const v8 = require('node:v8')
const vm = require('node:vm')
const { expose } = require('../lib/child.js')

const [program, contender] = process.argv.slice(2)

const node = () => ({ http: require('node:http'), net: require('node:net') })
const apis = { ironwire: () => require('../..'), 'node:http': node, 'node:net': node }

const programs = { ...require('./programs/bare.js'), ...require('./programs/frameworks.js') }

let server

async function listen() {
  if (contender === 'uWebSockets') return require('./programs/uws.js').listen(program)
  server = await programs[program](apis[contender]())
  return new Promise((resolve, reject) => {
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => resolve(server.address().port))
  })
}

/** Resident bytes, without what only waits to be collected. */
function rss() {
  v8.setFlagsFromString('--expose-gc')
  const gc = vm.runInNewContext('gc')
  // Twice: what the first one found to be free frees memory outside the heap, too.
  gc()
  gc()
  return process.memoryUsage.rss()
}

function connections() {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error ? reject(error) : resolve(count)))
  })
}

expose({ listen, rss, connections })
