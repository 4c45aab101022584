'use strict'

// Rows of the table that Rust fills (src/binding/net_reads.rs) become reads of connections: one entry into JavaScript brings what all of
// them have received in a turn of the loop. Each is an event of its own, in its own asynchronous context, and ticks run between two.

const { Buffer } = require('node:buffer')
const { native, enter, keep, ownerOf, shared } = require('../engine.js')
const constants = require('../constants.js')
const { runTicks } = require('../ticks.js')

const { CURSOR } = constants.table
const { FIRST, WORDS, ID, OFFSET, LENGTH } = constants.netRead

const FastBuffer = Buffer[Symbol.species]

/** An id that no connection has. */
const NOBODY = 0xffffffff

/** The table, how many rows of it are being shown, and the memory that the bytes lie in. */
let words
let count = 0
let memory

function onReads(rows, bytes) {
  count = rows
  if (bytes !== memory) memory = keep(bytes)
  for (let row = words[CURSOR]; row < count; row = words[CURSOR]) {
    words[CURSOR] = row + 1
    const at = FIRST + row * WORDS
    const owner = ownerOf(words[at + ID])
    if (owner === undefined) continue
    if (owner.context === null) owner.getAsyncResource()
    enter(owner, owner.onRead, words[at + LENGTH], bytes, words[at + OFFSET])
    if (words[CURSOR] < count) runTicks()
  }
  count = 0
}

/** What has been read of a connection and not been shown: chunks, which nobody else will see. */
function takeReads(connection) {
  const chunks = []
  for (let row = words[CURSOR]; row < count; row++) {
    const at = FIRST + row * WORDS
    if (words[at + ID] !== connection.id) continue
    words[at + ID] = NOBODY
    chunks.push(new FastBuffer(memory, words[at + OFFSET], words[at + LENGTH]))
  }
  const gathered = native.takeReads(connection.id)
  if (gathered !== undefined) chunks.push(gathered)
  return chunks
}

module.exports = shared('net reads', () => {
  words = new Uint32Array(native.readsTable({ onReads }))
  return { takeReads }
})
