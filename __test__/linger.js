'use strict'

const { setTimeout: sleep } = require('node:timers/promises')

/**
 * Waits, in milliseconds, for what comes without a word, or is not to come at all. The loop looks at its sockets several
 * times meanwhile: where the whole process stood still for a while, one timer would be due before anything that came in
 * that time is read.
 */
async function linger(time = 20) {
  for (let i = 0; i < 5; i++) await sleep(time / 5)
}

module.exports = { linger }
