'use strict'

// Certificates that are not as they should be, of several kinds, and any of those together: Node's verdict is ours. Nothing is trusted that Node does
// not trust; what a client shows can be CERT_REJECTED for another reason, or where Node takes it.

const assert = require('node:assert/strict')
const { Buffer } = require('node:buffer')
const { describe, it } = require('node:test')
const core = require('node:tls')
const { tls } = require('../..')
const make = require('./certificates.js')
const { listen, pem } = require('../https/support.js')
const { isOurs } = require('./support.js')
const { client, server } = require('./verdicts.js')

const { NULL, TRUE, attribute, bits, bytes, certificate, COMMON_NAME, integer, keys } = make
const { name, octets, oid, sequence, tlv, toPem, utc } = make

const SUBJECT_KEY = '2.5.29.14'
const USAGE = '2.5.29.15'
const NAMES = '2.5.29.17'
const CONSTRAINTS = '2.5.29.19'
const NAME_CONSTRAINTS = '2.5.29.30'
const LISTS = '2.5.29.31'
const AUTHORITY_KEY = '2.5.29.35'
const PURPOSES = '2.5.29.37'
const NETSCAPE = '2.16.840.1.113730.1.1'
const PROXY = '1.3.6.1.5.5.7.1.14'
const ADDRESSES = '1.3.6.1.5.5.7.1.7'

const host = (text) => tlv(0x82, Buffer.from(text))
const directory = (owner) => tlv(0xa4, owner)
const END = pem('chains/key.pem')
const ANY = attribute(COMMON_NAME, 'any')

/** A root, one between, and an end. */
function chain() {
  const authority = [[CONSTRAINTS, sequence(TRUE), true]]
  const root = { subject: name('root'), issuer: name('root'), key: keys.root, signer: keys.root, extensions: authority }
  const between = { ...root, subject: name('between'), key: keys.other, extensions: authority }
  const names = [NAMES, sequence(host('localhost'), tlv(0x87, bytes(127, 0, 0, 1)))]
  const end = { subject: name('end'), issuer: name('between'), key: keys.end, signer: keys.other, extensions: [names] }
  return { root, between, end, others: [], trusted: [] }
}

/** Adds an extension, or has it instead of another one. */
const extended = (of, value, critical) => (it) => {
  it.extensions = [...(it.extensions ?? []).filter(([type]) => type !== of), [of, value, critical]]
}
/** Adds one, whatever there is. */
const added = (of, value) => (it) => {
  it.extensions = [...(it.extensions ?? []), [of, value]]
}
const trees = (...bases) => tlv(0xa0, ...bases.map((base) => sequence(base)))
const place = (...parts) => sequence(sequence(...parts))

/** What can be wrong with one certificate. */
const CHANGES = {
  'nothing is wrong': () => {},
  'may sign': extended(USAGE, bits(2, 0x04)),
  'may sign by a bit that is not used': extended(USAGE, bits(3, 0x04)),
  'may do nothing': extended(USAGE, bits(0, 0)),
  'may do what no bit tells': extended(USAGE, bits(8, 0x04)),
  'may decipher only': extended(USAGE, bits(7, 0, 0x80)),
  'for servers of old': extended(PURPOSES, sequence(oid('2.16.840.1.113730.4.1'), oid('1.3.6.1.5.5.7.3.2'))),
  'for what is no purpose': extended(PURPOSES, sequence(oid('1.3.6.1.5.5.7.3.1'), oid('1.3.6.1.5.5.7.3.2'), NULL)),
  "for Netscape's clients": extended(NETSCAPE, bits(7, 0x80)),
  "for Netscape's servers": extended(NETSCAPE, bits(6, 0x40), true),
  "Netscape's authority": (it) => {
    it.extensions = [[NETSCAPE, bits(2, 0x04)]]
  },
  "Netscape's authority for mail": (it) => {
    it.extensions = [[NETSCAPE, bits(1, 0x02)]]
  },
  'a proxy': extended(PROXY, sequence(sequence(oid('1.3.6.1.5.5.7.21.1')))),
  'an authority, and something else': extended(CONSTRAINTS, sequence(TRUE, NULL), true),
  'an authority of less than no others': extended(CONSTRAINTS, sequence(TRUE, integer(0xff)), true),
  'an authority of no others': extended(CONSTRAINTS, sequence(TRUE, integer(0)), true),
  'an authority without saying': extended(CONSTRAINTS, sequence(tlv(1)), true),
  'constraints twice': added(CONSTRAINTS, sequence(TRUE)),
  'usages twice': (it) => {
    it.extensions = [...it.extensions, [USAGE, bits(0, 0xff)], [USAGE, bits(0, 0xff)]]
  },
  'keys twice': (it) => {
    it.extensions = [...it.extensions, [SUBJECT_KEY, octets(bytes(1))], [SUBJECT_KEY, octets(bytes(1))]]
  },
  'no key': extended(SUBJECT_KEY, sequence()),
  'names that are none': extended(NAMES, sequence(NULL)),
  'names that end early': extended(NAMES, bytes(0x30, 9, 0x82, 1)),
  "a directory's name that is none": extended(NAMES, sequence(host('localhost'), directory(NULL))),
  'other names': extended(NAMES, sequence(tlv(0xa0, oid('1.2.3'), tlv(0xa0, NULL)), tlv(0x88, bytes(0x2a)))),
  'lists nowhere': extended(LISTS, place()),
  'lists of somebody': extended(LISTS, place(tlv(0xa2, directory(sequence(ANY))))),
  'lists somewhere': extended(LISTS, place(tlv(0xa0, tlv(0xa0, tlv(0x86, bytes(0x78)))), tlv(0x81, bytes(1, 6)))),
  'lists that are none': extended(LISTS, octets(bytes(1))),
  'trees that are none': extended(NAME_CONSTRAINTS, sequence(trees(NULL))),
  'no trees': extended(NAME_CONSTRAINTS, sequence()),
  'signed by the key of nobody': extended(AUTHORITY_KEY, sequence(tlv(0x80, bytes(9)))),
  'signed by whom nobody signed': extended(
    AUTHORITY_KEY,
    sequence(tlv(0xa1, directory(name('nobody'))), tlv(0x82, bytes(1))),
  ),
  'signed by whom the root signed': extended(
    AUTHORITY_KEY,
    sequence(tlv(0xa1, host('x'), directory(name('ROOT'))), tlv(0x82, bytes(1))),
  ),
  'signed by another number': extended(AUTHORITY_KEY, sequence(tlv(0x82, bytes(7)))),
  'signed by what is no number': extended(AUTHORITY_KEY, sequence(tlv(0x82))),
  'signed by parts in no order': extended(AUTHORITY_KEY, sequence(tlv(0x82, bytes(1)), tlv(0x80, bytes(9)))),
  'for addresses': extended(ADDRESSES, sequence(sequence(octets(bytes(0, 1)), sequence(bits(0, 10))))),
  'another algorithm inside': (it) => {
    it.algorithm = sequence(oid('1.2.840.10045.4.3.3'))
  },
  'from no day': (it) => {
    it.from = utc('200230000000Z')
  },
  'until no second': (it) => {
    it.until = utc('300101000060Z')
  },
  over: (it) => {
    it.until = utc('210101000000Z')
  },
  'known by another serial number': (it) => {
    it.serial = 5
  },
  'of version 1': (it) => {
    it.version = 1
    it.extensions = undefined
  },
  'of version 1, and says more than that has': (it) => {
    it.version = 1
  },
  'of version 2': (it) => {
    it.version = 2
    it.extensions = undefined
  },
  'of version 4': (it) => {
    it.version = 4
  },
}

/** What can be wrong with several. */
const CHAINS = {
  'a host for which nobody may sign, in its name only': ({ between, end }) => {
    extended(NAME_CONSTRAINTS, sequence(trees(host('example.com'))), true)(between)
    end.extensions = []
    end.subject = name('evil.test')
  },
  'the same, in another text': ({ between, end }) => {
    extended(NAME_CONSTRAINTS, sequence(trees(host('example.com'))), true)(between)
    end.extensions = []
    end.subject = name('evil.test', 0x13)
  },
  'a mail address for which nobody may sign': ({ root, end }) => {
    extended(NAME_CONSTRAINTS, sequence(trees(tlv(0x81, Buffer.from('example.com')))), true)(root)
    end.subject = sequence(attribute('1.2.840.113549.1.9.1', 'a@evil.test', 0x16))
  },
  'no host, where hosts are given': ({ between, end }) => {
    extended(NAME_CONSTRAINTS, sequence(trees(host('localhost'))), true)(between)
    end.extensions = []
    end.subject = name('A. Person')
  },
  'names in other letters, blanks and texts': ({ root, between, end }) => {
    root.subject = name('the root', 0x13)
    between.issuer = name(' The  ROOT\t')
    between.subject = name('Of \xe4', 0x14)
    end.issuer = name(Buffer.from('of \xe4').toString('latin1'))
  },
  'names of other letters than of ASCII': ({ between, end }) => {
    between.subject = name('Of \xc4', 0x14)
    end.issuer = name('of \xe4', 0x14)
  },
  'two authorities of one name, with other keys': (it) => {
    it.trusted = [{ ...it.root, key: keys.rsa, signer: keys.rsa }, it.root]
  },
  'two authorities of one name and key': (it) => {
    it.trusted = [{ ...it.root, serial: 9 }, it.root]
  },
  'trusted, while another one of the name is the first': (it) => {
    const alone = { ...it.end, subject: name('end'), issuer: name('end'), signer: keys.end }
    it.end = alone
    it.between = undefined
    it.trusted = [{ ...alone, serial: 9 }]
    it.root = alone
  },
  'its own issuer, by another key': (it) => {
    it.root = { ...it.root, signer: keys.rsa }
    it.between = undefined
    Object.assign(it.end, { issuer: name('root'), signer: keys.root })
  },
  'something that cannot be read beside it': (it) => {
    it.others = [{ ...it.between, extensions: [[NAMES, NULL]] }]
  },
}

const written = (some) => some.map((one) => toPem(certificate(one)))

function shown({ root, between, end, others, trusted }) {
  const cert = written(between === undefined ? [end, ...others] : [end, between, ...others]).join('')
  return [cert, written([...trusted, root])]
}

async function sameOfServer(...chain) {
  assert.deepEqual(await server(tls, ...chain), await server(core, ...chain), "a server's")
}

/** `isCodeSame`: of several things that are wrong, it can tell another one. */
async function sameOfClient(isCodeSame, ...chain) {
  const [authorized, code] = await client(core, ...chain)
  const verdict = await client(tls, ...chain)
  if (verdict[1] === 'CERT_REJECTED') assert.equal(verdict[0], false)
  else if (isCodeSame) assert.deepEqual(verdict, [authorized, code], "a client's")
  else assert.equal(verdict[0], authorized, "a client's")
}

/** What a client makes of our server, which shows what Node's does not. */
async function ofOurServer({ connect }, cert, ca) {
  const server = tls.createServer({ key: END, cert, maxVersion: 'TLSv1.2' }, (socket) => socket.on('error', () => {}))
  server.on('tlsClientError', () => {})
  const socket = connect({ port: await listen(server), host: '127.0.0.1', servername: 'localhost', ca })
  try {
    return await new Promise((resolve) => {
      socket.on('error', ({ code }) => resolve(code))
      socket.on('secureConnect', () => resolve(socket.authorized))
    })
  } finally {
    socket.destroy()
    server.close()
  }
}

/** Numbers below 1 (mulberry32), the same ones each time. */
function numbers(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Ends that `webpki` alone does not take, and OpenSSL does: these are judged here, too. */
const ENDS = ['of version 1', 'of version 2', 'an authority of no others']

/** What is wrong besides; `names` are what an authority may sign for. */
const constrained =
  (names) =>
  ({ between }) =>
    extended(NAME_CONSTRAINTS, names, true)(between)
const BESIDES = {
  nothing: () => {},
  'nothing, in a chain of two': (it) => {
    it.between = undefined
    Object.assign(it.end, { issuer: name('root'), signer: keys.root })
  },
  'the root is of version 1': ({ root }) => CHANGES['of version 1'](root),
  'the one between is of version 1': ({ between }) => CHANGES['of version 1'](between),
  'both are': ({ root, between }) => {
    CHANGES['of version 1'](root)
    CHANGES['of version 1'](between)
  },
  'the root, which has not signed itself, is of version 1': ({ root }) => {
    CHANGES['of version 1'](root)
    Object.assign(root, { issuer: name('somebody'), signer: keys.rsa })
  },
  'signed by somebody else': ({ end }) => {
    end.signer = keys.root
  },
  'signed by another algorithm than it says': ({ end }) => CHANGES['another algorithm inside'](end),
  over: ({ end }) => CHANGES.over(end),
  'the one between is over': ({ between }) => CHANGES.over(between),
  'the one between may not sign': ({ between }) => extended(USAGE, bits(1, 0x02), true)(between),
  'the one between is no authority': ({ between }) => extended(CONSTRAINTS, sequence(), true)(between),
  'the one between is for clients': ({ between }) => extended(PURPOSES, sequence(oid('1.3.6.1.5.5.7.3.2')))(between),
  'nobody has signed the one between': ({ between }) => {
    between.signer = keys.end
  },
  'the root allows no others': ({ root }) => CHANGES['an authority of no others'](root),
  'for its name somebody may sign': constrained(sequence(trees(directory(sequence(attribute('2.5.4.10', 'Org')))))),
  'for its name nobody may sign': constrained(sequence(trees(directory(sequence(attribute('2.5.4.10', 'Other')))))),
  'for its host nobody may sign': constrained(sequence(trees(host('example.com')))),
}

/** What a client makes of a server of Node's, and of how many connections. */
async function ofNode({ connect }, cert, ca) {
  const server = core.createServer({ key: END, cert }, (socket) => socket.on('error', () => {}))
  let count = 0
  server.on('connection', () => count++)
  const port = await listen(server)
  // For its name nobody has to answer.
  const socket = connect({ port, host: '127.0.0.1', ca, checkServerIdentity() {} })
  try {
    const verdict = await new Promise((resolve) => {
      socket.on('error', ({ code }) => resolve(code))
      socket.on('secureConnect', () => resolve(socket.authorized))
    })
    return { verdict, count, isOurs: isOurs(socket) }
  } finally {
    socket.destroy()
    server.close()
  }
}

describe('a leaf certificate that may be accepted although it is', { concurrency: 4 }, () => {
  for (const end of ENDS) {
    for (const [besides, change] of Object.entries(BESIDES)) {
      it(`${end}; further defect: ${besides}`, async () => {
        const parts = chain()
        CHANGES[end](parts.end)
        change(parts)
        const chainOf = shown(parts)
        const expected = await ofNode(core, ...chainOf)
        const found = await ofNode(tls, ...chainOf)
        assert.equal(found.verdict, expected.verdict, "a server's")
        // Of names for which somebody may not sign, Node says what is wrong.
        if (!besides.startsWith('for its')) assert.equal(found.count, 1, 'nobody else is asked')
        const [authorized, code] = await client(core, ...chainOf)
        const verdict = await client(tls, ...chainOf)
        if (besides.startsWith('for its')) assert.ok(authorized || !verdict[0], "a client's")
        else assert.deepEqual(verdict, [authorized, code], "a client's")
      })
    }
  }
  it('the verdict comes from rustls', async () => {
    for (const end of ENDS) {
      const parts = chain()
      CHANGES[end](parts.end)
      assert.deepEqual(await ofNode(tls, ...shown(parts)), { verdict: true, count: 1, isOurs: true }, end)
    }
  })
})

describe('certificates with defects get the same verdict as in node:tls', { concurrency: 4 }, () => {
  for (const [title, change] of Object.entries(CHANGES)) {
    it(title, async () => {
      for (const which of ['root', 'between', 'end']) {
        const parts = chain()
        change(parts[which])
        await sameOfClient(true, ...shown(parts))
        if (which === 'end') await sameOfServer(...shown(parts))
      }
    })
  }
  for (const [title, change] of Object.entries(CHAINS)) {
    it(title, async () => {
      const parts = chain()
      change(parts)
      await sameOfClient(true, ...shown(parts))
      await sameOfServer(...shown(parts))
    })
  }
  it('keys that are not allowed to sign, although TLS 1.2 needs a signature', async () => {
    for (const change of [extended(USAGE, bits(3, 0x08)), extended(USAGE, bits(7, 0x80))]) {
      const parts = chain()
      change(parts.end)
      const [cert, ca] = shown(parts)
      assert.deepEqual(await ofOurServer(tls, cert, ca), await ofOurServer(core, cert, ca))
    }
  })
  const next = numbers(20261127)
  const one = (some) => some[Math.floor(next() * some.length)]
  for (let count = 0; count < 24; count++) {
    const parts = chain()
    const titles = []
    for (const [all, which] of [
      [CHANGES, 'root'],
      [CHANGES, 'between'],
      [CHANGES, 'end'],
      [CHAINS, undefined],
    ]) {
      if (next() < 0.5) continue
      const title = one(Object.keys(all))
      all[title](which === undefined ? parts : parts[which])
      titles.push(`${which}: ${title}`)
    }
    it(`random combination: ${titles.join(', ')}`, async () => {
      await sameOfClient(false, ...shown(parts))
      await sameOfServer(...shown(parts))
    })
  }
})
