'use strict'

// One application, written against Node's API, that the tests run on Node's server and on ours.

const net = require('node:net')

const routes = {
  explicit: (_req, res) => res.writeHead(200).end('http'),
  implicit: (_req, res) => res.end('implicit'),
  empty: (_req, res) => res.end(),
  'explicit-empty': (_req, res) => res.writeHead(200).end(),
  headers: (_req, res) => {
    res.setHeader('X-A', 'one')
    res.setHeader('x-a', 'two')
    res.setHeader('X-Number', 7)
    res.end(`${res.getHeader('X-A')} ${res.hasHeader('x-number')} ${res.getHeaderNames()}`)
  },
  'both-headers': (_req, res) => {
    res.setHeader('X-A', 'one')
    res.writeHead(201, { 'X-B': 'two', 'x-a': 'three' })
    res.end('x')
  },
  array: (_req, res) => res.writeHead(200, ['X-A', 'b', 'X-A', 'c']).end('array'),
  pairs: (_req, res) => res.writeHead(200, { 'Set-Cookie': ['a=1', 'b=2'] }).end('pairs'),
  reason: (_req, res) => res.writeHead(200, 'Fine', { 'X-A': 'b' }).end('x'),
  status: (_req, res) => {
    res.statusCode = 404
    res.end('nothing here')
  },
  message: (_req, res) => {
    res.statusCode = 500
    res.statusMessage = 'Oh no'
    res.end('x')
  },
  unknown: (_req, res) => res.writeHead(299).end('x'),
  'late-status': (_req, res) => {
    res.writeHead(200, { 'X-A': 'b' })
    res.statusCode = 201
    res.end('x')
  },
  'late-status-write': (_req, res) => {
    res.writeHead(200)
    res.statusCode = 201
    res.write('x')
    res.end(String(res.statusCode))
  },
  'no-content': (_req, res) => res.writeHead(204).end('ignored'),
  'not-modified': (_req, res) => {
    res.statusCode = 304
    res.setHeader('ETag', '"x"')
    res.end('ignored')
  },
  length: (_req, res) => res.writeHead(200, { 'Content-Length': 5, 'Content-Type': 'text/plain' }).end('12345'),
  'set-length': (_req, res) => {
    res.setHeader('content-length', '5')
    res.end('12345')
  },
  chunks: (_req, res) => {
    res.write('first ')
    res.write(Buffer.from('second '))
    res.end('third')
  },
  trailers: (req, res) => {
    // Without a chunked body there is no place for them, and Node throws.
    if (req.method === 'HEAD' || req.httpVersion === '1.0') return res.end()
    res.setHeader('Trailer', 'X-T')
    res.write('body')
    res.addTrailers({ 'X-T': 'v' })
    res.end()
  },
  close: (_req, res) => {
    res.setHeader('Connection', 'close')
    res.end('closing')
  },
  'close-explicit': (_req, res) => res.writeHead(200, { Connection: 'close' }).end('closing'),
  'no-date': (_req, res) => {
    res.sendDate = false
    res.end('no date')
  },
  'own-date': (_req, res) => res.writeHead(200, { Date: 'yesterday' }).end('x'),
  'no-keep-alive': (_req, res) => {
    res.shouldKeepAlive = false
    res.end('x')
  },
  buffer: (_req, res) => res.end(Buffer.from([1, 2, 3, 255])),
  bytes: (_req, res) => res.end(new Uint8Array([9, 8, 7])),
  latin1: (_req, res) => res.end('h\xe9', 'latin1'),
  utf8: (_req, res) => res.end('h\xe9 \u{1f600} \ud800'),
  'header-latin1': (_req, res) => res.writeHead(200, { 'X-A': 'caf\xe9' }).end('x'),
  hints: (_req, res) => {
    res.writeProcessing()
    res.writeEarlyHints({ link: '</a.css>; rel=preload' })
    res.end('after')
  },
  removed: (_req, res) => {
    res.setHeader('X-A', '1')
    res.removeHeader('X-A')
    res.removeHeader('Date')
    res.end('x')
  },
  'removed-connection': (_req, res) => {
    res.removeHeader('Connection')
    res.end('x')
  },
  flush: (_req, res) => {
    res.flushHeaders()
    setImmediate(() => res.end('flushed'))
  },
  late: (_req, res) => setTimeout(() => res.end('late'), 5),
  'late-explicit': (_req, res) => {
    res.writeHead(202, { 'X-Late': 'yes' })
    setImmediate(() => res.end('late'))
  },
  big: (_req, res) => res.end('b'.repeat(200_000)),
  'big-chunks': (_req, res) => {
    for (let i = 0; i < 20; i++) res.write(String(i % 10).repeat(20_000))
    res.end()
  },
  cork: (_req, res) => {
    res.cork()
    res.write('a')
    res.write('b')
    res.uncork()
    res.end('c')
  },
  callback: (_req, res) => res.write('a', () => res.end('b', () => {})),
  errors: (_req, res) => {
    const attempts = [
      () => res.setHeader('bad name', 'x'),
      () => res.setHeader('X', 'a\nb'),
      () => res.setHeader('X'),
      () => res.writeHead(99),
      () => res.writeHead('x'),
      () => res.writeHead(200, { 'X-A': '\u2603' }),
      () => res.end(5),
      () => res.write(null),
    ]
    const seen = attempts.map((attempt) => {
      try {
        attempt()
        return 'fine'
      } catch (error) {
        return `${error.name} ${error.code} ${error.message}`
      }
    })
    res.end(seen.join('\n'))
  },
  sent: (_req, res) => {
    res.writeHead(200)
    const seen = [res.headersSent, res.statusMessage]
    for (const attempt of [() => res.setHeader('A', 'b'), () => res.writeHead(200), () => res.removeHeader('A')]) {
      try {
        attempt()
      } catch (error) {
        seen.push(error.code, error.message)
      }
    }
    res.end(seen.join(' '))
  },
  state: (req, res) => {
    const before = [res.writableEnded, res.finished, res.headersSent, req.complete, req.aborted, res.writable]
    before.push(res.statusCode, res.statusMessage, res.writableLength, res.writableFinished, req.httpVersion)
    res.end(JSON.stringify([...before, req.socket === res.socket, req.socket.writable, req.destroyed]))
  },
  request: (req, res) => {
    const { method, url, httpVersion, httpVersionMajor, headers, rawHeaders } = req
    res.end(JSON.stringify({ method, url, httpVersion, httpVersionMajor, headers, rawHeaders }))
  },
  distinct: (req, res) => res.end(JSON.stringify([req.headersDistinct, req.trailersDistinct, req.headers])),
  echo: (req, res) => req.pipe(res),
  body: (req, res) => {
    const chunks = []
    req.on('data', (chunk) => chunks.push(chunk))
    req.on('end', () => {
      res.end(JSON.stringify([Buffer.concat(chunks).toString('latin1'), req.trailers, req.rawTrailers, req.complete]))
    })
  },
  async: async (req, res) => {
    let text = ''
    for await (const chunk of req) text += chunk
    res.end(`async ${text}`)
  },
  ignore: (_req, res) => res.end('body ignored'),
  te: (_req, res) => {
    res.setHeader('Transfer-Encoding', 'chunked')
    res.end('own framing')
  },
}

function application(req, res) {
  const route = routes[req.url.slice(1).split('?')[0]]
  if (route === undefined) res.writeHead(404).end()
  else route(req, res)
}

/** Sends `parts`, one write each, and gives everything that comes back until the server closes, dates made equal. */
function exchange(port, parts, { end = false } = {}) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1')
    const chunks = []
    const timer = setTimeout(() => {
      socket.destroy()
      reject(new Error(`no end after ${Buffer.concat(chunks).toString('latin1').slice(0, 2000)}`))
    }, 60_000)
    socket.setNoDelay(true)
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(timer)
      const text = Buffer.concat(chunks).toString('latin1')
      resolve(text.replace(/^Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r$/gm, 'Date: *\r'))
    })
    const send = async () => {
      for (const part of parts) {
        if (socket.destroyed) return
        socket.write(part, 'latin1')
        if (parts.length > 1) await new Promise((resolve) => setImmediate(resolve))
      }
      if (end) socket.end()
    }
    socket.on('connect', send)
  })
}

function listen(server) {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)))
}

module.exports = { routes, application, exchange, listen }
