'use strict'

// Responses of every kind, written by hand and cut everywhere, as Node's client and ours understand them.

const assert = require('node:assert/strict')
const { test } = require('node:test')
const core = require('node:http')
const { http } = require('../..')
const { linger } = require('../linger')
const { alike, rawServer, watch } = require('./support')

const OK = 'HTTP/1.1 200 OK\r\n'
const SCRIPTS = {
  length: `${OK}Content-Length: 5\r\nX-A: b\r\nx-a:  c \r\nSet-Cookie: d\r\nSet-Cookie: e\r\n\r\nhello`,
  empty: `${OK}Content-Length: 0\r\n\r\n`,
  chunked: `${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;x=y\r\n!\r\n0\r\n\r\n`,
  trailers: `${OK}Trailer: X\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX: y\r\nZ: \r\n\r\n`,
  'until the end': `${OK}X-A: b\r\n\r\nhello`,
  'until the end, coded': `${OK}Transfer-Encoding: gzip\r\n\r\nhello`,
  'until the end, chunked before': `${OK}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n`,
  close: `${OK}Content-Length: 2\r\nConnection: close\r\n\r\nhi`,
  '1.0': 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi',
  '1.0 kept': 'HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nhi',
  '2.0': 'HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nhi',
  RTSP: 'RTSP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi',
  'no reason': 'HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n',
  reason: "HTTP/1.1 418 I'm \xe9 Teapot \t\r\nContent-Length: 0\r\n\r\n",
  204: 'HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n',
  304: 'HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\nETag: "x"\r\n\r\n',
  '000': 'HTTP/1.1 000 x\r\nContent-Length: 0\r\n\r\n',
  999: 'HTTP/1.1 999 x\r\nContent-Length: 0\r\n\r\n',
  continue: `HTTP/1.1 100 Continue\r\n\r\n${OK}Content-Length: 2\r\n\r\nhi`,
  hints: `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n${OK}Content-Length: 2\r\n\r\nhi`,
  upgrade: 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nraw bytes',
  'upgrade mentioned': 'HTTP/1.1 426 x\r\nConnection: Upgrade\r\nUpgrade: x\r\nContent-Length: 1\r\n\r\nx',
  'cut in the head': `${OK}Content-`,
  'cut in the body': `${OK}Content-Length: 9\r\n\r\nhello`,
  'cut in a chunk': `${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhe`,
  'cut in the trailers': `${OK}Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n`,
  nothing: '',
  noise: 'bad http\r\n\r\n',
  'bad status': 'HTTP/1.1 20 OK\r\n\r\n',
  'bad version': 'HTTP/3.0 200 OK\r\n\r\n',
  'bad header': `${OK}A b: c\r\n\r\n`,
  'folded header': `${OK}A: b\r\n c\r\n\r\n`,
  'bare LF': 'HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n',
  'two lengths': `${OK}Content-Length: 1\r\nContent-Length: 1\r\n\r\nx`,
  'length and chunked': `${OK}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx`,
  'tab after the length': `${OK}Content-Length: 2\t\r\n\r\nhi`,
  'tab after chunked': `${OK}Transfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n`,
  'tab after close': `${OK}Connection: close\t\r\nContent-Length: 2\r\n\r\nhi`,
  'chunked twice': `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n`,
  'bad chunk': `${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nx\r\n`,
  'long head': `${OK}X: ${'x'.repeat(20_000)}\r\n\r\n`,
  'many headers': `${OK}Content-Length: 0\r\n${'A: b\r\n'.repeat(1_100)}\r\n`,
}

/** Behind these everything that follows in the same read is another response's, which the next test is about. */
const CUTTABLE = Object.keys(SCRIPTS).filter((name) => SCRIPTS[name].length < 200)

async function exchange(module, port, path, options = {}) {
  const agent = new module.Agent({ keepAlive: true })
  const req = module.request({ host: '127.0.0.1', port, path, agent, ...options })
  const over = watch(req, options)
  req.end()
  const notes = await over
  agent.destroy()
  return notes
}

/** A server that answers `/script/cut` with the script's bytes, cut there, and ends. */
function scripted(t) {
  return rawServer(t, (socket) => {
    socket.once('data', (data) => {
      const [, name, cut] = decodeURIComponent(data.toString().split(' ')[1]).split('/')
      const bytes = Buffer.from(SCRIPTS[name], 'latin1')
      const ends = () => socket.end()
      if (cut === undefined) return socket.write(bytes, ends)
      socket.write(bytes.subarray(0, Number(cut)))
      setTimeout(() => socket.write(bytes.subarray(Number(cut)), ends), 5)
    })
  })
}

for (const name of Object.keys(SCRIPTS)) {
  for (const method of ['GET', 'HEAD', 'CONNECT']) {
    alike(`${method}: ${name}`, async (module, t) => {
      const port = await scripted(t)
      return exchange(module, port, `/${encodeURIComponent(name)}`, { method })
    })
  }
}

test('responses can be split anywhere', { concurrency: 4 }, async (t) => {
  const port = await scripted(t)
  for (const name of CUTTABLE) {
    const path = `/${encodeURIComponent(name)}`
    const { length } = SCRIPTS[name]
    const cuts = Array.from({ length }, (_, cut) => cut)
    const [expected, actual] = await Promise.all(
      [core, http].map((module) => Promise.all(cuts.map((cut) => exchange(module, port, `${path}/${cut}`)))),
    )
    for (const cut of cuts) assert.deepEqual(actual[cut], expected[cut], `${name}, cut at ${cut}`)
  }
})

for (const [name, behind] of Object.entries({
  noise: 'hi',
  'another response': SCRIPTS.length,
  'half a response': 'HTTP/1.1 200',
  'line ends': '\r\n\r\n',
})) {
  for (const first of ['length', 'chunked', 'close', '204']) {
    alike(`${name} in the same read after a response: ${first}`, async (module, t) => {
      const port = await rawServer(t, (socket) => {
        socket.once('data', () => socket.end(SCRIPTS[first] + behind))
      })
      const notes = await exchange(module, port, '/')
      return notes
    })
  }
}

test('an empty coding is refused, as by newer versions of Node', async (t) => {
  const port = await rawServer(t, (socket) => {
    socket.once('data', () => socket.end(`${OK}Transfer-Encoding: \r\nContent-Length: 2\r\n\r\nhi`))
  })
  const notes = await exchange(http, port, '/')
  const [, error] = notes.find(([what]) => what === 'error')
  assert.deepEqual(error, {
    name: 'Error',
    message: 'Parse Error: Empty Transfer-Encoding',
    code: 'HPE_INVALID_TRANSFER_ENCODING',
  })
})

test('data on an idle connection is not taken for a response', async (t) => {
  const port = await rawServer(t, (socket, number) => {
    let requests = 0
    socket.on('data', () => {
      socket.write(`${OK}Content-Length: 1\r\n\r\n${number}`)
      if (number === 0 && ++requests === 1) setTimeout(() => socket.write(`${OK}Content-Length: 4\r\n\r\nevil`), 20)
    })
  })
  const agent = new http.Agent({ keepAlive: true })
  t.after(() => agent.destroy())
  const get = () =>
    new Promise((resolve, reject) => {
      http
        .get({ host: '127.0.0.1', port, agent }, (res) => {
          let body = ''
          res.on('data', (chunk) => (body += chunk)).on('end', () => resolve(body))
        })
        .on('error', reject)
    })
  assert.equal(await get(), '0')
  for (const end = Date.now() + 20_000; Object.keys(agent.freeSockets).length > 0 && Date.now() < end; ) await linger()
  assert.deepEqual(Object.keys(agent.freeSockets), [])
  assert.equal(await get(), '1')
})

alike('limits: maxHeaderSize, maxHeadersCount, joinDuplicateHeaders, insecureHTTPParser', async (module, t) => {
  const head = `${OK}Content-Length: 0\r\n${'Age: 1\r\n'.repeat(40)}X: ${'x'.repeat(600)}\r\n\r\n`
  const port = await rawServer(t, (socket) => {
    socket.once('data', (data) => {
      socket.end(
        data.includes('/loose')
          ? `${OK}Content-Length: 2\r\nTransfer-Encoding: chunked\r\nA\x01: b\r\n\r\n0\r\n\r\n`
          : head,
      )
    })
  })
  const limited = module.request({ host: '127.0.0.1', port, agent: new module.Agent({ keepAlive: true }) })
  limited.maxHeadersCount = 3
  const counted = watch(limited)
  limited.end()
  return [
    await counted,
    await exchange(module, port, '/', { maxHeaderSize: 300 }),
    await exchange(module, port, '/', { joinDuplicateHeaders: true }),
    await exchange(module, port, '/loose', { insecureHTTPParser: true }),
    await exchange(module, port, '/loose'),
  ]
})

alike('an upgrade, and a tunnel, without a listener', async (module, t) => {
  const port = await scripted(t)
  return [
    await exchange(module, port, '/upgrade', { upgrades: false }),
    await exchange(module, port, '/length', { method: 'CONNECT', upgrades: false }),
  ]
})

alike('a slow reader gets a large body completely', async (module, t) => {
  const { createHash, randomBytes } = require('node:crypto')
  const body = randomBytes(3_000_000)
  const port = await rawServer(t, (socket) => {
    socket.once('data', () => {
      socket.write(`${OK}Content-Length: ${body.length}\r\n\r\n`)
      socket.write(body)
    })
  })
  const hash = createHash('sha256')
  const sent = createHash('sha256').update(body).digest('hex')
  let most = 0
  await new Promise((resolve, reject) => {
    const agent = new module.Agent({ keepAlive: true })
    module
      .get({ host: '127.0.0.1', port, agent }, async (res) => {
        for await (const chunk of res) {
          most = Math.max(most, res.readableLength)
          hash.update(chunk)
          if (Math.random() < 0.1) await new Promise(setImmediate)
        }
        agent.destroy()
        resolve()
      })
      .on('error', reject)
  })
  return [hash.digest('hex') === sent, most < 1_000_000]
})
