// Every way to come by the modules gives the same things, and core's objects are instances of their classes.

import assert from 'node:assert'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import net, { Socket } from 'node:net'
import coreHttp, { createServer, get, Server } from 'http'
import * as netNamespace from 'net'

const require = createRequire(import.meta.url)
assert.strictEqual(require('http'), coreHttp)
assert.strictEqual(require('node:net'), net)
assert.strictEqual(Server, require('node:http').Server)
assert.strictEqual(createServer, require('http').createServer)
assert.strictEqual(netNamespace.createServer, net.createServer)
assert.strictEqual(net.Stream, net.Socket)
assert.strictEqual(net.createConnection, net.connect)
if (process.getBuiltinModule) assert.strictEqual(process.getBuiltinModule('http').Server, Server)
assert.strictEqual((await import('node:http')).createServer, createServer)
console.log(Object.keys(coreHttp).sort(), Object.keys(net).sort())

const server = createServer((req, res) => {
  console.log(req.socket instanceof Socket, req.socket.constructor === Socket, req instanceof coreHttp.IncomingMessage)
  console.log(res instanceof coreHttp.ServerResponse, req.socket.server === server)
  res.end('hello')
})
console.log(server instanceof Server, server instanceof net.Server, server.constructor === Server)
console.log({} instanceof Server, Object.create(null) instanceof net.Socket, function () {} instanceof net.Server)
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const [response] = await once(get({ port: server.address().port, host: '127.0.0.1' }), 'response')
console.log(response.statusCode, response.socket instanceof Socket, (await response.toArray()).join(''))
const agent = new coreHttp.Agent({ keepAlive: true, maxSockets: 1 })
for (let i = 0; i < 3; i++) {
  const request = get({ port: server.address().port, host: '127.0.0.1', agent })
  const [response] = await once(request, 'response')
  console.log((await response.toArray()).join(''), request.reusedSocket)
}
agent.destroy()
coreHttp.globalAgent.destroy()
const agentBefore = coreHttp.globalAgent
coreHttp.globalAgent = new coreHttp.Agent()
console.log(coreHttp.globalAgent !== agentBefore, require('http').globalAgent === coreHttp.globalAgent)
server.close()
