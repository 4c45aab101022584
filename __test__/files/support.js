'use strict'

// Folders to serve, servers that end with their test, and a client that sends what it is given.

const assert = require('node:assert')
const { fork } = require('node:child_process')
const { once } = require('node:events')
const fs = require('node:fs')
const net = require('node:net')
const os = require('node:os')
const path = require('node:path')
const { linger } = require('../linger.js')

/** A fresh folder with these files: text or bytes by path, `null` for a folder, a function that makes something else. */
function makeTree(t, files = {}) {
  const parent = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-files-')))
  t.after(() => fs.rmSync(parent, { recursive: true, force: true }))
  // The root has something beside it that must never be served.
  fs.writeFileSync(path.join(parent, 'outside.txt'), 'OUTSIDE')
  const root = path.join(parent, 'root')
  fs.mkdirSync(root)
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(root, name)
    if (content === null) {
      fs.mkdirSync(file, { recursive: true })
      continue
    }
    fs.mkdirSync(path.dirname(file), { recursive: true })
    if (typeof content === 'function') content(file)
    else {
      fs.writeFileSync(file, content)
      // Not of this very second, as nearly all files are: what is too new to be told apart by its time is treated with more care.
      fs.utimesSync(file, 1_700_000_000, 1_700_000_000.25)
    }
  }
  return root
}

/** Has `server` listen on a port of its own until the test ends; the port. */
async function listen(t, server) {
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  // HTTP/2 has sessions.
  const sessions = new Set()
  server.on('session', (session) => sessions.add(session))
  t.after(
    () =>
      new Promise((resolve) => {
        server.close(resolve)
        server.closeAllConnections?.()
        for (const session of sessions) session.destroy()
      }),
  )
  return server.address().port
}

/**
 * A static server in a process of its own, which answers without JavaScript; the port. That it did is checked at the end. With `passesOn`,
 * what no file answers goes to a listener.
 */
async function mount(t, root, options = {}) {
  const child = fork(path.join(__dirname, 'mounted-server.js'), [root, JSON.stringify(options)])
  const [port] = await once(child, 'message')
  t.after(async () => {
    // The log has an answer a turn after its client.
    let answered = 0
    for (const end = Date.now() + 10_000; answered === 0 && Date.now() < end; await linger()) {
      child.send('answered')
      answered = (await once(child, 'message'))[0]
    }
    child.kill('SIGKILL')
    assert.ok(answered > 0, 'Rust has answered by itself')
  })
  return port
}

/** Sends bytes, and gives all that comes back until the server ends the connection. */
function exchange(port, text) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1')
    const chunks = []
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('error', reject)
    socket.on('close', () => resolve(Buffer.concat(chunks)))
    socket.write(text, 'latin1')
  })
}

/** The response in front of `bytes`: status, headers as pairs, by their names, and the body. */
function parseResponse(bytes) {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) throw new Error(`no response: ${bytes}`)
  const [statusLine, ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n')
  const pairs = lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)])
  const headers = {}
  for (const [name, value] of pairs) {
    const key = name.toLowerCase()
    headers[key] = key in headers ? `${headers[key]}, ${value}` : value
  }
  return { status: Number(statusLine.split(' ')[1]), pairs, headers, body: bytes.subarray(end + 4) }
}

/** One request with exactly this target and these headers, on a connection of its own. */
async function request(port, target, { method = 'GET', headers = {} } = {}) {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const head = `${method} ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${lines.join('')}\r\n`
  const response = parseResponse(await exchange(port, head))
  if (response.headers['transfer-encoding'] === 'chunked') response.body = dechunk(response.body)
  return response
}

function dechunk(bytes) {
  const parts = []
  for (let at = 0; ; ) {
    const end = bytes.indexOf('\r\n', at)
    const size = Number.parseInt(bytes.subarray(at, end).toString('latin1'), 16)
    if (!(size > 0)) return Buffer.concat(parts)
    parts.push(bytes.subarray(end + 2, end + 2 + size))
    at = end + 4 + size
  }
}

/** Waits until the condition holds, for as long as the test may take. */
async function until(condition) {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10))
}

module.exports = { makeTree, listen, mount, exchange, parseResponse, request, until }
