'use strict'

// The server of readers.long.test.js.

const { http } = require('ironwire')

const { mode, size, timeout, socketTimeout, closeAfter, closeIdleAfter, ...options } = JSON.parse(process.argv[2])
const text = 'x'.repeat(size)
const body = Buffer.alloc(size, 'x')
let handled = 0
let peak = 0
let first

const modes = {
  lean: (_req, res) => res.end(text),
  buffers: (_req, res) => res.end(Buffer.from(body)),
  posted: (req, res) => req.resume().on('end', () => res.end(text)),
  late: (_req, res) => setTimeout(() => res.end(Buffer.from(body)), 10),
  never: () => {},
  streamed(_req, res) {
    res.write(text)
    res.end()
  },
  /** All answered but the first of each connection, whose turn it is. */
  behind(req, res) {
    first ??= new Set()
    if (!first.has(req.socket)) first.add(req.socket)
    else res.end(text)
  },
  blocking(req, res) {
    if (req.url !== '/') for (const end = Date.now() + 2500; Date.now() < end; );
    if (req.url === '/streamed') res.write('x')
    res.end(text)
  },
}

const server = http.createServer(options, (req, res) => {
  handled++
  if (socketTimeout && handled === 1) req.socket.setTimeout(socketTimeout)
  modes[mode](req, res)
  if (handled === closeAfter) server.close()
  if (handled === closeIdleAfter) setImmediate(() => server.closeIdleConnections())
})
if (timeout) server.timeout = timeout
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))

const measure = () => {
  peak = Math.max(peak, process.memoryUsage.rss() / 2 ** 20)
}
setInterval(measure, 20)
process.on('message', () => {
  global.gc()
  measure()
  process.send({ handled, peak: Math.round(peak) })
})
