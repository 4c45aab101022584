'use strict'

// A server that notes in which order its code runs: `node order-server.js IMPLEMENTATION SCENARIO`.
// It says its port over IPC, and sends its notes when asked.

const { AsyncLocalStorage } = require('node:async_hooks')

const [implementation, scenario] = process.argv.slice(2)
const { http, net } =
  implementation === 'ironwire' ? require('ironwire') : { http: require('node:http'), net: require('node:net') }

const notes = []
const note = (text) => notes.push(text)

/** Everything that can be put off, put off at once: notes say when each has its turn. */
function putOff(name) {
  setImmediate(() => note(`${name}: immediate`))
  setTimeout(() => note(`${name}: timeout`), 5)
  process.nextTick(() => {
    note(`${name}: tick`)
    process.nextTick(() => note(`${name}: tick in tick`))
    Promise.resolve().then(() => note(`${name}: promise in tick`))
  })
  Promise.resolve().then(() => {
    note(`${name}: promise`)
    process.nextTick(() => note(`${name}: tick in promise`))
    queueMicrotask(() => note(`${name}: microtask in promise`))
  })
  queueMicrotask(() => note(`${name}: microtask`))
}

function listen(emitter, name, ...events) {
  for (const event of events) {
    emitter.on(event, () => {
      note(`${name} ${event}`)
      process.nextTick(() => note(`tick after ${name} ${event}`))
      Promise.resolve().then(() => note(`promise after ${name} ${event}`))
    })
  }
}

const storage = new AsyncLocalStorage()
let requests = 0

const scenarios = {
  'http: what a handler puts off': () =>
    http.createServer((_req, res) => {
      note('handler begins')
      putOff('handler')
      res.end('done', () => note('end callback'))
      note('handler ends')
    }),

  'http: pipelined requests': () =>
    http.createServer((req, res) => {
      note(`handler ${req.url}`)
      process.nextTick(() => note(`tick of ${req.url}`))
      Promise.resolve().then(() => note(`promise of ${req.url}`))
      res.on('finish', () => note(`finish of ${req.url}`))
      if (req.url === '/1') setTimeout(() => res.end('1'), 10)
      else res.end(req.url)
    }),

  'http: an async handler': () =>
    http.createServer(async (_req, res) => {
      note('begins')
      process.nextTick(() => note('tick'))
      await null
      note('after an await')
      await new Promise(setImmediate)
      note('after an immediate')
      res.writeHead(200)
      note(`headers sent: ${res.headersSent}`)
      res.end('x')
      note(`ended: ${res.writableEnded}, finished: ${res.writableFinished}`)
      await null
      note(`later ended: ${res.writableEnded}`)
    }),

  'http: events of a request with a body': () =>
    http.createServer((req, res) => {
      note('handler')
      listen(req, 'req', 'data', 'end', 'close')
      listen(res, 'res', 'finish', 'close')
      req.on('end', () => res.end('ok'))
    }),

  'http: a body read by async iteration': () =>
    http.createServer(async (req, res) => {
      let text = ''
      for await (const chunk of req) {
        note('chunk')
        text += chunk
      }
      note(`body of ${text.length}`)
      res.end('ok')
    }),

  'http: async context': () =>
    http.createServer((req, res) => {
      const me = ++requests
      storage.run(me, () => {
        req.on('data', () => note(`data in ${storage.getStore()}`))
        req.on('end', () => {
          note(`end in ${storage.getStore()}`)
          setTimeout(async () => {
            await null
            note(`timeout in ${storage.getStore()}`)
            res.end('ok')
          }, 2)
        })
        process.nextTick(() => note(`tick in ${storage.getStore()}`))
      })
      note(`outside in ${storage.getStore()}`)
    }),

  'http: throwing': () => {
    process.on('uncaughtException', (error, origin) => note(`${origin}: ${error.message}`))
    return http.createServer((req, res) => {
      process.nextTick(() => note(`tick of ${req.url}`))
      res.end('ok')
      if (req.url === '/sync') throw new Error('in the handler')
      if (req.url === '/tick') {
        process.nextTick(() => {
          throw new Error('in a tick')
        })
      }
      if (req.url === '/promise') Promise.reject(new Error('in a promise'))
      if (req.url === '/data') {
        req.on('data', () => {
          throw new Error('in a data listener')
        })
      }
    })
  },

  'http: throwing, and nobody listens': () =>
    http.createServer(() => {
      throw new Error('fatal')
    }),

  'net: what listeners put off': () =>
    net.createServer((socket) => {
      note('connection')
      putOff('connection')
      socket.on('data', (data) => {
        note(`data ${data}`)
        putOff('data')
        socket.write('reply', () => note('write callback'))
        note('written')
      })
      listen(socket, 'socket', 'end', 'close')
    }),

  'net: ends and closes': () =>
    net.createServer({ allowHalfOpen: true }, (socket) => {
      listen(socket, 'socket', 'end', 'finish', 'close')
      socket.resume()
      socket.on('end', () => {
        socket.write('a', () => note('written a'))
        socket.write('b', () => note('written b'))
        socket.end('c', () => note('ended'))
      })
    }),

  'net: throwing': () => {
    process.on('uncaughtException', (error, origin) => note(`${origin}: ${error.message}`))
    return net.createServer((socket) => {
      process.nextTick(() => note('tick of the connection'))
      socket.on('data', (data) => {
        process.nextTick(() => note(`tick of ${data}`))
        socket.write(data)
        if (String(data) === 'bad') throw new Error('in a data listener')
      })
      socket.on('end', () => {
        throw new Error('in an end listener')
      })
    })
  },

  'net: throwing, and nobody listens': () =>
    net.createServer((socket) => {
      socket.on('data', () => {
        throw new Error('fatal')
      })
    }),
}

const server = scenarios[scenario]()
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))

/** Calls back when a connection is there: the client may know of it long before. */
function whenConnected(done) {
  server.getConnections((_error, count) => {
    if (count > 0) done()
    else setTimeout(whenConnected, 5, done)
  })
}

const settle = () => setTimeout(() => process.send('settled'), 30)
process.on('message', (message) => {
  if (message === 'notes') process.send({ notes })
  else if (message === 'connected') whenConnected(settle)
  else settle()
})
process.on('disconnect', () => process.exit())
