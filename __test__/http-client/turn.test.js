'use strict'

// What several connections receive in one turn of the loop comes up together; to a program it is as if each were read by itself: ticks and
// promise jobs of one run before the next.

const assert = require('node:assert/strict')
const { fork } = require('node:child_process')
const { once } = require('node:events')
const path = require('node:path')
const { test } = require('node:test')

async function notesOf(implementation, scenario) {
  const child = fork(path.join(__dirname, 'turn-program.js'), [implementation, scenario])
  let notes
  child.on('message', (message) => (notes = message))
  await once(child, 'exit')
  return notes
}

/** What each connection has seen, in its order; and where one connection’s notes were interrupted by another’s. */
function perConnection(notes) {
  const seen = {}
  let interruptions = 0
  notes.forEach(([i, note], at) => {
    if (seen[i] !== undefined && notes[at - 1][0] !== i && i >= 0 && notes[at - 1][0] >= 0) interruptions++
    seen[i] ??= []
    seen[i].push(note)
  })
  return { seen, interruptions }
}

for (const scenario of ['plain', 'same', 'chunked', 'closing', 'throwing', 'broken', 'destroyed']) {
  test(`responses of one turn: ${scenario}`, async () => {
    const [expected, actual] = await Promise.all([notesOf('node', scenario), notesOf('ironwire', scenario)])
    const [ours, cores] = [perConnection(actual), perConnection(expected)]
    if (scenario === 'throwing') {
      // After a throw in the response's listener core's parser stands still for good; ours goes on. And core's ticks wait.
      for (const i of [1, 5]) {
        assert.deepEqual(ours.seen[i].slice(0, 2), cores.seen[i].slice(0, 2))
        delete ours.seen[i]
        delete cores.seen[i]
      }
      cores.interruptions = 0
    }
    assert.deepEqual(ours, cores)
    assert.ok(actual.length > 8, 'something was noted')
  })
}
