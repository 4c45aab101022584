'use strict'

// A process of the traced pair: `server` tells its port, `client PORT` makes calls. Both give their spans when they are asked to end.

const { InMemorySpanExporter, SimpleSpanProcessor, NodeTracerProvider } = require('@opentelemetry/sdk-trace-node')
const { context, trace, SpanKind } = require('@opentelemetry/api')
const exporter = new InMemorySpanExporter()
new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register()

const { setTimeout: sleep } = require('node:timers/promises')
const { rpc } = require('../../..')
const { traceClient, traceServer } = require('./interceptors.js')

const give = () => {
  const spans = exporter.getFinishedSpans().map((span) => {
    const { traceId, spanId } = span.spanContext()
    const { name, kind, status, parentSpanContext } = span
    return { name, kind: SpanKind[kind], status: status.code, traceId, spanId, parent: parentSpanContext?.spanId }
  })
  process.send({ spans }, () => process.exit())
}

async function serve() {
  const server = rpc.createServer().use(traceServer)
  server.on('handlerError', () => {})
  server.listen(0)
  await new Promise((resolve) => server.once('listening', resolve))
  const client = rpc.connect(server.address().port).use(traceClient)
  server.method('inner', async (request) => {
    await sleep(1)
    return request
  })
  server.method('outer', async (request) => {
    await sleep(Math.random() * 5)
    return client.call('inner', request)
  })
  server.method('fails', () => {
    throw new Error('as it should')
  })
  process.once('message', give)
  process.send({ port: server.address().port })
}

async function call(port) {
  const client = rpc.connect(port).use(traceClient)
  const tracer = trace.getTracer('test')
  const one = (i) =>
    tracer.startActiveSpan(`root ${i}`, async (span) => {
      const { traceId } = span.spanContext()
      const reply = await client.call('outer', Buffer.from(traceId))
      if (reply.toString() !== traceId || trace.getSpan(context.active()) !== span) throw new Error('mixed up')
      span.end()
    })
  await Promise.all(Array.from({ length: 20 }, (_, i) => one(i)))
  await client.call('fails', null).catch(() => {})
  give()
}

const [role, port] = process.argv.slice(2)
if (role === 'server') serve()
else call(Number(port))
