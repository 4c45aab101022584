'use strict'

// `grpc`: @grpc/grpc-js's API over the native engine.

const { Channel } = require('./channel.js')
const { Client } = require('./client.js')
const { connectivityState, logVerbosity, propagate, status } = require('./constants.js')
const { ChannelCredentials, ServerCredentials } = require('./credentials.js')
const { loadPackageDefinition, makeClientConstructor } = require('./definition.js')
const health = require('./health.js')
const { setLogger, setLogVerbosity } = require('./logging.js')
const { Metadata } = require('./metadata.js')
const reflection = require('./reflection.js')
const { Server } = require('./server.js')
const { StatusBuilder } = require('./status-builder.js')

const credentials = {
  createInsecure: ChannelCredentials.createInsecure,
  createSsl: ChannelCredentials.createSsl,
  createFromSecureContext: ChannelCredentials.createFromSecureContext,
}

module.exports = {
  status,
  connectivityState,
  logVerbosity,
  propagate,
  credentials,
  ChannelCredentials,
  ServerCredentials,
  Metadata,
  StatusBuilder,
  Server,
  Client,
  Channel,
  loadPackageDefinition,
  makeClientConstructor,
  makeGenericClientConstructor: makeClientConstructor,
  closeClient: (client) => client.close(),
  waitForClientReady: (client, deadline, callback) => client.waitForReady(deadline, callback),
  getClientChannel: (client) => client.getChannel(),
  setLogger,
  setLogVerbosity,
  health,
  reflection,
}
