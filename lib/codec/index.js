'use strict'

// Binary data: layouts, numbers one or many, records, messages in streams, work on whole buffers. The addon is loaded for the first work that Rust does: the
// rest does without it.

const { readArray, writeArray } = require('./arrays')
const bulk = require('./bulk')
const numbers = require('./numbers')

const layout = (description, options) => require('./layout').layout(description, options)
const framer = (options) => require('./framing/framer').framer(options)
const record = (fields) => require('./record').record(fields)

module.exports = { ...numbers, ...bulk, readArray, writeArray, layout, record, framer }
