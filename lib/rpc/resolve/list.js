'use strict'

const process = require('node:process')

/** Addresses that were given, and stay. */
class ListResolver {
  constructor(addresses) {
    this.addresses = addresses
  }

  resolve(update) {
    let closed = false
    process.nextTick(() => closed || update(null, this.addresses))
    return {
      close() {
        closed = true
      },
    }
  }
}

module.exports = { ListResolver }
