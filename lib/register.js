'use strict'

// Puts ironwire's `http`, `https`, `tls`, `http2`, `net` and `dgram` in the place of Node's, for the whole process. What changes is the objects that
// `require('node:http')` and the others give: Node has one of each for `require`, `import`, `process.getBuiltinModule` and its own modules, so
// that nothing has to stand between a program and its module loader, and what was loaded before sees it as well.

const { syncBuiltinESMExports } = require('node:module')
const process = require('node:process')
const { once } = require('./once.js')

/** The exports of ours that core's module does not have as they are. */
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
  // All of it or nothing.
  const changes = {
    net: differences(net, ours.net),
    http: differences(http, ours.http),
    dgram: differences(dgram, ours.dgram),
  }
  if (process.versions.openssl !== undefined) {
    const https = require('node:https')
    // As it was.
    void genuine.https
    Object.defineProperties(https, differences(https, require('./https/index.js')))
    const http2 = require('node:http2')
    Object.defineProperties(http2, differences(http2, require('./http2/index.js')))
    // Node's own TLS stays above Node's own sockets and servers: its classes take them when they load. But what is changed about
    // `net.Socket.prototype` later is to hold for its sockets, too.
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
  // Older Nodes' agents keep the function that they found.
  const { prototype } = http.Agent
  if (prototype.createConnection === genuine.net.createConnection) prototype.createConnection = net.createConnection
  genuine.registered = true
  syncBuiltinESMExports()
}

/** Node goes on with its own; the program hears why, once. */
function warn({ message }) {
  const [reason] = message.split('\n')
  process.emitWarning(`ironwire/register: Node's own http, https, tls, http2, net and dgram are in use: ${reason}`, {
    code: 'IRONWIRE_NOT_REGISTERED',
  })
}

/** Whether `IRONWIRE_DISABLE` says no. */
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
