'use strict'

// The well-known files other than the common ones, as JSON, from the sources in the addon.

const binding = require('../../../binding.js')
const common = require('../common.js')
const parse = require('../parse.js')
const { Root } = require('../root.js')

/** The description of `google/protobuf/NAME.proto` and everything that it imports. */
function wellKnown(name) {
  const root = new Root()
  const seen = new Set()
  const add = (file) => {
    if (seen.has(file)) return
    seen.add(file)
    if (Object.hasOwn(common, file)) {
      root.addJSON(common[file].nested)
      return
    }
    const { imports = [] } = parse(binding.protoWellKnown(file), root)
    imports.forEach(add)
  }
  add(`google/protobuf/${name}.proto`)
  return JSON.parse(JSON.stringify(root))
}

module.exports = { wellKnown }
