'use strict'

/**
 * Makes a builder class. `parts` maps its methods to the names under which they store their argument; `build()` returns
 * what was stored.
 */
function builder(parts) {
  class Builder {
    constructor() {
      this.parts = {}
      for (const name of Object.values(parts)) this.parts[name] = undefined
    }

    build() {
      return { ...this.parts }
    }
  }
  for (const [method, name] of Object.entries(parts)) {
    Builder.prototype[method] = function (part) {
      this.parts[name] = part
      return this
    }
  }
  return Builder
}

module.exports = { builder }
