'use strict'

// A server of two processes that share a port. Each process registers itself, so a client connects to both.

const cluster = require('node:cluster')
const { rpc } = require('ironwire')

if (cluster.isPrimary) {
  for (let i = 0; i < 2; i++) cluster.fork()
  cluster.on('exit', () => cluster.fork())
  // The process that started it is gone.
  process.on('disconnect', () => process.exit())
} else {
  // The first process was killed while this one was sending it a message.
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
    // The registration lasts three seconds beyond the last sign of life. If the registry is away for longer, the server
    // registers again when it is back.
    const { port } = server.address()
    registry.register('squares', { port, lease: 3000, metadata: { pid: String(process.pid) } })
  })
}

// Ctrl-C reaches every process of a terminal. The first process decides.
process.on('SIGINT', () => {})
