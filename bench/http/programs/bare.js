'use strict'

// Programs on the bare modules `http`, `https` or `net`: each gets `{http, https, net}` of a contender and creates its
// server.

const fs = require('node:fs')
const path = require('node:path')
const { identity } = require('../../lib/identity.js')

/** Exactly 1 KiB, as a separate file, because streaming a part of a file is a different case. */
const FILE = path.join(__dirname, '1KiB.txt')

/** How long an idle connection may stay open: longer than a benchmark takes. */
const PATIENCE_MS = 3_600_000

const handled =
  (handler) =>
  ({ http }) =>
    http.createServer(handler)

const LARGE = 'x'.repeat(2 ** 20)

/** The handler of the tutorial. */
function hello(_req, res) {
  res.writeHead(200)
  res.end('http')
}

function patient(server) {
  server.keepAliveTimeout = PATIENCE_MS
  return server
}

module.exports = {
  FILE,
  LARGE,

  hello: handled(hello),

  'secure hello': ({ https }) => https.createServer(identity(), hello),

  'secure 1 MiB': ({ https }) => https.createServer(identity(), (_req, res) => res.end(LARGE)),

  /** `hello` for connections that stay open. */
  patient: ({ http }) => patient(http.createServer(hello)),

  'secure patient': ({ https }) => patient(https.createServer(identity(), hello)),

  /** A typical API handler without a framework: the answer depends on several parts of the request. */
  get: handled((req, res) => {
    const [route, query] = req.url.split('?')
    const { accept, 'user-agent': agent, 'accept-language': language, cookie } = req.headers
    res.setHeader('Content-Type', 'application/json; charset=utf-8')
    res.setHeader('Cache-Control', 'private, max-age=60')
    res.setHeader('Vary', 'Accept-Language, Cookie')
    res.end(JSON.stringify({ route, query, accept, agent, language, cookie }))
  }),

  post: handled((req, res) => {
    const chunks = []
    req.on('data', (chunk) => chunks.push(chunk))
    req.on('end', () => res.end(Buffer.concat(chunks)))
  }),

  writes: handled((_req, res) => {
    for (let i = 0; i < 8; i++) res.write(`line ${i} of eight\n`)
    res.end()
  }),

  upload: handled((req, res) => {
    let bytes = 0
    req.on('data', (chunk) => {
      bytes += chunk.length
    })
    req.on('end', () => res.end(`${bytes} bytes`))
  }),

  file: handled((_req, res) => {
    fs.createReadStream(FILE).pipe(res)
  }),

  echo: ({ net }) =>
    net.createServer({ noDelay: true }, (socket) => {
      socket.on('data', (data) => socket.write(data))
      // A load generator may disconnect abruptly when it is done.
      socket.on('error', () => {})
    }),
}
