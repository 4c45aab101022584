'use strict'

// ironwire registry: runs the addressing server.

const fs = require('node:fs')
const path = require('node:path')
const process = require('node:process')
const { rpc } = require('../..')
const { MIN_SECRET } = require('../../lib/rpc/secret.js')
const { UsageError, parse } = require('./usage.js')
const { identity, authorities } = require('./identity.js')

const DEFAULT_PORT = 7400
const DEFAULT_HOST = '127.0.0.1'
/** Ctrl-C may arrive twice, from the terminal and from npx. */
const SAME_SIGNAL_MS = 500

const USAGE = `usage: ironwire registry [options]

Runs an addressing server: servers register with it by name, clients ask it by rpc.connect('registry://host:port/name').

  -p, --port PORT      the port; 0 takes any that is free             (${DEFAULT_PORT})
      --host ADDRESS   0.0.0.0 lets other machines in                 (${DEFAULT_HOST})
  -d, --data DIR       a folder of its own for what it knows, which then survives a crash; without, all is in memory
      --secret-file FILE
                       what programs have to know to be let in, of ${MIN_SECRET} bytes at least; several, one a line, while it is being replaced.
                       The variable IRONWIRE_SECRET may have one instead
      --tls-cert FILE  TLS, with this certificate, what is between it and its authority behind it, as PEM
      --tls-key FILE   and its key
      --tls-ca FILE    only programs with a certificate that these authorities have signed are let in
  -h, --help           this text

Without a secret or authorities everyone who reaches the port may register and ask: leave it to a network that you trust. Ctrl-C ends it.
`

const OPTIONS = {
  port: { type: 'string', short: 'p' },
  host: { type: 'string' },
  data: { type: 'string', short: 'd' },
  'secret-file': { type: 'string' },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  'tls-ca': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
}

function commandLine(args) {
  const { values, positionals } = parse(args, OPTIONS)
  if (values.help) return { help: true }
  if (positionals.length > 0)
    throw new UsageError(`registry takes options only, not '${positionals[0]}': --data names a folder`)
  const text = values.port ?? process.env.PORT ?? String(DEFAULT_PORT)
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > 65535) {
    throw new UsageError(`--port is a whole number from 0 to 65535, not '${text}'`)
  }
  if (values.data === '') throw new UsageError('--data names a folder')
  const folder = values.data === undefined ? undefined : path.resolve(values.data)
  return {
    port,
    host: values.host ?? DEFAULT_HOST,
    folder,
    secret: secretsOf(values['secret-file']),
    tls: tlsOf(values),
  }
}

function tlsOf({ 'tls-cert': cert, 'tls-key': key, 'tls-ca': file }) {
  const own = identity(cert, key)
  const ca = authorities(file)
  if (ca === undefined) return own
  if (own === undefined) throw new UsageError('--tls-ca goes with --tls-cert and --tls-key')
  return { ...own, ca, requestCert: true }
}

/**
 * Undefined if none are given. Secrets are not command-line arguments, because every user of the machine can list
 * those.
 */
function secretsOf(file) {
  const { IRONWIRE_SECRET } = process.env
  if (file === undefined && IRONWIRE_SECRET === undefined) return undefined
  const where = file ?? 'IRONWIRE_SECRET'
  const secrets = file === undefined ? [IRONWIRE_SECRET] : linesOf(file)
  for (const secret of secrets) {
    const size = Buffer.byteLength(secret)
    if (size < MIN_SECRET)
      throw new UsageError(`a secret has ${MIN_SECRET} bytes at least, and one of ${where} has ${size}`)
  }
  if (secrets.length === 0) throw new UsageError(`${where} has no secret: it has one a line`)
  return secrets
}

function linesOf(file) {
  let text
  try {
    text = fs.readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(`--secret-file names a file that can be read: ${error.message}`)
  }
  // Some editors begin a file with a byte order mark.
  return text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .filter((line) => line !== '')
}

/** Explains why the server cannot listen, and what to do about it. */
function explain(error, { port, host, folder }) {
  const other = port >= 1024 && port < 65535 ? port + 1 : DEFAULT_PORT
  switch (error.code) {
    case 'EADDRINUSE':
      return `port ${port} is taken by another program. Choose another one: --port ${other}, or --port 0 for any`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `this machine has no address ${host}. Leave out --host, or choose 0.0.0.0 for all that it has`
    case 'EACCES':
      if (error.path !== undefined) return `the folder ${folder} may not be written by this user`
      return `port ${port} needs rights that this user does not have. Choose another one: --port ${other}`
    case 'ENOTDIR':
    case 'EEXIST':
      return `${folder} is not a folder: --data names one, which is made if it is not there`
    default:
      return error.message
  }
}

function fail(message) {
  process.stderr.write(`ironwire: ${message}\n`)
  process.exit(1)
}

function announce({ host, folder, secret, tls }, { address, port }, { services, instances }) {
  const shown = address.includes(':') ? `[${address}]` : address
  const lines = [`ironwire registry listens on registry://${shown}:${port}`]
  if (folder === undefined) lines.push('It keeps all in memory: --data DIR lets it survive a crash.')
  else lines.push(`It keeps what it knows in ${folder}: ${instances} instances of ${services} services.`)
  if (host === DEFAULT_HOST) lines.push('For this machine only: --host 0.0.0.0 lets others in.')
  if (secret !== undefined) lines.push('Only programs that know the secret are let in.')
  if (tls !== undefined) lines.push('It is reached by TLS.')
  if (tls?.ca !== undefined) lines.push('Only programs with a certificate of its authorities are let in.')
  lines.push('Ctrl-C ends it.')
  console.log(lines.join('\n'))
}

/** Created before it listens, so that an error in a certificate shows at once. */
function registryOf({ folder, secret, tls }) {
  try {
    return rpc.createRegistry({ folder, ...(secret && { secret }), ...(tls && { tls }) })
  } catch (error) {
    throw new UsageError(error.message)
  }
}

function main(args) {
  const settings = commandLine(args)
  if (settings.help) return process.stdout.write(USAGE)
  const registry = registryOf(settings)
  registry.on('error', (error) => fail(explain(error, settings)))
  for (const event of ['damaged', 'storageError']) {
    registry.on(event, (error) => process.stderr.write(`ironwire: ${error.message}\n`))
  }
  registry.on('listening', () => announce(settings, registry.address(), registry.stats))
  registry.listen(settings.port, settings.host)

  let since = 0
  const stop = () => {
    if (since > 0) {
      if (Date.now() - since > SAME_SIGNAL_MS) process.exit(1)
      return
    }
    since = Date.now()
    registry.close(() => process.exit(0))
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop)
}

module.exports = { main }
