'use strict'

// The module of each contender.

module.exports = {
  get ironwire() {
    return require('../..').dgram
  },
  get 'node:dgram'() {
    return require('node:dgram')
  },
}
