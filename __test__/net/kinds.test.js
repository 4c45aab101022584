'use strict'

// Ids of the wrong kind: whatever native function one is given to, it answers with an error of the system's, and the process lives.

const assert = require('node:assert/strict')
const os = require('node:os')
const path = require('node:path')
const { test } = require('node:test')
const { getSystemErrorName } = require('node:util')
const { native } = require('../../lib/engine.js')

const errno = (code) => (typeof code === 'number' && code < 0 ? getSystemErrorName(code) : code)
const pipePath = () =>
  process.platform === 'win32'
    ? `\\\\.\\pipe\\ironwire-kinds-${process.pid}`
    : path.join(os.tmpdir(), `ironwire-kinds-${process.pid}.sock`)

/** Everything that works on a connection alone. */
const CONNECTION_ONLY = {
  bindTcp: (id) => native.bindTcp(id, '127.0.0.1', 0, false),
  connectTcp: (id) => native.connectTcp(id, '127.0.0.1', 9),
  connectPipe: (id) => native.connectPipe(id, pipePath()),
  readStart: (id) => native.readStart(id),
  readStop: (id) => native.readStop(id),
  write: (id) => native.write(id, Buffer.from('x'), 0, 1),
  writeLarge: (id) => native.write(id, Buffer.alloc(100_000), 0, 100_000),
  writeUtf8: (id) => native.writeUtf8(id, 'x'),
  writeLatin1: (id) => native.writeLatin1(id, 'x'),
  flush: (id) => native.flush(id),
  end: (id) => native.end(id),
  setNoDelay: (id) => native.setNoDelay(id, true),
  setKeepAlive: (id) => native.setKeepAlive(id, true, 1),
  peerAddress: (id) => native.peerAddress(id),
  httpAttach: (id) => native.httpAttach(id, 0, 0),
  httpRespond: (id) => native.httpRespond(id, 200, 0, ''),
  httpSend: (id) => native.httpSend(id, 0, ''),
  speakFrames: (id) => native.speakFrames(id, true, 1024, false),
}

/** What only tells, or does nothing, where there is nothing to do. */
const HARMLESS = {
  httpDetach: (id) => native.httpDetach(id),
  httpTap: (id) => native.httpTap(id),
  httpTime: (id) => native.httpTime(id),
  httpFeed: (id) => native.httpFeed(id, Buffer.from('GET / HTTP/1.1\r\n\r\n'), 18, false),
  httpPause: (id) => native.httpPause(id),
  httpResume: (id) => native.httpResume(id),
  httpFinish: (id) => native.httpFinish(id),
  httpExpired: (id) => native.httpExpired(id, 1, 1),
  httpBusy: (id) => native.httpBusy(id),
  httpQuiet: (id) => native.httpQuiet(id),
  httpSiteIdle: (id) => native.httpSiteIdle(id),
  httpSiteRest: (id) => native.httpSiteRest(id),
  queued: (id) => native.queued(id),
  hasRef: (id) => native.hasRef(id),
  fd: (id) => native.fd(id),
  isTcp: (id) => native.isTcp(id),
}

const listeners = {
  'a TCP listener': () => native.listenTcp('127.0.0.1', 0, 511, false, false),
  'a pipe listener': () => native.listenPipe(pipePath(), 511),
}
for (const [kind, listen] of Object.entries(listeners)) {
  test(`${kind} is no connection`, (t) => {
    const id = listen()
    t.after(() => native.close(id, false))
    assert.ok(id >= 0)
    for (const [name, call] of Object.entries(CONNECTION_ONLY)) {
      // A listening socket has no peer, and the system says so.
      const expected = name === 'peerAddress' && native.isTcp(id) ? /ENOTCONN/ : /EINVAL|ENOTSUP/
      assert.match(String(errno(call(id))), expected, name)
    }
    for (const call of Object.values(HARMLESS)) call(id)
  })
}

const connections = { 'a TCP handle': () => native.createTcp(), 'a pipe': () => native.createPipe() }
for (const [kind, create] of Object.entries(connections)) {
  test(`${kind} is not of the other kind`, (t) => {
    const id = create()
    t.after(() => native.close(id, false))
    const wrong = native.isTcp(id) ? ['connectPipe'] : ['connectTcp', 'bindTcp']
    for (const name of wrong) assert.equal(errno(CONNECTION_ONLY[name](id)), 'EINVAL', name)
    // Not connected: nothing of it can be read or written, and nothing of that ends the process.
    for (const name of ['readStart', 'writeLarge', 'end']) assert.ok(CONNECTION_ONLY[name](id) < 0, name)
    for (const call of Object.values(HARMLESS)) call(id)
  })

  test(`${kind} connects once`, () => {
    const id = create()
    const connect = CONNECTION_ONLY[native.isTcp(id) ? 'connectTcp' : 'connectPipe']
    assert.equal(connect(id), 0)
    assert.equal(errno(connect(id)), 'EALREADY')
    assert.equal(native.close(id, false), 0)
  })
}

test('stale and invalid ids', () => {
  const id = native.createTcp()
  native.close(id, false)
  for (const wrong of [id, -1, 0x7fffffff, 4294967295, 1e10, 0.5, Number.NaN]) {
    for (const [name, call] of Object.entries(CONNECTION_ONLY)) {
      assert.equal(errno(call(wrong)), 'EBADF', `${name}(${wrong})`)
    }
    for (const call of Object.values(HARMLESS)) call(wrong)
    assert.equal(errno(native.close(wrong, false)), 'EBADF')
  }
})

test('arguments that are not numbers are refused', () => {
  for (const wrong of [undefined, null, '1', {}, 1n, Symbol('id')]) {
    for (const [name, call] of Object.entries({ ...CONNECTION_ONLY, ...HARMLESS })) {
      assert.throws(() => call(wrong), { code: 'IRONWIRE_INTERNAL' }, name)
    }
  }
})
