'use strict'

// What is logged, by which logger, and from which severity on.

const assert = require('node:assert/strict')
const { execFileSync } = require('node:child_process')
const path = require('node:path')
const { test } = require('node:test')
const { grpc, serve, connect, outcome } = require('./support.js')
const { log, getLogger } = require('../../lib/grpc/logging.js')

const { DEBUG, INFO, ERROR, NONE } = grpc.logVerbosity

test('severities, and loggers without all methods', (t) => {
  const standard = getLogger()
  t.after(() => {
    grpc.setLogger(standard)
    grpc.setLogVerbosity(ERROR)
  })
  const said = []
  const full = {}
  for (const name of ['debug', 'info', 'error']) full[name] = (...args) => said.push([name, ...args])
  for (const logger of [full, { error: full.error }, {}]) {
    grpc.setLogger(logger)
    for (const verbosity of [DEBUG, INFO, ERROR, NONE]) {
      grpc.setLogVerbosity(verbosity)
      for (const severity of [DEBUG, INFO, ERROR]) log(severity, verbosity, severity)
    }
  }
  const names = ['debug', 'info', 'error']
  const expected = []
  for (const limited of [false, true]) {
    for (let v = 0; v < 3; v++) for (let s = v; s < 3; s++) expected.push([limited ? 'error' : names[s], v, s])
  }
  assert.deepEqual(said, expected)
})

test('the error that a handler has thrown', async (t) => {
  const standard = getLogger()
  t.after(() => {
    grpc.setLogger(standard)
    grpc.setLogVerbosity(ERROR)
  })
  const said = []
  grpc.setLogger({ info: (...args) => said.push(args), error: (...args) => said.push(args) })
  const thrown = new Error('a secret')
  const { port } = await serve(t, grpc, {
    one() {
      throw thrown
    },
  })
  const client = connect(t, grpc, port)
  const call = () => outcome((callback) => client.one('x', callback))
  const before = await call()
  assert.deepEqual(said, [])
  grpc.setLogVerbosity(INFO)
  assert.deepEqual(await call(), before)
  assert.deepEqual(said, [['The handler of /test.Texts/One threw:', thrown]])
})

test('the environment sets the verbosity', () => {
  const code = `const { log } = require(${JSON.stringify(path.resolve(__dirname, '../../lib/grpc/logging.js'))})
    console.error = (text) => console.log(text)
    for (const severity of [0, 1, 2]) log(severity, 'said')`
  const run = (variables) => {
    const { GRPC_VERBOSITY: _1, GRPC_NODE_VERBOSITY: _2, ...env } = process.env
    return execFileSync(process.execPath, ['-e', code], { env: { ...env, ...variables }, encoding: 'utf8' })
  }
  assert.equal(run({}), 'E said\n')
  assert.equal(run({ GRPC_VERBOSITY: 'debug' }), 'D said\nI said\nE said\n')
  assert.equal(run({ GRPC_VERBOSITY: 'DEBUG', GRPC_NODE_VERBOSITY: 'NONE' }), '')
  assert.equal(run({ GRPC_VERBOSITY: '0' }), 'E said\n')
})
