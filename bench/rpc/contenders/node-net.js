'use strict'

// A typical protocol written by hand: every frame has a length, a sequence number and a body, and is one
// `socket.write`. Typed messages use protobufjs. `corked` is the same with the writes of one tick joined, which few
// programs do.

const net = require('node:net')
const tls = require('node:tls')
const { once } = require('node:events')
const { Readable } = require('node:stream')
const { Course } = require('../course-protobufjs.js')
const { course } = require('../course.js')
const { ca, key, cert } = require('../identity.js')

/** A u32 length of what follows, and a u32 sequence number. */
const HEADER = 8
/** The sequence number of a request for a stream. */
const STREAM = 0xffffffff

function frame(seq, body) {
  const buffer = Buffer.allocUnsafe(HEADER + body.length)
  buffer.writeUInt32BE(4 + body.length, 0)
  buffer.writeUInt32BE(seq, 4)
  body.copy(buffer, HEADER)
  return buffer
}

/** Calls `onFrame(seq, body)` for every complete frame of the stream. */
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
    return socket.write(buffer)
  }
}

function contender(writer) {
  const connect = (port, secure, onFrame) =>
    new Promise((resolve, reject) => {
      const place = { port, host: '127.0.0.1', noDelay: true }
      const socket = secure ? tls.connect({ ...place, ca }) : net.connect(place)
      if (secure) socket.setNoDelay(true)
      socket.on('data', splitter(onFrame))
      socket.on('error', reject)
      socket.on(secure ? 'secureConnect' : 'connect', () => resolve(socket))
    })

  return {
    listen: (secure) =>
      new Promise((resolve, reject) => {
        const create = secure
          ? (serve) => tls.createServer({ key, cert, noDelay: true }, serve)
          : (serve) => net.createServer({ noDelay: true }, serve)
        const server = create((socket) => {
          const write = writer(socket)
          const flood = () => {
            for (;;) {
              if (socket.destroyed) return
              if (!write(frame(STREAM, Course.toBuffer(course)))) return socket.once('drain', flood)
            }
          }
          socket.on(
            'data',
            splitter((seq, body) => {
              if (seq === STREAM) flood()
              // Typed calls have odd numbers.
              else write(frame(seq, seq % 2 === 0 ? body : Course.toBuffer(Course.fromBuffer(body))))
            }),
          )
          socket.on('error', () => {})
        })
        server.on('error', reject)
        server.listen(0, '127.0.0.1', () => resolve(server.address().port))
      }),

    async connect(port, secure) {
      const pending = new Map()
      const socket = await connect(port, secure, (seq, body) => {
        const callback = pending.get(seq)
        pending.delete(seq)
        callback(null, body)
      })
      const write = writer(socket)
      let next = 0
      const listen = async (take) => {
        const stream = await connect(port, secure, (_seq, body) => {
          if (!stream.destroyed && !take(Course.fromBuffer(body))) stream.destroy()
        })
        stream.write(frame(STREAM, Buffer.alloc(0)))
        await once(stream, 'close')
      }
      return {
        call(body, callback) {
          next += 2
          const seq = next >>> 0
          pending.set(seq, callback)
          write(frame(seq, body))
        },
        typed(message, callback) {
          next += 2
          const seq = (next + 1) >>> 0
          pending.set(seq, (error, body) => callback(error, body && Course.fromBuffer(body)))
          write(frame(seq, Course.toBuffer(message)))
        },
        listen,
        async iterate(take) {
          const readable = new Readable({ objectMode: true, read: () => stream.resume() })
          const stream = await connect(
            port,
            secure,
            (_seq, body) => readable.push(Course.fromBuffer(body)) || stream.pause(),
          )
          stream.write(frame(STREAM, Buffer.alloc(0)))
          for await (const message of readable) if (!take(message)) break
          stream.destroy()
        },
      }
    },
  }
}

module.exports = { plain: contender(plainWriter), corked: contender(corkedWriter) }
