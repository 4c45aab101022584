'use strict'

// Uploads of 20 MB, parsed as they arrive: every byte has to be there, and what a parser refuses must not cost the connection.

const assert = require('node:assert/strict')
const { createHash, randomBytes } = require('node:crypto')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { pipeline } = require('node:stream/promises')
const { after } = require('node:test')
const busboy = require('busboy')
const express = require('express')
const fastify = require('fastify')
const formidable = require('formidable').default
const multer = require('multer')
const { same, serve } = require('./support.js')

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-uploads-'))
after(() => fs.rmSync(folder, { recursive: true, force: true }))

const content = randomBytes(20_000_000)
const hash = (data) => createHash('sha256').update(data).digest('hex')
const expected = hash(content)

const parsers = {
  busboy: (http) =>
    http.createServer((req, res) => {
      const fields = {}
      const parser = busboy({ headers: req.headers })
      parser.on('file', (name, stream, info) => {
        const digest = createHash('sha256')
        stream
          .on('data', (chunk) => digest.update(chunk))
          .on('end', () => {
            fields[name] = [info.filename, digest.digest('hex')]
          })
      })
      parser.on('field', (name, value) => {
        fields[name] = value
      })
      parser.on('close', () => res.end(JSON.stringify(fields)))
      req.pipe(parser)
    }),
  'busboy, through express': (http) => {
    const app = express()
    app.post('/', async (req, res) => {
      const fields = {}
      const parser = busboy({ headers: req.headers })
      parser.on('file', (name, stream, info) => {
        const digest = createHash('sha256')
        stream.pipe(digest).on('finish', () => {
          fields[name] = [info.filename, digest.digest('hex')]
        })
      })
      parser.on('field', (name, value) => {
        fields[name] = value
      })
      await pipeline(req, parser)
      res.json(fields)
    })
    return http.createServer(app)
  },
  'multer, in memory': (http) => {
    const app = express()
    app.post('/', multer({ storage: multer.memoryStorage() }).any(), (req, res) => {
      const [file] = req.files
      res.json({ ...req.body, [file.fieldname]: [file.originalname, hash(file.buffer)] })
    })
    return http.createServer(app)
  },
  'multer, on disk': (http) => {
    const app = express()
    app.post('/', multer({ dest: folder }).single('file'), (req, res) => {
      const { fieldname, originalname, path } = req.file
      res.json({ ...req.body, [fieldname]: [originalname, hash(fs.readFileSync(path))] })
    })
    return http.createServer(app)
  },
  formidable: (http) =>
    http.createServer(async (req, res) => {
      const [fields, files] = await formidable({ uploadDir: folder, maxFileSize: 2 ** 25 }).parse(req)
      const [file] = files.file
      res.end(
        JSON.stringify({ text: fields.text[0], file: [file.originalFilename, hash(fs.readFileSync(file.filepath))] }),
      )
    }),
}

function form() {
  const data = new FormData()
  data.set('text', 'value')
  data.set('file', new Blob([content]), 'data.bin')
  return data
}

for (const [name, make] of Object.entries(parsers)) {
  same(`20 MB by ${name}`, async (http, t) => {
    const url = await serve(t, make(http))
    for (let round = 0; round < 2; round++) {
      const response = await fetch(url, { method: 'POST', body: form() })
      assert.deepEqual(await response.json(), { text: 'value', file: ['data.bin', expected] })
    }
  })
}

same('20 MB, raw: express, fastify', async (http, t) => {
  const app = express().use(express.raw({ limit: '32mb' }))
  app.post('/', (req, res) => res.json(hash(req.body)))
  const fast = fastify({ serverFactory: (handler) => http.createServer(handler), bodyLimit: 2 ** 25 })
  fast.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, (_req, body, done) => done(null, body))
  fast.post('/', async (req) => JSON.stringify(hash(req.body)))
  await fast.ready()
  const headers = { 'Content-Type': 'application/octet-stream' }
  for (const server of [http.createServer(app), fast.server]) {
    const url = await serve(t, server)
    const response = await fetch(url, { method: 'POST', body: content, headers })
    assert.equal(await response.json(), expected)
  }
})

same('files that are too large are refused, and the next request is answered', async (http, t) => {
  const app = express()
  app.post('/', multer({ storage: multer.memoryStorage(), limits: { fileSize: 100_000 } }).any(), (_req, res) =>
    res.end(),
  )
  app.get('/', (_req, res) => res.send('still here'))
  app.use((error, _req, res, _next) => res.status(413).send(error.code))
  const url = await serve(t, http.createServer(app))
  const refused = await fetch(url, { method: 'POST', body: form() })
  const next = await fetch(url)
  return [refused.status, await refused.text(), next.status, await next.text()]
})
