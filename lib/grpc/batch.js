'use strict'

// Reads the events that Rust writes into a shared table (src/binding/grpc.rs) and passes each one to its link or to the
// link's call.
//
// One entry into JavaScript delivers the events of all connections that received something in one turn of the event
// loop. Ticks and promise jobs run between two connections. What is sent during a batch leaves at the end of the batch.

const { Buffer } = require('node:buffer')
const { native, ownerOf, shared } = require('../engine.js')
const { runTicks } = require('../ticks.js')
const { enterBatch, leaveBatch, now } = require('../rpc/tick.js')
const constants = require('../constants.js')

/** HTTP/2's error code for a stream that is no longer needed. */
const CANCEL = 8
const FastBuffer = Buffer[Symbol.species]
const EMPTY = Buffer.alloc(0)
const { CURSOR } = constants.table
const { FIRST, WORDS, KIND, COMPRESSED, TORN, OPEN, ID, STREAM, PART, PART_LENGTH } = constants.grpcRow
const { METHOD, PATH_LENGTH, TIMEOUT, USED, LENGTH, CODE, MESSAGE_LENGTH, HTTP } = constants.grpcRow
const { CALL, METADATA, MESSAGE, TOO_LARGE, END, STATUS, RESET, DRAINED, CLOSED } = constants.grpcEvent
const { SETTINGS, PONG, GOAWAY, FAILED, PING } = constants.grpcEvent

let words

function onGrpc(count, text, body) {
  enterBatch()
  try {
    let last = -1
    for (let event = words[CURSOR]; event < count; event = words[CURSOR]) {
      words[CURSOR] = event + 1
      const at = FIRST + event * WORDS
      const id = words[at + ID]
      const isOther = last !== id
      if (isOther) {
        if (last !== -1) runTicks()
        last = id
      }
      const link = ownerOf(id)
      if (link === undefined || link.closing) continue
      if (isOther) link.traffic.heard = now()
      handle(link, at, text, body)
    }
  } finally {
    leaveBatch()
  }
}

function handle(link, at, text, body) {
  const first = words[at]
  const stream = words[at + STREAM]
  const part = words[at + PART]
  const end = part + words[at + PART_LENGTH]
  switch (first & KIND) {
    case CALL: {
      const metadata = part + words[at + PATH_LENGTH]
      const method = words[at + METHOD]
      const path = text.slice(part, metadata)
      const hasBegun = link.onCall(stream, method, path, words[at + TIMEOUT], text.slice(metadata, end))
      // A handler that awaits something already settled continues before it gets the caller's messages.
      if (hasBegun) runTicks()
      return
    }
    case METADATA: {
      const call = link.calls.get(stream)
      call?.scope.run(call, call.onMetadata, text.slice(part, end), words[at + HTTP])
      return
    }
    case MESSAGE: {
      const call = link.calls.get(stream)
      const compressed = (first & COMPRESSED) !== 0
      link.traffic.receive()
      call?.scope.run(call, call.onMessage, bytes(body, part, end), compressed, words[at + USED])
      return
    }
    case TOO_LARGE: {
      const call = link.calls.get(stream)
      call?.scope.run(call, call.onTooLarge, words[at + LENGTH])
      return
    }
    case END: {
      const call = link.calls.get(stream)
      call?.scope.run(call, call.onEnd, (first & TORN) !== 0)
      return
    }
    case STATUS: {
      const metadata = part + words[at + MESSAGE_LENGTH]
      const message = text.slice(part, metadata)
      const call = link.calls.get(stream)
      link.traffic.succeeded++
      // If our side has not ended the stream, it is reset.
      if ((first & OPEN) === 0) link.closed(stream)
      else link.reset(stream, CANCEL)
      call?.scope.run(call, call.onStatus, words[at + CODE], message, text.slice(metadata, end), words[at + HTTP])
      return
    }
    case RESET:
      link.onReset(stream, words[at + CODE])
      return
    case DRAINED:
      link.calls.get(stream)?.onDrained()
      return
    case CLOSED:
      link.closed(stream)
      return
    case SETTINGS:
      link.onSettings()
      return
    case PONG:
    case PING:
      link.onAlive((first & KIND) === PONG)
      return
    case GOAWAY:
      link.onGoaway(words[at + CODE], text.slice(part, end))
      return
    case FAILED:
      link.onFailed(words[at + CODE], text.slice(part, end))
  }
}

function bytes(body, start, end) {
  return start === end ? EMPTY : new FastBuffer(body.buffer, body.byteOffset + start, end - start)
}

module.exports = shared('grpc batch', () => {
  words = new Uint32Array(native.grpcTable({ onGrpc }))
  return {}
})
