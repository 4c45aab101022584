// What tracers and server helpers hang onto: methods that are replaced on the classes, `instanceof`, the sockets of a server.

const { once } = require('node:events')
const http = require('node:http')
const net = require('node:net')

const log = []
function wrap(object, name) {
  const original = object[name]
  object[name] = function (...args) {
    log.push(`${name} ${typeof args[0] === 'string' ? args[0] : typeof args[0]}`)
    return original.apply(this, args)
  }
}

wrap(http, 'createServer')
wrap(http, 'request')
wrap(http.Server.prototype, 'emit')
wrap(http.Server.prototype, 'close')
wrap(http.ServerResponse.prototype, 'writeHead')
wrap(http.ServerResponse.prototype, 'end')
wrap(net.Server.prototype, 'listen')
wrap(net.Socket.prototype, 'connect')
wrap(net.Socket.prototype, 'destroy')
wrap(net, 'connect')

/** Closes a server as http-terminator does: tells busy clients to go, ends idle ones, and waits for both. */
function terminator(server) {
  if (!(server instanceof http.Server)) throw new Error('no http.Server')
  const sockets = new Set()
  let terminating = false
  server.on('connection', (socket) => {
    if (!(socket instanceof net.Socket)) throw new Error('no net.Socket')
    if (terminating) socket.destroy()
    else sockets.add(socket.once('close', () => sockets.delete(socket)))
  })
  return async () => {
    terminating = true
    server.on('request', (_req, res) => {
      if (!res.headersSent) res.setHeader('connection', 'close')
    })
    for (const socket of sockets) {
      const response = socket._httpMessage
      if (!(socket.server instanceof http.Server)) throw new Error('no server of a socket')
      if (!response) socket.destroy()
      else if (!response.headersSent) response.setHeader('connection', 'close')
    }
    await new Promise((resolve) => server.close(resolve))
    return sockets.size
  }
}

async function main() {
  let release
  const server = http.createServer(async (req, res) => {
    if (req.url === '/slow') await new Promise((resolve) => (release = resolve))
    res.writeHead(200, { 'X-A': 'b' })
    res.end(req.url)
  })
  const terminate = terminator(server)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address()
  const agent = new http.Agent({ keepAlive: true })
  const get = (path) =>
    new Promise((resolve, reject) => {
      const request = http.request({ port, host: '127.0.0.1', path, agent }, async (response) =>
        resolve([response.headers.connection, (await response.toArray()).join('')]),
      )
      request.on('error', reject).end()
    })
  console.log(await get('/one'), await get('/two'))
  const slow = get('/slow')
  const idle = net.connect(port, '127.0.0.1')
  await once(idle, 'connect')
  while (!release) await new Promise(setImmediate)
  while (server._connections < 2) await new Promise(setImmediate)
  console.log(server._connections, await new Promise((resolve) => server.getConnections((_error, n) => resolve(n))))
  const done = terminate()
  release()
  await once(idle.resume(), 'close')
  console.log(await slow, await done, server._connections, server.listening)
  agent.destroy()
  // How often sockets are told to close is theirs.
  console.log(
    log.filter((line) => !line.startsWith('destroy') && !line.startsWith('close')).sort(),
    log.some((line) => line.startsWith('destroy')),
  )
}

main()
