'use strict'

// Load reports: our server sends the recorded metrics as @grpc/grpc-js does.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const { test } = require('node:test')
const { protobuf } = require('ironwire')
const { grpc, peer, missing, serve, connect, outcome, bind } = require('./support.js')

const HEADER = 'endpoint-load-metrics-bin'
const { OrcaLoadReport, OpenRcaService } = protobuf.parse(`syntax = "proto3";
  package xds.service.orca.v3;
  import "google/protobuf/duration.proto";
  message OrcaLoadReport {
    double cpu_utilization = 1; double mem_utilization = 2; map<string, double> request_cost = 4; map<string, double> utilization = 5;
    double rps_fractional = 6; double eps = 7; map<string, double> named_metrics = 8; double application_utilization = 9;
  }
  message Request { google.protobuf.Duration report_interval = 1; }
  service OpenRcaService { rpc StreamCoreMetrics (Request) returns (stream OrcaLoadReport); }`)

function record(recorder) {
  recorder.recordRequestCostMetric('a', 1.5)
  recorder.recordUtilizationMetric('b', 0.25)
  recorder.recordNamedMetric('c', -3)
  recorder.recordNamedMetric('d', 4)
  recorder.recordCPUUtilizationMetric(0.5)
  recorder.recordMemoryUtilizationMetric(0.75)
  recorder.recordApplicationUtilizationMetric(1.25)
  recorder.recordQpsMetric(1000)
  recorder.recordEpsMetric(0.1)
}

/** The load report in the trailers of a call, decoded. */
async function reported(t, module, handler, options) {
  const { port } = await serve(t, module, { one: handler }, options)
  const client = connect(t, grpc, port)
  const values = []
  await outcome((callback) => {
    const call = client.one('x', callback)
    call.on('status', ({ metadata }) => values.push(...metadata.get(HEADER)))
    return call
  })
  return values.map((bytes) => OrcaLoadReport.decode(bytes))
}

const enabled = { 'grpc.server_call_metric_recording': 1 }

for (const [name, handler, options, count] of [
  [
    'all that there is',
    (call, callback) => {
      record(call.getMetricsRecorder())
      callback(null, 'x')
    },
    enabled,
    1,
  ],
  ['nothing', (_call, callback) => callback(null, 'x'), enabled, 1],
  [
    'a call that fails',
    (call, callback) => {
      call.getMetricsRecorder().recordQpsMetric(5)
      callback({ code: grpc.status.NOT_FOUND, details: 'no' })
    },
    enabled,
    1,
  ],
  [
    'what nobody wants',
    (call, callback) => {
      record(call.getMetricsRecorder())
      callback(null, 'x')
    },
    {},
    0,
  ],
]) {
  test(`in the trailers: ${name}`, { skip: missing }, async (t) => {
    const ours = await reported(t, grpc, handler, options)
    assert.equal(ours.length, count)
    assert.deepEqual(ours, await reported(t, peer, handler, options))
  })
}

test('at intervals', async (t) => {
  const recorder = new grpc.ServerMetricRecorder()
  const server = new grpc.Server()
  recorder.addToServer(server)
  t.after(() => server.forceShutdown())
  const address = `127.0.0.1:${await bind(grpc, server)}`
  const client = new (grpc.makeClientConstructor(OpenRcaService))(address, grpc.credentials.createInsecure())
  t.after(() => client.close())
  recorder.setAllUtilizationMetrics({ a: 0.5, b: 0.25 })
  recorder.putUtilizationMetric('c', 1)
  recorder.deleteUtilizationMetric('b')
  recorder.setCpuUtilizationMetric(0.5)
  recorder.setMemoryUtilizationMetric(0.1)
  recorder.setApplicationUtilizationMetric(2)
  recorder.setQpsMetric(10)
  recorder.setEpsMetric(1)
  const call = client.streamCoreMetrics({ report_interval: { nanos: 1 } })
  const next = async () => {
    const [{ utilization, request_cost: _1, named_metrics: _2, ...rest }] = await once(call, 'data')
    return { utilization: { ...utilization }, ...rest }
  }
  assert.deepEqual(await next(), {
    utilization: { a: 0.5, c: 1 },
    cpu_utilization: 0.5,
    mem_utilization: 0.1,
    application_utilization: 2,
    rps_fractional: 10,
    eps: 1,
  })
  recorder.setAllUtilizationMetrics({})
  for (const name of ['Cpu', 'Memory', 'Application']) recorder[`delete${name}UtilizationMetric`]()
  recorder.deleteQpsMetric()
  recorder.deleteEpsMetric()
  // A report with the old values may already be on its way.
  let last = await next()
  while (last.eps !== undefined && last.eps !== 0) last = await next()
  assert.deepEqual(last.utilization, {})
  call.on('error', () => {})
  call.cancel()
  assert.throws(() => recorder.setQpsMetric('10'), { code: 'ERR_INVALID_ARG_TYPE' })
})
