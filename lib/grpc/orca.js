'use strict'

// Load reports of servers (ORCA): in the trailers of each call, or on a stream of their own,
// `xds.service.orca.v3.OpenRcaService`. See gRPC's proposal A51.

const { clearInterval, setInterval } = require('node:timers')
const { MAX_DELAY } = require('../delays.js')
const { invalidArgType } = require('../errors.js')
const { definitionOf } = require('./definition.js')

const SOURCE = `syntax = "proto3";

package xds.service.orca.v3;

import "google/protobuf/duration.proto";
import "xds/data/orca/v3/orca_load_report.proto";

service OpenRcaService {
  rpc StreamCoreMetrics (OrcaLoadReportRequest) returns (stream xds.data.orca.v3.OrcaLoadReport);
}

message OrcaLoadReportRequest {
  google.protobuf.Duration report_interval = 1;
  repeated string request_cost_names = 2;
}
`
const REPORT = `syntax = "proto3";

package xds.data.orca.v3;

message OrcaLoadReport {
  double cpu_utilization = 1;
  double mem_utilization = 2;
  uint64 rps = 3 [deprecated = true];
  map<string, double> request_cost = 4;
  map<string, double> utilization = 5;
  double rps_fractional = 6;
  double eps = 7;
  map<string, double> named_metrics = 8;
  double application_utilization = 9;
}
`
const REPORT_FILE = 'xds/data/orca/v3/orca_load_report.proto'
const HEADER = 'endpoint-load-metrics-bin'
const NUL = '\0'
/** Milliseconds between two reports: the default and the minimum. */
const INTERVAL = 30_000
const MIN_INTERVAL = 10

let root

function schema() {
  root ??= require('../protobuf/index.js').parse(SOURCE, {
    filename: 'xds/service/orca/v3/orca.proto',
    resolveImport: (name) => (name === REPORT_FILE ? REPORT : null),
    durations: 'milliseconds',
  }).xds
  return root
}

/** What a handler records about its call. */
class PerRequestMetricRecorder {
  constructor() {
    this.message = {}
  }

  recordRequestCostMetric(name, value) {
    put(this.message, 'request_cost', name, value)
  }

  recordUtilizationMetric(name, value) {
    put(this.message, 'utilization', name, value)
  }

  recordNamedMetric(name, value) {
    put(this.message, 'named_metrics', name, value)
  }

  recordCPUUtilizationMetric(value) {
    this.message.cpu_utilization = number(value)
  }

  recordMemoryUtilizationMetric(value) {
    this.message.mem_utilization = number(value)
  }

  recordApplicationUtilizationMetric(value) {
    this.message.application_utilization = number(value)
  }

  recordQpsMetric(value) {
    this.message.rps_fractional = number(value)
  }

  recordEpsMetric(value) {
    this.message.eps = number(value)
  }

  serialize() {
    return schema().data.orca.v3.OrcaLoadReport.encode(this.message)
  }
}

/** Values are checked when they are recorded: an error on sending could not be reported to the program. */
function number(value) {
  if (typeof value !== 'number') throw invalidArgType('value', 'of type number', value)
  return value
}

function put(message, map, name, value) {
  message[map] ??= new Map()
  message[map].set(String(name), number(value))
}

/** The trailer with the recorded metrics; its value is empty if there are none. */
function reportOf(recorder) {
  return `${HEADER}${NUL}${recorder === null ? '' : recorder.serialize().toString('base64')}${NUL}`
}

/** The server's load, which clients can have reported at intervals. */
class ServerMetricRecorder {
  #message = {}

  putUtilizationMetric(name, value) {
    put(this.#message, 'utilization', name, value)
  }

  setAllUtilizationMetrics(metrics) {
    this.#message.utilization = new Map(Object.entries(metrics).map(([name, value]) => [name, number(value)]))
  }

  deleteUtilizationMetric(name) {
    this.#message.utilization?.delete(name)
  }

  setCpuUtilizationMetric(value) {
    this.#message.cpu_utilization = number(value)
  }

  deleteCpuUtilizationMetric() {
    delete this.#message.cpu_utilization
  }

  setMemoryUtilizationMetric(value) {
    this.#message.mem_utilization = number(value)
  }

  deleteMemoryUtilizationMetric() {
    delete this.#message.mem_utilization
  }

  setApplicationUtilizationMetric(value) {
    this.#message.application_utilization = number(value)
  }

  deleteApplicationUtilizationMetric() {
    delete this.#message.application_utilization
  }

  setQpsMetric(value) {
    this.#message.rps_fractional = number(value)
  }

  deleteQpsMetric() {
    delete this.#message.rps_fractional
  }

  setEpsMetric(value) {
    this.#message.eps = number(value)
  }

  deleteEpsMetric() {
    delete this.#message.eps
  }

  addToServer(server) {
    server.addService(definitionOf(schema().service.orca.v3.OpenRcaService), {
      StreamCoreMetrics: (call) => this.#tell(call),
    })
  }

  #tell(call) {
    const wanted = call.request.report_interval ?? INTERVAL
    // A client that does not read gets no further reports meanwhile.
    const report = () => call.writableNeedDrain || call.write(this.#message)
    const timer = setInterval(report, Math.min(Math.max(wanted, MIN_INTERVAL), MAX_DELAY))
    call.on('cancelled', () => clearInterval(timer))
  }
}

module.exports = { PerRequestMetricRecorder, ServerMetricRecorder, reportOf }
