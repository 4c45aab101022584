'use strict'

// HTTPS agents are core's own, with our sockets and the shorter ways of our HTTP agents. Connections that rustls cannot
// make use core's sockets.

const core = require('../../http/client/core.js')
const { Agent: HttpAgent, PoolName, prepare } = require('../../http/client/agent.js')
const genuine = require('../../genuine.js')
const { admit, inherit } = require('../../inherit.js')
const { connectionOf } = require('../../http/client/socket.js')
const { wishesOf } = require('../../tls/client.js')
const { SecureSocket } = require('./socket.js')
const { replaced } = require('../../replaced.js')

const {
  https: { Agent: CoreAgent },
  net,
} = genuine
const { prototype: base } = CoreAgent
const { createConnection: coreCreate, getName: coreName } = base
const otherConnect = replaced(require('node:tls'), 'connect', () => require('../../tls/index.js').connect)

function Agent(options) {
  if (!(this instanceof Agent)) return new Agent(options)
  CoreAgent.call(this, options)
  prepare(this, new SecurePoolName())
}
Object.setPrototypeOf(Agent.prototype, CoreAgent.prototype)
Object.setPrototypeOf(Agent, CoreAgent)
inherit(Agent, HttpAgent)

admit(Agent, CoreAgent)

/** The options that are part of core's pool name. */
const NAMES = namesIn(coreName)

function namesIn(getName) {
  const names = new Set()
  const options = new Proxy(
    {},
    {
      get(_, name) {
        if (typeof name === 'string') names.add(name)
        // Core reads some options only if others have a certain value.
        return name === 'family' ? 4 : `${String(name)} `
      },
    },
  )
  getName.call({}, options)
  return [...names]
}

class SecurePoolName extends PoolName {
  constructor() {
    super()
    this.values = NAMES.map(() => undefined)
  }

  get getName() {
    return coreName
  }

  get(agent, options, req) {
    const { values } = this
    const { options: own } = agent
    let isKnown = this.name !== undefined
    for (let at = 0; at < NAMES.length; at++) {
      const name = NAMES[at]
      let value = own[name]
      if (value === undefined && !(name in own)) value = options[name]
      if (name === 'servername' && !value && value !== '') value = serverName(options, req)
      if (value !== values[at]) {
        values[at] = value
        isKnown = false
      }
    }
    if (!isKnown) this.name = coreName.call(agent, Object.fromEntries(NAMES.map((name, at) => [name, values[at]])))
    return this.name
  }
}

let lastHost
let lastName

/** The server name to ask for if the options have none. As in core, it comes from the `Host` header. */
function serverName(options, req) {
  const host = req?.getHeader('host') || options.host
  if (host === lastHost) return lastName
  lastHost = host
  const [, address] = /^\[(.*?)\]/.exec(host) ?? []
  const name = address ?? (host?.[0] === '[' ? host : host?.split(':', 1)[0])
  lastName = net.isIP(name) ? '' : name
  return lastName
}

Agent.prototype.createConnection = function createConnection(port, host, given) {
  // Core's looks up `tls.connect` for each connection.
  if (base.createConnection !== coreCreate || otherConnect() !== undefined || this?.[core.kProxyConfig]) {
    return base.createConnection.call(this, port, host, given)
  }
  const options = optionsOf(port, host, given)
  if (isApart(options)) return coreCreate.call(this, port, host, given)
  const key = options._agentKey
  const session = options.session ?? (key && this._getSession(key))
  const wishes = wishesOf(session === undefined ? options : { ...options, session })
  if (wishes === undefined) return coreCreate.call(this, port, host, given)
  const socket = new SecureSocket(wishes)
  if (options.timeout) socket.setTimeout(options.timeout)
  socket.connect(options)
  if (key) {
    socket.on('session', (session) => this._cacheSession(key, session))
    // After any failure, the next connection starts without the old session.
    socket.once('close', (failed) => {
      if (failed) this._evictSession(key)
    })
  }
  return socket
}

/**
 * In newer versions of Node, a request with its own `checkServerIdentity` shares neither connections nor sessions with
 * others. Node marks its options with a symbol.
 */
function isApart(options) {
  return Object.getOwnPropertySymbols(options).some(
    ({ description }) => description === 'per-request checkServerIdentity',
  )
}

Agent.prototype.keepSocketAlive = function keepSocketAlive(socket) {
  const { prototype } = connectionOf(socket) === undefined ? CoreAgent : HttpAgent
  return prototype.keepSocketAlive.call(this, socket)
}

/** Merges the arguments. Core takes `(options)`, `(port, options)` and `(port, host, options)`. */
function optionsOf(port, host, options) {
  if (typeof port === 'object' && port !== null) return port
  const found = { ...(typeof host === 'object' && host !== null ? host : options) }
  if (typeof port === 'number') found.port = port
  if (typeof host === 'string') found.host = host
  return found
}

module.exports = { Agent }
