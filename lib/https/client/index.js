'use strict'

// The client part of `https`.

const { URL, urlToHttpOptions } = require('node:url')
const genuine = require('../../genuine.js')
const { ClientRequest } = require('../../http/client/request.js')
const { intercepted } = require('../../replaced.js')
const { Agent } = require('./agent.js')

const { https } = genuine
/** The module as programs see it, including changes made by programs. */
const live = require('node:https')

/**
 * Our global agent, or the one that a program has set with `ironwire/register`. Otherwise setting it changes Node's
 * module.
 */
let agent

function globalAgent() {
  if (!genuine.registered && live.globalAgent !== https.globalAgent) return live.globalAgent
  agent ??= new Agent(https.globalAgent.options)
  return agent
}

function setGlobalAgent(value) {
  if (genuine.registered) agent = value
  else live.globalAgent = value
}

const otherRequest = intercepted(live, 'request', () => request)
const otherGet = intercepted(live, 'get', () => get)

function request(...args) {
  const replaced = otherRequest()
  if (replaced !== undefined) return replaced(...args)
  let options = {}
  if (typeof args[0] === 'string') options = urlToHttpOptions(new URL(args.shift()))
  else if (args[0] instanceof URL) options = urlToHttpOptions(args.shift())
  if (args[0] && typeof args[0] !== 'function') Object.assign(options, args.shift())
  if (options.checkServerIdentity !== undefined) {
    // Core ensures that other requests do not use the connection.
    if (options.agent == null && typeof options.createConnection !== 'function') options.agent = globalAgent()
    return https.request(options, ...args)
  }
  options._defaultAgent = globalAgent()
  return callers['node:https:request'](options, args)
}

/**
 * agent-base, on which most agents for proxies are built, recognises requests of `https` by `node:https:` in the call
 * stack.
 */
const callers = {
  'node:https:request'(options, args) {
    return new ClientRequest(options, ...args)
  },
}

function get(input, options, callback) {
  const replaced = otherGet()
  if (replaced !== undefined) return replaced(input, options, callback)
  const req = request(input, options, callback)
  req.end()
  return req
}

module.exports = { Agent, request, get, globalAgent, setGlobalAgent }
