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
  status,
} = rpc
export default rpc
