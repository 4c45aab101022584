'use strict'

// The functions that emitted code calls for what is not worth inlining; see `src/codec/layout/emit`.
//
// `b` is always a Buffer, `p` a position in it and `e` the end of what may be read. A reader returns the value. If its
// length is not known to the caller, it stores the position after the value in `S.p`. Anything invalid throws FAIL; the
// interpreter then finds out what it is.

const { isTypedArray } = require('node:util/types')
const binding = require('../../../../binding.js')
const memory = require('./memory')
const numbers = require('./numbers')
const text = require('./text')

const { ownBytes } = memory

/**
 * Checksums of a few bytes, cheaper than a call into Rust, which implements the same ones. `z` to `y` is the range of
 * the checksum field itself, which counts as zeros.
 */
const SUMS = {
  __proto__: null,
  sum: (b, p, e, z, y) => {
    let all = 0
    for (let i = p; i < e; i++) if (i < z || i >= y) all += b[i]
    return all
  },
  sum8: (b, p, e, z, y) => SUMS.sum(b, p, e, z, y) & 255,
  xor8: (b, p, e, z, y) => {
    let all = 0
    for (let i = p; i < e; i++) if (i < z || i >= y) all ^= b[i]
    return all
  },
  inet: (b, p, e, z, y) => {
    let all = 0
    for (let i = p; i < e; i++) if (i < z || i >= y) all += (i - p) & 1 ? b[i] : b[i] << 8
    while (all > 0xffff) all = (all & 0xffff) + (all >>> 16)
    return ~all & 0xffff
  },
  fletcher8: (b, p, e, z, y) => {
    let low = 0
    let high = 0
    for (let i = p; i < e; i++) {
      if (i < z || i >= y) low = (low + b[i]) & 255
      high = (high + low) & 255
    }
    return low | (high << 8)
  },
}

/** Up to this many bytes the checksum is computed here. */
const FEW = 128

function sum(name, b, from, to, ownFrom, ownTo) {
  if (to - from <= FEW && name in SUMS) return SUMS[name](b, from, to, ownFrom, ownTo)
  return binding.codecChecksum(name, ownBytes(b), from, to, ownFrom, ownTo)
}

function sum64(name, b, from, to, ownFrom, ownTo) {
  return binding.codecChecksum64(name, ownBytes(b), from, to, ownFrom, ownTo)
}

function isList(v) {
  return Array.isArray(v) || isTypedArray(v)
}

/** Reads an own property, for names that every object inherits. */
function ownProperty(o, name) {
  return Object.hasOwn(o, name) ? o[name] : undefined
}

/** Defines a property of any name, including `__proto__`. */
function define(o, name, value) {
  Object.defineProperty(o, name, { value, configurable: true, enumerable: true, writable: true })
}

module.exports = { ...memory, ...numbers, ...text, sum, sum64, isList, own: ownProperty, define }
