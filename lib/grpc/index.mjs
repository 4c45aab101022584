import grpc from './index.js'

export const {
  status,
  connectivityState,
  logVerbosity,
  propagate,
  credentials,
  experimental,
  ChannelCredentials,
  CallCredentials,
  ServerCredentials,
  Metadata,
  StatusBuilder,
  Server,
  Client,
  Channel,
  loadPackageDefinition,
  makeClientConstructor,
  makeGenericClientConstructor,
  closeClient,
  waitForClientReady,
  getClientChannel,
  health,
  reflection,
} = grpc
export default grpc
