'use strict'

// Peers and programs that take their time, or too much: the same scenario on Node's server and on ours must end the same way. No
// scenario asks how long something took, only what had come of it in the end.

const assert = require('node:assert/strict')
const core = require('node:http')
const net = require('node:net')
const { monitorEventLoopDelay } = require('node:perf_hooks')
const { describe, it } = require('node:test')
const { setTimeout: sleep } = require('node:timers/promises')
const { isDeepStrictEqual } = require('node:util')
const { http } = require('../..')
const { linger } = require('../linger')
const { listen } = require('./exchanges')

/** Node 24 lets one choose what is added to keepAliveTimeout; before, it is a second. */
const BUFFER = 1000

const AT_ONCE = { concurrency: 20 }

const HEAD = 'Host: a\r\n'
const get = (path, more = '') => `GET ${path} HTTP/1.1\r\n${HEAD}${more}\r\n`
const chunked = (path) => `POST ${path} HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\n`
const sized = (path, length) => `POST ${path} HTTP/1.1\r\n${HEAD}Content-Length: ${length}\r\n\r\n`

/** A client that writes `parts` one after the other, `pause` ms apart, and ends when the server does or after `patience` ms. */
async function talk(port, parts, { pause = 60, patience = 2000 } = {}) {
  const client = net.connect(port, '127.0.0.1')
  let text = ''
  let state = 'open'
  client.setEncoding('latin1').on('data', (data) => (text += data))
  client.on('error', () => {})
  const closed = new Promise((resolve) => client.once('close', resolve).once('end', resolve)).then(
    () => (state = 'closed'),
  )
  const deadline = sleep(patience, undefined, { ref: false })
  for (const part of parts) {
    if (state === 'closed') break
    client.write(part, 'latin1')
    await Promise.race([sleep(pause), closed])
  }
  await Promise.race([deadline, closed])
  client.destroy()
  return { statuses: text.match(/HTTP\/1.1 \d+/g) ?? [], state }
}

/** In milliseconds: the timeouts of the scenarios are a multiple of this. */
const STANDSTILL = 50

/**
 * Runs a scenario on either server; what it returns, and what it wrote into `log`, must be the same. If the process stood still
 * meanwhile, what is due first then is not the same on both: such a run is made again.
 */
function same(name, options, listener, scenario) {
  const run = async (module) => {
    const log = []
    const server = module.createServer(options, (req, res) => listener(req, res, log, server))
    try {
      const result = await scenario(await listen(server), server, log)
      // The server hears of an end after its client.
      await linger(50)
      return { result, log: [...log] }
    } finally {
      server.closeAllConnections()
      server.close()
    }
  }
  it(name, async () => {
    for (let attempt = 1; ; attempt++) {
      const delay = monitorEventLoopDelay({ resolution: 10 })
      delay.enable()
      const [expected, actual] = await Promise.all([core, http].map(run))
      delay.disable()
      const stood = delay.max / 1e6 > STANDSTILL
      if (stood && attempt < 5 && !isDeepStrictEqual(actual, expected)) continue
      assert.deepEqual(actual, expected)
      return
    }
  })
}

const LIMITS = { headersTimeout: 300, requestTimeout: 600, connectionsCheckingInterval: 30 }
const drips = (text, count = 40) => Array.from({ length: count }, (_, i) => text[i % text.length])

/** Reads the body, or answers at once, or never looks at it: as the path says. */
function byPath(req, res, log) {
  log.push(req.url)
  req.on('aborted', () => log.push('aborted'))
  req.on('error', (error) => log.push(error.code))
  if (req.url === '/read') req.resume().on('end', () => res.end('read'))
  else if (req.url === '/slow') setTimeout(() => res.end('slow'), 1000)
  else if (req.url === '/early') res.end('early')
}

describe('slow peers', AT_ONCE, () => {
  for (const path of ['/read', '/early', '/ignored']) {
    const slow = {
      'a body of known length drips': [sized(path, 1000), ...drips('z')],
      'chunks drip': [chunked(path), ...drips(['1\r\na\r\n'])],
      'within a chunk it drips': [`${chunked(path)}ff\r\n`, ...drips('z')],
      'the size of a chunk drips': [chunked(path), ...drips('0')],
      'an extension drips': [`${chunked(path)}1;`, ...drips('x')],
      'trailers drip': [`${chunked(path)}0\r\nX: `, ...drips('y')],
      'the body does not come': [sized(path, 10)],
      'the body stops half way': [sized(path, 10), 'abc'],
    }
    for (const [name, parts] of Object.entries(slow)) {
      same(`${name}, ${path}`, LIMITS, byPath, (port) => talk(port, parts))
    }
  }

  const heads = {
    'nothing is sent': [],
    'one line end': ['\r\n'],
    'line ends drip': drips(['\r\n']),
    'a head drips': ['GET / HTTP/1.1\r\nX: ', ...drips('x')],
    'half a head behind a response': [get('/early'), 'GET /half HTTP/1.1\r\nHo'],
    'half a head in one read with a request': [`${get('/early')}GET /half HTTP/1.1\r\nHo`],
    'half a head behind a body': [`${sized('/read', 3)}abcGET /half HTTP/1.1\r\nHo`],
    'a head drips behind a response': [get('/early'), 'GET /half HTTP/1.1\r\nX: ', ...drips('x')],
    'a slow answer is the server’s own business': [get('/slow')],
    'so it is on a connection that closes': [get('/slow', 'Connection: close\r\n')],
    'a head and a body in time': [...get('/read').match(/.{1,20}/gs)],
    'an upgrade nobody takes': [get('/slow', 'Connection: upgrade\r\nUpgrade: x\r\n')],
  }
  for (const [name, parts] of Object.entries(heads)) {
    same(name, LIMITS, byPath, (port) => talk(port, parts, { pause: 30 }))
  }

  same('only headersTimeout', { ...LIMITS, requestTimeout: 0 }, byPath, async (port) => [
    await talk(port, ['GET / HT'], { patience: 1000 }),
    await talk(port, [sized('/read', 1000), ...drips('z', 10)], { patience: 1000 }),
  ])
  same('only requestTimeout', { ...LIMITS, headersTimeout: 0 }, byPath, (port) => talk(port, ['GET / HT']))
  same('neither', { ...LIMITS, headersTimeout: 0, requestTimeout: 0 }, byPath, (port) =>
    talk(port, ['GET / HT'], { patience: 1000 }),
  )
  same("'clientError' is told once that a request takes too long", LIMITS, byPath, async (port, server, log) => {
    server.on('clientError', (error) => log.push(error.code))
    return talk(port, ['GET / HT'], { patience: 1200 })
  })
})

describe("a request's own timeout", AT_ONCE, () => {
  for (const keepAliveTimeout of [5000, 1]) {
    for (const [name, set] of Object.entries({
      'res.setTimeout': (_req, res) => res.setTimeout(200),
      'req.setTimeout': (req) => req.setTimeout(200),
      'req.socket.setTimeout': (req) => req.socket.setTimeout(200),
    })) {
      same(
        `${name} ends with its request (keepAliveTimeout ${keepAliveTimeout})`,
        { keepAliveTimeout },
        (req, res) => {
          if (req.url === '/slow') setTimeout(() => res.end('b'), 600)
          else {
            set(req, res)
            res.end('a')
          }
        },
        (port) => talk(port, [get('/a'), get('/slow')], { patience: 900 }),
      )
    }
  }
  same(
    'a timeout that comes in time is heard',
    {},
    (_req, res, log) => {
      res.setTimeout(100, () => {
        log.push('timeout')
        res.end('late')
      })
    },
    (port) => talk(port, [get('/')], { patience: 400 }),
  )
  same(
    'a timeout set while idle replaces that of keep-alive',
    { keepAliveTimeout: 60_000 },
    (req, res) => {
      res.end('a')
      setTimeout(() => req.socket.setTimeout(100), 50)
    },
    (port) => talk(port, [get('/')]),
  )
})

const TIMED = { keepAliveTimeout: 60_000, headersTimeout: 60_000, connectionsCheckingInterval: 30 }
describe('server.timeout', AT_ONCE, () => {
  const timed = (name, parts, options) =>
    same(name, TIMED, byPath, (port, server, log) => {
      server.setTimeout(250, (socket) => {
        log.push('timeout')
        socket.destroy()
      })
      return talk(port, parts, { patience: 1200, ...options })
    })
  timed('counts before the first byte', [])
  timed('counts while a handler thinks', [get('/slow')])
  timed('does not count in keep-alive', [get('/early')])
  timed('counts again with the next request', [get('/early'), get('/slow')])
  timed('counts for half a head', [get('/early'), 'GET / HT'])
  timed('a head that drips is activity', ['GET / HTTP/1.1\r\nX: ', ...drips('x', 10)], { patience: 600 })
  timed('a body that drips is activity', [sized('/read', 8), ...drips('z', 8)], { patience: 700 })
})

describe('keep-alive', AT_ONCE, () => {
  for (const keepAliveTimeout of [0, 1, 500, 999, 1000, 1999, 5000, 40_000_000, Number.NaN]) {
    for (const way of ['lean', 'streamed']) {
      it(`the Keep-Alive header of ${keepAliveTimeout}, ${way}`, async () => {
        const heads = [core, http].map(async (module) => {
          const server = module.createServer((_req, res) => {
            if (way === 'streamed') res.write('x')
            res.end('x')
          })
          server.keepAliveTimeout = keepAliveTimeout
          const port = await listen(server)
          const head = await new Promise((resolve, reject) => {
            const client = net.connect(port, '127.0.0.1').on('error', reject)
            client.once('data', (data) => {
              client.destroy()
              resolve(String(data).replace(/Date: .*\r\n/, ''))
            })
            client.write(get('/'))
          })
          server.close()
          return head
        })
        const [expected, actual] = await Promise.all(heads)
        assert.equal(actual.split('\r\n\r\n')[0], expected.split('\r\n\r\n')[0])
      })
    }
  }
  for (const keepAliveTimeout of [0, 1, 100]) {
    same(`an idle connection of keepAliveTimeout ${keepAliveTimeout}`, { keepAliveTimeout }, byPath, (port) =>
      talk(port, [get('/early')], { patience: BUFFER + 1000 }),
    )
  }
  same(
    "'timeout' of an idle connection is heard by the server",
    { keepAliveTimeout: 1 },
    byPath,
    (port, server, log) => {
      server.on('timeout', () => log.push('server'))
      return talk(port, [get('/early')], { patience: BUFFER + 1000 })
    },
  )
  same(
    "'timeout' of an idle connection is heard on its socket",
    { keepAliveTimeout: 1 },
    (req, res, log) => {
      req.socket.on('timeout', () => log.push('socket'))
      res.end('x')
    },
    (port) => talk(port, [get('/')], { patience: BUFFER + 1000 }),
  )
})
