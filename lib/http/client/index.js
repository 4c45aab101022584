'use strict'

// The client part of `http`.

const { http } = require('../../genuine.js')
const { Agent, defaultAgent } = require('./agent.js')
const { ClientRequest, request, get } = require('./request.js')

module.exports = { Agent, ClientRequest, request, get, globalAgent: () => defaultAgent() ?? http.globalAgent }
