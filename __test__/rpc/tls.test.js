'use strict'

// Calls over TLS: what works, which clients servers accept, which servers clients trust, and all ways to fail.

const assert = require('node:assert/strict')
const { execFile, fork, spawnSync } = require('node:child_process')
const { once } = require('node:events')
const net = require('node:net')
const os = require('node:os')
const path = require('node:path')
const { describe, it } = require('node:test')
const tls = require('node:tls')
const { inspect } = require('node:util')
const { rpc } = require('../../index.js')
const { native } = require('../../lib/engine.js')
const { ca, file, identity, of, pem } = require('../https/support.js')
const { freePort } = require('../ports.js')
const { Kind, Reader, preface, frame, method, listening, handServer, until, connectedTo } = require('./tools.js')

const client = of('client')
const UNTRUSTED = { code: 'IRONWIRE_RPC_TLS', statusName: 'UNAUTHENTICATED', sent: false }
/** Attempts follow so quickly that no test has to wait for one. */
const quick = { reconnect: { initialDelay: 1, maxDelay: 2 } }

/** An echo server with TLS. `refused` collects the errors of connections that it refuses. */
async function serving(t, tlsOptions = {}, options = {}, where = 0) {
  const { server, port } = await listening(t, { tls: { ...identity, ...tlsOptions }, ...options }, where)
  server.method('echo', (body, callback) => callback(null, body))
  server.method('peer', (_body, _callback, call) => {
    const { tls: peer } = call.peer
    const { authorized, authorizationError, protocol, servername, resumed } = peer
    const shown = { authorized, authorizationError, protocol, servername, resumed, subject: peer.certificate?.subject }
    return Buffer.from(JSON.stringify(shown))
  })
  server.method('count', { serverStreaming: true }, async function* () {
    for (let i = 0; i < 300; i++) yield Buffer.alloc(10_000, i)
  })
  const refused = []
  server.on('protocolError', (error) => refused.push(error))
  return { server, port, refused }
}

function connecting(t, target, tlsOptions = {}, options = {}) {
  const made = rpc.connect(target, { tls: { ca, ...tlsOptions }, ...options })
  made.on('error', () => {})
  t.after(() => made.destroy())
  return made
}

/** A connection of Node's TLS to our server, after the handshake. */
async function secure(t, port, options = {}) {
  const socket = tls.connect({ port, host: '127.0.0.1', servername: 'localhost', ca, ...options })
  t.after(() => socket.destroy())
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  return socket
}

/** Resolves when a connection has ended, in whatever way. */
const gone = (socket) => {
  socket.on('error', () => {})
  return new Promise((resolve) => socket.resume().on('close', resolve))
}

async function collected(stream) {
  let text = ''
  for await (const chunk of stream.setEncoding('utf8')) text += chunk
  return text
}

const peerOf = async (client) => JSON.parse(await client.call('peer'))

/** Reads frames over Node's TLS: returns what the server sends, unit by unit. */
function read(socket) {
  const units = []
  const reader = new Reader((unit) => units.push(unit))
  socket.on('data', (chunk) => reader.push(chunk))
  return units
}

const refusalOf = (call) =>
  call.then(
    () => assert.fail('it was answered'),
    (error) => error,
  )

describe('calls over TLS', { concurrency: 4 }, () => {
  it('work like other calls, with every way to ask for TLS', async (t) => {
    const { server, port } = await serving(t)
    const large = Buffer.alloc(2 ** 20, 'large')
    for (const [target, given] of [
      [`tls://localhost:${port}`, {}],
      [`127.0.0.1:${port}`, {}],
      [{ host: '127.0.0.1', port }, { servername: 'localhost' }],
      [[`localhost:${port}`], { maxVersion: 'TLSv1.2' }],
      [`dns://localhost:${port}`, { minVersion: 'TLSv1.3' }],
    ]) {
      const client = connecting(t, target, given)
      const early = Array.from({ length: 20 }, (_, i) => client.call('echo', Buffer.from([i])))
      assert.deepEqual(Buffer.concat(await Promise.all(early)), Buffer.from(early.map((_, i) => i)))
      assert.deepEqual(await client.call('echo', large), large)
      const { protocol, servername, authorized } = await peerOf(client)
      const isAddress = typeof target === 'string' && target.startsWith('127')
      assert.deepEqual(
        [protocol, servername, authorized],
        [given.maxVersion ?? 'TLSv1.3', isAddress ? undefined : 'localhost', false],
      )
    }
    assert.equal(server.stats.tlsFailures, 0)
  })

  it('stream with backpressure', async (t) => {
    const { server, port } = await serving(t, {}, { streamWindow: 65_536 })
    server.method('sum', { clientStreaming: true }, async (requests) => {
      let sum = 0
      for await (const { length } of requests) sum += length
      return Buffer.from(String(sum))
    })
    const client = connecting(t, `localhost:${port}`, {}, { streamWindow: 65_536 })
    let at = 0
    for await (const part of client.stream('count')) {
      assert.ok(part.length === 10_000 && part.every((byte) => byte === at % 256))
      at++
    }
    assert.equal(at, 300)
    const parts = Array.from({ length: 300 }, () => Buffer.alloc(10_000))
    assert.equal(
      String(await client.stream('sum', parts, { clientStreaming: true, serverStreaming: false })),
      '3000000',
    )
  })

  it('limit the memory of a server that is not read, and continue when it is', async (t) => {
    const { server, port } = await serving(t)
    let handled = 0
    server.method('much', () => {
      handled++
      return Buffer.alloc(2 ** 20, 'much')
    })
    const socket = await secure(t, port)
    const asked = 30
    socket.write(Buffer.concat([preface({ version: 2 }), method(0, 'much')]))
    for (let i = 0; i < asked; i++) socket.write(frame(Kind.REQUEST, i, { code: 0 }))
    const [session] = server.sessions
    await until(() => session.out?.congested)
    const before = handled
    assert.ok(before < asked, `${before} were handled`)
    const units = read(socket)
    await until(() => units.filter(({ kind }) => kind === Kind.REPLY).length === asked)
    assert.equal(handled, asked)
    assert.ok(units.slice(1).every(({ payload }) => payload.length === 2 ** 20))
  })

  it('resume the session on a new connection, also with a client certificate', async (t) => {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3']) {
      const { server, port } = await serving(t, { ca, requestCert: true, maxVersion })
      const caller = connecting(t, `localhost:${port}`, client)
      for (const resumed of [false, true, true, true, true]) {
        const peer = await peerOf(caller)
        assert.deepEqual([peer.resumed, peer.authorized, peer.subject], [resumed, true, 'O=ironwire\nCN=client'])
        server.closeAllConnections()
        await once(caller, 'disconnect')
      }
    }
  })

  it('work over Unix sockets', { skip: process.platform === 'win32' }, async (t) => {
    const socket = path.join(os.tmpdir(), `ironwire-tls-${process.pid}.sock`)
    const server = rpc.createServer({ tls: identity }).method('echo', (body) => body)
    await once(server.listen(socket), 'listening')
    t.after(() => server.close(() => {}))
    const client = connecting(t, socket)
    assert.equal(String(await client.call('echo', Buffer.from('hello'))), 'hello')
    await client.close()
  })

  it('need the secret as well, if there is one', async (t) => {
    const secret = 'sixteen bytes at least'
    const { port, refused } = await serving(t, { ca, requestCert: true }, { secret })
    const good = connecting(t, `localhost:${port}`, client, { secret })
    assert.equal(String(await good.call('echo', Buffer.from('both'))), 'both')
    const wrong = await refusalOf(
      connecting(t, `localhost:${port}`, client, { secret: `another, ${secret}` }).call('echo'),
    )
    assert.match(wrong.message, /does not accept the secret of this client/)
    const without = await refusalOf(connecting(t, `localhost:${port}`, {}, { secret }).call('echo'))
    assert.match(
      without.message,
      /accepts only clients with a certificate of its authorities, and this client has none/,
    )
    assert.deepEqual(
      refused.map(({ code }) => code),
      ['IRONWIRE_RPC_UNAUTHENTICATED', 'IRONWIRE_RPC_UNAUTHENTICATED'],
    )
  })

  it('fail with whether each was sent, when a server that stopped reading is lost', async (t) => {
    let seen = 0
    const server = tls.createServer(identity, (socket) => {
      socket.on('error', () => {})
      const reader = new Reader(({ kind }) => {
        if (kind !== Kind.REQUEST || ++seen < 20) return
        socket.pause()
        setImmediate(() => server.emit('full', socket))
      })
      socket.on('data', (chunk) => reader.push(chunk))
      socket.write(preface({ version: 2 }))
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    t.after(() => server.close())
    const caller = connecting(t, `localhost:${server.address().port}`, {}, { reconnect: false })
    await once(caller, 'connect')
    const body = Buffer.alloc(65_536)
    const full = once(server, 'full')
    const calls = Array.from({ length: 400 }, () => refusalOf(caller.call('echo', body)))
    const [socket] = await full
    await until(() => caller.link.out.congested)
    socket.destroy()
    const sent = (await Promise.all(calls)).map((error) => error.sent)
    const count = sent.lastIndexOf(true) + 1
    assert.deepEqual(
      sent,
      Array.from({ length: 400 }, (_, i) => i < count),
    )
    assert.ok(count >= seen && count < 400, `${seen} were seen, ${count} may have been`)
  })

  it('end when their server closes, and continue at the next one', async (t) => {
    const { server, port } = await serving(t, {}, {}, await freePort())
    const caller = connecting(t, `localhost:${port}`, {}, quick)
    let answer
    server.method('slow', (_body, callback) => {
      answer = callback
    })
    const slow = caller.call('slow')
    await until(() => answer !== undefined)
    const closed = server.close()
    await once(caller, 'disconnect')
    const waiting = caller.call('echo', Buffer.from('next'))
    answer(null, Buffer.from('still'))
    assert.equal(String(await slow), 'still')
    await closed
    const next = rpc.createServer({ tls: identity }).method('echo', (body) => body)
    await once(next.listen(port), 'listening')
    t.after(() => {
      next.close(() => {})
      next.closeAllConnections()
    })
    assert.equal(String(await waiting), 'next')
  })
})

describe('clients that a server accepts', { concurrency: 4 }, () => {
  it('have a certificate of its authorities, which handlers see', async (t) => {
    const { server, port, refused } = await serving(t, { ca, requestCert: true })
    const caller = connecting(t, `localhost:${port}`, client)
    assert.deepEqual(await peerOf(caller), {
      authorized: true,
      authorizationError: null,
      protocol: 'TLSv1.3',
      servername: 'localhost',
      resumed: false,
      subject: 'O=ironwire\nCN=client',
    })
    for (const [given, why] of [
      [{}, 'this client has none'],
      [of('stranger'), "this client's is not one: DEPTH_ZERO_SELF_SIGNED_CERT"],
      [of('server'), "this client's is not one: UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
    ]) {
      const other = connecting(t, `localhost:${port}`, given)
      const [refusal, error] = await Promise.all([refusalOf(other.call('echo')), once(other, 'error')])
      const { code, statusName, sent, message } = refusal
      assert.deepEqual([code, statusName, sent], ['IRONWIRE_RPC_UNAUTHENTICATED', 'UNAUTHENTICATED', false])
      assert.equal(refusal.cause, error[0])
      assert.ok(message.endsWith(`accepts only clients with a certificate of its authorities, and ${why}`), message)
      assert.ok(refused.pop().message.endsWith(why))
    }
    assert.deepEqual([server.stats.unauthenticated, server.stats.tlsFailures], [3, 0])
  })

  it('have no certificate whose issuer must not sign; clients refuse such servers, too', async (t) => {
    const [end, between, root] = String(pem('chains/between-may-not-sign.pem')).split(/(?<=END CERTIFICATE-----\n)/)
    const signed = { key: pem('chains/key.pem'), cert: end + between }
    const { port } = await serving(t, { ...identity, ca: [ca, root], requestCert: true })
    const stranger = await refusalOf(connecting(t, `localhost:${port}`, signed).call('echo'))
    assert.equal(stranger.code, 'IRONWIRE_RPC_UNAUTHENTICATED')
    assert.match(stranger.message, /this client's is not one: KEYUSAGE_NO_CERTSIGN$/)
    const other = await serving(t, signed)
    const { code, cause } = await refusalOf(connecting(t, `localhost:${other.port}`, { ca: root }).call('echo'))
    assert.deepEqual([code, cause.code], ['IRONWIRE_RPC_TLS', 'UNSPECIFIED'])
    assert.equal(cause.message, 'key usage does not include certificate signing')
  })

  it('are all clients, if it does not reject any', async (t) => {
    const { server, port } = await serving(t, { ca, requestCert: true, rejectUnauthorized: false })
    const seen = []
    server.on('connection', (peer) => seen.push(peer))
    for (const [given, authorized, error, subject] of [
      [client, true, null, 'O=ironwire\nCN=client'],
      [of('stranger'), false, 'DEPTH_ZERO_SELF_SIGNED_CERT', 'CN=stranger'],
      [{}, false, 'UNABLE_TO_GET_ISSUER_CERT', undefined],
    ]) {
      const caller = connecting(t, `localhost:${port}`, given)
      const peer = await peerOf(caller)
      assert.deepEqual([peer.authorized, peer.authorizationError, peer.subject], [authorized, error, subject])
      caller.destroy()
      await once(server, 'disconnect')
    }
    // It stays known after the connection has ended, and prints in a short form.
    const [{ tls: first }] = seen
    const shown = first.certificates.map(({ subject }) => subject)
    assert.deepEqual(shown, ['O=ironwire\nCN=client', 'CN=authority'])
    assert.equal(first.cipher.version, 'TLSv1.3')
    assert.match(inspect(first), /^TlsPeer \{\s+authorized: true,\s+authorizationError: null,/)
  })

  it('do not include other clients without a certificate, which learn the reason', async (t) => {
    const { port } = await serving(t, { ca, requestCert: true })
    const socket = await secure(t, port)
    const units = read(socket)
    socket.write(preface())
    await gone(socket)
    assert.equal(units.length, 2)
    assert.equal(units[1].kind, Kind.GOAWAY)
    assert.equal(units[1].payload.readUInt16BE(0), 7)
    assert.match(String(units[1].payload), /and this client has none$/)
  })

  it('may have a certificate that Node cannot read', async (t) => {
    const garbage = `-----BEGIN CERTIFICATE-----\n${Buffer.from('no certificate').toString('base64')}\n-----END CERTIFICATE-----\n`
    const shown = native.tlsContext({
      certificates: [Buffer.concat([client.cert, Buffer.from(garbage)])],
      keys: [client.key],
      authorities: [ca],
      alpn: [],
      oldest: 12,
      newest: 13,
      suites: [],
      ownOrder: true,
      asks: false,
      demands: false,
      logs: false,
      sessionTimeout: 300,
      purpose: Buffer.alloc(0),
    })
    assert.equal(typeof shown, 'number')
    t.after(() => native.tlsContextDrop(shown))
    for (const [options, sees] of [
      [{ ca, requestCert: true, rejectUnauthorized: false }, ['O=ironwire\nCN=client']],
      [{ ca, requestCert: true }, undefined],
      [{ ca: pem('stranger-cert.pem'), requestCert: true, rejectUnauthorized: false }, ['O=ironwire\nCN=client']],
      [{ ca: pem('stranger-cert.pem'), requestCert: true }, undefined],
    ]) {
      const { server, port, refused } = await serving(t, options)
      server.method('all', (_body, _callback, call) => {
        const { certificate, certificates } = call.peer.tls
        return Buffer.from(JSON.stringify([certificate, ...certificates.slice(1)].map(({ subject }) => subject)))
      })
      const caller = connecting(t, `localhost:${port}`)
      caller.options.tls.context = { id: shown }
      if (sees === undefined) {
        assert.match((await refusalOf(caller.call('all'))).message, /and this client's is not one: [A-Z_]+$/)
        assert.equal(refused.length, 1)
      } else assert.deepEqual(JSON.parse(await caller.call('all')), sees)
    }
  })

  it('can be changed while the server listens', async (t) => {
    const { server, port } = await serving(t, of('other'))
    const caller = connecting(t, `localhost:${port}`, {}, quick)
    const { cause } = await refusalOf(caller.call('echo'))
    assert.equal(cause.code, 'ERR_TLS_CERT_ALTNAME_INVALID')
    server.setSecureContext(identity)
    await once(caller, 'connect')
    assert.equal(String(await caller.call('echo', Buffer.from('mended'))), 'mended')
    assert.throws(() => server.setSecureContext({}), {
      code: 'ERR_INVALID_ARG_VALUE',
      message: /'options.tls.cert' must/,
    })
    assert.throws(() => rpc.createServer().setSecureContext(identity), { code: 'ERR_INVALID_STATE' })
  })
})

describe('servers that a client trusts', { concurrency: 4 }, () => {
  const cases = {
    'one of an authority that it does not know': [{ ca: pem('stranger-cert.pem') }, 'localhost'],
    'one that has signed for itself': [{}, 'localhost', of('stranger'), 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    'one of another name': [{}, 'localhost', of('other'), 'ERR_TLS_CERT_ALTNAME_INVALID'],
    'one that it expects by another name': [
      { servername: 'other.example' },
      'localhost',
      identity,
      'ERR_TLS_CERT_ALTNAME_INVALID',
    ],
    'one of another address': [{}, '127.0.0.1', of('other'), 'ERR_TLS_CERT_ALTNAME_INVALID'],
    'one that the program does not like': [
      { checkServerIdentity: () => Object.assign(new Error('no'), { code: 'NO' }) },
      'localhost',
      identity,
      'NO',
    ],
    'one that the program chokes at': [
      {
        checkServerIdentity: () => {
          throw Object.assign(new Error('choked'), { code: 'CHOKED' })
        },
      },
      'localhost',
      identity,
      'CHOKED',
    ],
    ...Object.fromEntries(
      [undefined, null, 0].map((thrown) => [
        `one at which the program throws ${thrown}`,
        [
          {
            checkServerIdentity: () => {
              throw thrown
            },
          },
          'localhost',
        ],
      ]),
    ),
    'one of which the program says later what it thinks': [{ checkServerIdentity: async () => {} }, 'localhost'],
    'one of which the program says what is no error': [{ checkServerIdentity: () => 'no' }, 'localhost'],
  }
  for (const [name, [given, host, shown = identity, code]] of Object.entries(cases)) {
    it(`do not include ${name}`, async (t) => {
      const { server, port } = await serving(t, shown)
      const handed = []
      server.method('echo2', (body) => handed.push(body))
      for (const target of [`${host}:${port}`, [`${host}:${port}`]]) {
        const caller = connecting(t, target, given)
        const again = once(caller, 'reconnect')
        const error = await refusalOf(caller.call('echo2', Buffer.from('secret')))
        const { statusName, sent, message, cause } = error
        assert.deepEqual({ code: error.code, statusName, sent }, UNTRUSTED)
        if (code !== undefined) assert.equal(cause.code, code)
        assert.ok(message.includes(`The server at ${host}:${port} could not prove that it is the right one`), message)
        assert.ok(message.endsWith(cause.message))
        // It tries again, but not at once; calls made meanwhile fail immediately.
        const [{ delay }] = await again
        assert.ok(delay >= 5000, `${delay}`)
        assert.equal((await refusalOf(caller.call('echo2'))).code, 'IRONWIRE_RPC_TLS')
        assert.equal(caller.pending, 0)
      }
      assert.deepEqual(handed, [])
    })
  }

  it('include those for which checkServerIdentity returns a false value, as in Node', async (t) => {
    const { port } = await serving(t)
    for (const nothing of [undefined, null, false, 0, '']) {
      const caller = connecting(t, `localhost:${port}`, { checkServerIdentity: () => nothing })
      assert.equal(String(await caller.call('echo', Buffer.from('x'))), 'x')
    }
  })

  it('cannot have an invalid name', async (t) => {
    const { port } = await serving(t)
    const caller = connecting(t, `127.0.0.1:${port}`, { servername: 'no name' })
    const { code, message } = await refusalOf(caller.call('echo'))
    assert.equal(code, 'IRONWIRE_RPC_TLS')
    assert.match(message, /'no name' is not a name that a certificate can have/)
  })

  it('are all servers, if it does not reject any', async (t) => {
    const { port } = await serving(t, of('stranger'))
    const caller = connecting(t, `localhost:${port}`, { rejectUnauthorized: false })
    assert.equal(String(await caller.call('echo', Buffer.from('any'))), 'any')
  })

  it('have the name that was asked for, at any address', async (t) => {
    const { port } = await serving(t, of('other'))
    const asked = []
    const checkServerIdentity = (name, certificate) => {
      asked.push(name)
      return tls.checkServerIdentity('other.example', certificate)
    }
    const resolver = {
      resolve(update) {
        update(null, [{ host: '127.0.0.1', port, servername: 'other.example' }])
        return { close() {} }
      },
    }
    const listed = [{ address: `tls://127.0.0.1:${port}`, servername: 'other.example' }]
    const targets = [`dns://localhost:${port}`, resolver, listed, `127.0.0.1:${port}`, `tls://localhost:${port}`]
    for (const target of targets) await connecting(t, target, { checkServerIdentity }).call('echo')
    const named = connecting(t, `127.0.0.1:${port}`, { checkServerIdentity, servername: 'a.wild.example' })
    await named.call('echo')
    assert.deepEqual([...new Set(asked)], ['localhost', 'other.example', '127.0.0.1', 'a.wild.example'])
    assert.equal((await peerOf(named)).servername, 'a.wild.example')
  })

  it('are by default those that Node trusts', async (t) => {
    const { port } = await serving(t)
    const script = `const { rpc } = require(process.argv[1])
      const client = rpc.connect('tls://localhost:${port}')
      client.call('echo', Buffer.from('known'), (error, reply) => {
        console.log(error ? error.cause.code : String(reply))
        client.destroy()
      })`
    const ask = async (env) => {
      const args = ['-e', script, path.join(__dirname, '../../index.js')]
      const child = execFile(process.execPath, args, { env: { ...process.env, ...env } })
      const [out, warnings] = await Promise.all([collected(child.stdout), collected(child.stderr)])
      return [out, /disabling certificate verification/.test(warnings)]
    }
    const believed = ['known\n', false]
    assert.deepEqual(
      await Promise.all([
        ask({ NODE_EXTRA_CA_CERTS: file('ca-cert.pem') }),
        ask({ NODE_TLS_REJECT_UNAUTHORIZED: '0' }),
        ask({}).then(([code]) => code === 'known\n'),
      ]),
      [believed, ['known\n', true], false],
    )
  })

  it('a refusal ends a client that does not reconnect', async (t) => {
    const { port } = await serving(t, of('stranger'))
    const caller = connecting(t, `localhost:${port}`, {}, { reconnect: false })
    const ended = once(caller, 'error')
    const { code, cause } = await refusalOf(caller.call('echo'))
    assert.deepEqual([code, cause.code], ['IRONWIRE_RPC_TLS', 'DEPTH_ZERO_SELF_SIGNED_CERT'])
    assert.equal((await ended)[0].code, 'IRONWIRE_RPC_TLS')
  })
})

describe('without TLS at one end', { concurrency: 4 }, () => {
  it('a server with TLS tells an rpc client without TLS so, also in pieces', async (t) => {
    const { server, port, refused } = await serving(t)
    const caller = rpc.connect(`127.0.0.1:${port}`)
    const [call, [error]] = await Promise.all([refusalOf(caller.call('echo')), once(caller, 'error')])
    const why = "This server accepts only TLS: give the client the option 'tls'"
    assert.equal(error.message, `The server at 127.0.0.1:${port} refuses this client: ${why}`)
    assert.deepEqual([call.code, call.sent], ['IRONWIRE_RPC_UNAUTHENTICATED', false])
    assert.equal(refused.pop().message, why)
    for (const size of [1, 3, 4, 16]) {
      const socket = net.connect(port, '127.0.0.1')
      const units = read(socket)
      socket.write(preface().subarray(0, size))
      await gone(socket)
      assert.deepEqual(
        units.map(({ kind }) => kind),
        [undefined, Kind.GOAWAY],
      )
      assert.equal(String(units[1].payload.subarray(2)), why)
    }
    assert.deepEqual([server.stats.tlsFailures, server.stats.unauthenticated], [5, 0])
  })

  it('a client with TLS reports that the server has none', async (t) => {
    const { server, port } = await listening(t)
    const told = once(server, 'protocolError')
    const caller = connecting(t, `127.0.0.1:${port}`)
    const [call, [error]] = await Promise.all([refusalOf(caller.call('echo')), once(caller, 'error')])
    const why = "does not speak TLS: give the server the option 'tls', or take it from this client"
    assert.equal(error.message, `The server at 127.0.0.1:${port} ${why}`)
    assert.equal(error.cause.code, 'ERR_SSL_WRONG_VERSION_NUMBER')
    assert.deepEqual([call.code, call.cause], ['IRONWIRE_RPC_NOT_CONNECTED', error])
    assert.match((await told)[0].message, /the peer speaks TLS, and this side has no option 'tls'/)
  })

  it('peers that speak neither protocol are refused', async (t) => {
    const { server, port, refused } = await serving(t)
    const socket = net.connect(port, '127.0.0.1').on('error', () => {})
    socket.end('GET / HTTP/1.1\r\n\r\n')
    await gone(socket)
    await until(() => refused.length === 1)
    assert.deepEqual(
      [refused[0].code, refused[0].message],
      ['IRONWIRE_RPC_TLS', 'TLS with the client failed: it does not speak TLS'],
    )
    assert.equal(server.stats().connectionsLost, 1)
    assert.match(rpc.metrics(), /ironwire_rpc_server_tls_failures_total [1-9]/)

    // HTTPS: TLS works, but then another protocol follows.
    const https = tls.createServer(identity, (other) => {
      other.on('error', () => {})
      other.end('HTTP/1.1 400 Bad Request\r\n\r\n')
    })
    await once(https.listen(0, '127.0.0.1'), 'listening')
    t.after(() => https.close())
    const place = `localhost:${https.address().port}`
    const [error] = await once(connecting(t, place), 'error')
    assert.equal(error.message, `The server at ${place} does not speak ironwire's rpc`)
    // A TLS server that sends an alert to a client without TLS.
    const alerts = await handServer(t, () => {}, { greeting: Buffer.from([21, 3, 3, 0, 2, 2, 70]) })
    const [plain] = await once(rpc.connect(alerts.port), 'error')
    assert.match(plain.cause.message, /the peer speaks TLS/)
  })
})

describe('a handshake that fails', { concurrency: 4 }, () => {
  it('because a client wants something that rustls does not support', async (t) => {
    const { port, refused } = await serving(t)
    const socket = tls.connect({
      port,
      host: '127.0.0.1',
      maxVersion: 'TLSv1.1',
      minVersion: 'TLSv1',
      ciphers: 'ALL@SECLEVEL=0',
    })
    const [error] = await once(socket, 'error')
    assert.match(error.code, /^ERR_SSL_.*_ALERT_HANDSHAKE_FAILURE$/)
    await until(() => refused.length === 1)
    assert.match(refused[0].message, /asks for a TLS version or for cipher suites that rustls does not support/)
  })

  it('because both have no version in common', async (t) => {
    const { port, refused } = await serving(t, { minVersion: 'TLSv1.3' })
    const caller = connecting(t, `localhost:${port}`, { maxVersion: 'TLSv1.2' })
    const { code, statusName, cause } = await refusalOf(caller.call('echo'))
    assert.deepEqual([code, statusName], ['IRONWIRE_RPC_TLS', 'UNAVAILABLE'])
    assert.match(cause.code, /^ERR_SSL_/)
    await until(() => refused.length === 1)
  })

  it('because another kind of server refuses the certificate', async (t) => {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3']) {
      const server = tls.createServer({ ...identity, ca, requestCert: true, maxVersion })
      await once(server.listen(0, '127.0.0.1'), 'listening')
      t.after(() => server.close())
      const caller = connecting(t, `localhost:${server.address().port}`, {}, quick)
      const { code, cause } = await refusalOf(caller.call('echo'))
      if (code === 'IRONWIRE_RPC_TLS') assert.match(cause.code, /^ERR_SSL_.*CERTIFICATE|HANDSHAKE_FAILURE/)
      caller.destroy()
    }
  })

  it('because the client says nothing, or stops in the middle', async (t) => {
    const { server, port, refused } = await serving(t, {}, { handshakeTimeout: 50 })
    const [hello] = await captured(t)
    for (const part of [0, 1, 5, 100, hello.length]) {
      const socket = net.connect(port, '127.0.0.1').on('error', () => {})
      socket.write(hello.subarray(0, part))
      await gone(socket)
    }
    await until(() => refused.length === 5)
    for (const { message } of refused) assert.equal(message, 'The peer did not complete the TLS handshake within 50 ms')
    assert.equal(server.stats().limits.handshakeTimeout, 5)
    assert.equal(server.sessions.size, 0)
  })

  it('because the client leaves in the middle, which is not an error', async (t) => {
    const { server, port, refused } = await serving(t)
    const [hello] = await captured(t)
    for (const [part, end] of [
      [0, 'end'],
      [100, 'end'],
      [hello.length, 'end'],
      [hello.length, 'resetAndDestroy'],
    ]) {
      const left = once(server, 'disconnect')
      const socket = net.connect(port, '127.0.0.1').on('error', () => {})
      socket.write(hello.subarray(0, part))
      await until(() => server.sessions.size === 1)
      socket.resume()[end]()
      await left
      socket.destroy()
    }
    assert.deepEqual(refused, [])
    assert.equal(server.stats.tlsFailures, 0)
  })

  it('because the server says nothing, or goes away in the middle', async (t) => {
    const silent = await handServer(t, () => {}, { greeting: null })
    const slow = connecting(t, silent.port, {}, { ...quick, handshakeTimeout: 50 })
    const [{ error }] = await once(slow, 'reconnect')
    assert.match(error.message, /did not complete the TLS handshake within 50 ms/)
    slow.destroy()
    const leaving = net.createServer((socket) => socket.once('data', () => socket.destroy()))
    await once(leaving.listen(0, '127.0.0.1'), 'listening')
    t.after(() => leaving.close())
    const caller = connecting(t, leaving.address().port, {}, quick)
    await once(caller, 'reconnect')
    // The server may be back at any moment, so calls wait.
    assert.equal((await refusalOf(caller.call('echo', null, { timeout: 20 }))).code, 'IRONWIRE_RPC_TIMEOUT')
  })

  it('while the server closes', async (t) => {
    const { server, port } = await serving(t)
    const socket = net.connect(port, '127.0.0.1').on('error', () => {})
    await once(server, 'connection')
    await server.close()
    await gone(socket)
  })

  it('because encrypted data was changed on the way', async (t) => {
    const { port, refused } = await serving(t)
    const raw = net.connect(port, '127.0.0.1')
    const socket = tls.connect({ socket: raw, servername: 'localhost', ca }).on('error', () => {})
    await once(socket, 'secureConnect')
    raw.write(Buffer.from([23, 3, 3, 0, 32, ...Buffer.alloc(32, 1)]))
    await until(() => refused.length === 1)
    assert.equal(refused[0].cause.code, 'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC')
    await until(() => socket.destroyed)
  })
})

/** The first bytes that Node's client sends to a server. */
async function captured(t) {
  const server = net.createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.after(() => server.close())
  const socket = tls.connect(server.address().port, '127.0.0.1').on('error', () => {})
  const [taken] = await once(server, 'connection')
  const data = await once(taken, 'data')
  taken.destroy()
  socket.destroy()
  return data
}

describe('frames and records', { concurrency: 4 }, () => {
  it('are cut at different places', async (t) => {
    const { port } = await serving(t)
    const question = Buffer.concat([
      preface({ version: 2 }),
      method(0, 'echo'),
      ...Array.from({ length: 50 }, (_, i) => frame(Kind.REQUEST, i, { code: 0, body: Buffer.alloc(i * 40, i) })),
    ])
    for (const size of [1, 10, 16_384, question.length]) {
      const socket = await secure(t, port)
      const units = read(socket)
      socket.setNoDelay()
      for (let at = 0; at < question.length; at += size) socket.write(question.subarray(at, at + size))
      await until(() => units.length === 51)
      for (const { sequence, payload } of units.slice(1)) {
        assert.deepEqual(payload, Buffer.alloc(sequence * 40, sequence))
      }
      socket.destroy()
    }
  })

  it('arrive as halves of a record, and as the largest number that one read can contain', async (t) => {
    const { port } = await serving(t)
    const front = await between(t, port)
    const socket = await secure(t, front.port)
    const units = read(socket)
    socket.write(preface())
    await until(() => units.length === 1)
    // Nearly a whole record waits, and then the rest arrives with as much as one read takes: more frames than a read
    // without TLS can contain.
    front.hold()
    const pings = 15_600
    for (let i = 0; i < pings; i += 1300) {
      // Each write is a record of its own.
      const some = Buffer.concat(Array.from({ length: 1300 }, (_, j) => frame(Kind.PING, i + j)))
      await new Promise((resolve) => socket.write(some, resolve))
    }
    await front.release(150_000, 12_900)
    await until(() => units.length === 1 + pings)
    units.slice(1).forEach(({ kind, sequence }, i) => {
      assert.deepEqual([kind, sequence], [Kind.PONG, i])
    })
  })
})

/** A relay between client and server: it can hold back what the client sends, and release it in two pieces. */
async function between(t, port) {
  let held = null
  let back
  const front = net.createServer((socket) => {
    back = net.connect({ port, host: '127.0.0.1', noDelay: true })
    for (const [from, to] of [
      [socket, back],
      [back, socket],
    ]) {
      from.on('error', () => {})
      from.on('close', () => to.destroy())
    }
    back.pipe(socket)
    socket.on('data', (chunk) => (held === null ? back.write(chunk) : held.push(chunk)))
  })
  await once(front.listen(0, '127.0.0.1'), 'listening')
  t.after(() => {
    front.close()
    back.destroy()
  })
  return {
    port: front.address().port,
    hold() {
      held = []
    },
    /** Waits for `least` bytes, then sends the `first` bytes, and then the rest. */
    async release(least, first) {
      const size = () => held.reduce((sum, { length }) => sum + length, 0)
      await until(() => size() > least)
      const all = Buffer.concat(held)
      held = null
      await new Promise((resolve) => back.write(all.subarray(0, first), resolve))
      await new Promise(setImmediate)
      back.write(all.subarray(first))
    },
  }
}

describe('options', () => {
  it('that are invalid or unsupported by rustls are refused by name', () => {
    const refusesServer = (given, expected) => assert.throws(() => rpc.createServer({ tls: given }), expected)
    const refusesClient = (given, expected) => assert.throws(() => rpc.connect('tls://a:1', { tls: given }), expected)
    for (const value of [undefined, null, true, 'yes']) {
      refusesServer(value, { code: 'ERR_INVALID_ARG_TYPE', message: /"options\.tls" property must be of type object/ })
      refusesClient(value, { code: 'ERR_INVALID_ARG_TYPE', message: /"options\.tls" property must be of type object/ })
    }
    refusesServer({}, { code: 'ERR_INVALID_ARG_VALUE', message: /'options\.tls\.cert' must be given/ })
    for (const refuses of [refusesServer, refusesClient]) {
      refuses({ cert: identity.cert }, { message: /'options\.tls\.key' must be given/ })
      refuses({ key: identity.key }, { message: /'options\.tls\.cert' must be given/ })
      refuses({ ...identity, key: of('other').key }, { code: 'ERR_OSSL_X509_KEY_VALUES_MISMATCH' })
      refuses({ ...identity, key: 'no key' }, (error) => !error.message.includes('no key'))
      refuses(
        { ...identity, pfx: 'secret' },
        { message: /'options\.tls\.pfx' is not supported by rustls.* use 'cert' and 'key' instead$/ },
      )
      refuses(
        { ...identity, crl: 'x' },
        { code: 'ERR_INVALID_ARG_VALUE', message: /'options\.tls\.crl' is not supported by rustls/ },
      )
      refuses({ ...identity, SNICallback() {} }, { message: /'options\.tls\.SNICallback'/ })
      refuses({ ...identity, minVersion: 'TLSv1' }, { message: /'options\.tls\.minVersion' must be 'TLSv1\.2' or/ })
      refuses({ ...identity, ciphers: 'AES128-SHA' }, { message: /'options\.tls\.ciphers' must name cipher suites/ })
      refuses({ ...identity, certt: 1 }, { code: 'IRONWIRE_UNKNOWN_OPTION', message: /"options\.tls\.certt".*"cert"/ })
      refuses({ ...identity, rejectUnauthorized: 1 }, { code: 'ERR_INVALID_ARG_TYPE' })
      for (const name of ['ca', 'minVersion', 'rejectUnauthorized']) {
        refuses(
          { ...identity, [name]: undefined },
          { message: `The property 'options.tls.${name}' must not be undefined: leave it out, or give it a value` },
        )
      }
      refuses({ ...identity, ca: 'no certificate' }, { message: /'options\.tls\.ca' must be certificates in PEM/ })
    }
    refusesServer(
      { ...identity, requestCert: true },
      { message: /'options\.tls\.ca' must be given with 'requestCert'/ },
    )
    refusesServer({ ...identity, servername: 'a' }, { code: 'IRONWIRE_UNKNOWN_OPTION' })
    refusesClient({ requestCert: true }, { code: 'IRONWIRE_UNKNOWN_OPTION' })
    refusesClient({ servername: 1 }, { code: 'ERR_INVALID_ARG_TYPE' })
    refusesClient({ checkServerIdentity: 1 }, { code: 'ERR_INVALID_ARG_TYPE' })
    assert.throws(() => rpc.connect('registry://a/b', { registryTls: 1 }), { message: /"options\.registryTls"/ })
    for (const target of ['tls://', 'tls://host', 'tls://host:1/x']) {
      assert.throws(() => rpc.connect(target), { message: /must read like 'tls:\/\/host:port'/ })
    }
  })

  it('show nothing of a key', async (t) => {
    const key = String(identity.key).split('\n')[1]
    const { server, port } = await serving(t)
    const caller = connecting(t, `localhost:${port}`, client)
    for (const shown of [server, caller]) {
      const text = inspect(shown, { depth: 20, showHidden: true })
      assert.ok(!text.includes(key) && !text.includes(String(client.key).split('\n')[1]))
    }
  })

  it('are not for UDP', () => {
    const says = (name) => ({
      code: 'ERR_INVALID_ARG_VALUE',
      message: new RegExp(`'options\\.${name}' works over TCP only`),
    })
    assert.throws(() => rpc.createServer({ tls: identity }).bindUdp(0), says('tls'))
    assert.throws(() => rpc.connect('udp://localhost:1', { tls: { ca } }), says('tls'))
  })
})

describe('processes', { concurrency: 2 }, () => {
  it('that are killed under load fail no idempotent call', async (t) => {
    const script = require.resolve('./fixtures/server.js')
    const start = async (port) => {
      const child = fork(script, [String(port), 'tls'])
      t.after(() => child.kill('SIGKILL'))
      const [message] = await once(child, 'message')
      return { child, port: message.port }
    }
    const servers = await Promise.all([start(await freePort()), start(await freePort())])
    const caller = connecting(
      t,
      servers.map(({ port }) => `localhost:${port}`),
      {},
      { reconnect: { initialDelay: 5, maxDelay: 50 } },
    )
    await connectedTo(caller, 2)
    const body = Buffer.alloc(500, 'x')
    let answered = 0
    let going = true
    const callOn = async () => {
      while (going) {
        assert.deepEqual(await caller.call('echo', body, { idempotent: true }), body)
        answered++
      }
    }
    const callers = Array.from({ length: 64 }, callOn)
    for (let round = 0; round < 2; round++) {
      const before = answered
      await until(() => answered > before + 500)
      const victim = servers[round % 2]
      victim.child.kill('SIGKILL')
      await until(() => caller.stats.connectionsLost > round)
      Object.assign(victim, await start(victim.port))
      await connectedTo(caller, 2)
    }
    going = false
    await Promise.all(callers)
    assert.ok(caller.stats.retries > 0)
  })

  it('of a cluster share a port with TLS', { skip: process.platform === 'win32' }, () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [require.resolve('./fixtures/tls-cluster.js')], {
      encoding: 'utf8',
      timeout: 60_000,
    })
    assert.deepEqual([stderr, stdout, status], ['', '2 processes answered\n', 0])
  })
})

describe('a registry', () => {
  it('with TLS takes registrations and names servers that have it', async (t) => {
    const registry = rpc.createRegistry({ tls: { ...identity, ca, requestCert: true } })
    await once(registry.listen(0), 'listening')
    t.after(() => registry.close(() => {}))
    const url = `registry://localhost:${registry.address().port}`
    const { port } = await serving(t)
    const known = rpc.connectRegistry(url, { tls: { ca, ...client } })
    t.after(() => known.destroy())
    await once(known.register('echo', { host: 'localhost', port }), 'registered')
    const caller = connecting(t, `${url}/echo`, client)
    assert.equal(String(await caller.call('echo', Buffer.from('found'))), 'found')
    // The servers' name differs from the registry's.
    const other = await serving(t, of('other'))
    await once(known.register('other', { host: '127.0.0.1', port: other.port }), 'registered')
    const named = connecting(t, `${url}/other`, { ...client, servername: 'other.example' })
    assert.equal(String(await named.call('echo', Buffer.from('by name'))), 'by name')
    // Addresses can ask for TLS themselves. A registry can have other TLS options than the servers, or none.
    const open = rpc.createRegistry()
    await once(open.listen(0), 'listening')
    t.after(() => open.close(() => {}))
    const place = `registry://localhost:${open.address().port}`
    const saying = rpc.connectRegistry(place)
    t.after(() => saying.destroy())
    await once(saying.register('echo', { address: `tls://localhost:${port}` }), 'registered')
    const without = connecting(t, `${place}/echo`, {}, { registryTls: null })
    assert.equal(String(await without.call('echo', Buffer.from('mixed'))), 'mixed')
    assert.equal(without.addresses[0].address, `tls://localhost:${port}`)
    const both = connecting(t, `${url}/echo`, {}, { registryTls: { ca, ...client } })
    assert.equal(String(await both.call('echo', Buffer.from('both'))), 'both')
  })

  it('that refuses a client reports the reason', async (t) => {
    const registry = rpc.createRegistry({ tls: { ...identity, ca, requestCert: true } })
    await once(registry.listen(0), 'listening')
    t.after(() => registry.close(() => {}))
    const url = `registry://localhost:${registry.address().port}`
    const refused = rpc.connectRegistry(url, { tls: { ca } })
    const [error] = await once(refused, 'error')
    assert.match(error.message, /and this client has none$/)
    const registration = rpc.connectRegistry(url, { tls: {} }).register('echo', { port: 1 })
    t.after(() => registration.registry.destroy())
    const [why] = await once(registration, 'retry')
    assert.equal(why.code, 'IRONWIRE_RPC_TLS')
    const caller = connecting(t, `${url}/echo`, { ca })
    const [unresolved] = await once(caller, 'resolveError')
    assert.equal(unresolved.code, 'IRONWIRE_RPC_UNAUTHENTICATED')
    const doubting = connecting(t, `${url}/echo`, { ca: pem('stranger-cert.pem') })
    assert.equal((await refusalOf(doubting.call('echo'))).code, 'IRONWIRE_RPC_TLS')
  })
})
