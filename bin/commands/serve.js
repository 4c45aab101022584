'use strict'

// ironwire serve [DIR]: serves a folder over HTTP or HTTPS, with one or several processes.

const cluster = require('node:cluster')
const fs = require('node:fs')
const { networkInterfaces } = require('node:os')
const path = require('node:path')
const process = require('node:process')
const { createStaticServer } = require('../..')
const { UsageError, parse } = require('./usage.js')
const { identity } = require('./identity.js')
const { logRequests, FORMATS } = require('./log.js')

const DEFAULT_PORT = 8080
const DEFAULT_HOST = '127.0.0.1'
const MOST_WORKERS = 256
/** Ctrl-C may arrive twice, from the terminal and from npx. */
const SAME_SIGNAL_MS = 500
/** The pause before a process that could not start is tried again: the cause rarely disappears at once. */
const RETRY_MS = 1000

const USAGE = `usage: ironwire serve [DIR] [options]

Serves the files of a folder over HTTP. Without DIR it serves the current folder. Defaults are in parentheses.

Network
  -p, --port PORT      the port to listen on; 0 chooses a free one (${DEFAULT_PORT})
      --host ADDRESS   the address to listen on. 0.0.0.0 allows access from other machines (${DEFAULT_HOST})
      --workers N      the number of processes that share the port, up to one for each core (1)
      --tls-cert FILE  serve over HTTPS with this certificate, in PEM format, followed by its intermediate certificates
      --tls-key FILE   the private key of the certificate, in PEM format

Responses
      --compress       compress text. If file.br, file.zst or file.gz is beside a file, send that one
      --cors           let pages of other sites read the files
      --listing        for a folder without an index.html, send a page that lists its contents
      --spa            for a page that does not exist, send index.html, as single-page applications need it
      --not-found FILE for a file that does not exist, send this page instead of a plain one
      --max-age TIME   how long browsers may use a file without asking again: 90s, 12h, 30d … (0)

Output
      --log FORMAT     the format of the line that is printed for each request: common, json or off (common)
  -h, --help           show this text

Ctrl-C stops the server after the responses in progress. A second Ctrl-C stops it at once.
`

const OPTIONS = {
  port: { type: 'string', short: 'p' },
  host: { type: 'string' },
  workers: { type: 'string' },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  compress: { type: 'boolean' },
  cors: { type: 'boolean' },
  listing: { type: 'boolean' },
  spa: { type: 'boolean' },
  'not-found': { type: 'string' },
  'max-age': { type: 'string' },
  log: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
}

/** Lets pages of other sites send requests with any headers, and read the whole answer. */
const CORS = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Allow-Headers': '*',
  'Access-Control-Expose-Headers': '*',
}

function wholeNumber(name, text, least, most) {
  const number = Number(text)
  if (/^\d+$/.test(text) && number >= least && number <= most) return number
  throw new UsageError(`--${name} is a whole number from ${least} to ${most}, not '${text}'`)
}

function commandLine(args) {
  const { values, positionals } = parse(args, OPTIONS)
  if (values.help) return { help: true }
  if (positionals.length > 1) throw new UsageError(`one folder at a time, not ${positionals.join(' and ')}`)
  const { log = 'common', host = DEFAULT_HOST } = values
  if (log !== 'off' && !FORMATS.includes(log)) {
    throw new UsageError(`--log is ${FORMATS.join(', ')} or off, not '${log}'`)
  }
  return {
    root: path.resolve(positionals[0] ?? '.'),
    port: wholeNumber('port', values.port ?? process.env.PORT ?? String(DEFAULT_PORT), 0, 65535),
    host,
    workers: wholeNumber('workers', values.workers ?? '1', 1, MOST_WORKERS),
    log,
    tls: identity(values['tls-cert'], values['tls-key']),
    files: {
      compress: values.compress,
      precompressed: values.compress,
      headers: values.cors ? CORS : undefined,
      listing: values.listing,
      single: values.spa,
      notFound: values['not-found'],
      maxAge: values['max-age'],
    },
  }
}

/** Created before it listens, so that an error in the command line shows at once. */
function makeServer({ root, files, log, tls }) {
  let server
  try {
    server = createStaticServer(root, { ...files, tls })
  } catch (error) {
    throw new UsageError(REASONS[error.code]?.(root) ?? inWordsOfCommand(error.message))
  }
  if (log !== 'off') logRequests(server, log)
  return server
}

/** Turns "The property 'options.maxAge' must be …" into a message about `--max-age`. */
function inWordsOfCommand(message) {
  const dashed = (name) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  return message.replace(/^The (?:property )?["']options\.(\w+)["'](?: property)?/, (_, name) => `--${dashed(name)}`)
}

/** Throws if the page named on the command line does not exist. */
function checkPage({ root, files }) {
  const { notFound } = files
  if (notFound === undefined || fs.existsSync(path.join(root, notFound))) return
  throw new UsageError(`there is no ${notFound} in ${root} for --not-found`)
}

const REASONS = {
  ENOENT: (root) => `there is no folder ${root}`,
  ENOTDIR: (root) => `${root} is not a folder: name the one that it lies in`,
  EACCES: (root) => `the folder ${root} may not be read by this user`,
}

/** Explains why the server cannot listen, and what to do about it. */
function explain(error, { port, host }) {
  const other = port >= 1024 && port < 65535 ? port + 1 : DEFAULT_PORT
  switch (error.code) {
    case 'EADDRINUSE':
      return `port ${port} is taken by another program. Choose another one: --port ${other}, or --port 0 for any`
    case 'EACCES':
      return `port ${port} needs rights that this user does not have. Choose another one: --port ${other}`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `this machine has no address ${host}. Leave out --host, or choose 0.0.0.0 for all that it has`
    default:
      return error.message
  }
}

/** The URLs under which a browser reaches the server. */
function urls({ host, tls }, port) {
  const isEverywhere = host === '0.0.0.0' || host === '::'
  const isLocal = host === DEFAULT_HOST || host === '::1' || host === 'localhost'
  const hosts = isEverywhere || isLocal ? ['localhost'] : [host]
  if (isEverywhere) {
    for (const { family, address, internal } of Object.values(networkInterfaces()).flat()) {
      if (!internal && family === 'IPv4') hosts.push(address)
    }
  }
  const scheme = tls ? 'https' : 'http'
  return hosts.map((name) => `${scheme}://${name.includes(':') ? `[${name}]` : name}:${port}`)
}

function announce(settings, port) {
  const { root, files, workers, host } = settings
  const lines = [`ironwire serves ${root}${workers > 1 ? `, ${workers} processes` : ''}`]
  for (const url of urls(settings, port)) lines.push(`  ${url}`)
  if (!fs.existsSync(path.join(root, 'index.html')) && (files.single || !files.listing)) {
    const what = files.single ? '--spa answers with it once there is one.' : '--listing shows the contents instead.'
    lines.push(`There is no index.html in it: ${what}`)
  }
  if (host === DEFAULT_HOST) lines.push('Only this machine can reach it. --host 0.0.0.0 lets others in.')
  lines.push('Ctrl-C ends it.')
  console.log(lines.join('\n'))
}

/** Calls `finish` at the first termination signal, and exits at the second. */
function onStop(finish) {
  let since = 0
  const stop = (signal) => {
    if (since > 0) {
      if (Date.now() - since > SAME_SIGNAL_MS) process.exit(1)
      return
    }
    since = Date.now()
    console.log(`${signal}: responses in progress may finish (a second signal ends them at once)`)
    finish()
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop)
}

function fail(message) {
  process.stderr.write(`ironwire: ${message}\n`)
  // Workers that are still starting would otherwise complain that the first process is gone.
  for (const worker of Object.values(cluster.workers ?? {})) worker.process.kill('SIGKILL')
  process.exit(1)
}

function serveAlone(settings) {
  const server = makeServer(settings)
  checkPage(settings)
  server.on('error', (error) => fail(explain(error, settings)))
  server.listen(settings.port, settings.host, () => announce(settings, server.address().port))
  onStop(() => server.close(() => process.exit(0)))
}

/** The first process serves nothing itself: it starts the workers, and replaces each one that dies. */
function servePrimary(settings) {
  // Check the settings here, so that an error in them is reported once.
  makeServer({ ...settings, log: 'off' })
  checkPage(settings)
  let listening = 0
  const started = new WeakSet()
  let stopping = false
  // The worker cannot be written to any more. Its 'exit' event handles that.
  cluster.on('fork', (worker) => worker.on('error', () => {}))
  cluster.on('message', (_worker, message) => {
    if (typeof message?.failed === 'string' && !stopping) fail(message.failed)
  })
  cluster.on('listening', (worker, { port }) => {
    started.add(worker)
    listening++
    if (listening === settings.workers) announce(settings, port)
  })
  cluster.on('exit', (worker, code, signal) => {
    if (stopping) return
    // No worker has ever listened, so the next one would not either.
    if (listening === 0) fail(`a process could not start (${signal ?? `exit status ${code}`})`)
    process.stderr.write(`ironwire: process ${worker.process.pid} ended (${signal ?? code}): another takes its place\n`)
    if (started.has(worker)) cluster.fork()
    else setTimeout(() => stopping || cluster.fork(), RETRY_MS)
  })
  for (let i = 0; i < settings.workers; i++) cluster.fork()
  onStop(() => {
    stopping = true
    cluster.disconnect(() => process.exit(0))
  })
}

function serveWorker(settings) {
  // Ctrl-C reaches every process of a terminal. The first process decides when the workers end.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {})
  // The first process is gone or about to go, so nothing can be reported to it.
  cluster.worker.on('error', () => process.exit(1))
  let server
  try {
    server = makeServer(settings)
  } catch (error) {
    // The folder is missing at the moment. Exit, so that this process does not replace one that serves.
    process.stderr.write(`ironwire: ${error.message}\n`)
    process.exit(1)
  }
  server.on('error', (error) => process.send({ failed: explain(error, settings) }))
  server.listen(settings.port, settings.host)
}

function main(args) {
  const settings = commandLine(args)
  if (settings.help) process.stdout.write(USAGE)
  else if (cluster.isWorker) serveWorker(settings)
  else if (settings.workers > 1) servePrimary(settings)
  else serveAlone(settings)
}

module.exports = { main }
