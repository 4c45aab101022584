'use strict'

// Traces that go through rpc, from one process into another and on.

const assert = require('node:assert/strict')
const { fork } = require('node:child_process')
const { once } = require('node:events')
const fs = require('node:fs')
const path = require('node:path')
const { test } = require('node:test')

const program = path.join(__dirname, 'tracing', 'process.js')

test('OpenTelemetry: spans of rpc calls are joined across two processes', async (t) => {
  const server = fork(program, ['server'])
  t.after(() => server.kill())
  const [{ port }] = await once(server, 'message')
  const client = fork(program, ['client', port])
  t.after(() => client.kill())
  const [{ spans: called }] = await once(client, 'message')
  server.send('end')
  const [{ spans: served }] = await once(server, 'message')

  const all = [...called, ...served]
  const child = (parent, name, kind) => {
    const found = all.filter((span) => span.parent === parent.spanId && span.name === name && span.kind === kind)
    assert.equal(found.length, 1, `${kind} ${name} within ${parent.name}`)
    assert.equal(found[0].traceId, parent.traceId)
    return found[0]
  }
  const roots = called.filter(({ name }) => name.startsWith('root'))
  assert.equal(new Set(roots.map(({ traceId }) => traceId)).size, 20)
  for (const root of roots) {
    const outer = child(child(root, 'outer', 'CLIENT'), 'outer', 'SERVER')
    child(child(outer, 'inner', 'CLIENT'), 'inner', 'SERVER')
  }
  const failed = called.find(({ name }) => name === 'fails')
  assert.deepEqual([failed.status, child(failed, 'fails', 'SERVER').status], [2, 2])
  assert.equal(all.length, 20 * 5 + 2)
})

test('the documents show the interceptors that this tests', () => {
  const shown = fs.readFileSync(path.join(__dirname, '..', '..', 'docs', 'rpc.md'), 'utf8')
  const code = fs.readFileSync(path.join(__dirname, 'tracing', 'interceptors.js'), 'utf8')
  const begin = code.indexOf('const {')
  assert.ok(shown.includes(code.slice(begin, code.indexOf('module.exports')).trim()))
})
