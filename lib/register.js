'use strict'

// Replaces the exports of Node's `http`, `https`, `tls`, `http2`, `net` and `dgram` with ironwire's, for the whole
// process. It changes the objects that `require('node:http')` and the others return. Node has one such object per
// module for `require`, `import`, `process.getBuiltinModule` and its own modules, so no loader hook is needed, and code
// that was loaded earlier sees the change as well.

const { syncBuiltinESMExports } = require('node:module')
const process = require('node:process')
const { once } = require('./once.js')

/** The exports of ours that differ from those of Node's module. */
function differences(core, ours) {
  const found = {}
  for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(ours))) {
    const present = Object.getOwnPropertyDescriptor(core, name)
    if (present === undefined || present.get !== descriptor.get || present.value !== descriptor.value) {
      if (present?.configurable === false) throw new Error(`${name} cannot be replaced`)
      found[name] = descriptor
    }
  }
  return found
}

function register() {
  const http = require('node:http')
  const net = require('node:net')
  const dgram = require('node:dgram')
  const genuine = require('./genuine.js')
  const ours = { net: require('./net/index.js'), http: require('./http/index.js'), dgram: require('./dgram/index.js') }
  // Compute all changes before making any, so that a failure leaves Node's modules as they were.
  const changes = {
    net: differences(net, ours.net),
    http: differences(http, ours.http),
    dgram: differences(dgram, ours.dgram),
  }
  if (process.versions.openssl !== undefined) {
    const https = require('node:https')
    // Copies Node's module before it is changed.
    void genuine.https
    Object.defineProperties(https, differences(https, require('./https/index.js')))
    const http2 = require('node:http2')
    Object.defineProperties(http2, differences(http2, require('./http2/index.js')))
    // Node's own TLS classes keep Node's sockets and servers as their base, which they took when they were loaded. But
    // later changes of `net.Socket.prototype` must affect their sockets, too.
    const tls = require('node:tls')
    Object.setPrototypeOf(tls.TLSSocket.prototype, ours.net.Socket.prototype)
    const {
      Server: SecureServer,
      connect,
      createSecureContext,
      createServer: createSecureServer,
    } = require('./tls/index.js')
    const secure = { Server: SecureServer, connect, createSecureContext, createServer: createSecureServer }
    Object.defineProperties(tls, differences(tls, secure))
  }
  require('./net/send.js').prepareSend()
  Object.defineProperties(net, changes.net)
  Object.defineProperties(http, changes.http)
  Object.defineProperties(dgram, changes.dgram)
  // In older versions of Node, agents keep the function that they found when they were loaded.
  const { prototype } = http.Agent
  if (prototype.createConnection === genuine.net.createConnection) prototype.createConnection = net.createConnection
  genuine.registered = true
  syncBuiltinESMExports()
}

/** Node's own modules stay in use. Warns the program once, with the reason. */
function warn({ message }) {
  const [reason] = message.split('\n')
  process.emitWarning(`ironwire/register: Node's own http, https, tls, http2, net and dgram are in use: ${reason}`, {
    code: 'IRONWIRE_NOT_REGISTERED',
  })
}

/** Whether `IRONWIRE_DISABLE` disables the replacement. */
function isDisabled(value = '') {
  return value !== '' && value !== '0'
}

if (!isDisabled(process.env.IRONWIRE_DISABLE)) {
  once('registered', () => {
    try {
      register()
    } catch (error) {
      warn(error)
    }
    return true
  })
}
