'use strict'

// 05.js and 06.js: what a client sees byte for byte, on Node's http and on ironwire's.

const assert = require('node:assert')
const fs = require('node:fs')
const net = require('node:net')
const path = require('node:path')
const { test } = require('node:test')
const { copyScripts, freePort, listening, start } = require('./support')

/** Sends the bytes, returns everything that came back until the server closed. */
function exchange(port, request) {
  return new Promise((resolve, reject) => {
    const chunks = []
    const socket = net.connect(port, '127.0.0.1', () => socket.write(request))
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('error', reject)
    socket.on('end', () => {
      socket.end()
      resolve(Buffer.concat(chunks).toString('latin1'))
    })
  })
}

/** The date differs from one second to the next; all the rest has to be the same. */
const masked = (response) => response.replace(/^Date: .*\r$/gim, 'Date: *\r')

async function serve(t, script, implementation) {
  const port = await freePort()
  const run = start(t, path.join(copyScripts(t, implementation, port), script))
  await listening(port, run)
  return { port, run }
}

const LAST = 'Host: localhost\r\nConnection: close\r\n\r\n'
const KEPT = 'Host: localhost\r\n\r\n'
const REQUESTS = {
  'a GET': `GET / HTTP/1.1\r\n${LAST}`,
  'a HEAD': `HEAD /some/where?x=1 HTTP/1.1\r\n${LAST}`,
  'HTTP/1.0': 'GET / HTTP/1.0\r\n\r\n',
  'a POST with a length': `POST / HTTP/1.1\r\nContent-Length: 5\r\n${LAST}hello`,
  'a chunked POST': `POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n${LAST}5\r\nhello\r\n0\r\n\r\n`,
  'three pipelined': `GET /1 HTTP/1.1\r\n${KEPT}GET /2 HTTP/1.1\r\n${KEPT}GET /3 HTTP/1.1\r\n${LAST}`,
  'a malformed head': 'NONSENSE\r\n\r\n',
}

for (const [script, body] of [
  ['05.js', 'http'],
  ['06.js', fs.readFileSync(path.join(__dirname, 'scripts/HTML/01.html'), 'latin1')],
]) {
  test(`${script} answers as on Node`, async (t) => {
    const reference = await serve(t, script, 'node')
    const ours = await serve(t, script, 'ironwire')
    for (const [name, request] of Object.entries(REQUESTS)) {
      await t.test(name, async () => {
        const [expected, actual] = await Promise.all([exchange(reference.port, request), exchange(ours.port, request)])
        assert.strictEqual(masked(actual), masked(expected))
      })
    }
    const response = await fetch(`http://127.0.0.1:${ours.port}/`)
    assert.strictEqual(response.status, 200)
    assert.strictEqual(Buffer.from(await response.arrayBuffer()).toString('latin1'), body)
    assert.strictEqual(ours.run.stderr, '')
  })
}

test('05.js on a taken port ends as on Node', async (t) => {
  const { port } = await serve(t, '05.js', 'ironwire')
  const ends = []
  for (const implementation of ['node', 'ironwire']) {
    const run = start(t, path.join(copyScripts(t, implementation, port), '05.js'))
    const { code } = await run.ended
    const message = /^Error: .*$/m.exec(run.stderr)?.[0]
    const details = ['code', 'syscall', 'address', 'port'].map(
      (name) => new RegExp(`^ +${name}: .*`, 'm').exec(run.stderr)?.[0],
    )
    ends.push({ code, message, details })
  }
  assert.deepStrictEqual(ends[1], ends[0])
  assert.strictEqual(ends[0].message, `Error: listen EADDRINUSE: address already in use :::${port}`)
})
