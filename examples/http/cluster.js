'use strict'

// One port, several processes: Node runs JavaScript on one core, so a server uses more cores by running several
// processes that share a port. The first process only starts the others, and replaces each one that dies.
//
//   node examples/http/cluster.js
//   curl http://127.0.0.1:8000/

const cluster = require('node:cluster')
const { availableParallelism } = require('node:os')
const { http } = require('ironwire')

if (cluster.isPrimary) {
  let stopping = false
  let listening = 0
  const count = Number(process.env.WORKERS ?? availableParallelism())
  for (let i = 0; i < count; i++) cluster.fork()

  cluster.on('listening', (worker, { port }) => {
    listening++
    if (listening === count) console.log(`listening on http://127.0.0.1:${port}`)
    else if (listening > count) console.log(`process ${worker.process.pid} is ready`)
  })

  // If a worker dies, its current requests are lost. Connections of other workers are not affected.
  cluster.on('exit', (worker, code, signal) => {
    if (stopping) return
    console.log(`process ${worker.process.pid} died (${signal ?? code}): another takes its place`)
    cluster.fork()
  })

  // Disconnected workers take no new connections, finish their requests, and end.
  const stop = () => {
    stopping = true
    cluster.disconnect()
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
} else {
  // Ctrl-C reaches every process of a terminal. The first process decides.
  process.on('SIGINT', () => {})
  http
    .createServer((req, res) => {
      if (req.url === '/slow') setTimeout(() => res.end(`process ${process.pid}, a second later\n`), 1000)
      else res.end(`process ${process.pid}\n`)
    })
    .listen(process.env.PORT ?? 8000, '127.0.0.1')
}
