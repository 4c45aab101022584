import rpc from './index.js'

export const { createServer, connect, Server, Client, RpcError, StatusError, Metadata, status } = rpc
export default rpc
