'use strict'

// `grpc`: the API of @grpc/grpc-js on the native engine.

const { CallCredentials } = require('./call-credentials.js')
const { Channel } = require('./channel.js')
const { Client } = require('./client.js')
const { compressionAlgorithms, connectivityState, logVerbosity, propagate, status } = require('./constants.js')
const { FileWatcherCertificateProvider } = require('./certificate-provider.js')
const channelz = require('./channelz.js')
const { ChannelCredentials, ServerCredentials, ...madeCredentials } = require('./credentials.js')
const { loadPackageDefinition, makeClientConstructor } = require('./definition.js')
const health = require('./health.js')
const {
  InterceptingCall,
  InterceptorConfigurationError,
  ListenerBuilder,
  RequesterBuilder,
} = require('./interceptors.js')
const { log, setLogger, setLogVerbosity } = require('./logging.js')
const { Metadata } = require('./metadata.js')
const { ServerMetricRecorder } = require('./orca.js')
const reflection = require('./reflection.js')
const { registerResolver, statusOrFromError, statusOrFromValue } = require('./resolver.js')
const { Server } = require('./server.js')
const { ResponderBuilder, ServerInterceptingCall, ServerListenerBuilder } = require('./server-interceptors.js')
const { StatusBuilder } = require('./status-builder.js')
const { splitHostPort, uriToString } = require('./uri.js')
require('./resolver-etcd.js')

const credentials = {
  combineChannelCredentials: (channel, ...calls) => calls.reduce((all, next) => all.compose(next), channel),
  combineCallCredentials: (first, ...more) => more.reduce((all, next) => all.compose(next), first),
  createInsecure: ChannelCredentials.createInsecure,
  createSsl: ChannelCredentials.createSsl,
  createFromSecureContext: ChannelCredentials.createFromSecureContext,
  createFromMetadataGenerator: CallCredentials.createFromMetadataGenerator,
  createFromGoogleCredential: CallCredentials.createFromGoogleCredential,
  createEmpty: CallCredentials.createEmpty,
}

const experimental = {
  ...madeCredentials,
  FileWatcherCertificateProvider,
  registerResolver,
  statusOrFromValue,
  statusOrFromError,
  uriToString,
  splitHostPort,
  log,
  registerAdminService: channelz.registerAdminService,
}

module.exports = {
  status,
  connectivityState,
  logVerbosity,
  propagate,
  compressionAlgorithms,
  credentials,
  experimental,
  ChannelCredentials,
  CallCredentials,
  ServerCredentials,
  Metadata,
  StatusBuilder,
  InterceptingCall,
  InterceptorConfigurationError,
  ListenerBuilder,
  RequesterBuilder,
  Server,
  ServerInterceptingCall,
  ServerListenerBuilder,
  ResponderBuilder,
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
  ServerMetricRecorder,
  getChannelzServiceDefinition: channelz.getChannelzServiceDefinition,
  getChannelzHandlers: channelz.getChannelzHandlers,
  addAdminServicesToServer: channelz.addAdminServicesToServer,
  health,
  reflection,
}
