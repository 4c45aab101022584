'use strict'

// Helpers for the rpc tests: a connected pair, and hand-written peers that can break the protocol.

const net = require('node:net')
const { once } = require('node:events')
const { rpc } = require('../../index.js')

/** A server that listens until the test ends. */
async function listening(t, options, where = 0) {
  const server = rpc.createServer(options)
  server.listen(where, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close(() => {})
    server.closeAllConnections()
  })
  return { server, port: server.address().port }
}

/** A listening server and a client of it, both closed after the test. */
async function pair(t, serverOptions, clientOptions) {
  const server = rpc.createServer(serverOptions)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = rpc.connect(`127.0.0.1:${server.address().port}`, clientOptions)
  await once(client, 'connect')
  t.after(() => {
    client.destroy()
    if (server.listening) server.close(() => {})
    server.closeAllConnections()
  })
  return { server, client }
}

const Kind = {
  METHOD: 1,
  REQUEST: 2,
  REPLY: 3,
  ERROR: 4,
  CANCEL: 5,
  PING: 6,
  PONG: 7,
  GOAWAY: 8,
  MESSAGE: 9,
  END: 10,
  CREDIT: 11,
  AUTH: 12,
}
const Flag = { DEADLINE: 1, METADATA: 2, STREAMS: 4, TAKES_STREAM: 8, ONE_WAY: 16, DETAILS: 4 }

/** `window` is in KiB. */
function preface({ version = 1, flags = 0, maxFrame = 2 ** 24, maxCalls = 4096, window = 0, magic = 'IWRP' } = {}) {
  const bytes = Buffer.alloc(16)
  bytes.write(magic, 'latin1')
  bytes[4] = version
  bytes[5] = flags
  bytes.writeUInt16BE(window, 6)
  bytes.writeUInt32BE(maxFrame, 8)
  bytes.writeUInt32BE(maxCalls, 12)
  return bytes
}

/**
 * A frame as in docs/rpc-protocol.md. `code` is the method, status or reason of kinds that have one; `remaining` can
 * also be a credit.
 */
function frame(kind, sequence, { code, remaining, body = Buffer.alloc(0), flags } = {}) {
  const parts = [Buffer.alloc(6)]
  parts[0][0] = kind
  parts[0][1] = flags ?? (remaining === undefined ? 0 : 1)
  parts[0].writeUInt32BE(sequence, 2)
  if (code !== undefined) parts.push(Buffer.from([code >> 8, code & 255]))
  if (remaining !== undefined) {
    const left = Buffer.alloc(4)
    left.writeUInt32BE(remaining)
    parts.push(left)
  }
  parts.push(Buffer.from(body))
  const payload = Buffer.concat(parts)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(payload.length)
  return Buffer.concat([length, payload])
}

/** Declares a number for a method name; the client uses the number from then on. */
const method = (number, name) => frame(Kind.METHOD, 0, { code: number, body: name })

/** A simple reader: passes on each unit of a stream as `{ preface }` or `{ kind, flags, sequence, payload }`. */
class Reader {
  constructor(onUnit) {
    this.onUnit = onUnit
    this.held = Buffer.alloc(0)
    this.greeted = false
  }

  push(chunk) {
    this.held = Buffer.concat([this.held, chunk])
    for (;;) {
      const size = this.greeted ? (this.held.length < 4 ? Infinity : 4 + this.held.readUInt32BE(0)) : 16
      if (this.held.length < size) return
      const unit = this.held.subarray(0, size)
      this.held = this.held.subarray(size)
      if (!this.greeted) {
        this.greeted = true
        this.onUnit({ preface: unit })
      } else {
        this.onUnit({ kind: unit[4], flags: unit[5], sequence: unit.readUInt32BE(6), payload: unit.subarray(10) })
      }
    }
  }
}

/** A hand-written server: calls `onUnit(unit, socket)` for everything that a client sends. Returns its port. */
async function handServer(t, onUnit, { greeting = preface() } = {}) {
  const sockets = new Set()
  const server = net.createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    const reader = new Reader((unit) => onUnit(unit, socket))
    socket.on('data', (chunk) => reader.push(chunk))
    if (greeting) socket.write(greeting)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return { port: server.address().port, sockets, server }
}

/** A hand-written client: collects `units`; `next(test)` waits for one that passes `test`. */
async function handClient(t, port, { greeting = preface() } = {}) {
  const socket = net.connect(port, '127.0.0.1')
  const units = []
  const waiting = []
  const reader = new Reader((unit) => {
    units.push(unit)
    for (const check of [...waiting]) check()
  })
  socket.on('data', (chunk) => reader.push(chunk))
  socket.on('error', () => {})
  t.after(() => socket.destroy())
  await once(socket, 'connect')
  if (greeting) socket.write(greeting)
  const next = (accept) =>
    new Promise((resolve) => {
      const check = () => {
        const at = units.findIndex(accept)
        if (at < 0) return
        waiting.splice(waiting.indexOf(check), 1)
        resolve(units.splice(at, 1)[0])
      }
      waiting.push(check)
      check()
    })
  return { socket, units, next }
}

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** Waits until a condition holds. */
async function until(condition) {
  for (const start = Date.now(); !condition(); await sleep(1)) {
    if (Date.now() - start > 20_000) throw new Error(`Waited in vain for ${condition}`)
  }
}

/** A server that is closed after the test. Its method `who` answers with its name; `place` is its address. */
async function named(t, name, where = { port: 0, host: '127.0.0.1' }) {
  const server = rpc.createServer()
  server.method('who', () => Buffer.from(name))
  server.listen(where)
  await once(server, 'listening')
  server.place = where.path ?? `127.0.0.1:${server.address().port}`
  t.after(() => {
    if (server.listening) server.close(() => {})
    server.closeAllConnections()
  })
  return server
}

/** Makes `count` calls one after the other, and counts the answers of each server. */
async function tally(client, count, options) {
  const answers = {}
  for (let i = 0; i < count; i++) {
    const name = String(await client.call('who', null, options))
    answers[name] = (answers[name] ?? 0) + 1
  }
  return answers
}

/** Waits until a client of several addresses is connected to `count` of them. */
const connectedTo = (client, count) =>
  until(() => client.addresses.filter(({ connected }) => connected).length === count)

module.exports = {
  named,
  tally,
  connectedTo,
  until,
  pair,
  Kind,
  Flag,
  preface,
  frame,
  method,
  listening,
  Reader,
  handServer,
  handClient,
  sleep,
}
