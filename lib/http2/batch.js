'use strict'

// Rows of the table that Rust fills (src/binding/http2.rs) become calls of sessions and of what they exchange on their streams.
//
// One entry into JavaScript brings the events of all connections that received something in a turn of the loop. Between two of them ticks and
// promise jobs run.

const { Buffer } = require('node:buffer')
const { native, ownerOf, shared } = require('../engine.js')
const { runTicks } = require('../ticks.js')
const constants = require('../constants.js')
const binding = require('../../binding.js')
const {
  kIsClient,
  kOnExtension,
  kOnFailed,
  kOnGoaway,
  kOnHead,
  kOnInformational,
  kOnPing,
  kOnPong,
  kOnPush,
  kOnSettings,
  kOnSettingsAck,
  kState,
} = require('./symbols.js')

const { CURSOR } = constants.table
const { FIRST, WORDS, KIND, ENDS, METHOD, ID, STREAM } = constants.http2Row
const { PART, PART_LENGTH, PATH, PATH_LENGTH, CODE } = constants.http2Row
const { HEAD, INFORMATIONAL, DATA, END, RESET, DRAINED, CLOSED, SETTINGS, SETTINGS_ACK } = constants.http2Event
const { PING, PONG, GOAWAY, FAILED, PUSH, EXTENSION } = constants.http2Event

/** So much smaller than the read that it came with, a part of a body is copied. */
const SMALL = 8

/** By the numbers that rows say. */
const METHODS = binding.httpMethods()

let words

function onHttp2(count, text, body) {
  let last = -1
  for (let event = words[CURSOR]; event < count; event = words[CURSOR]) {
    words[CURSOR] = event + 1
    const at = FIRST + event * WORDS
    const id = words[at + ID]
    if (last !== id) {
      if (last !== -1) runTicks()
      last = id
    }
    const connection = ownerOf(id)
    const session = connection?.session
    if (session === undefined) continue
    if (connection.context === null) handle(session, at, text, body)
    else connection.context.runInAsyncScope(handle, undefined, session, at, text, body)
    // Whoever waits for an answer can ask for what comes behind it.
    if (session[kIsClient] && event + 1 < count) runTicks()
  }
}

function handle(session, at, text, body) {
  const first = words[at]
  const stream = words[at + STREAM]
  const part = words[at + PART]
  const length = words[at + PART_LENGTH]
  switch (first & KIND) {
    case HEAD: {
      const method = first >>> METHOD
      const path = words[at + PATH]
      session[kOnHead](
        stream,
        text.slice(part, part + length),
        method === 0 ? undefined : METHODS[method - 1],
        text.slice(path, path + words[at + PATH_LENGTH]),
        (first & ENDS) !== 0,
      )
      break
    }
    case DATA:
      session[kState].exchanges.get(stream)?.onData(bytes(body, part, length))
      break
    case END:
      session[kState].exchanges.get(stream)?.onEnd(text.slice(part, part + length))
      break
    case RESET:
      session[kState].exchanges.get(stream)?.onReset(words[at + CODE])
      break
    case DRAINED:
      session[kState].exchanges.get(stream)?.onDrained()
      break
    case CLOSED:
      session[kState].exchanges.get(stream)?.close()
      break
    case SETTINGS:
      session[kOnSettings]()
      break
    case SETTINGS_ACK:
      session[kOnSettingsAck]()
      break
    case PING:
      session[kOnPing](Buffer.from(Uint8Array.from(bytes(body, part, length)).buffer))
      break
    case PONG:
      session[kOnPong](Buffer.from(Uint8Array.from(bytes(body, part, length)).buffer))
      break
    case GOAWAY:
      session[kOnGoaway](words[at + CODE], stream, bytes(body, part, length))
      break
    case FAILED:
      session[kOnFailed](words[at + CODE], text.slice(part, part + length))
      break
    case INFORMATIONAL:
      session[kOnInformational](stream, text.slice(part, part + length))
      break
    case PUSH:
      session[kOnPush](stream, text.slice(part, part + length))
      break
    case EXTENSION:
      session[kOnExtension](words[at + CODE], stream, bytes(body, part, length))
  }
}

function bytes(body, start, length) {
  if (body === undefined) return empty
  if (start === 0 && length === body.length) return body
  const part = body.subarray(start, start + length)
  // Whoever keeps a small part is not to keep all of a large read.
  return length < body.length / SMALL ? Buffer.from(part) : part
}

const empty = Buffer.alloc(0)

module.exports = shared('http2 batch', () => {
  words = new Uint32Array(native.http2Table({ onHttp2 }))
  return { METHODS }
})
