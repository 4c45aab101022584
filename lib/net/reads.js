'use strict'

// Delivers received data: one call from Rust (src/binding/net_reads.rs) brings what all connections have received in a
// turn of the loop, as rows of a shared table. Each row is an event of its own in its own async context, with ticks run
// in between.

const { Buffer } = require('node:buffer')
const { native, enter, keep, ownerOf, shared } = require('../engine.js')
const constants = require('../constants.js')
const { runTicks } = require('../ticks.js')

const { CURSOR } = constants.table
const { FIRST, WORDS, ID, OFFSET, LENGTH } = constants.netRead

const FastBuffer = Buffer[Symbol.species]

/** An id that no connection has. */
const NOBODY = 0xffffffff

/** The table, the number of rows being delivered, and the memory block with their bytes. */
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

/** Takes the data of a connection that was read but not delivered, as chunks. It will not be delivered otherwise. */
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
