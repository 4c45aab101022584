'use strict'

// A contender's module.

module.exports = {
  get ironwire() {
    return require('../..').dgram
  },
  get 'node:dgram'() {
    return require('node:dgram')
  },
}
