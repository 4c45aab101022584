'use strict'

// Programs of libraries that stand on @grpc/grpc-js, with the require redirected: each runs on it and on ours, and prints the same.

const assert = require('node:assert')
const { execFileSync } = require('node:child_process')
const path = require('node:path')
const { test } = require('node:test')

const FOLDER = path.join(__dirname, 'grpc')

function run(program, env = {}) {
  const args = ['--require', path.join(FOLDER, 'redirect.js'), path.join(FOLDER, program)]
  const printed = execFileSync(process.execPath, args, {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    timeout: 60_000,
  })
  return JSON.parse(printed)
}

for (const [library, program] of [
  ['nice-grpc', 'nice.js'],
  ["NestJS's microservices", 'nest.js'],
  ["OpenTelemetry's instrumentation", 'tracing.js'],
]) {
  test(`${library} on ours does what it does on @grpc/grpc-js`, () => {
    const seen = run(program)
    assert.ok(seen.length > 1)
    assert.deepStrictEqual(seen, run(program, { REFERENCE: '1' }))
  })
}
