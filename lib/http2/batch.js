'use strict'

// Turns the rows of the table that Rust fills (src/binding/http2.rs) into calls of sessions and exchanges.
//
// JavaScript is entered once per turn of the event loop, with the events of all connections that have received something. Ticks and promise
// jobs run between the events of two connections.

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

/** A part of a body is copied if the read that contains it is this many times larger. */
const SMALL = 8

/** HTTP methods, by the numbers in the rows. */
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
    // The client's code that awaits a response may then react to it before the next event.
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
  // A program that keeps a small part must not keep the whole memory of a large read alive.
  return length < body.length / SMALL ? Buffer.from(part) : part
}

const empty = Buffer.alloc(0)

module.exports = shared('http2 batch', () => {
  words = new Uint32Array(native.http2Table({ onHttp2 }))
  return { METHODS }
})
