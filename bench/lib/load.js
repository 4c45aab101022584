'use strict'

// Drives an HTTP server with keep-alive connections: with wrk, or with autocannon from npm where wrk is missing.

const { execFile } = require('node:child_process')
const path = require('node:path')
const { promisify } = require('node:util')
const { onPath } = require('./machine.js')

const run = promisify(execFile)
const script = path.join(__dirname, '..', 'http', 'load.lua')

/** Seconds are whole for both programs. */
const whole = (seconds) => String(Math.max(1, Math.round(seconds)))

async function wrk({ url, connections, depth, seconds, prefix }) {
  const args = ['wrk', '-t1', `-c${connections}`, `-d${whole(seconds)}s`, '-s', script, url, '--', String(depth)]
  const [command, ...rest] = [...prefix, ...args]
  const { stdout } = await run(command, rest)
  const { requests, micros, p99, errors } = JSON.parse(stdout.trim().split('\n').at(-1))
  // wrk keeps no latencies of pipelined requests.
  return { requests, errors, rate: requests / (micros / 1e6), p99: depth === 1 ? p99 : undefined }
}

async function autocannon({ url, connections, depth, seconds, prefix }) {
  const program = path.join(__dirname, '..', 'node_modules', 'autocannon', 'autocannon.js')
  const args = [
    process.execPath,
    program,
    '--json',
    '--no-progress',
    '-c',
    connections,
    '-p',
    depth,
    '-d',
    whole(seconds),
    url,
  ]
  const [command, ...rest] = [...prefix, ...args.map(String)]
  const { stdout } = await run(command, rest, { maxBuffer: 16 << 20 })
  const result = JSON.parse(stdout)
  return {
    requests: result.requests.total,
    errors: result.errors + result.timeouts + result.non2xx,
    rate: result.requests.total / result.duration,
    p99: depth === 1 ? result.latency.p99 * 1000 : undefined,
  }
}

/** The load generator of this machine: `load({url, connections, depth, seconds})` to `{requests, errors, rate, p99}` (µs). */
function loadGenerator(core, notes) {
  const prefix = core === undefined ? [] : ['taskset', '-c', String(core)]
  const chosen = onPath('wrk') ? wrk : autocannon
  if (chosen === autocannon) {
    notes.push(
      'wrk is not installed: autocannon (npm) makes the load, and is itself what limits the rates of the fast servers',
    )
  }
  return { load: (options) => chosen({ ...options, prefix }), needsPeers: chosen === autocannon }
}

module.exports = { loadGenerator }
