import rpc from './index.js'

export const {
  createServer,
  connect,
  createRegistry,
  connectRegistry,
  Server,
  Client,
  RpcError,
  StatusError,
  Metadata,
  metrics,
  status,
} = rpc
export default rpc
