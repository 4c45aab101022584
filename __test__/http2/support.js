'use strict'

// Node's own client asks Node's own server and ours the same, and what comes of it is compared.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const core = require('node:http2')
const { http2: ours } = require('../..')

/** A listening server of `module`, and a client's session with it, for as long as `use` takes. */
async function withServer(module, options, setUp, use) {
  const server = module.createServer(options)
  setUp(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = core.connect(`http://127.0.0.1:${server.address().port}`)
  client.on('error', () => {})
  try {
    return await use(client, server)
  } finally {
    client.destroy()
    const closed = once(server, 'close')
    server.close()
    await closed
  }
}

/** What a request is answered: without what differs from one time to the next. */
async function ask(client, headers = {}, body = undefined, { trailers } = {}) {
  const stream = client.request(headers, {
    endStream: body === undefined && !trailers,
    waitForTrailers: Boolean(trailers),
  })
  const seen = { informational: [], chunks: [] }
  stream.on('headers', (fields) => seen.informational.push(plain(fields)))
  stream.on('response', (fields) => {
    seen.headers = plain(fields)
  })
  stream.on('push', () => {})
  stream.on('trailers', (fields) => {
    seen.trailers = plain(fields)
  })
  stream.on('error', (error) => {
    seen.error = error.code
  })
  stream.on('aborted', () => {
    seen.aborted = true
  })
  stream.on('data', (chunk) => seen.chunks.push(chunk))
  if (trailers) stream.on('wantTrailers', () => stream.sendTrailers(trailers))
  if (body !== undefined || trailers) stream.end(body)
  await new Promise((resolve) => stream.on('close', resolve))
  const { chunks, ...rest } = seen
  return { ...rest, code: stream.rstCode, body: Buffer.concat(chunks).toString('latin1') }
}

function plain(fields) {
  const { date, ...rest } = fields
  return { ...rest, dated: date !== undefined }
}

/** Runs `scenario` on both, and compares what it returns. */
async function same(scenario) {
  const expected = await scenario(core)
  const found = await scenario(ours)
  assert.deepEqual(found, expected)
  return found
}

module.exports = { ask, core, ours, same, withServer }
