'use strict'

// Drives an echo server: `node echo.js`. One message is in flight on each of 64 connections.

const assert = require('node:assert')
const crypto = require('node:crypto')
const net = require('node:net')
const { expose } = require('../../lib/child.js')
const { keepInFlight } = require('../../lib/in-flight.js')

const CONNECTIONS = 64
const MESSAGE = Buffer.alloc(64, 'ironwire')

/** Connections without a message in flight. */
const free = []

/**
 * Opens a connection. Resolves to `exchange(callback)`, which sends a message; the callback gets the number of bytes
 * received when all are back.
 */
function open(port) {
  return new Promise((resolve, reject) => {
    let received = 0
    let callback
    function exchange(done) {
      received = 0
      callback = done
      socket.write(MESSAGE)
    }
    const onread = {
      // One buffer for all received data, so that the driver costs less than the server that it drives.
      buffer: Buffer.allocUnsafe(4096),
      callback(length) {
        received += length
        if (received < MESSAGE.length) return
        free.push(exchange)
        callback(null, received)
      },
    }
    const socket = net.connect({ host: '127.0.0.1', port, noDelay: true, onread }, () => resolve(exchange))
    socket.on('error', (error) => (callback ?? reject)(error))
    socket.on('close', () => callback?.(new Error('the echo server closed the connection')))
  })
}

/** Checks that the echo is correct and in order, also for data that does not fit into a single read. */
function check(port) {
  const sent = crypto.randomBytes(300_000)
  return new Promise((resolve, reject) => {
    const chunks = []
    let length = 0
    const socket = net.connect({ host: '127.0.0.1', port }, () => socket.write(sent))
    socket.on('error', reject)
    socket.on('data', (chunk) => {
      chunks.push(chunk)
      length += chunk.length
      if (length >= sent.length) socket.end()
    })
    socket.on('close', () =>
      resolve(assert(Buffer.concat(chunks).equals(sent), 'what comes back is not what was sent')),
    )
  })
}

expose({
  async connect(port) {
    await check(port)
    for (let i = 0; i < CONNECTIONS; i++) free.push(await open(port))
  },
  run: (seconds) =>
    keepInFlight({
      call: (callback) => free.pop()(callback),
      accept: (bytes) => (bytes === MESSAGE.length ? undefined : `${bytes} bytes came back, not ${MESSAGE.length}`),
      inFlight: CONNECTIONS,
      seconds,
    }),
})
