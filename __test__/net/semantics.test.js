'use strict'

// The same scripts on Node's net and on ours, their logs compared: events, their order, error codes and messages.

const { test } = require('node:test')
const assert = require('node:assert')
const nodeNet = require('node:net')
const { net } = require('../..')

const scenarios = {
  'a refused connection': (net, log, done) => {
    const socket = net.connect(1, '127.0.0.1')
    socket.on('error', (error) => log('error', describe(error)))
    socket.on('close', (hadError) => done(log('close', hadError)))
  },

  'a refused connection, by host name': (net, log, done) => {
    const socket = net.connect({ port: 1, host: 'localhost', autoSelectFamily: false, family: 4 })
    socket.on('lookup', (error, address, family) => log('lookup', error, address, family))
    socket.on('error', (error) => log('error', describe(error)))
    socket.on('close', (hadError) => done(log('close', hadError)))
  },

  'no such pipe': (net, log, done) => {
    const socket = net.connect('/no/such/pipe')
    socket.on('error', (error) => log('error', describe(error)))
    socket.on('close', (hadError) => done(log('close', hadError)))
  },

  'a port in use': (net, log, done) => {
    const first = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = first.address()
      const second = net.createServer().listen(port, '127.0.0.1')
      second.on('error', (error) => {
        log('error', describe(error).replaceAll(String(port), 'PORT'), second.listening)
        first.close(() => done(log('close')))
      })
    })
  },

  'bad arguments': (net, log, done) => {
    const attempts = [
      () => net.connect(70_000),
      () => net.connect({ port: 'x' }),
      () => net.connect({}),
      () => net.createServer().listen(-1),
      () => net.createServer().listen({}),
      () => new net.Socket({ objectMode: true }),
      () => new net.Socket().setTimeout('soon'),
      () => new net.Socket().write(null),
      () => new net.Socket().write(5),
    ]
    for (const attempt of attempts) {
      try {
        attempt()
        log('no error')
      } catch (error) {
        log(error.name, error.code, error.message)
      }
    }
    done()
  },

  'a connection from start to end': (net, log, done) => {
    const server = net.createServer({ allowHalfOpen: false }, (socket) => {
      for (const event of ['data', 'end', 'finish', 'close', 'drain', 'timeout']) {
        socket.on(event, (value) => record('server', event, String(value)))
      }
      socket.setEncoding('utf8')
      socket.write('hello', () => record('server', 'written'))
    })
    // Which of the two ends hears of the end first is the kernel's choice: each has a log of its own.
    const lines = { server: [], client: [] }
    let open = 2
    const closed = () => --open === 0 && done(log(...lines.server), log(...lines.client))
    const record = (side, ...values) => lines[side].push(values.join(' '))
    server.on('close', closed)
    server.listen(0, '127.0.0.1', () => {
      const socket = net.connect(server.address().port, '127.0.0.1')
      socket.on('close', closed)
      log('connecting', socket.connecting, socket.pending, socket.readyState)
      for (const event of ['connect', 'ready', 'end', 'finish', 'close']) {
        socket.on(event, (value) => record('client', event, String(value), socket.readyState, socket.destroyed))
      }
      socket.once('data', (data) => {
        record('client', 'data', String(data), socket.bytesRead)
        socket.end('bye', 'latin1', () => record('client', 'ended', socket.bytesWritten))
        server.close()
      })
    })
  },

  'half-open sides': (net, log, done) => {
    const server = net.createServer({ allowHalfOpen: true }, (socket) => {
      socket.resume()
      socket.on('end', () => {
        log('server end', socket.readyState)
        setImmediate(() => socket.end('late'))
      })
      socket.on('close', () => server.close(() => end(log('closed'))))
    })
    // Which side closes first differs between releases of Node.
    let open = 2
    const end = () => {
      open -= 1
      if (open === 0) done()
    }
    server.listen(0, '127.0.0.1', () => {
      const socket = net.connect({ port: server.address().port, host: '127.0.0.1', allowHalfOpen: true })
      socket.end('x')
      socket.on('data', (data) => log('client', String(data)))
      socket.on('end', () => log('client end', socket.readyState))
      socket.on('close', () => end(log('client close')))
    })
  },

  'a write after the end, and after destroy': (net, log, done) => {
    const server = net
      .createServer((socket) => socket.resume())
      .listen(0, '127.0.0.1', () => {
        const socket = net.connect(server.address().port, '127.0.0.1', () => {
          socket.end()
          socket.write('late', (error) => log('callback', error.code))
          socket.on('error', (error) => log('error', error.code, error.message))
          socket.on('close', (hadError) => {
            log('close', hadError, socket.destroyed)
            socket.write('later', (error) => {
              log('callback', error.code)
              server.close(() => done())
            })
          })
        })
      })
  },

  'a reset': (net, log, done) => {
    const server = net.createServer((socket) => {
      socket.on('error', (error) => log('server error', describe(error)))
      socket.on('close', (hadError) => {
        log('server close', hadError)
        server.close(() => done())
      })
      socket.write('x')
    })
    server.listen(0, '127.0.0.1', () => {
      const socket = net.connect(server.address().port, '127.0.0.1')
      socket.once('data', () => socket.resetAndDestroy())
      socket.on('close', (hadError) => log('client close', hadError))
    })
  },

  'an idle timeout': (net, log, done) => {
    const server = net
      .createServer((socket) => socket.on('error', () => {}))
      .listen(0, '127.0.0.1', () => {
        const socket = net.connect(server.address().port, '127.0.0.1')
        socket.setTimeout(50, () => {
          log('timeout', socket.timeout)
          socket.destroy(new Error('idle'))
        })
        socket.on('error', (error) => log('error', error.message))
        socket.on('close', (hadError) => {
          log('close', hadError)
          server.close(() => done())
        })
      })
  },

  'more connections than allowed': (net, log, done) => {
    const server = net.createServer()
    server.maxConnections = 1
    server.on('drop', (data) => log('drop', Object.keys(data).sort().join(), data.remoteFamily))
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      const first = net.connect(port, '127.0.0.1', () => {
        const second = net.connect(port, '127.0.0.1')
        second.on('close', () => {
          server.getConnections((error, count) => {
            log('connections', error, count)
            first.destroy()
            server.close(() => done())
          })
        })
        second.on('error', (error) => log(error.code))
      })
    })
  },

  'no connections at all, and their limit': (net, log, done) => {
    const server = net.createServer()
    server.maxConnections = 0
    server.on('connection', (socket) => socket.end(() => log('taken')))
    server.on('drop', () => log('dropped'))
    server.listen(0, '127.0.0.1', () => {
      const socket = net.connect(server.address().port, '127.0.0.1').resume()
      socket.on('error', () => {})
      socket.on('close', () => server.close(() => done(log('close'))))
    })
  },

  // Before Node 22.13, servers have no such option.
  'an address that is blocked': (net, log, done) => {
    const blockList = new net.BlockList()
    blockList.addAddress('127.0.0.1')
    const server = net.createServer({ blockList }, (socket) => {
      log('taken')
      socket.end()
    })
    server.listen(0, '127.0.0.1', () => {
      const socket = net.connect(server.address().port, '127.0.0.1').resume()
      socket.on('error', () => {})
      socket.on('close', () => {
        server.getConnections((error, count) => {
          log('refused', error, server.blockList !== undefined && count === 0)
          server.close(() => done(log('close')))
        })
      })
    })
  },

  'the key of a server': (net, log, done) => {
    const server = net.createServer().listen(0, () => {
      log(server._connectionKey)
      server.close(() => {
        server.listen(0, '127.0.0.1', () => {
          log(server._connectionKey)
          server.close(done)
        })
      })
    })
  },

  'the type of service, and probes of keep-alive': (net, log, done) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      const socket = net.connect({ port, host: '127.0.0.1', typeOfService: 0x10 }, () => {
        // Since Node 24.
        if (socket.setTypeOfService) {
          log(socket._handle.getTypeOfService(), socket.getTypeOfService())
          socket.setTypeOfService(0x20)
          log(socket._handle.getTypeOfService(), socket.getTypeOfService())
        }
        log(socket.setKeepAlive({ enable: true, initialDelay: 5000, interval: 3000, count: 4 }) === socket)
        socket.destroy()
        server.close(done)
      })
    })
  },

  'an aborted signal': (net, log, done) => {
    const controller = new AbortController()
    const server = net.createServer().listen({ port: 0, host: '127.0.0.1', signal: controller.signal }, () => {
      server.on('close', () => done(log('closed', server.listening)))
      controller.abort()
    })
  },
}

const describe = (error) => JSON.stringify({ ...error, message: error.message, name: error.name })

function record(net, scenario) {
  return new Promise((resolve) => {
    const lines = []
    scenario(
      net,
      (...values) => lines.push(values.join(' ')),
      () => resolve(lines),
    )
  })
}

for (const [name, scenario] of Object.entries(scenarios)) {
  test(name, async () => {
    const expected = await record(nodeNet, scenario)
    assert.ok(expected.length > 0)
    assert.deepStrictEqual(await record(net, scenario), expected)
  })
}

test('every export of node:net exists, and ironwire’s classes extend Node’s', () => {
  assert.deepStrictEqual(
    Object.keys(nodeNet).filter((key) => !(key in net)),
    [],
  )
  assert.ok(new net.Socket() instanceof nodeNet.Socket)
  assert.ok(net.Socket() instanceof net.Socket)
  assert.ok(net.Server() instanceof nodeNet.Server)
  assert.strictEqual(net.createServer() instanceof net.Server, true)
})

test('writes of one turn are sent together', async () => {
  const server = nodeNet.createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const first = new Promise((resolve) => {
    server.once('connection', (socket) => socket.once('data', (chunk) => resolve(String(chunk))))
  })
  const socket = net.connect(server.address().port, '127.0.0.1', () => {
    for (const part of ['a', 'b', 'c']) socket.write(part)
    process.nextTick(() => socket.write('d'))
    Promise.resolve().then(() => socket.write('e'))
  })
  assert.strictEqual(await first, 'abcde')
  socket.destroy()
  server.close()
})

test('an abandoned connection attempt ends silently', async () => {
  const server = nodeNet.createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const thrown = []
  const hear = (error) => thrown.push(error)
  process.on('uncaughtException', hear)
  try {
    const addresses = [
      // Nobody answers from there (RFC 5737), so that the attempt takes as long as it may.
      { address: '192.0.2.1', family: 4 },
      { address: '127.0.0.1', family: 4 },
    ]
    const socket = net.connect({
      port: server.address().port,
      host: 'two.example',
      lookup: (_host, _options, callback) => callback(null, addresses),
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: 10,
    })
    const outcome = await new Promise((resolve) => {
      socket.once('connect', () => resolve('connect')).once('error', resolve)
    })
    assert.strictEqual(outcome, 'connect')
    socket.destroy()
    await new Promise((resolve) => socket.once('close', resolve))
    assert.deepStrictEqual(thrown, [])
  } finally {
    process.removeListener('uncaughtException', hear)
    server.close()
  }
})

test('abandoned callbacks are not called later', async () => {
  const server = nodeNet.createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { Connection, createTcp } = require('../../lib/net/handle.js')
  const handle = createTcp()
  assert.ok(handle instanceof Connection)
  const request = {}
  assert.strictEqual(handle.connect(request, '127.0.0.1', server.address().port), 0)
  // As core does, when the time for an address is over.
  request.oncomplete = undefined
  await new Promise((resolve) => server.once('connection', (socket) => resolve(socket.destroy())))
  await new Promise(setImmediate)
  await new Promise((resolve) => handle.close(resolve))
  server.close()
})

test('a transferred connection belongs to the worker', async (t) => {
  const { Worker } = require('node:worker_threads')
  if (
    !Object.getOwnPropertySymbols(nodeNet.Server.prototype).some((symbol) => /messaging_transfer/.test(String(symbol)))
  ) {
    return t.skip('this version of Node transfers none')
  }
  const served = []
  const server = net.createServer(() => served.push('here')).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address()
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads')
     parentPort.once('message', (server) => {
       server.on('connection', (socket) => socket.end('there'))
       parentPort.postMessage('ready')
     })`,
    { eval: true },
  )
  t.after(() => worker.terminate())
  worker.postMessage(server, [server])
  await new Promise((resolve) => worker.once('message', resolve))
  assert.strictEqual(server.listening, false)
  for (let i = 0; i < 8; i++) {
    const answer = await new Promise((resolve, reject) => {
      nodeNet.connect(port, '127.0.0.1').once('data', resolve).once('error', reject)
    })
    assert.strictEqual(String(answer), 'there')
  }
  assert.deepStrictEqual(served, [])
})

test('any backlog that Node takes', async (t) => {
  for (const module of [nodeNet, net]) {
    for (const backlog of ['many', '5', 1.5, -1, Number.NaN, null, 2 ** 40]) {
      const server = module.createServer()
      t.after(() => server.close())
      await new Promise((resolve, reject) => {
        server.on('error', reject)
        server.listen({ port: 0, host: '127.0.0.1', backlog }, resolve)
      })
    }
  }
})
