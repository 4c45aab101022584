'use strict'

// Programs that act on the connection from within its own events: bytes put in, closings, looks at the socket, in every order and
// behind every kind of request. Node's server and ours must see the same requests and answer them the same.

const assert = require('node:assert/strict')
const { execFile } = require('node:child_process')
const { once } = require('node:events')
const core = require('node:http')
const net = require('node:net')
const path = require('node:path')
const { describe, it, test } = require('node:test')
const { setTimeout: sleep } = require('node:timers/promises')
const { promisify } = require('node:util')
const { http } = require('ironwire')
const { linger } = require('../linger')

const AT_ONCE = { concurrency: 8 }
const HEAD = 'Host: a\r\n'
const get = (url, more = '') => `GET ${url} HTTP/1.1\r\n${HEAD}${more}\r\n`
const post = (url, body) => `POST ${url} HTTP/1.1\r\n${HEAD}Content-Length: ${body.length}\r\n\r\n${body}`
const UPGRADE = get('/upgrade', 'Connection: upgrade\r\nUpgrade: x\r\n')

/** What a handler does before it answers; the path names it. */
const ACTIONS = {
  push: (req) => req.socket.push(get('/pushed').repeat(2)),
  bytes: (req) => req.socket.push(Buffer.from(get('/sent'))),
  unshift: (req) => req.socket.unshift(Buffer.from(get('/unshifted'))),
  emit: (req) => req.socket.emit('data', Buffer.from(get('/emitted'))),
  again: (req) => req.socket.push(get('/push')),
  look: (req) => void req.socket.remotePort,
  listen: (req) => req.socket.on('data', () => {}),
  closed: (_req, server) => server.close(),
  idle: (_req, server) => server.closeIdleConnections(),
  last: (_req, _server, res) => res.setHeader('Connection', 'close'),
  plain: () => {},
}

/** How it answers then. */
const ANSWERS = {
  end: (res) => res.end('x'),
  write: (res) => {
    res.write('x')
    res.end()
  },
  tick: (res) => process.nextTick(() => res.end('x')),
  later: (res) => setTimeout(() => res.end('x'), 2),
}

/** Until a client is closed, or nothing has come for a while; what is seen without an answer comes at once. */
async function silence(client) {
  let closed = false
  client.on('close', () => {
    closed = true
  })
  for (let before = -1; !closed && client.bytesRead > before; ) {
    before = client.bytesRead
    for (let i = 0; i < 5 && !closed; i++) await sleep(40)
  }
}

/** Feeds `input` to a server of `module`; what was seen, and what came back. */
async function run(module, input) {
  const seen = []
  const server = module.createServer((req, res) => {
    seen.push(req.url)
    const [, action, answer = 'end'] = req.url.split('/')
    req.on('data', (chunk) => seen.push(String(chunk)))
    ACTIONS[action]?.(req, server, res)
    ANSWERS[answer](res)
  })
  server.on('upgrade', (_req, socket, head) => {
    seen.push(`upgrade ${head}`)
    socket.destroy()
  })
  server.on('clientError', (error, socket) => {
    seen.push(error.code)
    socket.destroy()
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const client = net.connect(server.address().port, '127.0.0.1').on('error', () => {})
  let text = ''
  client.on('data', (data) => {
    text += data
  })
  client.write(input)
  await silence(client)
  client.destroy()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  // What an upgrade's listener destroys may or may not have left before.
  const answers = input.includes(UPGRADE) ? 0 : (text.match(/HTTP\/1.1 \d+/g) ?? []).length
  return { seen, answers }
}

async function same(input) {
  const [expected, actual] = await Promise.all([run(core, input), run(http, input)])
  assert.deepEqual(actual, expected, JSON.stringify(input))
}

describe('an action between pipelined requests', AT_ONCE, () => {
  for (const action of Object.keys(ACTIONS)) {
    for (const answer of Object.keys(ANSWERS)) {
      const url = `/${action}/${answer}`
      it(`${url}, more behind it`, () => same(get(url) + get('/plain') + post('/plain', 'body') + get('/plain')))
      it(`${url}, last`, () => same(get('/plain') + get(url)))
    }
  }
  for (const action of ['push', 'bytes', 'unshift', 'emit', 'again', 'look']) {
    it(`/${action}, an upgrade behind it`, () => same(`${get(`/${action}`)}${UPGRADE}HEAD`))
  }
})

test('random pipelines of actions', async () => {
  let state = 7
  const pick = (list) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return list[Math.floor((state / 2 ** 32) * list.length)]
  }
  const actions = ['push', 'bytes', 'unshift', 'emit', 'again', 'look', 'idle', 'plain', 'plain', 'plain']
  const inputs = Array.from({ length: 60 }, () => {
    const length = 1 + (state % 40)
    const requests = Array.from({ length }, () => {
      const answer = pick(['end', 'end', 'end', 'write', 'tick', 'later'])
      // What is put in front of a body Node takes for the body.
      return pick([true, true, false]) ? get(`/${pick(actions)}/${answer}`) : post(`/plain/${answer}`, 'b')
    })
    return requests.join('') + pick(['', '', UPGRADE])
  })
  for (let i = 0; i < inputs.length; i += 10) await Promise.all(inputs.slice(i, i + 10).map(same))
})

/** The same within ours alone: where Node's parser loses its way, or serves on for a peer that is gone. */
async function seenBy(input, act) {
  const seen = []
  const server = http.createServer((req, res) => {
    seen.push(req.url)
    req.on('data', (chunk) => seen.push(String(chunk)))
    act(req, res, server)
    res.end('x')
  })
  server.on('upgrade', (_req, socket, head) => {
    seen.push(`upgrade ${head}`)
    socket.destroy()
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const client = net.connect(server.address().port, '127.0.0.1').on('error', () => {})
  client.resume()
  client.write(input)
  await silence(client)
  client.destroy()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  return seen
}

test('a request with a body can be put in front', async () => {
  const push = (req) => req.url === '/1' && req.socket.push(post('/body', 'abc'))
  assert.deepEqual(await seenBy(get('/1') + get('/2'), push), ['/1', '/body', 'abc', '/2'])
})

test('half a request that was put in front goes on with what was behind it', async () => {
  const push = (req) => req.url === '/1' && req.socket.push(`GET /half HTTP/1.1\r\n${HEAD}X: `)
  assert.deepEqual(await seenBy(get('/1') + get('/2') + get('/3'), push), ['/1', '/half', '/3'])
})

test('what was put in front of a body waits for its end', async () => {
  const push = (req) => req.url === '/1' && req.once('data', () => req.socket.push(get('/pushed')))
  assert.deepEqual(await seenBy(post('/1', 'abc') + get('/2'), push), ['/1', 'abc', '/pushed', '/2'])
})

test('an upgrade that was put in front takes over all that is behind it', async () => {
  const push = (req) => req.url === '/1' && req.socket.push(UPGRADE)
  assert.deepEqual(await seenBy(get('/1') + get('/2'), push), ['/1', `upgrade ${get('/2')}`])
})

test('nothing is served on a socket that a handler destroyed', async () => {
  assert.deepEqual(await seenBy(get('/1') + get('/2'), (req) => req.socket.destroy()), ['/1'])
})

test('pipelined answers leave nothing behind on their socket', async () => {
  for (const answer of Object.values(ANSWERS)) {
    let count
    let socket
    const server = http.createServer((req, res) => {
      socket ??= req.socket
      count ??= socket.listenerCount('close')
      answer(res)
    })
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
    const client = net.connect(server.address().port, '127.0.0.1')
    let text = ''
    client.write(get('/').repeat(50))
    while ((text.match(/HTTP\/1.1 200/g) ?? []).length < 50) text += (await once(client, 'data'))[0]
    await linger()
    assert.equal(socket.listenerCount('close'), count)
    client.destroy()
    server.close()
  }
})

test('bytes put into another connection are served there, after the batch', async () => {
  const sockets = []
  const seen = []
  const server = http.createServer((req, res) => {
    seen.push(req.url)
    if (req.url === '/keep') sockets.push(req.socket)
    if (req.url === '/1') sockets[0].push(get('/other'))
    res.end(req.url)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const clients = []
  const texts = []
  for (const input of [get('/keep'), get('/1') + get('/2')]) {
    const at = clients.length
    texts[at] = ''
    clients.push(net.connect(server.address().port, '127.0.0.1').on('data', (data) => (texts[at] += data)))
    clients[at].write(input)
    await linger(60)
  }
  assert.deepEqual(seen, ['/keep', '/1', '/2', '/other'])
  assert.match(texts[0], /\/keep[\s\S]*\/other$/)
  assert.match(texts[1], /\/1[\s\S]*\/2$/)
  for (const client of clients) client.destroy()
  server.close()
})

/** Runs `code` in a process of its own; what it printed. */
async function printed(code, ...flags) {
  const file = path.resolve(__dirname, '../..')
  const script = `const { http } = require(${JSON.stringify(file)}); const net = require('node:net'); ${code}`
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, '-e', script], { timeout: 30_000 })
  return stdout.trim().split('\n')
}

const SERVED = `
const twice = ${JSON.stringify(get('/1') + get('/2'))}
const serve = (listener) => { const server = http.createServer(listener); server.listen(0, '127.0.0.1', () => {
  net.connect(server.address().port, '127.0.0.1').on('error', () => {}).on('data', (d) => process.stdout.write(String(d).match(/\\w*$/)[0] + '\\n')).on('close', () => console.log('closed')).write(twice)
}); return server };`

test('a handler that throws has put bytes in, and its error’s handler puts in more', async () => {
  const lines = await printed(`${SERVED}
    let socket
    process.on('uncaughtException', (error) => { console.log(error.message); socket.push(${JSON.stringify(get('/4'))}) })
    serve((req, res) => {
      console.log(req.url)
      res.end('x')
      if (req.url !== '/1') return
      socket = req.socket
      socket.push(${JSON.stringify(get('/3'))})
      throw new Error('thrown')
    })
    setTimeout(() => process.exit(), 2000)`)
  assert.deepEqual(lines.slice(0, 5), ['/1', 'thrown', '/3', '/4', '/2'])
})

test('an exit inside a handler', async () => {
  const lines = await printed(`${SERVED} process.on('exit', () => console.log('exit'))
    serve((req, res) => { res.end('x'); if (req.url === '/2') process.exit() })`)
  assert.deepEqual(lines, ['exit'])
})

test('a worker that ends inside a handler', async () => {
  const worker = `${SERVED.replaceAll('process.stdout.write', 'void ')}
    serve((req, res) => { res.end('x'); require('node:worker_threads').parentPort.postMessage(req.url); if (req.url === '/1') req.socket.push(twice); for (;;); })`
  const lines = await printed(`
    const { Worker } = require('node:worker_threads')
    const script = ${JSON.stringify(`const { http } = require(${JSON.stringify(path.resolve(__dirname, '../..'))}); const net = require('node:net');`)} + ${JSON.stringify(worker)}
    const worker = new Worker(script, { eval: true })
    worker.once('message', async (url) => { console.log(url); await worker.terminate(); console.log('terminated') })`)
  assert.deepEqual(lines, ['/1', 'terminated'])
})

test('a shared table that was detached is an error, and the peer is not left waiting', async () => {
  const code = (when) => `
    const engine = require(${JSON.stringify(path.resolve(__dirname, '../../lib/engine.js'))})
    const detach = () => structuredClone(engine.native.httpTable(), { transfer: [engine.native.httpTable()] })
    process.on('uncaughtException', (error) => console.log(error.code, error.message))
    ${SERVED}
    serve((req, res) => { console.log(req.url); ${when === 'inside' ? 'detach(); ' : ''}res.end('x') })
    ${when === 'before' ? 'detach()' : ''}
    setTimeout(() => process.exit(), 2000)`
  const error = 'IRONWIRE_INTERNAL ironwire: the table of HTTP events was detached'
  assert.deepEqual(await printed(code('before')), [error, 'closed'])
  const inside = await printed(code('inside'))
  assert.deepEqual([inside[0], inside[1], inside.at(-1)], ['/1', error, 'closed'])
})

describe('close() calls back', AT_ONCE, () => {
  const steps = {
    end: (_req, res) => res.end('x'),
    close: (_req, _res, server, done) => server.close(done),
    look: (req) => void req.socket.remoteAddress,
    listen: (req) => req.socket.on('close', () => {}),
    destroy: (req) => req.socket.destroy(),
    endSocket: (req) => req.socket.end(),
  }
  const orders = (list) =>
    list.length === 0
      ? [[]]
      : list.flatMap((first, i) => orders([...list.slice(0, i), ...list.slice(i + 1)]).map((rest) => [first, ...rest]))
  const sets = [
    ['end', 'close', 'look'],
    ['end', 'close', 'listen'],
    ['end', 'close', 'look', 'destroy'],
    ['close', 'look', 'destroy'],
    ['end', 'close', 'endSocket'],
  ]
  for (const header of ['', 'Connection: close\r\n']) {
    for (const when of ['at once', 'in a tick', 'in ticks', 'later']) {
      for (const order of sets.flatMap(orders)) {
        it(`${order.join(', ')}, ${when} ${header.trim()}`, async () => {
          await new Promise((resolve, reject) => {
            const server = http.createServer({ keepAliveTimeout: 1 }, async (req, res) => {
              if (when === 'in a tick') await null
              if (when === 'later') await new Promise((go) => setTimeout(go, 5))
              for (const step of order) {
                steps[step](req, res, server, () => (server._connections === 0 ? resolve() : reject(new Error('open'))))
                if (when === 'in ticks') await null
              }
            })
            server.listen(0, '127.0.0.1', () => {
              const client = net.connect(server.address().port, '127.0.0.1')
              client
                .on('error', () => {})
                .on('end', () => client.destroy())
                .resume()
              client.write(get('/', header))
            })
          })
        })
      }
    }
  }
})
