'use strict'

// Plans as the native core makes them, without a server: what only shows there, or costs a process of its own.

const assert = require('node:assert')
const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { test } = require('node:test')
const mime = require('mime-types')
const { site, FOLDER } = require('./plans.js')

const folder = (t) => {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), FOLDER))
  t.after(() => fs.rmSync(made, { recursive: true, force: true }))
  return made
}

test('every extension known to mime-types has the type that npm send uses', async (t) => {
  const root = folder(t)
  const extensions = Object.keys(mime.types)
  for (const extension of extensions) fs.writeFileSync(path.join(root, `file.${extension}`), '')
  const { plan } = site(root)
  for (const extension of extensions) {
    const { headers } = await plan(`/file.${extension}`)
    assert.strictEqual(headers['Content-Type'], mime.contentType(`.${extension}`), extension)
  }
})

test('a body is read in pieces, and a file that shrank is an error', async (t) => {
  const root = folder(t)
  const content = Buffer.from(Array.from({ length: 200_000 }, (_, at) => at % 251))
  fs.writeFileSync(path.join(root, 'large'), content)
  const { plan } = site(root)
  const whole = await plan('/large')
  assert.deepStrictEqual(await whole.read(100_000, 50), content.subarray(100_000, 100_050))
  assert.deepStrictEqual(await whole.read(199_990, 1_000), content.subarray(199_990))
  const parts = await plan('/large', 'Range: bytes=10-19,0-4\r\n')
  const body = await parts.read(0, 10_000)
  assert.strictEqual(body.length, parts.length)
  for (const [offset, length] of [
    [0, 1],
    [3, 100],
    [90, 200],
    [parts.length - 1, 9],
    [parts.length, 9],
  ]) {
    assert.deepStrictEqual(await parts.read(offset, length), body.subarray(offset, offset + length))
  }
  fs.truncateSync(path.join(root, 'large'), 1_000)
  assert.strictEqual(await whole.read(990, 100), -os.constants.errno.EIO)
})

test('a process without descriptors closes cached files first, then answers 503', {
  skip: process.platform === 'win32' && 'there is no such limit',
}, () => {
  const child = path.join(__dirname, 'plans-emfile.js')
  const script = `ulimit -n 200 && exec "${process.execPath}" "${child}"`
  const { status, stdout, stderr } = spawnSync('sh', ['-c', script], { encoding: 'utf8', timeout: 60_000 })
  assert.strictEqual(status, 0, stderr)
  assert.deepStrictEqual(JSON.parse(stdout), { kept: 20, made: 200, left: 1, none: 503, after: 200 })
})
