'use strict'

// The code of docs/*.md runs. It prints what the comments beside its `console.log` say, and its expressions have the
// values that the comments beside them name. Code that is a part of a program gets the rest of it from here.

const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { describe, it, test } = require('node:test')
const { missing: etcdMissing, startCluster } = require('../etcd/support.js')
const { identity, of, pem } = require('../https/support.js')
const { ROOT, freePort, start } = require('../tutorial/support')

/** Where programs are written: inside the repository, where 'ironwire' means this package. */
const WORK = path.join(__dirname, '.work')

const read = (page) => fs.readFileSync(path.join(ROOT, 'docs', page), 'utf8')

const IRONWIRE = "const { codec, etcd, grpc, http, protobuf, rpc } = require('ironwire')\n"
const RPC = `${IRONWIRE}const server = rpc.createServer().listen(3001)\nconst client = rpc.connect('localhost:3001')\n`
const ANSWER = "server.method('title', () => Buffer.from('java'))\n"
const CALL = "client.call('title', null, (error, reply) => console.log(error ?? String(reply)))\n"
/** The description of a record's bytes in docs/codec.md, behind its first line. */
const DUMP = /^> console\.log\(message\.dump\(bytes\)\)\n(.*?)^```$/ms.exec(read('codec.md'))[1]

/**
 * For each piece of JavaScript in a page, in order: why it does not run, or how. `before` and `after` surround it,
 * `edits` are made in it, and `prints` are lines that it prints besides those that its comments name. A program that
 * `stays` does not end by itself, and one with `files` runs in a folder that has those.
 */
const PAGES = {
  'addressing.md': [
    { before: `${IRONWIRE}rpc.createRegistry().listen(7400)\n`, prints: ['java'], stays: true },
    {
      before: `${IRONWIRE}rpc.createRegistry().listen(7400)\nconst registry = rpc.connectRegistry('registry://127.0.0.1:7400')\n`,
      after:
        "registry.watch('courses', ([found]) => found && console.log(found.address, found.weight, found.metadata.version))\n",
      prints: ['127.0.0.1:3001 2 1.4'],
      stays: true,
    },
    {
      before: `${RPC}${ANSWER}const addressesFromSomewhere = async () => ['localhost:3001']\n`,
      edits: [['5000', '5']],
      after: CALL,
      prints: ['java'],
      stays: true,
    },
  ],
  'bundling.md': ['a configuration of webpack', 'a configuration of Rollup'],
  'codec.md': [
    { before: 'const buffer = Buffer.alloc(4)\n' },
    {
      before: `${IRONWIRE}const buffer = require('node:crypto').randomBytes(2044)\n`,
      after: 'console.log(left.length, right.length, left[1] === samples[2], right[1] === samples[3])\n',
      prints: ['500 500 true true'],
    },
    { before: IRONWIRE, after: 'process.stdout.write(message.dump(bytes))\n', prints: DUMP.trimEnd().split('\n') },
    {
      before: IRONWIRE,
      after: `const record = { id: 7, urgent: true, level: 3, kind: 'text', body: 'hello' }
console.log(message.encode(record).toString('hex'))\n`,
      prints: ['00078301000568656c6c6fbad656a9'],
    },
    { before: `${IRONWIRE}const buffer = Buffer.alloc(14)\n` },
    {},
  ],
  'dgram.md': [{}],
  'etcd.md': [
    {
      etcd: true,
      edits: [['client\n  .watch', 'const watch = client\n  .watch']],
      after: `const { once } = require('node:events')
await once(watch, 'reset')
await lease.put('workers/8', 'there')
const deleted = once(watch, 'delete')
await client.delete('workers/8')
await deleted
client.close()\n`,
      prints: ['1', 'workers/8 is there', 'workers/8 is gone'],
    },
    {
      etcd: true,
      before: `${IRONWIRE}const client = etcd.connect('a:2379,b:2379,c:2379')\nconst lease = await client.lease(10)\n`,
      after: "console.log(succeeded, String((await client.get('lock')).value))\nclient.close()\n",
      prints: ['true mine'],
    },
    {
      etcd: true,
      before: IRONWIRE,
      after:
        "registry.watch('courses', ([found]) => found && console.log(found.address, found.weight, found.metadata.version))\n",
      prints: ['10.0.0.7:3001 2 1.4'],
      stays: true,
    },
  ],
  'grpc.md': [
    {},
    {
      before: `${IRONWIRE}const server = new grpc.Server()
const root = protobuf.parse('syntax = "proto3"; package shop; message Book {} service Shop { rpc Buy (Book) returns (Book); }')\n`,
      after: `server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), async (error, port) => {
  const Checks = grpc.makeClientConstructor(grpc.health.service)
  const checks = new Checks('127.0.0.1:' + port, grpc.credentials.createInsecure())
  console.log((await checks.check({ service: 'shop.Shop' })).status)
  checks.close()
  server.forceShutdown()
})\n`,
      prints: ['SERVING'],
    },
  ],
  'http.md': [
    {
      after: "fetch('http://127.0.0.1:3000/').then(async (response) => console.log(await response.text()))\n",
      prints: ['hello'],
      stays: true,
    },
  ],
  'http2.md': [{ prints: ['200', 'You asked for /hello'], stays: true }],
  'https.md': [
    {
      files: true,
      after: `https.get({ port: 8443, rejectUnauthorized: false, agent: false }, (response) => {
  response.on('data', (text) => console.log(String(text)))
})\n`,
      prints: ['hello over TLSv1.3'],
      stays: true,
    },
  ],
  'net.md': [
    {
      after: `const server = net.createServer((socket) => socket.pipe(socket)).listen(0, () => {
  net.connect(server.address().port).on('close', () => server.close()).end('echo\\n').pipe(process.stdout)
})\n`,
      prints: ['echo'],
    },
  ],
  'protobuf-formats.md': [{}],
  'protobuf.md': [{}, {}, {}, {}, {}, {}],
  'protobufjs.md': [{}],
  'register.md': [
    { after: "console.log(require('node:http').Server === require('ironwire').http.Server)\n", prints: ['true'] },
  ],
  'rpc.md': [
    { prints: ['java'], stays: true },
    {
      before: `let number = 0
const { setImmediate: pause } = require('node:timers/promises')
const nextTitleOf = async (id) => pause(\`title \${++number} of \${id}\`)\n`,
      edits: [['timeout: 100', 'timeout: 60_000']],
      prints: ['course 1000', 'title 1 of 1000', 'title 2 of 1000'],
      stays: true,
    },
    { before: IRONWIRE, prints: ['java'], stays: true },
    {
      before: `${RPC}${ANSWER}const secret = 'who'\nconst record = (method) => console.log(method)\n`,
      after: CALL,
      prints: ['title', 'java'],
      stays: true,
    },
    'an object with some values left out',
    {
      before: IRONWIRE,
      after: `${RPC.slice(IRONWIRE.length)}${ANSWER}await client.call('title', null)
const response = await fetch('http://127.0.0.1:9464/metrics')
const [line] = /^ironwire_rpc_server_calls_total.*$/m.exec(await response.text())
console.log(line)\n`,
      prints: ['ironwire_rpc_server_calls_total{method="title",status="OK"} 1'],
      stays: true,
    },
    {
      before: `${RPC}${ANSWER}const diagnostics_channel = require('node:diagnostics_channel')
console.warn = (text) => console.log(text.replace(/[\\d.]+ ms/, 'some ms'))\n`,
      edits: [['duration > 100', 'duration >= 0']],
      after: CALL,
      prints: ['title at localhost:3001 took some ms: OK', 'java'],
      stays: true,
    },
    '__test__/ecosystem/tracing.test.js does the same with OpenTelemetry itself',
    {
      before: `${IRONWIRE}process.env.IRONWIRE_SECRET = '0123456789abcdef'\n`,
      edits: [['server:3001', 'localhost:3001']],
      after: `server.listen(3001)\n${ANSWER}${CALL}`,
      prints: ['java'],
      stays: true,
    },
    {
      before: `${IRONWIRE}const fs = require('node:fs')\n`,
      files: true,
      edits: [['server.example', 'localhost']],
      after: `${ANSWER}${CALL}`,
      prints: ['java'],
      stays: true,
    },
    {
      files: true,
      before: `${IRONWIRE}const [cert, key, ca] = ['server-cert', 'server-key', 'ca-cert'].map(file)\n`,
      edits: [['…', 'callback(null, Buffer.from(subject + fingerprint256.length))']],
      after: `server.listen(3001)
const tls = { ca, cert: file('client-cert'), key: file('client-key') }
rpc.connect('tls://localhost:3001', { tls }).call('read', null, (error, reply) => {
  console.log(error ?? String(reply).replace('\\n', ' '))
})\n`,
      prints: ['O=ironwire CN=client95'],
      stays: true,
    },
  ],
  'static.md': [
    {
      files: true,
      before: `${IRONWIRE}const app = require('express')()\nconst [key, cert] = [file('key'), file('cert')]\n`,
      edits: [["http.createServer(serveStatic('public'))", '$&.listen(3001)']],
      after: `app.listen(3000)
for (const place of ['8080', '3000/assets', '3001']) {
  console.log(await (await fetch(\`http://127.0.0.1:\${place}/page.txt\`)).text())
}\n`,
      prints: ['a page', 'a page', 'a page'],
      stays: true,
    },
  ],
  'tls.md': [
    {
      files: true,
      // The certificate that is there has another name, and lines are what the test waits for.
      edits: [
        ["servername: 'localhost'", "servername: 'stranger'"],
        ["end('hello')", "end('hello\\n')"],
      ],
      prints: ['hello'],
      stays: true,
    },
  ],
}

/** Files that the programs find beside them. */
const FILES = {
  'key.pem': of('stranger').key,
  'cert.pem': of('stranger').cert,
  'server-key.pem': identity.key,
  'server-cert.pem': identity.cert,
  'client-key.pem': of('client').key,
  'client-cert.pem': of('client').cert,
  'ca-cert.pem': pem('ca-cert.pem'),
  'public/page.txt': 'a page',
}

const pieces = (page) => [...read(page).matchAll(/^```js\n(.*?)^```$/gms)].map(([, text]) => text)

/** The program of a piece: assertions for the values that its comments name, and what surrounds it. */
function programOf(piece, { before = '', after = '', edits = [] }) {
  let text = piece
  for (const [from, to] of edits) {
    assert.ok(text.includes(from), `the page has "${from}"`)
    text = text.replace(from, to)
  }
  let values = 0
  text = text.replace(
    /^(const (\w+) = )?(.+?) \/\/ (\d+|'.*'|\{.*\}|buffer\..*\))(?=$|: )/gm,
    (line, set, name, code, value) => {
      if (code.includes('console.log(')) return line
      values++
      return `${set ? `${set}${code}\n` : ''}require('node:assert').deepStrictEqual(${set ? name : code}, ${value}) // `
    },
  )
  const isWhole = before === '' && after === '' && !/^(const .*= )?await |^for await /m.test(text)
  const file = "const file = (name) => require('node:fs').readFileSync(name + '.pem')\n"
  if (!isWhole) text = `${file};(async () => {\n${before};(async () => {\n${text}\n;${after}})()\n})()\n`
  return { text, values }
}

test('every piece of code in the docs is listed here', () => {
  const pages = fs
    .readdirSync(path.join(ROOT, 'docs'))
    .filter((page) => page.endsWith('.md') && pieces(page).length > 0)
  const listed = Object.entries(PAGES).map(([page, recipes]) => [page, recipes.length])
  assert.deepStrictEqual(
    pages.sort().map((page) => [page, pieces(page).length]),
    listed.sort(([a], [b]) => (a < b ? -1 : 1)),
  )
})

// A program mostly waits, for itself or for its start.
describe('the code of the docs', { concurrency: 4 }, () => {
  for (const [page, recipes] of Object.entries(PAGES)) {
    const texts = pieces(page)
    for (const [index, recipe] of recipes.entries()) {
      if (typeof recipe === 'string') continue
      it(`docs/${page}, piece ${index + 1}`, { skip: recipe.etcd && etcdMissing, timeout: 120_000 }, async (t) => {
        const { text, values } = programOf(texts[index], recipe)
        const printed = [...text.matchAll(/console\.log\(.*\) \/\/ (.*)$/gm)].flatMap(([, lines]) =>
          lines.split(' and '),
        )
        const [program, prints] = await placed(t, [text, [...printed, ...(recipe.prints ?? [])].join('\n')], recipe)
        assert.notStrictEqual(printed.length + values + (recipe.prints ?? []).length, 0, 'there is something to check')
        fs.mkdirSync(WORK, { recursive: true })
        const directory = fs.mkdtempSync(path.join(WORK, 'docs-'))
        t.after(() => fs.rmSync(directory, { recursive: true, force: true }))
        fs.mkdirSync(path.join(directory, 'public'))
        for (const [name, bytes] of Object.entries(FILES)) fs.writeFileSync(path.join(directory, name), bytes)
        const file = path.join(directory, 'program.js')
        fs.writeFileSync(file, program)
        const started = start(t, file, { cwd: recipe.files ? directory : ROOT })
        const expected = prints === '' ? [] : prints.split('\n')
        if (recipe.stays) assert.deepStrictEqual(await started.lines(expected.length), expected)
        else {
          assert.deepStrictEqual(await started.ended, { code: 0, signal: null }, started.stderr)
          assert.deepStrictEqual(started.stdout.split('\n').slice(0, -1), expected)
        }
        assert.strictEqual(started.stderr, '')
      })
    }
  }
})

/** The texts with ports that are free, and with the endpoint of an etcd that runs. */
async function placed(t, texts, { etcd }) {
  const places = new Map()
  for (const port of ['3000', '3001', '7400', '8000', '8080', '8443', '9464']) {
    if (texts[0].includes(port)) places.set(port, await freePort())
  }
  let endpoint
  if (etcd) {
    const cluster = await startCluster()
    t.after(() => cluster.end())
    endpoint = cluster.url.replace('etcd://', '')
  }
  return texts.map((text) => {
    const found = text.replace(/\b(?:3000|3001|7400|8000|8080|8443|9464)\b/g, (port) => places.get(port) ?? port)
    if (!etcd) return found
    return found
      .replaceAll("'a:2379', 'b:2379', 'c:2379'", `'${endpoint}'`)
      .replaceAll('a:2379,b:2379,c:2379', endpoint)
  })
}
