'use strict'

// Binary data: numbers, records, frames, and work on whole buffers.

const bulk = require('./bulk')
const numbers = require('./numbers')
const { record } = require('./record')
const { frame, FrameDecoder, FrameStream } = require('./frame')

module.exports = { ...numbers, ...bulk, record, frame, FrameDecoder, FrameStream }
