'use strict'

// Binary layouts: numbers, records, frames.

const numbers = require('./numbers')
const { record } = require('./record')
const { frame, FrameDecoder, FrameStream } = require('./frame')

module.exports = { ...numbers, record, frame, FrameDecoder, FrameStream }
