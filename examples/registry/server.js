'use strict'

// A server of two processes that share a port. Each registers itself: whoever calls has a connection to each of them.

const cluster = require('node:cluster')
const { rpc } = require('ironwire')

if (cluster.isPrimary) {
  for (let i = 0; i < 2; i++) cluster.fork()
  cluster.on('exit', () => cluster.fork())
  // Whoever started it is gone.
  process.on('disconnect', () => process.exit())
} else {
  // The first process was killed while this one was about to tell it something.
  cluster.worker.on('error', () => process.exit())

  const registry = rpc.connectRegistry(`registry://127.0.0.1:${process.env.REGISTRY_PORT ?? 7400}`)
  const server = rpc.createServer()

  server.method('square', (request) => {
    const n = request.readUInt32BE()
    const reply = Buffer.alloc(8)
    reply.writeBigUInt64BE(BigInt(n) ** 2n)
    return reply
  })

  server.listen(0, '127.0.0.1', () => {
    // Known for three seconds beyond its last sign of life. The registry may be away for longer: it is told again once it is back.
    const { port } = server.address()
    registry.register('squares', { port, lease: 3000, metadata: { pid: String(process.pid) } })
  })
}

// Ctrl-C reaches every process of a terminal; the first one decides.
process.on('SIGINT', () => {})
