'use strict'

// Calls in simulated worlds: see simulation/cluster.js. `SEEDS=5000` runs 5000 worlds, `SEED=42` repeats one.

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { simulate } = require('./simulation/cluster.js')

const SEEDS = Number(process.env.SEEDS ?? 16)
const FIRST = Number(process.env.SEED ?? 1)
const COUNT = process.env.SEED === undefined ? SEEDS : 1

/** In its own turn: no other promise job would run within this one. */
const play = (seed) =>
  new Promise((resolve, reject) => {
    setImmediate(() => {
      try {
        resolve(simulate(seed))
      } catch (error) {
        error.message = `seed ${seed}: ${error.message}\nagain: SEED=${seed} node --test __test__/rpc/simulation-calls.test.js`
        reject(error)
      }
    })
  })

test(`what becomes of calls, in ${COUNT} worlds`, async () => {
  for (let seed = FIRST; seed < FIRST + COUNT; seed++) await play(seed)
})

test('a seed always gives the same world', async () => {
  const [first, second] = [await play(29), await play(29)]
  assert.deepEqual([first.world.turn, first.world.mark], [second.world.turn, second.world.mark])
})
