'use strict'

// `tls`: Node's module with servers and clients over the native engine. The rest is loaded on first use, because that
// takes some milliseconds, and because it does not exist in a Node built without OpenSSL.

const { intercepted } = require('../replaced.js')

function createServer(options, secureConnectionListener) {
  return new exports.Server(options, secureConnectionListener)
}

let otherConnect

function connect(...args) {
  otherConnect ??= intercepted(require('node:tls'), 'connect', () => connect)
  const other = otherConnect()
  return other === undefined ? require('./connect.js').connect(...args) : other(...args)
}

/** Node's own, but remembers the options, so that our servers know what the context was made of. */
function createSecureContext(options) {
  const { tls } = require('../genuine.js')
  return require('./context.js').remember(tls.createSecureContext(options), options)
}

// Everything else is Node's, looked up at each access: a replacement in Node's module takes effect here, and setting
// one here sets it there.

/**
 * Older versions of Node lack some of these names, newer ones others. The missing ones are removed when Node's module
 * is loaded.
 */
const names = [
  'CLIENT_RENEG_LIMIT',
  'CLIENT_RENEG_WINDOW',
  'DEFAULT_CIPHERS',
  'DEFAULT_ECDH_CURVE',
  'DEFAULT_MAX_VERSION',
  'DEFAULT_MIN_VERSION',
  'SecureContext',
  'TLSSocket',
  'checkServerIdentity',
  'convertALPNProtocols',
  'createSecurePair',
  'getCACertificates',
  'getCertificateCompressionAlgorithms',
  'getCiphers',
  'rootCertificates',
  'setDefaultCACertificates',
]

function core() {
  const tls = require('node:tls')
  // Copies Node's module before anything in it is set.
  void require('../genuine.js').tls
  for (const name of names) if (!(name in tls)) delete exports[name]
  return tls
}

for (const name of names) {
  lazy(
    name,
    () => core()[name],
    (value) => {
      core()[name] = value
    },
  )
}
lazy(
  'Server',
  () => require('./server.js').Server,
  (value) => replace('Server', value),
)
lazy(
  'createSecureContext',
  () => createSecureContext,
  (value) => {
    // Node's own clients call it, so it is set there, too.
    core().createSecureContext = value
    replace('createSecureContext', value)
  },
)
Object.assign(exports, { connect, createServer })

function replace(name, value) {
  Object.defineProperty(exports, name, { configurable: true, enumerable: true, writable: true, value })
}

function lazy(name, get, set) {
  Object.defineProperty(exports, name, { configurable: true, enumerable: true, get, set })
}
