'use strict'

// Puts ironwire's `http` and `net` in the place of Node's, for the whole process. What changes is the objects that `require('node:http')`
// and `require('node:net')` give: Node has one of each for `require`, `import`, `process.getBuiltinModule` and its own modules, so
// that nothing has to stand between a program and its module loader, and what was loaded before sees it as well.

const { syncBuiltinESMExports } = require('node:module')
const process = require('node:process')
const { once } = require('./once.js')

/** The exports of `to` become those of `from`, as far as they differ. Returns the names of those that cannot be changed. */
function replace(to, from) {
  const barred = []
  for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(from))) {
    const present = Object.getOwnPropertyDescriptor(to, name)
    const same = present && (present.get ? present.get === descriptor.get : present.value === descriptor.value)
    if (!same && !Reflect.defineProperty(to, name, descriptor)) barred.push(name)
  }
  return barred
}

function register() {
  const http = require('node:http')
  const net = require('node:net')
  const { http: genuineHttp, net: genuineNet } = require('./genuine.js')
  const ours = { net: require('./net/index.js'), http: require('./http/index.js') }
  // TLS stays above Node's own sockets and servers: its classes take them when they load. But what is changed about
  // `net.Socket.prototype` later is to hold for its sockets, too.
  if (process.versions.openssl !== undefined) {
    const { TLSSocket } = require('node:tls')
    Object.setPrototypeOf(TLSSocket.prototype, ours.net.Socket.prototype)
  }
  const barred = [...replace(net, ours.net), ...replace(http, ours.http)]
  // Older Nodes' agents keep the function that they found.
  const { prototype } = http.Agent
  if (prototype.createConnection === genuineNet.createConnection) prototype.createConnection = net.createConnection
  syncBuiltinESMExports()
  if (barred.length > 0) warn(`Node ${process.version} does not let ${barred.join(', ')} be replaced`)
  return { http: genuineHttp, net: genuineNet }
}

/** Node goes on with its own; the program hears why, once. */
function warn(reason) {
  process.emitWarning(`ironwire/register: ${reason}`, { code: 'IRONWIRE_NOT_REGISTERED' })
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
      warn(`Node's own http and net are in use: ${error.message}`)
    }
    return true
  })
}
