'use strict'

// What watches servers from outside: it wraps functions of Node's modules and listens to its channels.

const assert = require('node:assert/strict')
const { separately } = require('./support.js')

// --- OpenTelemetry: wraps `http.Server.prototype.emit`, `http.request` and `http.get`.

const telemetry = `
  const { InMemorySpanExporter, SimpleSpanProcessor, NodeTracerProvider } = require('@opentelemetry/sdk-trace-node')
  const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http')
  const { context, trace, SpanKind } = require('@opentelemetry/api')
  const exporter = new InMemorySpanExporter()
  const instrument = () => {
    const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
    provider.register()
    const instrumentation = new HttpInstrumentation()
    instrumentation.setTracerProvider(provider)
    instrumentation.enable()
    require('node:http')
    require('http')
  }`

const traced = `
  const active = []
  const server = http.createServer(async (req, res) => {
    const span = trace.getSpan(context.active())
    active.push(span?.spanContext().traceId)
    await sleep(2)
    if (trace.getSpan(context.active()) !== span) active.push('lost')
    if (req.url === '/error') res.writeHead(500).end('error')
    else if (req.method === 'POST') {
      let length = 0
      for await (const chunk of req) length += chunk.length
      res.end(String(length))
    } else res.end('hello')
  })
  const port = await listen(server)
  const id = (n) => String(n).padStart(32, '0')
  const asked = await Promise.all([
    ask(port, '/a', { headers: { traceparent: '00-' + id(1) + '-0000000000000001-01' } }),
    ask(port, '/error', { headers: { traceparent: '00-' + id(2) + '-0000000000000002-01' } }),
    ask(port, '/body', { method: 'POST', body: 'x'.repeat(5000), headers: { traceparent: '00-' + id(3) + '-0000000000000003-01' } }),
  ])
  await sleep(20)
  const spans = exporter.getFinishedSpans().filter(({ kind }) => kind === SpanKind.SERVER)
  give({
    asked,
    active: active.map((id) => id?.length).sort(),
    distinct: new Set(active).size,
    spans: spans.map(({ name, status, attributes, ended }) => ({
      name, status, ended, active: true,
      attributes: Object.fromEntries(Object.entries(attributes).filter(([key]) => !/port|host|ip|peer|user_agent/.test(key))
        .map(([key, value]) => [key, typeof value === 'string' ? value.replaceAll(':' + port, '') : value])),
    })).sort((a, b) => a.attributes['http.target'] < b.attributes['http.target'] ? -1 : 1),
    of: spans.filter((span) => active.includes(span.spanContext().traceId)).length,
  })`

for (const [when, before, script] of [
  ['before the module is loaded', `${telemetry}; instrument()`, traced],
  ['after the module is loaded', telemetry, `instrument(); ${traced}`],
]) {
  separately(`OpenTelemetry: spans of server requests, instrumented ${when}`, { before, script }, (result) => {
    assert.equal(result.spans.length, 3)
    assert.equal(result.of, 3)
    assert.equal(result.distinct, 3)
    assert.deepEqual(result.active, [32, 32, 32])
  })
}

// --- Sentry: a channel of requests, then each server's own `emit`, and a scope for each request.

separately(
  'Sentry: errors and transactions of server requests, each in a scope of its own',
  {
    before: `
      const Sentry = require('@sentry/node')
      const sent = []
      Sentry.init({
        dsn: 'http://key@127.0.0.1:9/1',
        tracesSampleRate: 1,
        transport: (options) => Sentry.createTransport(options, async ({ body }) => {
          for (const line of String(body).split('\\n')) {
            try { sent.push(JSON.parse(line)) } catch {}
          }
          return {}
        }),
      })`,
    script: `
      const server = http.createServer(async (req, res) => {
        Sentry.setTag('path', req.url)
        await sleep(5)
        if (req.url.startsWith('/error')) Sentry.captureException(new Error('of ' + req.url))
        if (req.method === 'POST') for await (const _ of req);
        res.statusCode = req.url === '/a' ? 200 : 503
        res.end('done')
      })
      const port = await listen(server)
      await Promise.all(['/error/1', '/error/2', '/a'].map((path) => ask(port, path)))
      await ask(port, '/error/3', { method: 'POST', body: 'the body', headers: { 'content-type': 'text/plain' } })
      await sleep(20)
      await Sentry.flush(2000)
      give({
        errors: sent.filter((event) => event.exception).map(({ exception, tags, request, transaction }) => ({
          value: exception.values[0].value, tags, method: request?.method, url: request?.url?.replace(':' + port, ''),
          data: request?.data, transaction,
        })).sort((a, b) => a.value < b.value ? -1 : 1),
        spans: sent.flatMap(({ items = [] }) => items).map(({ status, attributes }) => ({
          status, op: attributes['sentry.op']?.value, path: attributes['url.path']?.value, code: attributes['http.response.status_code']?.value,
        })).filter(({ op }) => op === 'http.server').sort((a, b) => a.path < b.path ? -1 : 1),
      })`,
  },
  ({ errors, spans }) => {
    assert.deepEqual(
      errors.map(({ value, tags, url }) => [value, tags.path, url]),
      [1, 2, 3].map((n) => [`of /error/${n}`, `/error/${n}`, `http://127.0.0.1/error/${n}`]),
    )
    assert.deepEqual(
      spans.map(({ path, code }) => [path, code]),
      [['/a', 200], ...[1, 2, 3].map((n) => [`/error/${n}`, 503])],
    )
  },
)

// --- dd-trace: wraps `emit` of servers, `writeHead`, `end`, … of responses.

separately(
  'dd-trace: spans of server requests',
  {
    before: `
      // Its agent, which takes whatever comes.
      const agent = require('node:http').createServer((req, res) => req.resume().on('end', () => res.end('{}')))
      agent.listen(0, '127.0.0.1')`,
    script: `
      await sleep(20)
      const tracer = require('dd-trace').init({
        url: 'http://127.0.0.1:' + agent.address().port, startupLogs: false, telemetry: { enabled: false }, remoteConfig: { enabled: false },
        runtimeMetrics: false, logInjection: false, appsec: false, instrumentationTelemetry: false,
      })
      require('node:http')
      require('http')
      const spans = []
      const server = http.createServer(async (req, res) => {
        const span = tracer.scope().active()
        if (span) spans.push(span)
        await sleep(2)
        if (tracer.scope().active() !== span) spans.push('lost')
        if (req.url === '/error') res.writeHead(500, { 'X-A': 'b' })
        res.end('done')
      })
      const port = await listen(server)
      const asked = await Promise.all(['/a', '/b', '/error'].map((path) => ask(port, path)))
      await sleep(20)
      give({
        asked,
        distinct: new Set(spans.map((span) => span.context?.().toSpanId())).size,
        spans: spans.map((span) => {
          const tags = span.context()._tags
          return [span.context()._name, tags['http.method'], tags['http.url']?.replace(':' + port, ''), tags['http.status_code'], tags.error,
            span._duration > 0]
        }).sort(),
      })`,
  },
  ({ spans, distinct }) => {
    assert.equal(distinct, 3)
    assert.deepEqual(
      spans.map(([, method, url, status, , ended]) => [method, url, Number(status), ended]),
      ['a', 'b', 'error'].map((name) => ['GET', `http://127.0.0.1/${name}`, name === 'error' ? 500 : 200, true]),
    )
  },
)
