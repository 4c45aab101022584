'use strict'

// Node's own `http` and `net`, as they were when this package came first. Where `ironwire/register` is on, what `require('node:net')`
// gives has our classes, and these stand on Node's.

const { once } = require('./once.js')

const copy = (module) => Object.defineProperties({}, Object.getOwnPropertyDescriptors(module))

module.exports = once('genuine', () => ({ http: copy(require('node:http')), net: copy(require('node:net')) }))
