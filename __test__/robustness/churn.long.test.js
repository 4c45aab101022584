'use strict'

// Ten thousand connections that end at a random moment: by a FIN or an RST, before a byte was sent, in the middle of a head, of a body,
// of a reply, or after everything went well. The server must neither crash nor keep anything of them.

const test = require('node:test')
const { once } = require('node:events')
const net = require('node:net')
const ironwire = require('ironwire')
const { attack, churn, random, PARTS } = require('./attack.js')

const requests = [
  'GET /small HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /late HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /stream HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /much HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /small HTTP/1.0\r\n\r\n',
  `POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n${'b'.repeat(5000)}`,
  `POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${'400\r\n'.concat('c'.repeat(1024), '\r\n').repeat(4)}0\r\n\r\n`,
  'GET /small HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(8),
  'GET /small HTTP/1.1\r\nHost: a\r\n\r\nGET /late HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(3),
  'nonsense\r\n\r\n',
].map((text) => Buffer.from(text, 'latin1'))

/** What a well-behaved RPC client sends for a few calls, recorded between it and the server. */
async function recordRpc(port) {
  const chunks = []
  const recorder = net.createServer((client) => {
    const server = net.connect(port, '127.0.0.1')
    client.on('data', (data) => chunks.push(data))
    client.pipe(server).pipe(client)
    for (const socket of [client, server]) socket.on('error', () => {})
  })
  await once(recorder.listen(0, '127.0.0.1'), 'listening')
  const client = ironwire.rpc.connect(`127.0.0.1:${recorder.address().port}`)
  const methods = ['echo', 'late', 'much', 'echo', 'late']
  await Promise.all(methods.map((method, i) => client.call(method, Buffer.alloc(i * 50, i))))
  client.close()
  recorder.close()
  return Buffer.concat(chunks)
}

function dropped(t, implementation, kind, connections) {
  return attack(t, implementation, kind, async (port) => {
    const recorded = kind === 'rpc' ? await recordRpc(port) : undefined
    const pick = random(20_261_122)
    const bytesFor = recorded === undefined ? () => requests[pick(requests.length)] : () => recorded
    return () => churn(port, connections / 2 / PARTS, pick, bytesFor)
  })
}

for (const kind of ['net', 'http', 'rpc']) {
  test(`${kind}: ten thousand connections dropped at random moments`, (t) => dropped(t, 'ironwire', kind, 10_000))
}

// The attack itself: it must leave Node's own server as it found it, or it proves nothing about ours.
for (const kind of ['net', 'http']) {
  test(`${kind}: the attack is fair to Node's server`, (t) => dropped(t, 'node', kind, 1_000))
}
