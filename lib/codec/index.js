'use strict'

// Binary data: numbers, one or many, records, frames, and work on whole buffers.

const { readArray, writeArray } = require('./arrays')
const bulk = require('./bulk')
const numbers = require('./numbers')
const { record } = require('./record')
const { frame, FrameDecoder, FrameStream } = require('./frame')

module.exports = { ...numbers, ...bulk, readArray, writeArray, record, frame, FrameDecoder, FrameStream }
