'use strict'

// OpenTelemetry's instrumentation, which puts functions of its own into what it is given as @grpc/grpc-js.

const { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-node')
const { GrpcInstrumentation } = require('@opentelemetry/instrumentation-grpc')
const grpc = require('@grpc/grpc-js')
const service = require('./service.js')

const exporter = new InMemorySpanExporter()
new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register()
// It looks for the module by its name, where that has been loaded from.
const definitions = [new GrpcInstrumentation().init()].flat()
for (const { name, patch } of definitions) if (name === '@grpc/grpc-js') patch(grpc, '1.14.7')

const server = new grpc.Server()
server.addService(service, {
  one({ metadata }, callback) {
    callback(null, { text: String(metadata.get('traceparent').length) })
  },
  many(call) {
    call.write({ text: 'a' })
    call.end()
  },
})
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), async (error, port) => {
  if (error) throw error
  const Client = grpc.makeClientConstructor(service, 'Texts')
  const client = new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure())
  const one = await new Promise((resolve) => client.one({ text: 'x' }, (_error, value) => resolve(value)))
  const many = []
  for await (const message of client.many({ text: 'x' })) many.push(message)
  client.close()
  await new Promise((resolve) => server.tryShutdown(resolve))
  const spans = exporter.getFinishedSpans()
  const parents = new Set(spans.map((span) => span.spanContext().spanId))
  const told = spans.map(({ name, kind, attributes, parentSpanContext }) => {
    return [name, kind, attributes['rpc.grpc.status_code'], parents.has(parentSpanContext?.spanId)]
  })
  console.log(JSON.stringify([one, many, told.map(String).sort()]))
})
