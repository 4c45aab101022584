'use strict'

// The interceptors of docs/rpc.md: spans of OpenTelemetry around calls and handlers, joined by the W3C trace context in the metadata.

const { context, propagation, trace, SpanKind, SpanStatusCode } = require('@opentelemetry/api')

const tracer = trace.getTracer('rpc')
const carrier = {
  get: (metadata, key) => metadata.get(key),
  keys: (metadata) => [...metadata].map(([key]) => key),
  set: (metadata, key, value) => metadata.set(key, value),
}

async function within(span, parent, next) {
  try {
    return await context.with(trace.setSpan(parent, span), next)
  } catch (error) {
    span.recordException(error)
    span.setStatus({ code: SpanStatusCode.ERROR, message: error.message })
    throw error
  } finally {
    span.end()
  }
}

function traceClient(call, next) {
  const parent = context.active()
  const span = tracer.startSpan(call.method, { kind: SpanKind.CLIENT }, parent)
  propagation.inject(trace.setSpan(parent, span), call.metadata, carrier)
  return within(span, parent, next)
}

function traceServer(call, next) {
  const parent = propagation.extract(context.active(), call.metadata, carrier)
  return within(tracer.startSpan(call.method, { kind: SpanKind.SERVER }, parent), parent, next)
}

module.exports = { traceClient, traceServer }
