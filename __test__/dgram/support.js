'use strict'

// What several tests of datagrams share.

const { once } = require('node:events')
const { execFile } = require('node:child_process')
const path = require('node:path')
const node = require('node:dgram')
const ours = require('../../index.js').dgram

/** Both modules, to be compared. */
const modules = { node, ours }

/** A socket that is closed when the test ends. */
function open(t, dgram, ...args) {
  const socket = dgram.createSocket(...args)
  t.after(() => {
    try {
      socket.close()
    } catch {
      // It is already.
    }
  })
  return socket
}

/** The same, bound; resolves to it. */
async function bound(t, dgram, type = 'udp4', address = type === 'udp6' ? '::1' : '127.0.0.1') {
  const socket = open(t, dgram, type)
  socket.bind(0, address)
  await once(socket, 'listening')
  return socket
}

/** The next `count` messages of a socket, as `[bytes, from]`. */
function messages(socket, count) {
  return new Promise((resolve, reject) => {
    const got = []
    socket.on('error', reject)
    socket.on('message', function listen(bytes, from) {
      got.push([bytes, from])
      if (got.length < count) return
      socket.off('message', listen)
      resolve(got)
    })
  })
}

/** Resolves to what a callback of a `send` was called with. */
const sent = (socket, ...args) => new Promise((resolve) => socket.send(...args, (...result) => resolve(result)))

/** What is worth comparing in an error. */
const shape = ({ name, code, message, errno, syscall, address, port }) => ({
  name,
  code,
  message,
  errno,
  syscall,
  address,
  port,
})

const root = JSON.stringify(path.join(__dirname, '..', '..'))

/** Runs Node; resolves with exit code, signal and output. */
function execute(args) {
  return new Promise((resolve) => {
    execFile(process.execPath, args, { timeout: 120_000 }, (error, stdout, stderr) => {
      resolve({ code: error ? error.code : 0, signal: error?.signal ?? null, stdout, stderr })
    })
  })
}

/** The same for a script. */
const run = (script, ...flags) => execute([...flags, '-e', script])

module.exports = { modules, node, ours, open, bound, messages, sent, shape, execute, run, root }
