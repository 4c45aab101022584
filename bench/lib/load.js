'use strict'

// Drives an HTTP server over keep-alive connections with wrk, or with autocannon from npm if wrk is not installed.

const { execFile } = require('node:child_process')
const fs = require('node:fs/promises')
const os = require('node:os')
const path = require('node:path')
const { promisify } = require('node:util')
const { onPath } = require('./machine.js')

const run = promisify(execFile)
const script = path.join(__dirname, '..', 'http', 'load.lua')

/** Both programs accept whole seconds only. */
const whole = (seconds) => String(Math.max(1, Math.round(seconds)))

const headerArguments = (headers, separator) =>
  Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}${separator}${value}`])

async function wrk({ url, method, headers, bodyFile, pathsFile, connections, depth, seconds, prefix }) {
  const args = ['wrk', '-t1', `-c${connections}`, `-d${whole(seconds)}s`, '-s', script]
  args.push(...headerArguments(headers, ': '), url, '--', String(depth), method)
  if (bodyFile || pathsFile) args.push(bodyFile ?? '-')
  if (pathsFile) args.push(pathsFile)
  const [command, ...rest] = [...prefix, ...args]
  const { stdout } = await run(command, rest)
  const { requests, micros, p99, errors } = JSON.parse(stdout.trim().split('\n').at(-1))
  // wrk records no latencies of pipelined requests.
  return { requests, errors, rate: requests / (micros / 1e6), p99: depth === 1 ? p99 : undefined }
}

async function autocannon({ url, method, headers, bodyFile, pathsFile, connections, depth, seconds, prefix }) {
  const program = path.join(__dirname, '..', 'node_modules', 'autocannon', 'autocannon.js')
  const args = [process.execPath, program, '--json', '--no-progress']
  args.push('-c', String(connections), '-p', String(depth), '-d', whole(seconds), '-m', method)
  args.push(...headerArguments(headers, '='))
  if (bodyFile) args.push('-i', bodyFile)
  if (pathsFile) throw new Error('autocannon asks for one path: to have several at random, install wrk')
  const [command, ...rest] = [...prefix, ...args, url]
  const { stdout } = await run(command, rest, { maxBuffer: 16 << 20 })
  const result = JSON.parse(stdout)
  return {
    requests: result.requests.total,
    errors: result.errors + result.timeouts + result.non2xx,
    rate: result.requests.total / result.duration,
    p99: depth === 1 ? result.latency.p99 * 1000 : undefined,
  }
}

/** Calls `body` with a temporary file that holds `content`. */
async function withFile(content, body) {
  const place = await fs.mkdtemp(path.join(os.tmpdir(), 'ironwire-load-'))
  try {
    const file = path.join(place, 'body')
    await fs.writeFile(file, content)
    return await body(file)
  } finally {
    await fs.rm(place, { recursive: true })
  }
}

/**
 * The load generator of this machine. `generate({port, secure, request, connections, depth, seconds})` repeats
 * `request` (`{method, path, headers, body, paths}`, each with a default; one of several `paths` is chosen at random)
 * and resolves to `{requests, errors, rate, p99}` (p99 in µs).
 */
function loadGenerator(core, notes) {
  const prefix = core === undefined ? [] : ['taskset', '-c', String(core)]
  const chosen = onPath('wrk') ? wrk : autocannon
  if (chosen === autocannon) {
    notes.push(
      'wrk is not installed: autocannon (npm) makes the load, and is itself what limits the rates of the fast servers',
    )
  }
  function generate({ port, secure = false, request, ...options }) {
    const { method = 'GET', path: target = '/', headers = {}, body, paths = [] } = request
    const scheme = secure ? 'https' : 'http'
    const all = { ...options, prefix, url: `${scheme}://127.0.0.1:${port}${target}`, method, headers }
    if (paths.length > 1) return withFile(paths.join('\n'), (pathsFile) => chosen({ ...all, pathsFile }))
    return body === undefined ? chosen(all) : withFile(body, (bodyFile) => chosen({ ...all, bodyFile }))
  }
  return { generate, needsPeers: chosen === autocannon }
}

module.exports = { loadGenerator }
