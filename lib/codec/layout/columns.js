'use strict'

// Many records as columns.

function decode(_native, _about, decodeMany, b, offset, most) {
  return decodeMany(b, offset, most)
}

module.exports = { decode }
