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

Runs an addressing server. Servers register with it under the name of a service, and clients find them with
rpc.connect('registry://host:port/name'). Defaults are in parentheses.

  -p, --port PORT      the port to listen on; 0 chooses a free one (${DEFAULT_PORT})
      --host ADDRESS   the address to listen on. 0.0.0.0 allows access from other machines (${DEFAULT_HOST})
  -d, --data DIR       keep the registrations in this folder, so that they survive a crash. Use the folder for nothing
                       else. Without this option they are in memory only
      --secret-file FILE
                       let in only programs that know the secret in this file, of at least ${MIN_SECRET} bytes. To replace a
                       secret, write several, one per line. Or set one in the variable IRONWIRE_SECRET
      --tls-cert FILE  use TLS with this certificate, in PEM format, followed by its intermediate certificates
      --tls-key FILE   the private key of the certificate, in PEM format
      --tls-ca FILE    let in only programs with a certificate that one of these authorities has signed
  -h, --help           show this text

Without a secret and without --tls-ca, everyone who can reach the port may register and look up servers. Do that only
in a network that you trust. Ctrl-C stops the server.
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
      throw new UsageError(`a secret must have at least ${MIN_SECRET} bytes, and one in ${where} has ${size}`)
  }
  if (secrets.length === 0) throw new UsageError(`${where} contains no secret: write one per line`)
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
      if (error.path !== undefined) return `this user may not write to the folder ${folder}`
      return `port ${port} needs rights that this user does not have. Choose another one: --port ${other}`
    case 'ENOTDIR':
    case 'EEXIST':
      return `${folder} is not a folder: --data names one, and creates it if it does not exist`
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
  if (folder === undefined)
    lines.push('It keeps everything in memory. With --data DIR its registrations survive a crash.')
  else lines.push(`It keeps what it knows in ${folder}: ${instances} instances of ${services} services.`)
  if (host === DEFAULT_HOST) lines.push('Only this machine can reach it. --host 0.0.0.0 lets others in.')
  if (secret !== undefined) lines.push('Only programs that know the secret are let in.')
  if (tls !== undefined) lines.push('It uses TLS.')
  if (tls?.ca !== undefined) lines.push('Only programs with a certificate of these authorities are let in.')
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
