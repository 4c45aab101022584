'use strict'

// The front process: an HTTP server with a page and a JSON interface, a registry, and two backend processes that it
// keeps alive.
//
//   browser ──HTTP──▶ front (this file) ──rpc, protobuf──▶ backends (backend.js)
//                          registry ◀────── "I am here" ───────┘
//
// The front finds the backends through the registry. If a backend dies, no call is lost: unanswered calls are sent to
// another backend.

const path = require('node:path')
const { parseArgs } = require('node:util')
const { http, rpc, serveStatic } = require('ironwire')
const { Api, sendError } = require('./lib/api')
const { Courses } = require('./lib/courses')
const { Directory } = require('./lib/directory')
const { Supervisor } = require('./lib/supervisor')

const HOST = '127.0.0.1'
const DEFAULT_PORT = 3000
const BACKENDS = ['north', 'south']
/** How long a dead backend stays away before it is restarted: long enough to see the other one work alone. */
const DEFAULT_RESTART_MS = 3000
const LONGEST_RESTART_MS = 3_600_000
/** How long requests in progress may take when the demo is told to end. */
const STOP_WITHIN_MS = 3000
/** A second signal within this time belongs to the same key press. */
const SAME_SIGNAL_MS = 500

/**
 * The page loads nothing from other sites and runs no inline code. It is always revalidated, so that a reload shows
 * edits, at the cost of a 304.
 */
const PAGE_HEADERS = {
  'Cache-Control': 'no-cache',
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
}

const HOW_TO_CHOOSE = (port) => `Choose another port:  PORT=${port} npm start   or   npm start -- --port ${port}`

function fail(message) {
  console.error(message)
  process.exit(1)
}

/** Returns `{ port, restartAfterMs }`. The port comes from `--port`, else from PORT, else it is 3000. */
function readOptions(argv, env) {
  let given
  try {
    given = parseArgs({ args: argv, options: { port: { type: 'string' }, 'restart-after': { type: 'string' } } }).values
  } catch (error) {
    fail(`${error.message}\nThe options are --port and --restart-after (in milliseconds).`)
  }
  const { port = env.PORT ?? String(DEFAULT_PORT), 'restart-after': restart = String(DEFAULT_RESTART_MS) } = given
  if (!isWhole(port, 65535))
    fail(`"${port}" is not a port: a port is a whole number from 0 to 65535.\n${HOW_TO_CHOOSE(3001)}`)
  if (!isWhole(restart, LONGEST_RESTART_MS))
    fail(`"${restart}" is not a time to restart after: that is a whole number of milliseconds, an hour at most.`)
  return { port: Number(port), restartAfterMs: Number(restart) }
}

const isWhole = (text, most) => /^\d+$/.test(text) && Number(text) <= most

function explain(error, port) {
  const other = port >= 1024 && port < 65535 ? port + 1 : DEFAULT_PORT
  if (error.code === 'EADDRINUSE')
    return `Port ${port} on ${HOST} is taken by another program.\n${HOW_TO_CHOOSE(other)}`
  if (error.code === 'EACCES') return `Port ${port} needs rights that this user does not have.\n${HOW_TO_CHOOSE(other)}`
  return `The server could not start: ${error.message}`
}

/** The URL of a request; null if it is not valid. The host does not matter here. */
function parseTarget(target) {
  const absolute = target.startsWith('/') ? `http://front${target}` : target
  return /^https?:/.test(absolute) && URL.canParse(absolute) ? new URL(absolute) : null
}

/** Serves the page and its files. Errors are JSON, as everywhere in the demo. */
const serveFiles = serveStatic(path.join(__dirname, 'public'), {
  cacheControl: false,
  etag: 'strong',
  headers: PAGE_HEADERS,
})

function servePage(req, res, url) {
  if (req.method !== 'GET' && req.method !== 'HEAD') {
    res.setHeader('Allow', 'GET, HEAD')
    return sendError(res, 405, 'METHOD_NOT_ALLOWED', `${req.method} is not possible here, only GET and HEAD`)
  }
  serveFiles(req, res, (error) => {
    if (error) sendError(res, error.status ?? 500, error.code ?? error.name, error.message)
    else sendError(res, 404, 'NOT_FOUND', `There is nothing at ${url.pathname}`)
  })
}

/** Starts a registry in this process. Calls `callback(target)`. */
function startRegistry(callback) {
  const registry = rpc.createRegistry()
  registry.on('error', (error) => fail(`The registry could not start: ${error.message}`))
  registry.listen(0, HOST, () => callback(`registry://${HOST}:${registry.address().port}`))
}

function main(argv = process.argv.slice(2), env = process.env) {
  const options = readOptions(argv, env)
  startRegistry((registry) => serve(registry, options))
}

function serve(registry, { port, restartAfterMs }) {
  const script = path.join(__dirname, 'backend.js')
  const supervisors = new Map(BACKENDS.map((name) => [name, new Supervisor(script, [registry, name], restartAfterMs)]))
  const courses = new Courses(registry)
  const directory = new Directory(registry, courses, supervisors)
  const api = new Api(courses, directory, supervisors)

  const server = http.createServer((req, res) => {
    const url = parseTarget(req.url)
    if (!url) sendError(res, 400, 'BAD_URL', 'The request target is not a URL')
    else if (url.pathname.startsWith('/api/')) api.handle(req, res, url)
    else servePage(req, res, url)
  })
  server.on('error', (error) => fail(explain(error, port)))
  server.listen(port, HOST, () => {
    for (const supervisor of supervisors.values()) supervisor.start()
    directory.register(server.address().port)
    console.log(`ironwire demo: http://${HOST}:${server.address().port}   (Ctrl-C ends it)`)
  })

  let stoppingSince = 0
  const stop = (signal) => {
    if (stoppingSince > 0) {
      // A second signal means that the user does not want to wait. But one Ctrl-C may arrive twice, from the terminal
      // and from npm.
      if (Date.now() - stoppingSince > SAME_SIGNAL_MS) process.exit(1)
      return
    }
    stoppingSince = Date.now()
    console.log(`\n${signal}: ending the front and the backends`)
    let left = 1 + supervisors.size
    const ended = () => {
      left -= 1
      if (left === 0) process.exit(0)
    }
    api.close()
    directory.close()
    server.close(ended)
    for (const supervisor of supervisors.values()) supervisor.stop(ended)
    setTimeout(() => process.exit(0), STOP_WITHIN_MS).unref()
  }
  process.on('SIGINT', () => stop('SIGINT'))
  process.on('SIGTERM', () => stop('SIGTERM'))
  // Sent when the terminal window is closed.
  process.on('SIGHUP', () => stop('SIGHUP'))
}

module.exports = { main }

if (require.main === module) main()
