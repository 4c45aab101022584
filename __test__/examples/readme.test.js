'use strict'

// The README's programs run, and print what the comments beside their `console.log` say.

const assert = require('node:assert')
const { once } = require('node:events')
const fs = require('node:fs')
const https = require('node:https')
const path = require('node:path')
const { test } = require('node:test')
const { ROOT, freePort, listening, start } = require('../tutorial/support')

const README = fs.readFileSync(path.join(ROOT, 'README.md'), 'utf8')
const programs = new Map()
for (const section of README.split(/^### /m).slice(1)) {
  const text = /^```js\n(.*?)^```$/ms.exec(section)?.[1]
  if (text) programs.set(section.slice(0, section.indexOf('\n')), text)
}

const WORK = path.join(__dirname, '.work')

/** Runs a program on a port of its own, inside the repository, where 'ironwire' means this package. */
async function run(t, title) {
  const port = await freePort()
  const text = programs.get(title).replace(/\b300[01]\b/g, port)
  fs.mkdirSync(WORK, { recursive: true })
  const directory = fs.mkdtempSync(path.join(WORK, 'readme-'))
  t.after(() => fs.rmSync(directory, { recursive: true, force: true }))
  const file = path.join(directory, 'program.js')
  fs.writeFileSync(file, text)
  return { port, text, program: start(t, file, { cwd: ROOT }) }
}

test('there is a program for each module', () => {
  assert.deepStrictEqual(
    [...programs.keys()],
    ['Buffer and codec', 'protobuf', 'net', 'dgram', 'http', 'https and tls', 'http2', 'grpc', 'static files', 'rpc'],
  )
})

for (const title of programs.keys()) {
  if (['http', 'https and tls', 'static files'].includes(title)) continue
  test(title, async (t) => {
    const { text, program } = await run(t, title)
    const expected = [...text.matchAll(/console\.log\(.*\) \/\/ (.*)$/gm)].map(([, printed]) => printed)
    assert.notStrictEqual(expected.length, 0)
    assert.deepStrictEqual(await program.ended, { code: 0, signal: null }, program.stderr)
    assert.strictEqual(program.stderr, '')
    assert.deepStrictEqual(program.stdout.split('\n').slice(0, -1), expected)
  })
}

test('http', async (t) => {
  const { port, program } = await run(t, 'http')
  await listening(port, program)
  const response = await fetch(`http://127.0.0.1:${port}/`)
  assert.strictEqual(response.headers.get('content-type'), 'text/markdown; charset=utf-8')
  assert.strictEqual(await response.text(), README)
  assert.strictEqual((await fetch(`http://127.0.0.1:${port}/other`)).status, 404)
})

test('https', async (t) => {
  const { port, program } = await run(t, 'https and tls')
  await listening(port, program)
  const [response] = await once(
    https.get({ port, host: '127.0.0.1', rejectUnauthorized: false, agent: false }),
    'response',
  )
  assert.strictEqual(String((await once(response, 'data'))[0]), 'hello over TLSv1.3')
})

test('static files', async (t) => {
  const { port, program } = await run(t, 'static files')
  await listening(port, program)
  const response = await fetch(`http://127.0.0.1:${port}/static.md`, { headers: { 'accept-encoding': 'br' } })
  assert.deepStrictEqual(
    [response.headers.get('content-type'), response.headers.get('content-encoding')],
    ['text/markdown; charset=utf-8', 'br'],
  )
  assert.strictEqual(await response.text(), fs.readFileSync(path.join(ROOT, 'docs', 'static.md'), 'utf8'))
  assert.strictEqual((await fetch(`http://127.0.0.1:${port}/other`)).status, 404)
})
