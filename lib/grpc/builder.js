'use strict'

/** A class of objects that put another one together: each method sets the part that `parts` has for its name. */
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
