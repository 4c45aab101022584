'use strict'

// The properties of scalar types, by name.

const util = require('./util/index.js')

const VARINT = 0
const EIGHT = 1
const LENGTH = 2
const FOUR = 5

/** Of each type: `[wire type, default, may be packed, may be a map key, is 64-bit]`. */
const scalars = {
  double: [EIGHT, 0, true, false, false],
  float: [FOUR, 0, true, false, false],
  int32: [VARINT, 0, true, true, false],
  uint32: [VARINT, 0, true, true, false],
  sint32: [VARINT, 0, true, true, false],
  fixed32: [FOUR, 0, true, true, false],
  sfixed32: [FOUR, 0, true, true, false],
  int64: [VARINT, 0, true, true, true],
  uint64: [VARINT, 0, true, true, true],
  sint64: [VARINT, 0, true, true, true],
  fixed64: [EIGHT, 0, true, true, true],
  sfixed64: [EIGHT, 0, true, true, true],
  bool: [VARINT, false, true, true, false],
  string: [LENGTH, '', false, true, false],
  bytes: [LENGTH, util.emptyArray, false, false, false],
}

function table(column, filter = -1) {
  const chosen = Object.create(null)
  for (const [name, row] of Object.entries(scalars)) if (filter < 0 || row[filter]) chosen[name] = row[column]
  return chosen
}

module.exports = {
  /** Wire types. */
  basic: table(0),
  /** Defaults; `message` is the default of all other types. */
  defaults: Object.assign(table(1), { message: null }),
  /** Wire types of 64-bit types, of map keys, and of types that can be packed. */
  long: table(0, 4),
  mapKey: table(0, 3),
  packed: table(0, 2),
}
