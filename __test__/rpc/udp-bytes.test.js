'use strict'

// The datagrams of docs/rpc-protocol.md, written by hand for both sides.

const assert = require('node:assert')
const dgram = require('node:dgram')
const { once } = require('node:events')
const { test } = require('node:test')
const { promisify } = require('node:util')
const { rpc } = require('../../index.js')
const { Pace } = require('../../lib/rpc/udp/pace.js')

const hex = (text) => Buffer.from(text.replace(/\s/g, ''), 'hex')
const head = (kind, flags = '00', connection = '63 6f 6e 6e 65 63 74 21') =>
  hex(`49 57 52 55 01 ${kind} ${flags} ${connection}`)
const HELLO = Buffer.concat([head('10'), Buffer.alloc(1200 - 15)])

/** A socket. `next()` returns what it received, in order; `ask(bytes)` sends to `port` and returns the answer. */
async function socket(t, port) {
  const udp = dgram.createSocket('udp4')
  udp.bind(0, '127.0.0.1')
  await once(udp, 'listening')
  t.after(() => udp.close())
  const got = []
  const waiting = []
  udp.on('message', (bytes, from) => {
    if (waiting.length > 0) waiting.shift()([bytes, from])
    else got.push([bytes, from])
  })
  const next = () => (got.length > 0 ? Promise.resolve(got.shift()) : new Promise((resolve) => waiting.push(resolve)))
  const send = (bytes) => udp.send(bytes, port, '127.0.0.1')
  const ask = async (bytes) => {
    send(bytes)
    return (await next())[0]
  }
  return { udp, next, send, ask, port: udp.address().port }
}

test('a server, asked by hand', async (t) => {
  const server = rpc.createServer()
  const asked = []
  server.method('title', (request, callback, call) => {
    asked.push([request, Math.round(call.remaining / 1000), [...call.metadata]])
    if (request.length > 0) callback(null, Buffer.from('java'))
    else callback(new rpc.StatusError(rpc.status.NOT_FOUND, 'no such course', { code: 'ENOENT' }))
  })
  await promisify(server.bindUdp).call(server, 0)
  t.after(() => {
    server.closeAllConnections()
    return server.close()
  })
  const { ask, send } = await socket(t, server.udpAddress().port)

  const welcome = await ask(HELLO)
  assert.strictEqual(welcome.length, 43)
  assert.deepStrictEqual(welcome.subarray(0, 15), head('11'))
  const token = welcome.subarray(15, 31)
  assert.deepStrictEqual(welcome.subarray(31, 35), hex('04 b0  10 00'))

  const tail = '04 b0  00 00 03 e8  05 74 69 74 6c 65'
  const request = Buffer.concat([head('02'), token, hex(`00 00 00 00 00 07 ${tail} 03 e8`)])
  const java = Buffer.concat([head('03'), hex('00 00 00 00 00 07  6a 61 76 61')])
  assert.deepStrictEqual(await ask(request), java)
  // The same request gets the same answer again.
  assert.deepStrictEqual(await ask(request), java)
  assert.deepStrictEqual(asked, [[hex('03 e8'), 1, []]])

  const second = Buffer.concat([head('02', '02'), token, hex(`00 00 00 01 00 07 ${tail} 00 05 01 61 00 01 62`)])
  const code = hex('05 01  00 06  45 4e 4f 45 4e 54  6e 6f 20 73 75 63 68 20 63 6f 75 72 73 65')
  assert.deepStrictEqual(await ask(second), Buffer.concat([head('04'), hex('00 00 00 01 00 07'), code]))
  assert.deepStrictEqual(asked[1], [Buffer.alloc(0), 1, [['a', 'b']]])
  // The request before it is over and is not answered again. An unknown token is returned.
  send(request)
  const stranger = Buffer.from(request)
  stranger.fill(0xaa, 15, 31)
  assert.deepStrictEqual(await ask(stranger), Buffer.concat([head('12'), Buffer.alloc(16, 0xaa)]))

  // Bytes that are not valid text cannot be a method's name.
  server.method('\ufffd', () => Buffer.from('found'))
  const named = (name) => Buffer.concat([head('02'), token, hex(`00 00 00 00 00 09  04 b0  00 00 ff ff  ${name}`)])
  assert.deepStrictEqual((await ask(named('01 ff'))).subarray(21), hex('0c 02  00 00'))
  const next = named('03 ef bf bd')
  next[34] = 1
  assert.strictEqual(String((await ask(next)).subarray(21)), 'found')

  // A slow handler reports that it is working, and gets a cancel. A hello of another version is answered, too.
  let signal
  server.method('slow', (_request, _callback, call) => {
    signal = call.signal
  })
  const slow = Buffer.concat([head('02'), token, hex('00 00 00 00 00 00  04 b0  00 00 ff ff  04 73 6c 6f 77')])
  send(slow)
  assert.deepStrictEqual(await ask(slow), Buffer.concat([head('13'), hex('00 00 00 00 00 00')]))
  const cancelled = await ask(Buffer.concat([head('05'), token, hex('00 00 00 00 00 00')]))
  assert.deepStrictEqual(cancelled, Buffer.concat([head('04'), hex('00 00 00 00 00 00  01 05  00 00')]))
  assert.strictEqual(signal.aborted, true)
  const newer = Buffer.from(HELLO)
  newer[4] = 9
  assert.deepStrictEqual((await ask(newer)).subarray(0, 15), head('11'))

  const gone = once(server, 'disconnect')
  send(Buffer.concat([head('14'), token]))
  assert.deepStrictEqual((await gone)[1], null)
})

test('a client with room for one call, whose server is silent', async (t) => {
  const { udp, next, port } = await socket(t)
  const client = rpc.connect(`udp://127.0.0.1:${port}`, {
    udp: { maxInFlight: 1, resendAfter: 60_000, maxResendAfter: 60_000 },
  })
  t.after(() => client.destroy())
  const [hello, from] = await next()
  const mine = head('11', '00', hello.subarray(7, 15).toString('hex'))
  udp.send(Buffer.concat([mine, Buffer.alloc(16), hex('ff ff  00 02'), Buffer.alloc(8)]), from.port, from.address)
  await once(client, 'connect')
  const timedOut = client.call('a', null, { timeout: 20 })
  client.call('b', null, () => {})
  assert.strictEqual(String((await next())[0].subarray(44)), 'a')
  await assert.rejects(timedOut, { code: 'IRONWIRE_RPC_TIMEOUT', sent: true })
  // Its slot is free although no answer arrived.
  assert.strictEqual(String((await next())[0].subarray(44)), 'b')
})

test('a client, answered by hand', async (t) => {
  // Nothing is sent twice, however slow this machine is.
  t.mock.method(Pace.prototype, 'measured', () => {})
  const { udp, next, port } = await socket(t)
  const client = rpc.connect(`udp://127.0.0.1:${port}`, {
    udp: { maxDatagramBytes: 600, resendAfter: 10_000, maxResendAfter: 10_000 },
  })
  t.after(() => client.destroy())
  const [hello, from] = await next()
  assert.strictEqual(hello.length, 600)
  const connection = hello.subarray(7, 15)
  const mine = (kind, flags) => head(kind, flags, connection.toString('hex'))
  assert.deepStrictEqual(hello, Buffer.concat([mine('10'), Buffer.alloc(585)]))
  const token = Buffer.alloc(16, 0xbb)
  const answer = (...parts) => udp.send(Buffer.concat(parts), from.port, from.address)
  const welcome = Buffer.concat([mine('11'), token, hex('ff ff  00 02'), Buffer.alloc(8, 1)])
  answer(welcome)
  await once(client, 'connect')

  const reply = client.call('title', Buffer.from([3, 232]), { timeout: 1000 })
  const [request] = await next()
  assert.ok(request.readUInt32BE(39) <= 1000 && request.readUInt32BE(39) > 0)
  request.fill(0, 39, 43)
  const expected = [mine('02'), token, hex('00 00 00 00 00 00  02 58  00 00 00 00  05 74 69 74 6c 65  03 e8')]
  assert.deepStrictEqual(request, Buffer.concat(expected))
  answer(mine('03'), hex('00 00 00 00 00 00  6a 61 76 61'))
  assert.strictEqual(String(await reply), 'java')

  // The next request in the slot has the next number. An error with all possible parts.
  const failed = client.call('title')
  assert.deepStrictEqual((await next())[0].subarray(31, 37), hex('00 00 00 01 00 00'))
  answer(mine('04', '06'), hex('00 00 00 01 00 00  05 01  00 05 01 61 00 01 62  00 01 64  00 01 45  6e 6f'))
  await assert.rejects(failed, (error) => {
    assert.deepStrictEqual(
      [error.statusName, error.code, error.message, error.metadata.get('a'), String(error.details)],
      ['NOT_FOUND', 'E', 'no', 'b', 'd'],
    )
    return true
  })

  const gone = client.call('title')
  await next()
  answer(mine('04'), hex('00 00 00 02 00 00  0e 08  00 00  74 6f 6f 20 6c 61 74 65'))
  await assert.rejects(gone, {
    code: 'IRONWIRE_RPC_CONNECTION_LOST',
    statusName: 'UNAVAILABLE',
    sent: true,
    message: 'The call of "title" was answered, but the answer is gone: too late',
  })

  // The token is unknown: the client says hello again with the same id, and repeats its requests with the new token.
  const again = client.call('title', null, { metadata: { a: 'b' } })
  const [first] = await next()
  answer(mine('12'), token)
  assert.deepStrictEqual((await next())[0], hello)
  token.fill(0xcc)
  answer(mine('11'), token, hex('ff ff  00 02'), Buffer.alloc(8, 1))
  const [repeated] = await next()
  assert.deepStrictEqual(repeated.subarray(15, 31), token)
  assert.deepStrictEqual(repeated.subarray(43), first.subarray(43))
  assert.deepStrictEqual(repeated.subarray(49), hex('00 05 01 61 00 01 62'))
  const controller = new AbortController()
  const aborted = client.call('slow', null, { signal: controller.signal })
  await next()
  controller.abort()
  await assert.rejects(aborted, { code: 'IRONWIRE_RPC_ABORTED' })
  assert.deepStrictEqual((await next())[0], Buffer.concat([mine('05'), token, hex('00 00 00 00 00 01')]))
  const note = client.call('note', null, { oneWay: true })
  const [sent] = await next()
  assert.deepStrictEqual([sent[5], sent[6], sent.subarray(31, 37)], [2, 16, hex('00 00 00 00 00 00')])
  await note

  // A server that closes: calls that it has not begun are sent over another connection.
  answer(mine('08', '01'), hex('00 00 00 03 00 00  00 00'))
  const [bye] = await next()
  assert.deepStrictEqual(bye, Buffer.concat([mine('14'), token]))
  const [anew, place] = await next()
  assert.notDeepStrictEqual(anew.subarray(7, 15), connection)
  udp.send(
    Buffer.concat([head('11', '00', anew.subarray(7, 15).toString('hex')), token, hex('ff ff 00 02'), Buffer.alloc(8)]),
    place.port,
    place.address,
  )
  const [moved] = await next()
  assert.deepStrictEqual(moved.subarray(43), first.subarray(43))
  udp.send(
    Buffer.concat([head('03', '00', anew.subarray(7, 15).toString('hex')), hex('00 00 00 00 00 00 78')]),
    place.port,
    place.address,
  )
  assert.strictEqual(String(await again), 'x')
  // A server that refuses the client for another reason.
  const refused = once(client, 'disconnect')
  udp.send(
    Buffer.concat([
      head('08', '00', anew.subarray(7, 15).toString('hex')),
      hex('00 00 00 00 00 00  00 06'),
      Buffer.from('too fast'),
    ]),
    place.port,
    place.address,
  )
  assert.match((await refused)[0].message, /The peer dropped the connection: too fast/)
})
