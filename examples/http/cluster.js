'use strict'

// One port, several processes: Node runs JavaScript on one core, so a server for more cores is several processes that share a port.
// The first process only starts the others, and starts another one when one dies.
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

  // What a worker was answering dies with it; the other workers' connections do not notice.
  cluster.on('exit', (worker, code, signal) => {
    if (stopping) return
    console.log(`process ${worker.process.pid} died (${signal ?? code}): another takes its place`)
    cluster.fork()
  })

  // Workers that are disconnected take no new connections, answer what they have begun, and end.
  const stop = () => {
    stopping = true
    cluster.disconnect()
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
} else {
  // Ctrl-C reaches every process of a terminal; the first one decides.
  process.on('SIGINT', () => {})
  http
    .createServer((req, res) => {
      if (req.url === '/slow') setTimeout(() => res.end(`process ${process.pid}, a second later\n`), 1000)
      else res.end(`process ${process.pid}\n`)
    })
    .listen(process.env.PORT ?? 8000, '127.0.0.1')
}
