'use strict'

const { monitorEventLoopDelay } = require('node:perf_hooks')
const { isDeepStrictEqual } = require('node:util')

const ATTEMPTS = 5

/**
 * What `run` gives, two results that must be the same where time goes by as the test expects it. If they are not, and
 * the process stood still for more than `limit` milliseconds meanwhile, what was due first then was not the same for
 * both: it runs again. For tests whose subject is timers; all others wait for events.
 */
async function untilUndisturbed(limit, run) {
  for (let attempt = 1; ; attempt++) {
    const delay = monitorEventLoopDelay({ resolution: 5 })
    delay.enable()
    const results = await run()
    delay.disable()
    const isUndisturbed = delay.max / 1e6 <= limit
    if (isUndisturbed || attempt === ATTEMPTS || isDeepStrictEqual(results[0], results[1])) return results
  }
}

module.exports = { untilUndisturbed }
