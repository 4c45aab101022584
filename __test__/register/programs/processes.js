// Handles that go to other processes, sockets over descriptors and paths, standard streams, workers.

const { fork, spawn, execFileSync } = require('node:child_process')
const { once } = require('node:events')
const fs = require('node:fs')
const http = require('node:http')
const net = require('node:net')
const os = require('node:os')
const path = require('node:path')
const { isMainThread, parentPort, Worker } = require('node:worker_threads')

async function listening(server, ...where) {
  server.listen(...where)
  await once(server, 'listening')
  return server.address()
}

async function exchange(where, text) {
  const socket = net.connect(where)
  if (text) socket.write(text)
  return (await socket.toArray()).join('')
}

async function parent() {
  const child = fork(__filename, ['child'])
  await once(child, 'message')
  const server = net.createServer()
  const { port } = await listening(server, 0, '127.0.0.1')
  child.send('server', server)
  await once(child, 'message')
  server.close()
  console.log(await exchange({ port, host: '127.0.0.1' }))

  for (const options of [{ pauseOnConnect: true }, {}]) {
    const sender = net.createServer(options, (socket) => child.send('socket', socket))
    const { port } = await listening(sender, 0, '127.0.0.1')
    console.log(await exchange({ port, host: '127.0.0.1' }))
    await new Promise((resolve) => sender.close(resolve))
  }
  const web = http.createServer()
  web.removeAllListeners('connection')
  web.on('connection', (socket) => socket.once('data', (data) => child.send({ web: String(data) }, socket)))
  console.log(
    await exchange(
      { port: (await listening(web, 0, '127.0.0.1')).port },
      'GET /moved HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    ),
  )
  await new Promise((resolve) => web.close(resolve))
  child.disconnect()
  await once(child, 'exit')

  const file = path.join(os.tmpdir(), `register-${process.pid}.sock`)
  const local = net.createServer((socket) => socket.pipe(socket).end('over a path'))
  console.log(
    path.basename(await listening(local, file)) === path.basename(file),
    await exchange(file),
    await exchange({ path: file }),
  )
  local.close()
  const overPath = http.createServer((req, res) => res.end(`${req.url} ${req.socket.remoteAddress}`))
  await listening(overPath, { path: file })
  const [response] = await once(http.get({ socketPath: file, path: '/s', agent: false }), 'response')
  console.log((await response.toArray()).join(''))
  overPath.close()

  // Standard streams that are pipes.
  const flags = process.execArgv
  const loud = `process.stdout.write('x'.repeat(500_000)); process.stderr.write('e')`
  console.log(execFileSync(process.execPath, [...flags, '-e', loud], { stdio: ['ignore', 'pipe', 'pipe'] }).length)
  const echo = spawn(process.execPath, [...flags, '-e', 'process.stdin.pipe(process.stdout)'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  echo.stdin.end('through pipes')
  console.log((await echo.stdout.toArray()).join(''), echo.stdout instanceof net.Socket)
  // A pipe of another kind than the standard ones.
  const extra = spawn(
    process.execPath,
    [...flags, '-e', `const s = new (require('net').Socket)({ fd: 3 }); s.on('data', (d) => s.end('got ' + d))`],
    { stdio: ['ignore', 'inherit', 'inherit', 'pipe'] },
  )
  extra.stdio[3].write('three')
  console.log((await extra.stdio[3].toArray()).join(''))

  const worker = new Worker(__filename)
  console.log((await once(worker, 'message'))[0])
  console.log(fs.existsSync(file))
}

function child() {
  const web = http.createServer((req, res) => res.removeHeader('Date') ?? res.end(req.url))
  process.on('message', (message, handle) => {
    if (message === 'server') {
      handle.on('connection', (socket) => socket.end('child accepted') && handle.close())
      process.send('listening')
    } else if (message === 'socket') {
      handle.resume().end('child has it')
    } else {
      web.emit('connection', handle)
      handle.unshift(Buffer.from(message.web))
    }
  })
  process.send('ready')
}

async function worker() {
  const server = http.createServer((_req, res) => res.end('from a worker'))
  const { port } = await listening(server, 0, '127.0.0.1')
  parentPort.postMessage(await (await fetch(`http://127.0.0.1:${port}`, { headers: { connection: 'close' } })).text())
  server.close()
}

if (!isMainThread) worker()
else if (process.argv[2] === 'child') child()
else parent()
