'use strict'

// Binary layouts: numbers, records, frames.

const numbers = require('./numbers')
const { layout } = require('./layout')
const { record } = require('./record')
const { frame, FrameDecoder, FrameStream } = require('./frame')

module.exports = { ...numbers, layout, record, frame, FrameDecoder, FrameStream }
