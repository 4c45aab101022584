'use strict'

// Models as they are shared: decoded, changed in one field and encoded, ONNX's own checker takes them as before.

const assert = require('node:assert')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const test = require('node:test')
const { protobuf } = require('../..')
const { missing, run } = require('./python.js')

test('ONNX models survive a round trip', { skip: missing }, (t) => {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-onnx-'))
  t.after(() => fs.rmSync(home, { recursive: true }))
  const where = run(['-c', 'import onnx, os; print(os.path.dirname(onnx.__file__))']).toString().trim()
  const { onnx } = protobuf.loadSync(path.join(where, 'onnx.proto'))
  const models = path.join(where, 'backend', 'test', 'data', 'light')
  const files = fs.readdirSync(models).filter((name) => name.endsWith('.onnx'))
  assert.ok(files.length > 5)
  const changed = files.map((name) => {
    const bytes = fs.readFileSync(path.join(models, name))
    const model = onnx.ModelProto.decode(bytes)
    assert.deepStrictEqual(onnx.ModelProto.decode(onnx.ModelProto.encode(model)), model)
    model.graph.name = `changed ${name}`
    const file = path.join(home, name)
    fs.writeFileSync(file, onnx.ModelProto.encode(model))
    // Nothing but the name is another.
    const original = onnx.ModelProto.decode(bytes)
    const again = onnx.ModelProto.decode(fs.readFileSync(file))
    assert.ok(!onnx.ModelProto.equals(again, original))
    again.graph.name = original.graph.name
    assert.ok(onnx.ModelProto.equals(again, original))
    return file
  })
  const names = run(['check_onnx.py', ...changed])
    .toString()
    .trim()
    .split('\n')
  assert.deepStrictEqual(
    names,
    files.map((name) => `changed ${name}`),
  )
})
