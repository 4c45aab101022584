'use strict'

// Runs a program on one contender: `node server.js PROGRAM CONTENDER`.

const { expose } = require('../lib/child.js')
const { memory } = require('../lib/memory.js')

const [program, contender] = process.argv.slice(2)

const node = () => ({ http: require('node:http'), https: require('node:https'), net: require('node:net') })
const apis = { ironwire: () => require('../..'), 'node:http': node, 'node:https': node, 'node:net': node }

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

function connections() {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error ? reject(error) : resolve(count)))
  })
}

expose({ listen, rss: () => memory().rss, connections })
