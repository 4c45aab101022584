'use strict'

// A connection's socket has its stream only once somebody asks for it: nobody is to see when that was, and who does not ask is not to pay.

const assert = require('node:assert/strict')
const { AsyncResource, createHook } = require('node:async_hooks')
const EventEmitter = require('node:events')
const { once } = EventEmitter
const core = require('node:http')
const net = require('node:net')
const { before, test } = require('node:test')
const { inspect, promisify } = require('node:util')
const { http } = require('../..')
const { linger: turn } = require('../linger')
const { listen } = require('./exchanges')

/** A client that stays: `ask(text)` resolves to what comes until the answer's body, an `x`. */
async function connect(port) {
  const socket = net.connect(port, '127.0.0.1')
  socket.setEncoding('latin1').on('error', () => {})
  const ask = (text) =>
    new Promise((resolve) => {
      let answer = ''
      const take = (data) => {
        answer += data
        if (!/\r\n\r\n(?:[\s\S]*\n)?x/.test(answer)) return
        socket.removeListener('data', take)
        resolve(answer)
      }
      socket.on('data', take)
      socket.write(text)
    })
  return { socket, ask }
}

async function serving(module, handler, use, options = {}) {
  const server = module.createServer(options, handler)
  try {
    return await use(await listen(server), server)
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const POST = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc'

const hasStream = (socket) => 'value' in Object.getOwnPropertyDescriptor(socket, '_events')

/** The first socket of a process is the pattern of the others. */
before(() =>
  serving(
    http,
    (_req, res) => res.end('x'),
    async (port) => (await connect(port)).ask(GET),
  ),
)

for (const [what, handler, request] of [
  ['answers', (_req, res) => res.end('x'), GET],
  ['looks at its request', (req, res) => res.end(`${req.headers.host}\nx`), GET],
  ['asks whose the connection is', ({ socket }, res) => res.end(`${socket.remoteAddress} ${socket.encrypted}\nx`), GET],
  ['asks how the connection is', ({ socket: s }, res) => res.end(`${s.readable} ${s.writable} ${s.destroyed}\nx`), GET],
  ['reads a body', (req, res) => req.on('data', () => {}).on('end', () => res.end('x')), POST],
  ['lets a body go', (_req, res) => res.end('x'), POST],
  ['answers late', (_req, res) => setTimeout(() => res.end('x'), 2), GET],
]) {
  test(`a handler that ${what} leaves the socket without a stream`, async () => {
    const answers = []
    for (const module of [core, http]) {
      let socket
      const use = async (port) => {
        const { ask } = await connect(port)
        for (const round of [1, 2]) answers.push([round, (await ask(request)).replace(/Date: .*/, '')])
      }
      const listener = (req, res) => {
        socket = req.socket
        handler(req, res)
      }
      await serving(module, listener, use)
      if (module === http) assert.equal(hasStream(socket), false)
    }
    assert.deepEqual(answers.slice(2), answers.slice(0, 2))
  })
}

/** What a socket's stream and its listeners are. */
function about(socket) {
  const state = (object) =>
    inspect(object, { depth: 0, getters: true, sorted: true }).replace(/(?:flowing|\[?Symbol\(kState\)\]?): .*/g, '')
  return {
    keys: Reflect.ownKeys(socket),
    readable: state(socket._readableState),
    writable: state(socket._writableState),
    listeners: socket.eventNames().map((name) => [name, socket.listenerCount(name)]),
    count: socket._eventsCount,
    states: [socket.readyState, socket.allowHalfOpen, socket.timeout, socket._paused, socket.getMaxListeners()],
    same: [socket.server === socket._server, socket.parser === socket._handle, socket._httpMessage?.socket === socket],
  }
}

test('a socket behaves the same whenever its stream is first accessed', async () => {
  const seen = {}
  let socket
  const handler = (req, res) => {
    socket = req.socket
    if (req.headers.when === 'in the handler') seen[req.headers.when] = about(socket)
    res.end('x')
  }
  await serving(http, handler, async (port) => {
    for (const when of ['in the handler', 'idle', 'later']) {
      const { ask } = await connect(port)
      await ask(`GET / HTTP/1.1\r\nHost: a\r\nWhen: ${when}\r\n\r\n`)
      await turn()
      assert.equal(hasStream(socket), when === 'in the handler')
      const asyncId = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'async_id_symbol')
      const id = socket[asyncId]
      socket.setMaxListeners(10)
      const idle = about(socket)
      assert.equal(socket[asyncId], id)
      seen[when] ??= idle
      if (when === 'idle') continue
      await ask(GET)
      await turn()
      assert.deepEqual(about(socket), idle)
    }
  })
  assert.deepEqual(seen.later, seen.idle)
  assert.deepEqual({ ...seen.idle, same: 0 }, { ...seen['in the handler'], same: 0 })
})

test('all ways to access the stream', async () => {
  let events
  for (const ask of [
    (socket) => socket.on('close', () => {}),
    (socket) => socket.once('timeout', () => {}),
    (socket) => socket.emit('x'),
    (socket) => socket.setTimeout(1000),
    (socket) => socket.pause(),
    (socket) => socket.listenerCount('data'),
    (socket) => socket.writableLength + socket.readableLength,
    (socket) => inspect(socket, { depth: Number.POSITIVE_INFINITY }),
    (socket) => ({ ...socket }),
    (socket) => (events = { ...socket._events }),
    (socket) => (socket._events = events),
    (socket) => Object.create(socket).on('x', () => {}),
  ]) {
    let socket
    const handler = (req, res) => {
      socket = req.socket
      ask(socket)
      assert.match(inspect(socket), /_events: (?!\[Getter)/)
      res.end('x')
    }
    await serving(http, handler, async (port) => (await connect(port)).ask(GET))
    assert.ok(hasStream(socket), String(ask))
  }
})

test('a socket that closed before its first access', async () => {
  const results = []
  for (const module of [core, http]) {
    const seen = []
    let socket
    const handler = (req, res) => {
      socket = req.socket
      req.resume()
      res.end('x')
    }
    await serving(module, handler, async (port) => {
      for (const how of ['end', 'resetAndDestroy', 'destroy', 'Connection: close']) {
        for (const request of [GET, POST]) {
          const client = await connect(port)
          const last = how.includes(':')
          await client.ask(last ? request.replace('\r\n', `\r\n${how}\r\n`) : request)
          if (!last) client.socket[how]()
          await turn(40)
          const { destroyed, readyState, writable, readable, closed, bytesRead, bytesWritten, remoteAddress } = socket
          const { readableEnded, writableEnded, writableFinished, errored } = socket
          const heard = []
          socket.on('close', () => heard.push('close')).on('error', () => heard.push('error'))
          await turn()
          const ends = how === 'resetAndDestroy' ? undefined : [readableEnded, writableEnded, writableFinished]
          seen.push([how, destroyed, readyState, writable, readable, closed, errored?.code, bytesRead, bytesWritten])
          seen.push([remoteAddress, last ? undefined : ends, heard, socket._handle])
          client.socket.destroy()
        }
      }
    })
    results.push(seen)
  }
  assert.deepEqual(results[1], results[0])
})

test('connections with equal header fields share no mutable state', async () => {
  for (const joinDuplicateHeaders of [false, true, false]) {
    const results = []
    for (const module of [core, http]) {
      const seen = []
      const handler = (req, res) => {
        seen.push([{ ...req.headers }, [...req.rawHeaders]])
        req.headers.host = req.headers.more = req.rawHeaders[0] = 'changed'
        req.rawHeaders.push('more')
        res.end('x')
      }
      const use = async (port) => {
        const fields = 'Host: a\r\nX-Long: a value of more than a few bytes\r\nAge: 1\r\nAge: 2\r\n'
        for (const _ of [1, 2, 3]) {
          const { ask } = await connect(port)
          for (const path of ['/1', '/2', '/3']) await ask(`GET ${path} HTTP/1.1\r\n${fields}\r\n`)
          await ask(`GET / HTTP/1.1\r\n${fields}Another: b\r\n\r\n`)
        }
      }
      await serving(module, handler, use, { joinDuplicateHeaders })
      results.push(seen)
    }
    assert.deepEqual(results[1], results[0])
  }
})

test('the async resource of a connection is destroyed once, when it closes', async () => {
  for (const module of [core, http]) {
    const alive = new Map()
    const ends = []
    const hook = createHook({
      init: (id, type) => type === 'TCPWRAP' && alive.set(id, type),
      destroy: (id) => alive.has(id) && ends.push(id),
    }).enable()
    let id
    const handler = ({ socket }, res) => {
      const symbols = Object.getOwnPropertySymbols(socket)
      id = socket[symbols.find(({ description }) => description === 'async_id_symbol')]
      res.end('x')
    }
    await serving(module, handler, async (port) => {
      const client = await connect(port)
      await client.ask(GET)
      await turn()
      assert.ok(alive.has(id), 'the resource is known by its type')
      assert.ok(!ends.includes(id), 'it ends with the connection')
      client.socket.destroy()
      await turn()
      // Node tells of what has ended when something else happens.
      new AsyncResource('TEST').emitDestroy()
      await turn()
      assert.equal(ends.filter((end) => end === id).length, 1)
    })
    hook.disable()
  }
})

test('captureRejections can be switched on later', async () => {
  const results = []
  for (const module of [core, http]) {
    const seen = []
    const handler = (req, res) => {
      const name = req.url.slice(1)
      const emitter = { req, res, socket: req.socket }[name]
      // A response passes it to its socket.
      const hearing = emitter === res ? req.socket : emitter
      hearing.removeAllListeners('error').on('error', (error) => seen.push(error.message))
      emitter.on('x', async () => {
        throw new Error(`${name} failed`)
      })
      emitter.emit('x')
    }
    await serving(module, handler, async (port) => {
      EventEmitter.captureRejections = true
      try {
        for (const name of ['req', 'res', 'socket']) {
          const { socket } = await connect(port)
          socket.write(GET.replace('/', `/${name}`))
          await turn()
        }
      } finally {
        EventEmitter.captureRejections = false
      }
    })
    results.push(seen)
  }
  assert.deepEqual(results, [results[0], results[0]])
  assert.deepEqual(results[0], ['req failed', 'res failed', 'socket failed'])
})

test('a connection closes although its stream is first accessed then', async () => {
  const results = []
  for (const module of [core, http]) {
    const seen = []
    const handler = (_req, res) => res.writeHead(413, { Connection: 'close' }).end('x')
    await serving(module, handler, async (port, server) => {
      server.on('clientError', (error) => seen.push(error.code))
      // Only one whose body is awaited has its socket read on, after the answer. The client leaves its side open.
      const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true }).resume()
      socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n')
      await new Promise((resolve) => socket.once('end', resolve))
      while ((await promisify(server.getConnections).call(server)) > 0) await turn(1)
      socket.on('error', () => {}).destroy()
      await turn()
    })
    results.push(seen)
  }
  assert.deepEqual(results, [[], []])
})

test('the parser gets all data, whenever the stream is first accessed', async () => {
  const results = []
  for (const module of [core, http]) {
    const seen = []
    const handler = (req, res) => {
      if (req.url === '/late') return setTimeout(() => res.end(`${req.socket.readableFlowing}\nx`), 2)
      const { socket } = req
      socket.on('resume', () => seen.push('resume')).on('pause', () => seen.push('pause'))
      req.resume().on('end', () => res.end(`${socket.readableFlowing}\nx`))
    }
    await serving(module, handler, async (port) => {
      const { ask } = await connect(port)
      for (const text of [POST.replace('/', '/late'), POST]) seen.push(/(\w+)\nx/.exec(await ask(text))[1])
    })
    results.push(seen)
  }
  assert.deepEqual(results, [
    ['true', 'true'],
    ['true', 'true'],
  ])
})

test('a parser error prints as in node:http, without a useless stack', async () => {
  const results = []
  for (const module of [core, http]) {
    await serving(module, null, async (port, server) => {
      const { socket } = await connect(port)
      const told = once(server, 'clientError')
      socket.write('GET / HTTP/1.1\r\nbad\r\n\r\n')
      const [error, connection] = await told
      results.push(inspect(error))
      connection.destroy()
      socket.destroy()
    })
  }
  assert.equal(results[1], results[0])
  assert.match(results[0], /^\[Error: Parse Error: /)
})

test('writing after the end of a response is an error that can be caught', async () => {
  const results = []
  for (const module of [core, http]) {
    const seen = []
    const told = (error) => seen.push(error.code)
    // The runner's would fail the test.
    const others = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException').on('uncaughtException', told)
    const routes = {
      write: (res) => res.write('more'),
      end: (res) => res.end('more'),
      nothing: (res) => res.end(),
      called: (res) => res.write('more', (error) => seen.push(`callback ${error.code}`)),
      later: (res) => setTimeout(() => res.write('more'), 2),
    }
    try {
      const handler = (req, res) => {
        res.end('x')
        routes[req.url.slice(1)](res)
      }
      await serving(module, handler, async (port) => {
        const { ask } = await connect(port)
        for (const route of Object.keys(routes)) {
          seen.push(route)
          await ask(GET.replace('/', `/${route}`))
          await turn(5)
        }
      })
    } finally {
      process.removeListener('uncaughtException', told)
      for (const other of others) process.on('uncaughtException', other)
    }
    results.push(seen)
  }
  assert.deepEqual(results[1], results[0])
  assert.ok(results[0].includes('ERR_STREAM_WRITE_AFTER_END'))
})
