'use strict'

// Reads the table of events that Rust fills (src/binding/http.rs, src/http1/conn.rs) and calls methods of the
// connections.
//
// One call into JavaScript delivers the events of all connections that received something in a turn of the event loop.
// Between two connections, ticks and promise jobs run, and each request has its own async resource, as if there had
// been a call for each.

const { AsyncResource } = require('node:async_hooks')
const { native, ownerOf, shared } = require('../engine.js')
const { runTicks } = require('../ticks.js')
const constants = require('../constants.js')
const binding = require('../../binding.js')
const { askSite, onSiteLog } = require('./site.js')

const { CURSOR } = constants.table
const { NOW, EVENTS: FIRST_EVENT } = constants.http
const { EVENT_WORDS, KIND, METHOD, VERSION, FLAGS, HEAD, FIRST_LENGTH, HEAD_LENGTH } = constants.row
const { PART, PART_LENGTH, TRAILERS, TRAILERS_LENGTH, ERROR_NUMBER, ERROR_OFFSET } = constants.row
const { REQUEST, BODY, END } = constants.event
const { READ, ID, HELD, TAKEN, PACKET, PACKET_LENGTH, LENGTH } = constants.read
const { REPEATED } = constants.flag

/** Indexed by the numbers in the rows. An error is a pair of code and reason. */
const METHODS = binding.httpMethods()
const ERRORS = binding.httpErrors()

/** The `resource` of a connection before its first request: it has no async context of its own. */
const none = {
  runInAsyncScope: (code, receiver, ...args) => Reflect.apply(code, receiver, args),
  emitDestroy() {},
}

/**
 * Whether a batch is being handled. If so, the responses sent in it are finished when their connection's events are
 * done (finish.js).
 */
let handling = false
/** The connection whose events are being handled, and the position in the table of the row before its events. */
let serving = null
let row = 0

/** The table shared with Rust, as 32-bit words. */
let words

function onHttp(count, text, body) {
  handling = true
  for (let event = words[CURSOR]; event < count; event = words[CURSOR]) {
    const at = FIRST_EVENT + event * EVENT_WORDS
    const kind = words[at] & KIND
    if (kind === READ) {
      if (serving !== null) leave(true)
      words[CURSOR] = event + 1
      row = at
      serving = ownerOf(words[at + ID]) ?? null
      serving?.enter(event + 1 < count && words[at + EVENT_WORDS] !== READ)
      continue
    }
    if (serving === null) {
      words[CURSOR] = event + 1
      continue
    }
    if (kind === REQUEST && at > row + EVENT_WORDS && serving.mustWait()) {
      words[row + HELD] = event
      words[CURSOR] = nextRead(event, count)
      continue
    }
    words[CURSOR] = event + 1
    if (kind === REQUEST) {
      if (serving.context === null) request(serving, at, text, body)
      else serving.context.runInAsyncScope(request, undefined, serving, at, text, body)
    } else if (kind === BODY) {
      serving.resource.runInAsyncScope(serving.onBody, serving, bytes(body, words[at + PART], words[at + PART_LENGTH]))
      // As in Node, ticks and promise jobs run between a part of a body and the next event.
      if (event + 1 < count) runTicks()
    } else if (kind === END) {
      const from = words[at + TRAILERS]
      const length = words[at + TRAILERS_LENGTH]
      const trailers = length === 0 ? '' : text.slice(from, from + length)
      serving.resource.runInAsyncScope(serving.onEnd, serving, trailers)
    } else {
      const [code, reason] = ERRORS[words[at + ERROR_NUMBER]]
      const packet = bytes(body, words[row + PACKET], words[row + PACKET_LENGTH])
      serving.resource.runInAsyncScope(serving.onParseError, serving, code, reason, words[at + ERROR_OFFSET], packet)
    }
  }
  if (serving !== null) leave(false)
  handling = false
}

/**
 * The number of the first row from `event` on that begins the events of another connection; `count` if there is none.
 */
function nextRead(event, count) {
  while (event < count && (words[FIRST_EVENT + event * EVENT_WORDS] & KIND) !== READ) event++
  return event
}

function bytes(body, start, length) {
  return start === 0 && length === body.length ? body : body.subarray(start, start + length)
}

function request(connection, at, text, body) {
  if (connection.closing || connection.gone) return
  const from = words[at + HEAD]
  const urlEnd = from + words[at + FIRST_LENGTH]
  const method = METHODS[(words[at] >>> METHOD) & 0xff]
  const url = text.slice(from, urlEnd)
  const flags = words[at + FLAGS]
  const head = flags & REPEATED ? null : text.slice(urlEnd + 1, from + words[at + HEAD_LENGTH])
  origin.triggerAsyncId = connection.getAsyncId()
  const resource = new AsyncResource('HTTPINCOMINGMESSAGE', origin)
  connection.resource.emitDestroy()
  connection.resource = resource
  resource.runInAsyncScope(connection.onRequest, connection, method, url, words[at] >>> VERSION, flags, head, body)
}

/**
 * The options of each request's async resource. Its trigger is the connection, and its destroy hook is called when the
 * next request arrives or the connection closes.
 */
const origin = { triggerAsyncId: 0, requireManualDestroy: true }

/** Ends the handling of a connection's events. `more` tells whether rows of other connections follow. */
function leave(more) {
  const connection = serving
  serving = null
  connection.leave()
  if (more) runTicks()
}

/**
 * Returns the bytes behind the head of a request that takes over the connection (an upgrade or CONNECT), and tells Rust
 * that the connection no longer speaks HTTP.
 */
function takeOver(body) {
  words[row + TAKEN] = 1
  return bytes(body, words[row + PACKET], words[row + PACKET_LENGTH]).subarray(words[row + LENGTH])
}

function isHandling() {
  return handling
}

/**
 * The event loop's clock in milliseconds, modulo 2^32; during a batch, the time of the batch. It is never 0, because
 * `idleSince` uses 0 for "not idle".
 */
function now() {
  return (handling ? words[NOW] : native.httpNow()) || 1
}

module.exports = shared('http batch', () => {
  const ask = (mount) => askSite(words, mount)
  words = new Uint32Array(native.httpTable({ onHttp, askSite: ask, onSiteLog }))
  return { isHandling, now, takeOver, none, ERRORS }
})
