'use strict'

// A long day of a server, in short: whatever its clients do and however often its parts come and go, it holds in the end what it held in the
// middle. IRONWIRE_SOAK=10 makes each test ten times as long.

const test = require('node:test')
const assert = require('node:assert')
const { attack, start, churn, random, PARTS } = require('./attack.js')

const TIMES = Number(process.env.IRONWIRE_SOAK) || 1
const REQUESTS = 40_000 * TIMES
const SERVERS = 1_000 * TIMES
const WORKERS = 20 * TIMES

const get = (path) => `GET ${path} HTTP/1.1\r\nHost: a\r\nUser-Agent: soak\r\nAccept: */*\r\n\r\n`
const chunked = `POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${'40\r\n'.concat('c'.repeat(64), '\r\n').repeat(4)}0\r\n__proto__: x\r\n\r\n`
const counted = `POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 300\r\n\r\n${'b'.repeat(300)}`

/** What one connection sends: pipelined requests of every kind, and how many of them there are. */
function mixture(pick) {
  const requests = []
  for (let count = 20 + pick(100); count > 0; count--) {
    const kind = pick(100)
    if (kind < 60) requests.push(get('/small'))
    else if (kind < 75) requests.push(counted)
    else if (kind < 90) requests.push(chunked)
    else if (kind < 95) requests.push(get('/late'))
    else if (kind < 98) requests.push(get('/stream'))
    else requests.push(get('/much'))
  }
  // Some end with what no parser takes.
  if (pick(10) === 0) requests.push('nonsense\r\n\r\n')
  return Buffer.from(requests.join(''), 'latin1')
}

for (const [how, kind] of [
  ['whose sockets are in use', 'http'],
  ['whose sockets nobody looks at', 'bare'],
]) {
  test(`tens of thousands of mixed requests, with clients that go at any moment, on connections ${how}`, async (t) => {
    const pick = random(20_261_126)
    let connections = 0
    const last = await attack(t, 'ironwire', kind, (port) => async () => {
      // Some thirty of what a connection sends are answered before it goes.
      const count = Math.ceil(REQUESTS / 2 / PARTS / 20)
      connections += count
      await churn(port, count, pick, () => mixture(pick))
    })
    const requests = kind === 'http' ? last.begun - connections : last.begun
    t.diagnostic(`${requests} requests on ${connections} connections`)
    // How many it were depends on how soon the clients went.
    assert.ok(requests >= REQUESTS / 2, `only ${requests} of ${REQUESTS}`)
  })
}

for (const [name, args] of [
  ['a thousand servers opened and closed', ['servers', SERVERS]],
  ['twenty workers started and ended', ['workers', WORKERS]],
]) {
  test(name, async (t) => {
    const { message, ended } = start(t, 'soak-program.js', args.map(String))
    const { said, before, after } = await message()
    t.diagnostic(said)
    assert.deepStrictEqual(after, before, 'slots, handles and descriptors')
    assert.deepStrictEqual(await ended, [0, null], 'nothing keeps the process alive')
  })
}
