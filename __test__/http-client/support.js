'use strict'

// Node's client and ours run the same program; what it notes must be the same.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const net = require('node:net')
const { test } = require('node:test')
const core = require('node:http')
const { http } = require('../..')
const { linger } = require('../linger')

/** A test that runs `program(module, t)` on both and compares what it resolves to; `check` looks at ours besides. */
function alike(name, program, check) {
  test(name, async (t) => {
    const [expected, actual] = await Promise.all([program(core, t), program(http, t)])
    assert.deepEqual(actual, expected)
    check?.(actual)
  })
}

/** A plain server whose connections `serve(socket, number)` answers by hand; ends with the test. Resolves to its port. */
async function rawServer(t, serve, ...where) {
  const sockets = new Set()
  const server = net.createServer((socket) => {
    sockets.add(socket.on('close', () => sockets.delete(socket)).on('error', () => {}))
    socket.setNoDelay(true)
    serve(socket, server.accepted++)
  })
  server.accepted = 0
  t.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  await once(server.listen(...(where.length > 0 ? where : [0, '127.0.0.1'])), 'listening')
  return server.address().port
}

/** Notes everything that happens to a request and its response, until both are over. */
function watch(req, options = {}) {
  const notes = []
  const note = (what, ...details) => notes.push(details.length > 0 ? [what, ...details] : what)
  const error = ({ name, message, code }) => ({ name, message, code })
  for (const event of ['finish', 'abort', 'timeout', 'continue']) req.on(event, () => note(event))
  req.on('information', ({ statusCode, statusMessage, httpVersion, headers, rawHeaders }) => {
    note('information', { statusCode, statusMessage, httpVersion, headers, rawHeaders })
  })
  req.on('error', (failure) => note('error', error(failure)))
  const takeOver = (event) => (res, socket, head) => {
    note(event, shown(res))
    let text = head.toString('latin1')
    socket.on('data', (chunk) => (text += chunk.toString('latin1')))
    socket.on('close', () => note(`${event} over`, text))
    socket.on('error', () => {})
  }
  if (options.upgrades !== false) req.on('upgrade', takeOver('upgrade')).on('connect', takeOver('connect'))
  req.on('response', (res) => {
    note('response', shown(res))
    let body = ''
    res.on('data', (chunk) => (body += chunk.toString('latin1')))
    res.on('aborted', () => note('aborted'))
    res.on('error', (failure) => note('response error', error(failure)))
    res.on('end', () => note('end', body, res.trailers, res.rawTrailers))
    res.on('close', () => note('response closed', body, res.complete, res.aborted, res.destroyed, res.readableEnded))
  })
  return new Promise((resolve) => {
    // Whatever follows the end of the request is to be seen as well. Without a socket there is no end after an error.
    const over = () => linger().then(() => resolve(notes))
    req.on('error', () => req.socket ?? over())
    req.on('close', () => {
      note('close', req.destroyed, req.reusedSocket)
      over()
    })
  })
}

function shown(res) {
  const { statusCode, statusMessage, httpVersion, httpVersionMajor, httpVersionMinor, headers, rawHeaders, upgrade } =
    res
  const { headersDistinct, url, method } = res
  return {
    statusCode,
    statusMessage,
    version: [httpVersion, httpVersionMajor, httpVersionMinor],
    headers,
    headersDistinct,
    rawHeaders,
    upgrade,
    url,
    method,
  }
}

module.exports = { alike, rawServer, watch }
