import rpc from './index.js'

export const { createServer, connect, createRegistry, connectRegistry, Server, Client, RpcError } = rpc
export default rpc
