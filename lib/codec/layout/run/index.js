'use strict'

// What emitted code calls for everything that is not worth inlining; see `src/codec/layout/emit`.
//
// `b` is always a Buffer, `p` a position in it and `e` the end of what may be read; a reader returns the value and, where its length
// is not plain, leaves the position after it in `S.p`. Whatever is wrong throws FAIL: the interpreter then says what it is.

const { isTypedArray } = require('node:util/types')
const binding = require('../../../../binding.js')
const memory = require('./memory')
const numbers = require('./numbers')
const text = require('./text')

const { ownBytes } = memory

/** Sums of few bytes cost less than a call into Rust, which has the same. `z` and `y` are where the sum itself is: it counts as zeros. */
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

/** So many. */
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

/** A property of an object itself, for names that every object inherits. */
function ownProperty(o, name) {
  return Object.hasOwn(o, name) ? o[name] : undefined
}

/** A property of any name. */
function define(o, name, value) {
  Object.defineProperty(o, name, { value, configurable: true, enumerable: true, writable: true })
}

module.exports = { ...memory, ...numbers, ...text, sum, sum64, isList, own: ownProperty, define }
