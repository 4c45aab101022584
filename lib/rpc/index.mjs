import rpc from './index.js'

export const { createServer, connect, Server, Client, RpcError } = rpc
export default rpc
