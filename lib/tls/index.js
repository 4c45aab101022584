'use strict'

// `tls`: Node's module with servers and clients over the native engine. What it stands on is loaded with its first use: that takes some milliseconds, and a
// Node that was built without OpenSSL has none of it.

function createServer(options, secureConnectionListener) {
  return new exports.Server(options, secureConnectionListener)
}

function connect(...args) {
  return require('./connect.js').connect(...args)
}

/** Node's, and what it was made of is known to servers of ours. */
function createSecureContext(options) {
  const { tls } = require('../genuine.js')
  return require('./context.js').remember(tls.createSecureContext(options), options)
}

// All else is Node's, as it is when it is asked for: whoever replaces it there is obeyed here, too, and Node hears of what is set here.

/** Of these, older Nodes lack some, newer ones others: those are not there as soon as Node's are loaded. */
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
  // As it is before anything is set.
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
    // Node's clients call it.
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
