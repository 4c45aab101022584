'use strict'

// What the tests of native answers have in common: files, the server's process, and connections that send text and read responses.

const { fork } = require('node:child_process')
const { once } = require('node:events')
const fs = require('node:fs')
const net = require('node:net')
const os = require('node:os')
const path = require('node:path')
const { readOptions } = require('../../lib/files/options.js')

/** What lib/files makes of no options. */
const SETTINGS = readOptions()

const content = (length, seed = 0) =>
  Buffer.from(Uint32Array.from({ length: length / 4 }, (_, i) => i * 7 + seed).buffer)

const LARGE = content(10 << 20)
const MIDDLE = content(100_000)
const FILES = { 'a.txt': 'alpha', 'b.txt': 'beta', 'sub/index.html': '<p>', 'middle.bin': MIDDLE, 'large.bin': LARGE }

function write(file, bytes) {
  fs.mkdirSync(path.dirname(file), { recursive: true })
  fs.writeFileSync(file, bytes)
  // What has just changed is not kept in memory yet.
  fs.utimesSync(file, 1_700_000_000, 1_700_000_000)
}

function makeFolder(t, files = FILES) {
  const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-native-')))
  t.after(() => fs.rmSync(root, { recursive: true, force: true }))
  for (const [name, bytes] of Object.entries(files)) write(path.join(root, name), bytes)
  return root
}

/** Starts native-server.js: `{port, root, child}` and its functions, which return promises. `prefix` is a shell command in front of it. */
async function serve(t, { root = makeFolder(t), execArgv = [], execPath, ...options } = {}) {
  const child = fork(path.join(__dirname, 'native-server.js'), { execArgv, execPath })
  t.after(() => child.kill())
  const pending = new Map()
  let next = 0
  child.on('message', ({ id, value, error }) => {
    const { resolve, reject } = pending.get(id)
    pending.delete(id)
    if (error) reject(new Error(error))
    else resolve(value)
  })
  child.on('exit', (code, signal) => {
    for (const { reject } of pending.values()) reject(new Error(`the server ended: ${signal ?? code}`))
  })
  const call = (name, ...args) =>
    new Promise((resolve, reject) => {
      pending.set(next, { resolve, reject })
      child.send({ id: next++, name, args })
    })
  const port = await call('listen', root, options)
  return { root, port, child, call }
}

/** A connection that sends text and reads whole responses. */
async function connect(t, port) {
  const socket = net.connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  await once(socket, 'connect')
  let parts = []
  let length = 0
  let ended = false
  let wake = () => {}
  const note = () => wake()
  socket.on('data', (chunk) => {
    parts.push(chunk)
    length += chunk.length
    note()
  })
  socket.on('error', () => {})
  socket.on('close', () => {
    ended = true
    note()
  })
  const all = () => {
    if (parts.length !== 1) parts = [Buffer.concat(parts)]
    return parts[0]
  }
  async function until(found) {
    for (;;) {
      const value = found()
      if (value !== undefined) return value
      if (ended) throw new Error(`the connection ended after ${length} bytes`)
      await new Promise((resolve) => {
        wake = resolve
      })
    }
  }
  /** The next response; that to a `HEAD` has no body. */
  async function response({ method = 'GET' } = {}) {
    const end = await until(() => {
      const at = all().indexOf('\r\n\r\n')
      return at < 0 ? undefined : at + 4
    })
    const head = all().subarray(0, end).toString('latin1')
    const status = Number(head.split(' ', 2)[1])
    const bodyless = method === 'HEAD' || status === 304 || status < 200
    const size = bodyless ? 0 : Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0)
    await until(() => (length >= end + size ? true : undefined))
    const body = all().subarray(end, end + size)
    parts = [all().subarray(end + size)]
    length -= end + size
    return { status, head, body, text: body.toString() }
  }
  function send(method, target, headers = '', body = '') {
    socket.write(`${method} ${target} HTTP/1.1\r\nHost: x\r\n${headers}\r\n${body}`, 'latin1')
  }
  function get(target, headers) {
    send('GET', target, headers)
    return response()
  }
  /** All that comes until the connection has closed. */
  async function rest() {
    while (!ended) {
      await new Promise((resolve) => {
        wake = resolve
      })
    }
    return all()
  }
  return { socket, send, get, response, rest, received: () => length }
}

module.exports = { SETTINGS, connect, content, makeFolder, serve, write, FILES, LARGE, MIDDLE }
