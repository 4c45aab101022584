'use strict'

// What a Node programmer writes by hand: every frame is its length, a sequence number and a body, one `socket.write` each.
// `corked` is the same with the writes of one tick joined, which few think of.

const net = require('node:net')

/** u32 length of what follows, u32 sequence number. */
const HEADER = 8

function frame(seq, body) {
  const buffer = Buffer.allocUnsafe(HEADER + body.length)
  buffer.writeUInt32BE(4 + body.length, 0)
  buffer.writeUInt32BE(seq, 4)
  body.copy(buffer, HEADER)
  return buffer
}

/** Calls `onFrame(seq, body)` for every whole frame of the stream. */
function splitter(onFrame) {
  let rest
  return (chunk) => {
    const data = rest ? Buffer.concat([rest, chunk]) : chunk
    let at = 0
    while (data.length - at >= HEADER) {
      const end = at + 4 + data.readUInt32BE(at)
      if (end > data.length) break
      onFrame(data.readUInt32BE(at + 4), data.subarray(at + HEADER, end))
      at = end
    }
    rest = at < data.length ? data.subarray(at) : undefined
  }
}

const plainWriter = (socket) => (buffer) => socket.write(buffer)

function corkedWriter(socket) {
  let corked = false
  const uncork = () => {
    corked = false
    socket.uncork()
  }
  return (buffer) => {
    if (!corked) {
      corked = true
      socket.cork()
      process.nextTick(uncork)
    }
    socket.write(buffer)
  }
}

function contender(writer) {
  return {
    listen: () =>
      new Promise((resolve, reject) => {
        const server = net.createServer({ noDelay: true }, (socket) => {
          const write = writer(socket)
          socket.on(
            'data',
            splitter((seq, body) => write(frame(seq, body))),
          )
          socket.on('error', () => {})
        })
        server.on('error', reject)
        server.listen(0, '127.0.0.1', () => resolve(server.address().port))
      }),

    connect: (port) =>
      new Promise((resolve, reject) => {
        const socket = net.connect({ port, host: '127.0.0.1', noDelay: true })
        const write = writer(socket)
        const pending = new Map()
        let next = 0
        socket.on(
          'data',
          splitter((seq, body) => {
            const callback = pending.get(seq)
            pending.delete(seq)
            callback(null, body)
          }),
        )
        socket.on('error', reject)
        socket.on('connect', () =>
          resolve((body, callback) => {
            const seq = next++ >>> 0
            pending.set(seq, callback)
            write(frame(seq, body))
          }),
        )
      }),
  }
}

module.exports = { plain: contender(plainWriter), corked: contender(corkedWriter) }
