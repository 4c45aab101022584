'use strict'

// The client's part of `https`.

const { URL, urlToHttpOptions } = require('node:url')
const genuine = require('../../genuine.js')
const { ClientRequest } = require('../../http/client/request.js')
const { Agent } = require('./agent.js')

const { https } = genuine
/** The module as programs see it, with what they have put into it. */
const live = require('node:https')

/** Ours, or one that a program has set, where that is not done in Node's module. */
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

/** What interceptors (nock, msw) have put into Node's module is called. Where ours stand in there, it is ours that they replace. */
function interceptor(name) {
  return genuine.registered || live[name] === https[name] ? undefined : live[name]
}

function request(...args) {
  const replaced = interceptor('request')
  if (replaced !== undefined) return replaced(...args)
  let options = {}
  if (typeof args[0] === 'string') options = urlToHttpOptions(new URL(args.shift()))
  else if (args[0] instanceof URL) options = urlToHttpOptions(args.shift())
  if (args[0] && typeof args[0] !== 'function') Object.assign(options, args.shift())
  if (options.checkServerIdentity !== undefined) {
    // It is core that sees to it that other requests do not meet the connection.
    if (options.agent == null && typeof options.createConnection !== 'function') options.agent = globalAgent()
    return https.request(options, ...args)
  }
  options._defaultAgent = globalAgent()
  return callers['node:https:request'](options, args)
}

/** agent-base, on which most agents for proxies stand, knows requests of `https` by `node:https:` in the stack of its callers. */
const callers = {
  'node:https:request'(options, args) {
    return new ClientRequest(options, ...args)
  },
}

function get(input, options, callback) {
  const replaced = interceptor('get')
  if (replaced !== undefined) return replaced(input, options, callback)
  const req = request(input, options, callback)
  req.end()
  return req
}

module.exports = { Agent, request, get, globalAgent, setGlobalAgent }
