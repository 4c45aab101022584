'use strict'

// What a server's JavaScript says when a client has said what it wants: SNICallback, ALPNCallback, OCSPRequest, of `tls` and of `https`.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const coreHttps = require('node:https')
const net = require('node:net')
const { describe, it } = require('node:test')
const core = require('node:tls')
const { https, tls } = require('../..')
const { ca, identity, of, trusting, listen, ask, secure } = require('../https/support.js')
const { same, served, textOf } = require('./support.js')

const AT_ONCE = { concurrency: 8 }

/** What a client sees, or why it sees nothing; and what a server says of those that it does not take. */
async function visit(port, server, options) {
  const failed = once(server, 'tlsClientError').then(([error]) => [error.code ?? error.message, error.name])
  const socket = core.connect({ port, ...trusting, rejectUnauthorized: false, ...options })
  let staple
  socket.on('OCSPResponse', (response) => {
    staple = response && String(response)
  })
  const seen = new Promise((resolve) => {
    socket.on('secureConnect', () => resolve([socket.getPeerCertificate().subject?.CN, socket.alpnProtocol, staple]))
    socket.on('error', ({ code }) => resolve(code))
  })
  const found = await seen
  socket.destroy()
  return typeof found === 'string' ? [found, ...(await failed)] : found
}

for (const version of ['TLSv1.2', 'TLSv1.3']) {
  const both = { minVersion: version, maxVersion: version }
  describe(`in ${version}`, AT_ONCE, () => {
    /** A server's `SNICallback`, of contexts that are made for each client. */
    const naming = (module, notes) => ({
      ...both,
      SNICallback(name, done) {
        notes.push(name)
        const context = (who, more) => module.createSecureContext({ ...both, ...of(who), ...more })
        switch (name) {
          case 'other.example':
            return done(null, context('other'))
          case 'mutual.example':
            return done(null, context('other', { ca }))
          case 'raw.example':
            return done(null, context('client').context)
          case 'later.example':
            return setImmediate(done, null, context('other'))
          case 'throws.example':
            throw new Error('thrown')
          case 'fails.example':
            return done(new Error('failed'))
          default:
            return done(null, null)
        }
      },
    })
    same('SNICallback returns a context for a name', naming, async (port, server) => {
      const names = ['localhost', 'other.example', 'raw.example', 'later.example', 'fails.example', undefined]
      const found = []
      for (const servername of names) found.push(await visit(port, server, { servername }))
      return found
    })
    it('SNICallback throws, or calls back twice', async () => {
      const callbacks = {
        thrown() {
          throw new Error('thrown')
        },
        'Callback called multiple times'(_name, done) {
          done(null, null)
          done(null, null)
        },
      }
      for (const [message, SNICallback] of Object.entries(callbacks)) {
        const server = tls.createServer({ ...identity, ...both, SNICallback })
        const failed = once(server, 'tlsClientError')
        const socket = core.connect({ port: await listen(server), ...trusting }).on('error', () => {})
        assert.equal((await failed)[0].message, message)
        socket.destroy()
        server.close()
      }
    })
    // What is asked then is not compared: Node asks nothing where a session goes on.
    same(
      'SNICallback makes a new context for each client, and sessions are resumed',
      (module) => naming(module, []),
      async (port, server) => {
        server.on('secureConnection', (socket) => socket.resume())
        const options = { ...trusting, servername: 'other.example', rejectUnauthorized: false, ...both }
        const first = core.connect({ port, ...options })
        const session = once(first, 'session')
        await once(first, 'secureConnect')
        const [ticket] = await session
        first.destroy()
        const second = await secure(port, { ...options, session: ticket })
        const reused = second.isSessionReused()
        second.destroy()
        return reused
      },
      assert.ok,
    )
    same(
      'SNICallback returns a context of node:tls and is called once',
      (_module, notes) => ({
        ...both,
        SNICallback(name, done) {
          notes.push(name)
          done(null, core.createSecureContext({ ...both, ...of('other') }))
        },
      }),
      async (port, server) => {
        const found = []
        for (let i = 0; i < 2; i++) found.push(await visit(port, server, { servername: 'other.example' }))
        return found
      },
      undefined,
      true,
    )

    const choosing = (_module, notes) => ({
      ...both,
      ALPNCallback(offer) {
        notes.push(offer)
        if (offer.protocols.includes('throws')) throw new RangeError('thrown')
        if (offer.protocols.includes('wrong')) return 'another'
        return offer.protocols.find((protocol) => protocol === 'b')
      },
    })
    same('ALPNCallback chooses a protocol', choosing, async (port, server) => {
      const found = []
      for (const ALPNProtocols of [['a', 'b'], ['a'], undefined, ['wrong'], ['throws']]) {
        found.push(await visit(port, server, { ALPNProtocols }))
      }
      found.push(await visit(port, server, { ALPNProtocols: ['b'], servername: undefined }))
      return found
    })

    const stapling = (answer) => async (port, server) => {
      const seen = []
      server.on('OCSPRequest', (certificate, issuer, done) => {
        seen.push([certificate?.length, issuer])
        answer(done)
      })
      return [await visit(port, server, { requestOCSP: true }), await visit(port, server, {}), seen]
    }
    const later = stapling((done) => setImmediate(done, null, Buffer.alloc(9000, 'x')))
    same(
      'OCSPRequest returns a response',
      both,
      stapling((done) => done(null, Buffer.from('staple'))),
      ([first]) => assert.equal(first[2], 'staple'),
    )
    same('OCSPRequest returns a response later', both, later)
    same(
      'OCSPRequest returns no response',
      both,
      stapling((done) => done()),
    )
    same('OCSPRequest returns an error', both, async (port, server) => {
      server.on('OCSPRequest', (_certificate, _issuer, done) => done(new Error('none')))
      return visit(port, server, { requestOCSP: true })
    })
    same('OCSPRequest with a context from SNICallback', naming, async (port, server) => {
      const seen = []
      server.on('OCSPRequest', (certificate, _issuer, done) => {
        seen.push(certificate.length)
        done(null, Buffer.from('staple'))
      })
      const found = []
      for (const servername of ['other.example', 'raw.example', 'localhost']) {
        found.push(await visit(port, server, { servername, requestOCSP: true }))
      }
      return [found, seen]
    })
    same('OCSPRequest with a context from addContext()', both, async (port, server) => {
      const seen = []
      server.addContext('named.example', { ...both, ...of('other') })
      server.on('OCSPRequest', (certificate, _issuer, done) => {
        seen.push(certificate.length)
        done(null, Buffer.from('staple'))
      })
      return [await visit(port, server, { servername: 'named.example', requestOCSP: true }), seen]
    })

    same(
      'all callbacks together, and client certificates',
      (module, notes) => ({ ...naming(module, []), ...choosing(module, notes), requestCert: true, ca }),
      async (port, server) => {
        server.on('OCSPRequest', (_certificate, _issuer, done) => setImmediate(done, null, Buffer.from('staple')))
        const serving = served(server).then((socket) => {
          socket.end('hello')
          return [socket.servername, socket.alpnProtocol, socket.authorized, socket.getX509Certificate().subject]
        })
        const options = { ...trusting, ...of('client'), servername: 'mutual.example', rejectUnauthorized: false }
        const socket = core.connect({ port, ...options, requestOCSP: true, ALPNProtocols: ['a', 'b'] })
        return [await textOf(socket), await serving]
      },
      ([text, told]) => assert.deepEqual([text, ...told.slice(0, 3)], ['hello', 'mutual.example', 'b', true]),
    )
  })
}

describe('while a callback has not answered', AT_ONCE, () => {
  /** A client's greeting, and what it sends behind it. */
  const waiting = (attack) => async (port, server) => {
    let answer
    const failed = once(server, 'tlsClientError')
    const asking = new Promise((resolve) => {
      server.think = (done) => {
        answer = done
        resolve()
      }
    })
    const raw = net.connect(port, '127.0.0.1')
    raw.on('error', () => {})
    core.connect({ socket: raw, ...trusting }).on('error', () => {})
    await Promise.race([asking, failed])
    attack(raw)
    const [{ code, message }] = await failed
    // Too late.
    answer?.(null, null)
    answer?.(new Error('twice'))
    return code ?? message
  }
  const thinking = (options) => {
    const server = tls.createServer({ ...identity, SNICallback: (_name, done) => server.think(done), ...options })
    return server
  }
  for (const [name, expected, options, attack] of [
    ['the client goes', 'ECONNRESET', {}, (raw) => raw.destroy()],
    ['the client waits too long', 'ERR_TLS_HANDSHAKE_TIMEOUT', { handshakeTimeout: 200 }, () => {}],
    ['the client floods', 'ERR_SSL_EXCESSIVE_MESSAGE_SIZE', {}, (raw) => raw.write(Buffer.alloc(200_000))],
  ]) {
    it(name, async () => {
      const server = thinking(options)
      try {
        assert.equal(await waiting(attack)(await listen(server), server), expected)
      } finally {
        server.close()
      }
    })
  }
  it('the server goes', async () => {
    const server = https.createServer({ ...identity, SNICallback: (_name, done) => server.think(done) })
    const thought = new Promise((resolve) => {
      server.think = resolve
    })
    const port = await listen(server)
    const request = ask(port).catch(({ code }) => code)
    const done = await thought
    server.closeAllConnections()
    done(null, null)
    await once(server.close(), 'close')
    assert.equal(await request, 'ECONNRESET')
  })
})

it('the callbacks work in servers of https, too', async () => {
  const results = []
  for (const [module, made] of [
    [coreHttps, core],
    [https, tls],
  ]) {
    const asked = []
    const server = module.createServer(
      {
        ...identity,
        SNICallback: (name, done) => {
          asked.push(name)
          done(null, made.createSecureContext(of('other')))
        },
        ALPNCallback: ({ protocols }) => protocols[0],
      },
      (req, res) =>
        res.end(
          `${req.socket.servername} ${req.socket.alpnProtocol} ${req.socket._handle.secured === (module === https || undefined)}`,
        ),
    )
    const { body } = await ask(await listen(server), {
      servername: 'other.example',
      ALPNProtocols: ['http/1.1'],
      rejectUnauthorized: false,
    })
    results.push([String(body), asked])
    server.closeAllConnections()
    server.close()
  }
  assert.deepEqual(results[1], results[0])
  assert.deepEqual(results[1], ['other.example http/1.1 true', ['other.example']])
})
