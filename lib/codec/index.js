'use strict'

// Binary layouts: numbers, records, frames. The addon is loaded for the first layout or record: the rest does without it.

const numbers = require('./numbers')
const { frame, FrameDecoder, FrameStream } = require('./frame')

const layout = (description, options) => require('./layout').layout(description, options)
const record = (fields) => require('./record').record(fields)

module.exports = { ...numbers, layout, record, frame, FrameDecoder, FrameStream }
