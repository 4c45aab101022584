'use strict'

// Agents are core's own, with our sockets. Finding a free socket, waiting for one and giving one back are done here,
// without the extra work that core does for each request (copying the options, building pool names again, adding and
// removing listeners), as long as no subclass or listener has replaced any of it.

const { AsyncResource } = require('node:async_hooks')
const { http, live, net } = require('../../genuine.js')
const { ClientSocket, kTakesParsed, isClientSocket, connectionOf } = require('./socket.js')
const core = require('./core.js')
const { own } = require('../../core.js')
const { admit, hide } = require('../../inherit.js')
const { addRequests } = require('../../mocked.js')
const { kRelease } = require('../symbols.js')
const { replaced } = require('../../replaced.js')

const { Agent: CoreAgent } = http
const { prototype: base } = CoreAgent
const { createConnection: coreCreate, keepSocketAlive: coreKeep, reuseSocket: coreReuse } = base
const otherConnect = replaced(live.net, 'createConnection', () => require('../../net/index.js').createConnection)

/** Node's default in milliseconds, for agents that do not have the option (before Node 24). */
const KEEP_ALIVE_BUFFER = 1000

const kName = Symbol('name of the last request')
const kOnFree = Symbol('core listener for free')

function Agent(options) {
  if (!(this instanceof Agent)) return new Agent(options)
  CoreAgent.call(this, options)
  prepare(this, new PoolName())
}
Object.setPrototypeOf(Agent.prototype, CoreAgent.prototype)
Object.setPrototypeOf(Agent, CoreAgent)
Object.defineProperty(Agent, 'defaultMaxSockets', {
  configurable: true,
  enumerable: true,
  get: () => CoreAgent.defaultMaxSockets,
  set(value) {
    CoreAgent.defaultMaxSockets = value
  },
})

// Core's agents count as `instanceof` this class, as with servers.
admit(Agent, CoreAgent)

/** Prepares an agent that core has constructed. */
function prepare(agent, name) {
  hide(agent, { [kName]: name, [kOnFree]: agent._events.free })
}

/** The name of a pool in an agent's tables. It is built again only if another pool is meant than the last time. */
class PoolName {
  constructor() {
    this.host = this.port = this.localAddress = this.family = this.socketPath = undefined
    this.name = undefined
  }

  /** Core's function that builds the name. */
  get getName() {
    return base.getName
  }

  get(agent, options) {
    const own = agent.options
    const host = ('host' in own ? own : options).host
    const port = ('port' in own ? own : options).port
    const localAddress = ('localAddress' in own ? own : options).localAddress
    const family = ('family' in own ? own : options).family
    const socketPath = ('socketPath' in own ? own : options).socketPath
    if (
      this.name === undefined ||
      host !== this.host ||
      port !== this.port ||
      localAddress !== this.localAddress ||
      family !== this.family ||
      socketPath !== this.socketPath
    ) {
      this.host = host
      this.port = port
      this.localAddress = localAddress
      this.family = family
      this.socketPath = socketPath
      this.name = base.getName.call(agent, this)
    }
    return this.name
  }
}

Agent.prototype.createConnection = function createConnection(...args) {
  // In newer versions of Node, core's looks up `net.createConnection` for each connection.
  const isReplaced = base.createConnection !== coreCreate || otherConnect() !== undefined
  if (isReplaced || (core.kProxyConfig !== undefined && this?.[core.kProxyConfig])) {
    return base.createConnection.apply(this, args)
  }
  const normalized = net._normalizeArgs(args)
  const [options] = normalized
  const socket = new ClientSocket(options)
  if (options.timeout) socket.setTimeout(options.timeout)
  return socket.connect(normalized)
}

Agent.prototype.createSocket = function createSocket(req, options, callback) {
  base.createSocket.call(this, req, options, (error, socket) => {
    if (isClientSocket(socket)) adopt(this, socket, options)
    callback(error, socket)
  })
}

/** Makes the socket use `giveBack` when it becomes free. */
function adopt(agent, socket, options) {
  const onFree = socket.listeners('free').at(-1)
  if (onFree === undefined) return
  const name = agent[kName].get(agent, options)
  socket.removeListener('free', onFree)
  const listener = () => {
    if (!giveBack(agent, socket, name, options)) onFree()
  }
  socket.on('free', listener)
  socket.once('agentRemove', () => socket.removeListener('free', listener))
}

Agent.prototype.addRequest = function addRequest(req, options, ...legacy) {
  if (!req[kTakesParsed]) takePlain(req)
  // A mock may have been there before this package.
  if (base.addRequest !== own.addRequest || !isOrdinary(this, req, options)) {
    return base.addRequest.call(this, req, options, ...legacy)
  }
  const name = this[kName].get(this, options, req)
  this.sockets[name] ??= []
  const sockets = this.sockets[name]
  const free = this.freeSockets[name]
  let socket
  if (free !== undefined) {
    do {
      socket = this.scheduling === 'fifo' ? free.shift() : free.pop()
    } while (socket?.destroyed)
    if (free.length === 0) delete this.freeSockets[name]
  }
  if (socket !== undefined) {
    this.reuseSocket(socket, req)
    setRequestSocket(this, req, socket)
    sockets.push(socket)
    return
  }
  if (sockets.length < this.maxSockets && this.totalSocketCount < this.maxTotalSockets) {
    base.addRequest.call(this, req, options)
    return
  }
  req[core.kRequestOptions] = options
  req[core.kRequestResource] = new AsyncResource('QueuedRequest')
  const requests = this.requests[name]
  if (requests === undefined) this.requests[name] = [req]
  else requests.push(req)
}

addRequests.add(Agent.prototype.addRequest)

/** A request of core's own class gets its socket as an ordinary one: our parser is detached first. */
function takePlain(req) {
  const { onSocket } = req
  const value = function (socket, error) {
    if (connectionOf(socket) !== undefined) socket[kRelease]()
    return onSocket.call(this, socket, error)
  }
  Object.defineProperty(req, 'onSocket', { value, configurable: true, writable: true })
}

/** Whether core would do nothing beyond what is done here. */
function isOrdinary(agent, req, options) {
  if (typeof options === 'string' || agent.getName !== agent[kName].getName) return false
  // Newer versions of Node share no connection between such a request and others.
  if (options.checkServerIdentity !== undefined) return false
  if (options.highWaterMark != null || agent.options.highWaterMark != null) return false
  // Core refuses other types.
  const host = req.getHeader('host')
  return !host || typeof host === 'string'
}

function setRequestSocket(agent, req, socket) {
  req.onSocket(socket)
  const timeout = agent.options.timeout || 0
  if (req.timeout === undefined || req.timeout === timeout) return
  socket.setTimeout(req.timeout)
}

/** Takes back a socket that became free after a response. Returns false if core must do it. */
function giveBack(agent, socket, name, options) {
  const connection = connectionOf(socket)
  if (connection === undefined || agent._events.free !== agent[kOnFree]) return false
  if (agent.getName !== agent[kName].getName) return false
  connection.request = connection.resource = null
  // Bytes that arrived after the response would be taken for the next response.
  if (!socket.writable || !connection.isIdle()) {
    socket.destroy()
    return true
  }
  const requests = agent.requests[name]
  if (requests !== undefined && requests.length > 0) {
    const req = requests.shift()
    if (requests.length === 0) delete agent.requests[name]
    const resource = req[core.kRequestResource]
    req[core.kRequestResource] = null
    connection.queued = resource ?? null
    if (resource) resource.runInAsyncScope(setRequestSocket, undefined, agent, req, socket)
    else setRequestSocket(agent, req, socket)
    return true
  }
  const free = agent.freeSockets[name] ?? []
  const count = free.length + (agent.sockets[name]?.length ?? 0)
  if (
    !socket._httpMessage?.shouldKeepAlive ||
    !agent.keepAlive ||
    agent.totalSocketCount > agent.maxTotalSockets ||
    count > agent.maxSockets ||
    free.length >= agent.maxFreeSockets ||
    !agent.keepSocketAlive(socket)
  ) {
    socket.destroy()
    return true
  }
  agent.freeSockets[name] = free
  socket._httpMessage = null
  stopUsing(agent, socket, name, options)
  // Reads on, so that the end of an idle connection is noticed.
  if (!connection.reading) connection.readStart()
  free.push(socket)
  return true
}

/** Removes a socket from those in use. */
function stopUsing(agent, socket, name, options) {
  const sockets = agent.sockets[name]
  const waiting = Object.keys(agent.requests).length > 0
  if (waiting || sockets === undefined || agent.removeSocket !== base.removeSocket) {
    agent.removeSocket(socket, options)
    return
  }
  const index = sockets.lastIndexOf(socket)
  if (index !== -1) sockets.splice(index, 1)
  if (sockets.length === 0) delete agent.sockets[name]
}

/** Prepares a socket for the pool as core does, but does not build the response's headers object to read one header. */
Agent.prototype.keepSocketAlive = function keepSocketAlive(socket) {
  if (connectionOf(socket) === undefined || base.keepSocketAlive !== coreKeep) {
    return base.keepSocketAlive.call(this, socket)
  }
  socket.setKeepAlive(true, this.keepAliveMsecs)
  socket.unref()
  let timeout = this.options.timeout || 0
  let keeps = true
  const hint = /^timeout=(\d+)/.exec(keepAliveOf(socket._httpMessage?.res))?.[1]
  if (hint) {
    // Ends before the server's own timeout: otherwise a request could be on its way when the server closes the
    // connection.
    const limit = Math.max(
      Number.parseInt(hint, 10) * 1000 - (this.agentKeepAliveTimeoutBuffer ?? KEEP_ALIVE_BUFFER),
      0,
    )
    if (limit === 0) keeps = false
    else if (limit < timeout) timeout = limit
  }
  if (socket.timeout !== timeout) socket.setTimeout(timeout)
  return keeps
}

function keepAliveOf(res) {
  if (!res) return
  if (res[core.kHeaders]) return res.headers['keep-alive']
  const { rawHeaders } = res
  const count = res[core.kHeadersCount]
  for (let i = 0; i < count; i += 2) {
    const name = rawHeaders[i]
    // Core joins repeated headers; only the first value matters here.
    if (name.length === 10 && name.toLowerCase() === 'keep-alive') return rawHeaders[i + 1]
  }
}

Agent.prototype.reuseSocket = function reuseSocket(socket, req) {
  if (connectionOf(socket) === undefined || base.reuseSocket !== coreReuse) {
    return base.reuseSocket.call(this, socket, req)
  }
  req.reusedSocket = true
  socket.ref()
}

const original = http.globalAgent
let globalAgent

/**
 * The agent for requests that name none; `undefined` if core's global agent has been replaced, which is used here, too,
 * then.
 */
function defaultAgent() {
  if (http.globalAgent !== original || Object.getPrototypeOf(original) !== base) return undefined
  globalAgent ??= new Agent(original.options)
  return globalAgent
}

module.exports = { Agent, PoolName, prepare, defaultAgent }
