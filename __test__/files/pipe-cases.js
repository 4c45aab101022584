'use strict'

// `fs.createReadStream(path).pipe(res)` is sent from Rust. The same handlers run on Node's server and on ours: what a client receives, which
// events come in which order and what the stream says of itself must be the same; and where nothing stands against it, no part of the file
// may have been read by JavaScript.
//
// This is a program of its own: the test runner watches each asynchronous resource, and who does that has files read by core.

const assert = require('node:assert/strict')
const { AsyncLocalStorage, AsyncResource, createHook } = require('node:async_hooks')
const { execFileSync, spawn } = require('node:child_process')
const { createHash } = require('node:crypto')
const { once } = require('node:events')
const fs = require('node:fs')
const net = require('node:net')
const nodeHttp = require('node:http')
const os = require('node:os')
const path = require('node:path')
const { finished, PassThrough, pipeline, Transform } = require('node:stream')
const { pipeline: pipelined } = require('node:stream/promises')
const { setTimeout: sleep } = require('node:timers/promises')
const { isDeepStrictEqual } = require('node:util')
const { Worker } = require('node:worker_threads')
const { http } = require('../..')
const { native } = require('../../lib/engine.js')

const linux = process.platform === 'linux'
const root = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-pipe-'))
process.on('exit', () => fs.rmSync(root, { recursive: true, force: true }))

/** By their names. */
const cases = new Map()

const content = (length) => Buffer.from(Uint32Array.from({ length: length / 4 }, (_, i) => i * 2654435761).buffer)
const at = (name) => path.join(root, name)
const SIZES = { small: 1024, middle: 64 * 1024, edge: 64 * 1024 + 4, large: 5_000_000 }
for (const [name, size] of Object.entries(SIZES)) fs.writeFileSync(at(name), content(size))
fs.writeFileSync(at('empty'), '')
fs.mkdirSync(at('folder'))

/** Parts of files that Rust has sent. */
let parts = 0
if (linux) {
  const { sourceNext } = native
  const { sourceGiveBack } = native
  native.sourceGiveBack = (...args) => {
    parts--
    return sourceGiveBack(...args)
  }
  native.sourceNext = (...args) => {
    const next = sourceNext(...args)
    if (next > 0) parts++
    return next
  }
}

const STREAM_EVENTS = ['open', 'ready', 'end', 'error', 'close', 'pause', 'resume']
const RESPONSE_EVENTS = ['pipe', 'unpipe', 'finish', 'close', 'error']

/** What a handler is given to note what it sees. */
class Log {
  lines = []
  open = 0
  streams = []
  apart = false

  note(line) {
    this.lines.push(line)
  }

  /** Notes the events of an emitter; until it is closed, the exchange is not over. */
  watch(name, emitter, events) {
    this.open++
    for (const event of events) {
      emitter.on(event, (value) => {
        const about = event === 'error' ? ` ${value.code}` : event === 'open' ? ` ${typeof value}` : ''
        this.note(`${name} ${event}${about}`)
      })
    }
    emitter.once('close', () => this.open--)
    return emitter
  }

  stream(stream, events = STREAM_EVENTS) {
    return this.watch(`stream ${this.streams.push(stream)}`, stream, events)
  }

  /** In their order. With several streams, only in that of each: which of their files is open or closed first is the system's affair. */
  events() {
    if (this.streams.length < 2 && !this.apart) return this.lines
    const of = {}
    for (const line of this.lines) {
      const [whose] = /^stream \d+|/.exec(line)
      of[whose] ??= []
      of[whose].push(line)
    }
    return of
  }

  response(res, events = RESPONSE_EVENTS) {
    return this.watch('response', res, events)
  }

  /** What streams are in the end. */
  states() {
    return this.streams.map(({ bytesRead, pending, destroyed, closed, fd, readableEnded, errored }) => {
      return { bytesRead, pending, destroyed, closed, fd: typeof fd, readableEnded, errored: errored?.code }
    })
  }
}

/** Sends `text`, reads what comes until the connection ends. */
async function exchange(port, text) {
  const socket = net.connect(port, '127.0.0.1')
  const chunks = []
  socket.on('data', (chunk) => chunks.push(chunk))
  socket.on('error', () => {})
  socket.write(text)
  await once(socket, 'close')
  return Buffer.concat(chunks)
}

/** Cuts what was received into heads, without what differs by time, and hashes of bodies, with their chunks joined. */
function responses(bytes) {
  const found = []
  let rest = bytes
  while (rest.length > 0) {
    const end = rest.indexOf('\r\n\r\n')
    if (end < 0) return [...found, `cut off in a head: ${rest}`]
    const head = rest.latin1Slice(0, end).replace(/\r\nDate: [^\r]+/, '')
    rest = rest.subarray(end + 4)
    let body = rest
    const given = /\r\nContent-Length: (\d+)/i.exec(head)
    let whole = true
    if (/chunked/.test(head)) {
      const pieces = []
      for (;;) {
        const line = rest.indexOf('\r\n')
        const size = Number.parseInt(rest.latin1Slice(0, line), 16)
        if (!(line > 0) || rest.length < line + 2 + size + 2) {
          whole = false
          rest = rest.subarray(rest.length)
          break
        }
        pieces.push(rest.subarray(line + 2, line + 2 + size))
        rest = rest.subarray(line + 2 + size)
        // Behind the last one there may be trailers.
        const trailers = size === 0 && rest.latin1Slice(0, 2) !== '\r\n'
        const end = trailers ? rest.indexOf('\r\n\r\n') : -1
        if (end > 0) pieces.push(rest.subarray(0, end + 2))
        if (end > 0) rest = rest.subarray(end + 2)
        if (rest.latin1Slice(0, 2) !== '\r\n') throw new Error('a chunk has no end')
        rest = rest.subarray(2)
        if (size === 0) break
      }
      body = Buffer.concat(pieces)
    } else if (/^HTTP\/1.1 (204|304)/.test(head) || /X-Head/.test(head)) {
      body = Buffer.alloc(0)
    } else {
      body = given ? rest.subarray(0, Number(given[1])) : rest
      whole = !given || body.length === Number(given[1])
      rest = rest.subarray(body.length)
    }
    found.push({ head, length: body.length, whole, hash: createHash('sha1').update(body).digest('hex') })
  }
  return found
}

const GET = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

/** Runs one handler on one server: all that can be seen of it. */
async function run(module, handler, { text = GET, client = exchange, options = {} } = {}) {
  const log = new Log()
  const before = parts
  const server = module.createServer(options, (req, res) => {
    Promise.resolve(handler(req, res, log)).catch((error) => log.note(`rejected ${error.code ?? error.message}`))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const received = await client(server.address().port, text)
  for (let i = 0; log.open > 0 && i < 500; i++) await sleep(2)
  await sleep(2)
  server.close()
  server.closeAllConnections()
  return {
    seen: { responses: responses(received), events: log.events(), states: log.states() },
    native: parts - before,
  }
}

/**
 * Runs it on each until both behave alike, which is the first time but where a busy system lets a read of a file win a race against a
 * timer or a closing connection that it otherwise loses. What truly differs does so each time.
 */
async function runOnBoth(handler, options) {
  for (let attempt = 1; ; attempt++) {
    const theirs = await run(nodeHttp, handler, options)
    const ours = await run(http, handler, options)
    if (attempt === 5 || isDeepStrictEqual(ours.seen, theirs.seen)) return { theirs, ours }
  }
}

/** Compares twice, since the second time its path is known. `native`: whether Rust has sent of the file. */
function compare(name, { native, ...options }, handler) {
  cases.set(name, async () => {
    for (const time of ['first', 'second']) {
      const { theirs, ours } = await runOnBoth(handler, options)
      assert.deepStrictEqual(ours.seen, theirs.seen, `the ${time} time`)
      if (linux && native !== undefined) assert.equal(ours.native > 0, native, `sent from Rust: ${ours.native} parts`)
      assert.equal(theirs.native, 0)
    }
  })
}

/** All that the events of large files have in common: how often a stream waits is the server's affair. */
const NO_WAITING = ['open', 'ready', 'end', 'error', 'close']

for (const [name, size] of Object.entries(SIZES)) {
  compare(`${name} file of ${size} bytes`, { native: true }, (_req, res, log) => {
    log.response(res)
    log.stream(fs.createReadStream(at(name)), size > 1024 ? NO_WAITING : undefined).pipe(res)
  })
  compare(`${name} file that nobody looks at`, { native: true }, (_req, res) => {
    fs.createReadStream(at(name)).pipe(res)
  })
  compare(`${name} file with a given length`, { native: true }, (_req, res, log) => {
    res.writeHead(200, { 'Content-Length': size, 'Content-Type': 'a/b' })
    log.stream(fs.createReadStream(at(name)), NO_WAITING).pipe(res)
  })
  compare(
    `${name} file, keep-alive and pipelined`,
    {
      native: true,
      text: `GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n${GET}`,
    },
    (_req, res, log) => {
      res.setHeader('X-Size', size)
      log.stream(fs.createReadStream(at(name)), ['error']).pipe(res)
    },
  )
  compare(`${name} file to HTTP/1.0`, { native: true, text: 'GET / HTTP/1.0\r\n\r\n' }, (_req, res, log) => {
    log.stream(fs.createReadStream(at(name)), NO_WAITING).pipe(res)
  })
}

for (const range of [
  { start: 0 },
  { start: 10 },
  { end: 0 },
  { end: 9 },
  { start: 10, end: 10 },
  { start: 1000, end: 5000 },
  { start: 1023 },
  { start: 1024 },
  { start: 5000 },
  { end: Number.POSITIVE_INFINITY },
  { end: 1023 },
  { end: 1024 },
]) {
  compare(`range ${JSON.stringify(range)}`, {}, (_req, res, log) => {
    log.response(res)
    log.stream(fs.createReadStream(at('small'), range)).pipe(res)
  })
  compare(`range ${JSON.stringify(range)} of a large file`, { native: range.start !== 5_000_000 }, (_req, res, log) => {
    log.stream(fs.createReadStream(at('large'), range), NO_WAITING).pipe(res)
  })
}

compare('range that has more than one part', { native: true }, (_req, res, log) => {
  log.stream(fs.createReadStream(at('large'), { start: 12345, end: 3_456_789 }), NO_WAITING).pipe(res)
})

for (const highWaterMark of [16, 1000, 1 << 20]) {
  compare(`highWaterMark of ${highWaterMark}`, { native: true }, (_req, res, log) => {
    log.stream(fs.createReadStream(at('middle'), { highWaterMark }), NO_WAITING).pipe(res)
  })
}

compare('empty file', { native: false }, (_req, res, log) => {
  log.response(res)
  log.stream(fs.createReadStream(at('empty'))).pipe(res)
})

compare('file that is not there', { native: false }, (_req, res, log) => {
  log.response(res)
  const stream = log.stream(fs.createReadStream(at('missing')))
  stream.on('error', (error) => {
    log.note(`${error.syscall} ${error.path === at('missing')} ${res.headersSent}`)
    res.statusCode = 404
    res.end('none')
  })
  stream.pipe(res)
})

compare('folder', { native: false }, (_req, res, log) => {
  log.response(res)
  const stream = log.stream(fs.createReadStream(at('folder')))
  stream.on('error', () => res.writeHead(500).end('folder'))
  stream.pipe(res)
})

compare('path as a Buffer and as a URL', { native: true }, (_req, res, log) => {
  const { pathToFileURL } = require('node:url')
  const first = log.stream(fs.createReadStream(Buffer.from(at('small'))))
  first.pipe(res, { end: false })
  first.on('end', () => log.stream(fs.createReadStream(pathToFileURL(at('small')))).pipe(res))
})

compare('file of the kernel, which has no size', { native: false }, (_req, res, log) => {
  log.stream(fs.createReadStream(linux ? '/proc/version' : at('empty'))).pipe(res)
})

compare('descriptor, from where it is', { native: true }, (_req, res, log) => {
  const fd = fs.openSync(at('small'))
  fs.readSync(fd, Buffer.alloc(100), 0, 100, null)
  log.response(res)
  log.stream(fs.createReadStream(null, { fd })).pipe(res)
})

compare('descriptor that stays open, and where it is then', { native: true }, async (_req, res, log) => {
  const fd = fs.openSync(at('small'))
  fs.readSync(fd, Buffer.alloc(100), 0, 100, null)
  const stream = log.stream(fs.createReadStream(null, { fd, autoClose: false, end: 199 }))
  stream.pipe(res)
  log.open--
  await once(res, 'close')
  const next = Buffer.alloc(4)
  log.note(`${fs.readSync(fd, next, 0, 4, null)} ${next.equals(content(1024).subarray(300, 304))}`)
  fs.closeSync(fd)
})

compare('descriptor with a start', { native: true }, async (_req, res, log) => {
  const fd = fs.openSync(at('large'))
  const stream = log.stream(fs.createReadStream(null, { fd, start: 4_000_000, autoClose: false }), NO_WAITING)
  stream.pipe(res)
  log.open--
  await once(res, 'close')
  log.note(String(fs.readSync(fd, Buffer.alloc(4), 0, 4, null)))
  fs.closeSync(fd)
})

compare('FileHandle', { native: true }, async (_req, res, log) => {
  const handle = await fs.promises.open(at('small'))
  handle.on('close', () => log.note('handle close'))
  log.response(res)
  log.stream(fs.createReadStream(null, { fd: handle, start: 4 })).pipe(res)
})

compare('stream of a FileHandle', { native: true }, async (_req, res, log) => {
  const handle = await fs.promises.open(at('large'))
  log.stream(handle.createReadStream({ autoClose: false }), NO_WAITING).pipe(res)
  log.open--
  await once(res, 'close')
  const { bytesRead } = await handle.read(Buffer.alloc(4), 0, 4)
  log.note(`${bytesRead} left`)
  await handle.close()
})

compare('path that stays open', { native: true }, async (_req, res, log) => {
  const stream = log.stream(fs.createReadStream(at('small'), { autoClose: false }))
  log.open--
  stream.pipe(res)
  await once(res, 'close')
  log.note(`${typeof stream.fd} ${fs.fstatSync(stream.fd).size} ${fs.readSync(stream.fd, Buffer.alloc(4), 0, 4, null)}`)
  fs.closeSync(stream.fd)
})

compare('stream without close events', { native: true }, async (_req, res, log) => {
  log.response(res)
  const stream = log.stream(fs.createReadStream(at('small'), { emitClose: false }))
  stream.pipe(res)
  while (!stream.closed) await sleep(1)
  log.open--
})

compare('descriptor that is genuine when it is told', { native: true }, (_req, res, log) => {
  const stream = log.stream(fs.createReadStream(at('small')))
  log.note(`${stream.pending} ${stream.fd}`)
  stream.on('open', (fd) => log.note(`${fs.fstatSync(fd).size} ${fd === stream.fd} ${stream.pending}`))
  stream.pipe(res)
})

compare('listeners that come late', { native: true }, async (_req, res, log) => {
  const stream = fs.createReadStream(at('small'))
  stream.pipe(res)
  await null
  await null
  log.stream(stream)
})

compare('listener for open that reads', {}, async (_req, res, log) => {
  const stream = fs.createReadStream(at('small'))
  stream.pipe(res)
  await once(stream, 'open')
  await null
  stream.on('data', (chunk) => log.note(`${chunk.length} ${chunk.equals(content(1024))}`))
  log.stream(stream, ['end', 'close'])
})

compare('stream that has been open for a while', { native: true }, async (_req, res, log) => {
  const stream = log.stream(fs.createReadStream(at('small')))
  await once(stream, 'ready')
  await sleep(5)
  log.response(res)
  stream.pipe(res)
})

compare('pipeline', { native: true }, (_req, res, log) => {
  log.response(res)
  pipeline(log.stream(fs.createReadStream(at('small'))), res, (error) => log.note(`done ${error}`))
})

compare('pipeline of promises', { native: true }, async (_req, res, log) => {
  log.response(res)
  await pipelined(log.stream(fs.createReadStream(at('large')), NO_WAITING), res)
  log.note('done')
})

compare('pipeline of a file that is not there', { native: false }, (_req, res, log) => {
  log.response(res)
  pipeline(log.stream(fs.createReadStream(at('missing'))), res, (error) => log.note(`done ${error.code}`))
})

compare('pipeline with a signal that is aborted', {}, (_req, res, log) => {
  const controller = new AbortController()
  const stream = log.stream(fs.createReadStream(at('large'), { signal: controller.signal }), [
    'open',
    'ready',
    'close',
    'error',
  ])
  res.on('pipe', () => controller.abort())
  res.on('unpipe', () => res.end())
  stream.pipe(res)
  stream.on('error', () => res.end())
})

compare('several files into one response', { native: true }, async (_req, res, log) => {
  log.response(res)
  for (const name of ['small', 'middle', 'empty', 'small']) {
    const stream = log.stream(fs.createReadStream(at(name)), NO_WAITING)
    stream.pipe(res, { end: false })
    await once(stream, 'end')
  }
  res.end('end')
})

compare('text before and behind', { native: true }, (_req, res, log) => {
  res.write('before')
  const stream = log.stream(fs.createReadStream(at('large')), NO_WAITING)
  stream.pipe(res, { end: false })
  stream.on('end', () => res.end('behind'))
})

compare('trailers', { native: true }, (_req, res, log) => {
  res.setHeader('Trailer', 'X-Sum')
  const stream = log.stream(fs.createReadStream(at('small')))
  stream.on('end', () => res.addTrailers({ 'X-Sum': '1' }))
  stream.pipe(res)
})

compare('head that is written behind the pipe', { native: true }, (_req, res, log) => {
  log.stream(fs.createReadStream(at('small'))).pipe(res)
  res.writeHead(201, 'Made', { 'X-A': 'b', 'Content-Length': 1024 })
})

compare('headers that are set when the file is open', { native: true }, (_req, res, log) => {
  const stream = log.stream(fs.createReadStream(at('small')))
  stream.on('open', () => res.setHeader('X-Open', 'yes'))
  stream.pipe(res)
})

compare('writeHead that is replaced', { native: true }, (_req, res, log) => {
  const { writeHead } = res
  res.writeHead = function (...args) {
    log.note(`writeHead ${args[0]} ${res.headersSent}`)
    res.setHeader('X-Late', 'yes')
    return writeHead.apply(this, args)
  }
  log.stream(fs.createReadStream(at('small'))).pipe(res)
})

compare('HEAD', { native: false, text: GET.replace('GET', 'HEAD') }, (_req, res, log) => {
  res.setHeader('X-Head', 'yes')
  log.response(res)
  log.stream(fs.createReadStream(at('small'))).pipe(res)
})

for (const status of [204, 304]) {
  compare(`status ${status}`, { native: false }, (_req, res, log) => {
    res.statusCode = status
    log.stream(fs.createReadStream(at('small'))).pipe(res)
  })
}

compare('listener for data', { native: false }, (_req, res, log) => {
  const stream = log.stream(fs.createReadStream(at('small')))
  stream.on('data', (chunk) => log.note(`${chunk.length} ${chunk.equals(content(1024))}`))
  stream.pipe(res)
})

compare('listener for data in front', { native: false }, (_req, res, log) => {
  const stream = log.stream(fs.createReadStream(at('small')))
  stream.pipe(res)
  stream.prependListener('data', (chunk) => log.note(`${chunk.length} ${chunk.equals(content(1024))}`))
})

compare('listener for readable', { native: false }, (_req, res, log) => {
  const stream = log.stream(fs.createReadStream(at('small')), ['open', 'end', 'close'])
  stream.on('readable', () => {})
  stream.pipe(res)
  stream.on('readable', () => stream.read())
  res.setTimeout(0)
  stream.on('end', () => res.end())
})

compare('encoding', { native: false }, (_req, res, log) => {
  log.stream(fs.createReadStream(at('small'), 'latin1')).pipe(res)
})

compare('two pipes', { native: false }, (_req, res, log) => {
  const stream = log.stream(fs.createReadStream(at('middle')), NO_WAITING)
  const hash = createHash('sha1')
  stream.pipe(hash)
  stream.pipe(res)
  hash.on('finish', () => log.note(hash.digest('hex')))
})

compare('second pipe that comes in the middle', {}, (_req, res, log) => {
  const stream = log.stream(fs.createReadStream(at('large')), NO_WAITING)
  stream.pipe(res)
  res.once('drain', () => stream.pipe(new PassThrough()).resume())
})

compare('listener for data that comes in the middle', {}, (_req, res, log) => {
  const stream = log.stream(fs.createReadStream(at('large')), NO_WAITING)
  stream.pipe(res)
  res.once('drain', () => {
    const from = stream.bytesRead
    const hash = createHash('sha1')
    stream.on('data', (chunk) => hash.update(chunk))
    const rest = createHash('sha1').update(content(5_000_000).subarray(from)).digest('hex')
    stream.on('end', () => log.note(String(hash.digest('hex') === rest)))
  })
})

compare('transform in between', { native: false }, (_req, res, log) => {
  const upper = new Transform({ transform: (chunk, _encoding, done) => done(null, chunk) })
  log
    .stream(fs.createReadStream(at('small')))
    .pipe(upper)
    .pipe(res)
})

compare('response whose write is replaced', { native: false }, (_req, res, log) => {
  const { write } = res
  res.write = function (chunk, ...args) {
    log.note(`write ${chunk.length} ${chunk.equals(content(1024))}`)
    return write.call(this, chunk, ...args)
  }
  log.stream(fs.createReadStream(at('small'))).pipe(res)
})

compare('response whose end is replaced', { native: true }, (_req, res, log) => {
  const { end } = res
  res.end = function (...args) {
    log.note(`end ${args.length}`)
    return end.apply(this, args)
  }
  log.stream(fs.createReadStream(at('small'))).pipe(res)
})

for (const name of ['push', 'read', 'emit', '_read']) {
  compare(`stream whose ${name} is replaced`, { native: false }, (_req, res, log) => {
    const stream = log.stream(fs.createReadStream(at('small')))
    const { [name]: method } = stream
    stream[name] = function (...args) {
      if (name === 'push' || args[0] === 'data') log.note(`${name} ${args.at(-1)?.equals?.(content(1024))}`)
      return method.apply(this, args)
    }
    stream.pipe(res)
  })
}

compare('subclass', { native: false }, (_req, res, log) => {
  class Slow extends fs.ReadStream {
    push(chunk, encoding) {
      log.note(`push ${chunk?.equals(content(1024))}`)
      return super.push(chunk, encoding)
    }
  }
  log.stream(new Slow(at('small'))).pipe(res)
})

compare('other fs', { native: false }, (_req, res, log) => {
  const { open, close } = fs
  const read = (fd, buffer, offset, length, position, callback) => {
    log.note('read')
    fs.read(fd, buffer, offset, length, position, callback)
  }
  log.stream(fs.createReadStream(at('small'), { fs: { open, read, close } })).pipe(res)
})

for (const name of ['open', 'read', 'close']) {
  compare(`fs.${name} that is replaced`, name === 'close' ? {} : { native: false }, (_req, res, log) => {
    const { [name]: method } = fs
    fs[name] = function (...args) {
      log.note(name)
      return method.apply(this, args)
    }
    const stream = log.stream(fs.createReadStream(at('small')))
    stream.on('close', () => {
      fs[name] = method
    })
    stream.pipe(res)
  })
}

compare('stream that is paused, and resumed later', {}, (_req, res, log) => {
  const stream = log.stream(fs.createReadStream(at('small')))
  stream.pipe(res)
  stream.pause()
  setTimeout(() => stream.resume(), 10)
})

compare('stream that is paused in the middle', { native: true }, (_req, res, log) => {
  const stream = log.stream(fs.createReadStream(at('large')), NO_WAITING)
  stream.pipe(res)
  log.open++
  res.once('drain', async () => {
    // The pipe hears of it, too.
    await null
    stream.pause()
    await sleep(20)
    log.note(`${stream.bytesRead < 5_000_000} ${stream.readableEnded}`)
    stream.resume()
    log.open--
  })
})

compare('unpipe before anything is read', { native: false }, (_req, res, log) => {
  log.response(res)
  const stream = log.stream(fs.createReadStream(at('small')))
  stream.pipe(res)
  stream.unpipe(res)
  stream.on('open', () => {
    res.end('nothing')
    stream.destroy()
  })
})

compare('unpipe in the middle, and something else instead', {}, (_req, res, log) => {
  log.response(res)
  const stream = log.stream(fs.createReadStream(at('large')), ['open', 'ready', 'error', 'close'])
  const begin = content(5_000_000)
  log.apart = true
  stream.pipe(res)
  log.streams.pop()
  res.once('drain', () => {
    stream.unpipe(res)
    const { bytesRead } = stream
    stream.destroy()
    // As if it had been the whole of it: how much it was is the server's affair.
    res.end(begin.subarray(bytesRead))
  })
})

compare(
  'stream that goes to another response',
  {
    text: `GET /1 HTTP/1.1\r\nHost: a\r\n\r\n${GET}`,
  },
  (req, res, log) => {
    const { shared } = log
    if (req.url === '/1') {
      const stream = log.stream(fs.createReadStream(at('small')), NO_WAITING)
      log.shared = stream
      stream.pipe(res)
      stream.unpipe(res)
      res.end('first')
    } else shared.pipe(res)
  },
)

compare('destroy before the file is open', { native: false }, (_req, res, log) => {
  log.response(res)
  const stream = log.stream(fs.createReadStream(at('small')))
  stream.pipe(res)
  stream.destroy()
  stream.on('close', () => res.end('closed'))
})

compare('destroy with an error', {}, (_req, res, log) => {
  log.response(res)
  const stream = log.stream(fs.createReadStream(at('small')))
  stream.pipe(res)
  stream.on('open', () => stream.destroy(Object.assign(new Error('no'), { code: 'E_NO' })))
  stream.on('error', () => res.end('failed'))
})

compare('response that is destroyed', {}, (_req, res, log) => {
  const stream = log.stream(fs.createReadStream(at('small')))
  stream.pipe(res)
  stream.on('open', () => res.destroy())
  res.on('close', () => stream.destroy())
})

compare('response that is ended by somebody else', {}, (_req, res, log) => {
  res.on('error', (error) => log.note(error.code))
  const stream = log.stream(fs.createReadStream(at('small')), ['open', 'end', 'close'])
  stream.pipe(res)
  res.end('other')
  stream.on('open', () => setTimeout(() => stream.destroy(), 10))
})

compare('file that is shortened before it is read', {}, (_req, res, log) => {
  fs.writeFileSync(at('short'), content(200_000))
  const stream = log.stream(fs.createReadStream(at('short')), NO_WAITING)
  stream.on('open', () => fs.truncateSync(at('short'), 1000))
  stream.pipe(res)
})

compare('file that is deleted when it is open', { native: true }, (_req, res, log) => {
  fs.writeFileSync(at('gone'), content(200_000))
  const stream = log.stream(fs.createReadStream(at('gone')), NO_WAITING)
  stream.on('open', () => fs.unlinkSync(at('gone')))
  stream.pipe(res)
})

compare('file that is replaced when it is open', { native: true }, (_req, res, log) => {
  fs.writeFileSync(at('old'), content(2000))
  fs.writeFileSync(at('new'), content(4000))
  const stream = log.stream(fs.createReadStream(at('old')), NO_WAITING)
  stream.on('open', () => fs.renameSync(at('new'), at('old')))
  stream.pipe(res)
})

compare('file that grows before it is read', { native: true }, (_req, res, log) => {
  fs.writeFileSync(at('growing'), content(2000))
  const stream = log.stream(fs.createReadStream(at('growing')), NO_WAITING)
  stream.on('open', () => fs.appendFileSync(at('growing'), 'more'))
  stream.pipe(res)
})

compare('context that goes along', { native: true }, (_req, res, log) => {
  const storage = new AsyncLocalStorage()
  storage.run('here', () => {
    const stream = fs.createReadStream(at('small'))
    for (const event of ['open', 'end', 'close']) stream.on(event, () => log.note(`${event} ${storage.getStore()}`))
    log.stream(stream, []).pipe(res)
  })
})

compare('response that is told of by finished', { native: true }, (_req, res, log) => {
  const stream = log.stream(fs.createReadStream(at('middle')), NO_WAITING)
  finished(res, (error) => log.note(`response finished ${error?.code}`))
  finished(stream, (error) => log.note(`stream finished ${error?.code}`))
  log.apart = true
  log.response(res)
  stream.pipe(res)
})

for (const [name, length] of [
  ['shorter', 2000],
  ['longer', 1000],
]) {
  compare(`file that is ${name} than the length that is given`, { native: true }, (_req, res, log) => {
    res.setHeader('Content-Length', length)
    log.response(res)
    log.stream(fs.createReadStream(at('small'))).pipe(res)
  })
}

compare('listener that throws', { native: true }, (_req, res, log) => {
  // All three are open in the same turn: what one throws is nothing to the others.
  process.once('uncaughtException', ({ message }) => log.note(message))
  const streams = ['small', 'small', 'small'].map((name) => log.stream(fs.createReadStream(at(name)), NO_WAITING))
  streams[0].once('open', () => {
    throw new Error('thrown')
  })
  for (const stream of streams) stream.pipe(res, { end: false })
  log.apart = true
  let left = streams.length
  for (const stream of streams) stream.on('close', () => --left || res.end())
  streams[0].once('open', () => {})
  setTimeout(() => streams[0].destroy(), 50)
})

compare('two files at once', { native: true }, async (_req, res, log) => {
  // Which of their parts comes when is the server's affair.
  fs.writeFileSync(at('flat'), Buffer.alloc(4_000_000, 'x'))
  const streams = [fs.createReadStream(at('flat')), fs.createReadStream(at('flat'), { start: 1_000_000 })]
  for (const stream of streams) log.stream(stream, NO_WAITING).pipe(res, { end: false })
  await Promise.all(streams.map((stream) => once(stream, 'close')))
  res.end()
})

/** A client that goes away with the first bytes that it gets. */
async function quitter(port, text) {
  const socket = net.connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(text)
  await once(socket, 'readable')
  socket.destroy()
  return Buffer.alloc(0)
}

/** A client that forgets what it gets. */
async function deaf(port, text) {
  await exchange(port, text)
  return Buffer.alloc(0)
}

fs.writeFileSync(at('huge'), '')
fs.truncateSync(at('huge'), 1 << 30)

/** How much was sent of it is the client's affair. */
const forget = ({ streams }) => streams.pop()

compare('client that goes away, pipeline', { native: true, client: quitter }, (_req, res, log) => {
  log.apart = true
  const stream = log.stream(fs.createReadStream(at('huge')), NO_WAITING)
  log.response(res)
  log.open++
  pipeline(stream, res, (error) => {
    log.note(`done ${error?.code}`)
    log.open--
  })
  forget(log)
})

compare('client that goes away, pipe', { native: true, client: quitter }, (_req, res, log) => {
  log.apart = true
  const stream = log.stream(fs.createReadStream(at('huge')), NO_WAITING)
  log.response(res)
  stream.pipe(res)
  res.on('close', () => {
    log.note(`${stream.destroyed} ${stream.isPaused()} ${stream.listenerCount('data')}`)
    stream.destroy()
  })
  forget(log)
})

for (const how of ['destroy', 'end']) {
  compare(
    `response whose ${how} is called in the middle of a pipeline`,
    { native: true, client: deaf },
    async (_req, res, log) => {
      log.apart = true
      const stream = log.stream(fs.createReadStream(at('huge')), NO_WAITING)
      log.response(res, ['close'])
      log.open++
      pipeline(stream, res, (error) => {
        log.note(`done ${error?.code}`)
        log.open--
      })
      forget(log)
      await once(res, 'drain')
      res[how]()
    },
  )
}

compare('signal that is aborted when the file is open', {}, (_req, res, log) => {
  const controller = new AbortController()
  const stream = log.stream(fs.createReadStream(at('small'), { signal: controller.signal }))
  log.response(res)
  stream.on('open', () => controller.abort())
  stream.on('error', ({ name }) => res.end(name))
  stream.pipe(res)
})

for (const event of ['open', 'end']) {
  compare(`descriptor that the program closes on ${event}`, {}, (_req, res, log) => {
    const stream = log.stream(fs.createReadStream(at('small')))
    stream.on(event, () => fs.closeSync(stream.fd))
    stream.on('error', ({ message }) => {
      log.note(message)
      res.end()
    })
    stream.pipe(res)
  })
}

compare('head that cannot be written', { native: true }, (_req, res, log) => {
  const stream = fs.createReadStream(at('small'))
  process.once('uncaughtException', ({ code }) => {
    log.note(`${code} ${stream.bytesRead}`)
    stream.destroy()
    res.destroy()
  })
  res.statusCode = 5000
  stream.pipe(res)
})

compare('hooks of asynchronous resources', { native: false }, (_req, res, log) => {
  const hook = createHook({ init: (_id, type) => seen.add(type) }).enable()
  const seen = new Set()
  const stream = log.stream(fs.createReadStream(at('small')))
  stream.on('close', () => {
    hook.disable()
    log.note(String(seen.has('FSREQCALLBACK')))
  })
  stream.pipe(res)
})

compare('context of each listener', { native: true }, (_req, res, log) => {
  const storage = new AsyncLocalStorage()
  const stream = storage.run('stream', () => fs.createReadStream(at('small')))
  const note = (event) => () => log.note(`${event} ${storage.getStore()}`)
  for (const event of ['open', 'end', 'close'])
    stream.on(
      event,
      storage.run('listener', () => note(event)),
    )
  for (const event of ['pipe', 'unpipe', 'finish', 'close']) res.on(event, note(`response ${event}`))
  log.stream(stream, []).on(
    'close',
    storage.run('bound', () => AsyncResource.bind(note('bound'))),
  )
  storage.run('pipe', () => stream.pipe(res))
})

if (process.platform !== 'win32')
  compare('device', { native: false }, (_req, res, log) => {
    log.stream(fs.createReadStream('/dev/zero', { end: 99_999 }), NO_WAITING).pipe(res)
  })

/** What the program prints as JSON that `source` is, which is run on a server's module. */
function runAlone(module, source, prepare = '') {
  const program = `
    const fs = require('node:fs')
    const http = ${module === http ? `require(${JSON.stringify(path.join(__dirname, '../..'))}).http` : "require('node:http')"}
    const file = ${JSON.stringify(at('small'))}
    ${source}`
  const command = `${prepare} exec "$@"`
  const options = { encoding: 'utf8', timeout: 20_000 }
  return JSON.parse(execFileSync('sh', ['-c', command, 'sh', process.execPath, '-e', program], options))
}

if (process.platform !== 'win32')
  cases.set('no descriptor is left', async () => {
    const source = `
      const seen = []
      const taken = []
      let closed
      const server = http.createServer(async (req, res) => {
        await closed
        if (seen.length === 2) try { for (;;) taken.push(fs.openSync('/dev/null')) } catch {}
        if (seen.length === 3) for (const fd of taken) fs.closeSync(fd)
        const stream = fs.createReadStream(file)
        closed = new Promise((resolve) => stream.on('close', resolve))
        stream.on('error', ({ code, syscall, path }) => res.end(code + syscall + path))
        stream.pipe(res)
      }).listen(0, '127.0.0.1', async () => {
        const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
        for (let i = 0; i < 4; i++) {
          const request = require('node:http').get({ port: server.address().port, host: '127.0.0.1', agent })
          const [response] = await require('node:events').once(request, 'response')
          let text = ''
          for await (const chunk of response.setEncoding('latin1')) text += chunk
          seen.push(text)
        }
        console.log(JSON.stringify(seen))
        process.exit()
      })`
    const [theirs, ours] = [nodeHttp, http].map((module) => runAlone(module, source, 'ulimit -n 200;'))
    assert.deepEqual(ours, theirs)
    assert.match(ours[2], /^EMFILEopen/)
    assert.equal(ours[3].length, 1024)
  })

if (linux)
  cases.set('a worker that is stopped leaves no descriptor open', async () => {
    const open = () => fs.readdirSync('/proc/self/fd').filter((fd) => linkOf(fd) === at('large')).length
    const program = `
      const { parentPort, workerData } = require('node:worker_threads')
      const { http } = require(workerData.index)
      process.on('warning', ({ message }) => parentPort.postMessage(message))
      const server = http.createServer((req, res) => {
        require('node:fs').createReadStream(workerData.file).pipe(res)
      })
      server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))`
    const workerData = { index: path.join(__dirname, '../..'), file: at('large') }
    const worker = new Worker(program, { eval: true, workerData })
    const [port] = await once(worker, 'message')
    const more = []
    worker.on('message', (message) => more.push(message))
    const [{ length, whole }] = responses(await exchange(port, GET))
    assert.deepEqual([length, whole], [5_000_000, true])
    const sockets = Array.from({ length: 10 }, () => net.connect(port, '127.0.0.1'))
    for (const socket of sockets) {
      socket.pause()
      socket.on('error', () => {})
      socket.write(GET)
    }
    for (let i = 0; open() < 10 && i < 500; i++) await sleep(2)
    assert.ok(open() >= 10)
    await worker.terminate()
    for (const socket of sockets) socket.destroy()
    assert.equal(open(), 0)
    assert.deepEqual(more, [])
  })

/** What a descriptor is of; it may be closed by now. */
function linkOf(fd) {
  try {
    return fs.readlinkSync(`/proc/self/fd/${fd}`)
  } catch {}
}

if (process.platform !== 'win32')
  cases.set('what a pipe is, is read as by Node', async () => {
    const pipe = at('pipe')
    execFileSync('mkfifo', [pipe])
    for (const module of [nodeHttp, http]) {
      const handler = (_req, res, log) => log.stream(fs.createReadStream(pipe), NO_WAITING).pipe(res)
      const reading = run(module, handler)
      const written = once(spawn('sh', ['-c', `printf hello > ${pipe}`]), 'close')
      const { seen, native } = await reading
      await written
      assert.equal(seen.responses[0].length, 5)
      assert.equal(native, 0)
    }
  })

if (linux)
  cases.set('a path that was a file and is a pipe now', async () => {
    const file = at('was-a-file')
    fs.writeFileSync(file, 'file')
    const handler = (_req, res, log) => log.stream(fs.createReadStream(file), NO_WAITING).pipe(res)
    assert.equal((await run(http, handler)).native, 1)
    fs.unlinkSync(file)
    execFileSync('mkfifo', [file])
    const reading = run(http, handler)
    // The first opening ends at once, and core's waits for a writer.
    await sleep(20)
    const written = once(spawn('sh', ['-c', `printf hello > ${file}`]), 'close')
    assert.equal((await reading).seen.responses[0].length, 5)
    await written
  })

if (linux)
  cases.set('a client that goes away, and others that read slowly, leave no descriptor open', async () => {
    const open = () => fs.readdirSync('/proc/self/fd').length
    const server = http.createServer((_req, res) => {
      pipeline(fs.createReadStream(at('large')), res, () => {})
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const before = open()
    for (let round = 0; round < 3; round++) {
      const sockets = Array.from({ length: 20 }, () => net.connect(server.address().port, '127.0.0.1'))
      for (const socket of sockets) {
        socket.on('error', () => {})
        socket.write(GET)
        socket.once('readable', () => socket.destroy())
      }
      await Promise.all(sockets.map((socket) => once(socket, 'close')))
    }
    for (let i = 0; open() > before && i < 500; i++) await sleep(10)
    assert.equal(open(), before)
    server.close()
  })

if (linux)
  cases.set('a slow reader costs no memory', async () => {
    const server = http.createServer((_req, res) => fs.createReadStream(at('large')).pipe(res))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    global.gc?.()
    const before = process.memoryUsage()
    const sockets = Array.from({ length: 100 }, () => net.connect(server.address().port, '127.0.0.1'))
    for (const socket of sockets) {
      socket.pause()
      socket.write(GET)
    }
    await sleep(500)
    const after = process.memoryUsage()
    for (const socket of sockets) socket.destroy()
    server.close()
    server.closeAllConnections()
    const grown = after.arrayBuffers + after.external - before.arrayBuffers - before.external
    // One Buffer of 64 KiB each would be 6.4 MB, twice over, since a Buffer's memory counts as both.
    assert.ok(grown < 6e6, `${grown} bytes`)
  })

if (linux)
  cases.set('a file that is shortened while it is sent ends its connection', async () => {
    const file = at('shortened')
    fs.writeFileSync(file, content(64_000_000))
    const log = new Log()
    const server = http.createServer((_req, res) => {
      log.response(res, ['close'])
      pipeline(log.stream(fs.createReadStream(file), ['close']), res, (error) => log.note(`done ${error?.code}`))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const socket = net.connect(server.address().port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(GET)
    await once(socket, 'readable')
    await sleep(50)
    fs.truncateSync(file, 10)
    const chunks = []
    socket.on('data', (chunk) => chunks.push(chunk))
    await once(socket, 'close')
    const [{ length, whole }] = responses(Buffer.concat(chunks))
    assert.equal(whole, false)
    assert.ok(length < 64_000_000)
    for (let i = 0; log.open > 0 && i < 500; i++) await sleep(2)
    assert.deepEqual(log.lines.sort(), ['done ERR_STREAM_PREMATURE_CLOSE', 'response close', 'stream 1 close'])
    server.close()
  })

if (require.main === module) {
  process.on('disconnect', () => process.exit())
  process.on('message', async (name) => {
    let error
    await cases
      .get(name)()
      .catch((thrown) => {
        error = thrown.stack
      })
    process.send({ name, error })
  })
}

module.exports = { names: [...cases.keys()] }
