'use strict'

// The public face of `codec`: layouts, single numbers and arrays, records, framing, and functions on whole buffers. The
// addon is loaded when Rust is first needed; the rest works without it.

const { readArray, writeArray } = require('./arrays')
const bulk = require('./bulk')
const numbers = require('./numbers')

const layout = (description, options) => require('./layout').layout(description, options)
const framer = (options) => require('./framing/framer').framer(options)
const record = (fields) => require('./record').record(fields)

module.exports = { ...numbers, ...bulk, readArray, writeArray, layout, record, framer }
