'use strict'

// Preloaded by `npm test` into each test file's process: a file whose tests are over but that does not end has left a
// server, a socket or a timer open, in a test that failed or for good. Since Node 24 the runner waits for it without a
// limit. It is told what is open, and ends.

const { isMainThread } = require('node:worker_threads')

/** In milliseconds, after the last test. A variable for its own test. */
const PATIENCE_MS = Number(process.env.IRONWIRE_TEST_ENDS_WITHIN_MS ?? 30_000)

// Not in processes and workers of the tests, which inherit the flag.
if (isMainThread && process.env.NODE_TEST_CONTEXT !== undefined && process.argv[1]?.endsWith('.test.js')) {
  // Once the file has been run: node:test starts an async hook, which ironwire has to be able to see.
  process.nextTick(() => require('node:test').after(watch))
}

function watch() {
  setTimeout(() => {
    const open = process.getActiveResourcesInfo().filter((name) => name !== 'PipeWrap' && name !== 'TTYWrap')
    console.error(`ironwire: ${process.argv[1]} does not end: it has left open ${open.join(', ')}`)
    process.exit(1)
  }, PATIENCE_MS).unref()
}
