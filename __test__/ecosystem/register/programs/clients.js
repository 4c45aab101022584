// Clients of all kinds, to servers of both modules.

const { once } = require('node:events')
const http = require('node:http')
const net = require('node:net')

async function main() {
  const web = http.createServer(async (req, res) =>
    res.end(`${req.method} ${req.url} ${(await req.toArray()).join('').length}`),
  )
  await once(web.listen(0, '127.0.0.1'), 'listening')
  const { port } = web.address()
  const url = `http://localhost:${port}`
  console.log(await (await fetch(`${url}/f`, { method: 'POST', body: 'x'.repeat(300_000) })).text())
  const request = http.request(`${url}/r`, { method: 'PUT', agent: false })
  request.write('a')
  setImmediate(() => request.end('b'))
  console.log((await (await once(request, 'response'))[0].toArray()).join(''))
  const [refused] = await once(net.connect(1, '127.0.0.1'), 'error')
  console.log(refused.code, refused.syscall, refused.address)
  const [unknown] = await once(http.get('http://name.invalid/'), 'error')
  console.log(unknown.syscall, unknown.hostname)
  const [late] = await once(http.get(`${url}/`, { signal: AbortSignal.abort() }), 'error')
  console.log(late.name)
  const bound = net.connect({ port, host: '127.0.0.1', localAddress: '127.0.0.1', noDelay: true })
  bound.end('GET /bound HTTP/1.0\r\n\r\n')
  console.log((await bound.toArray()).join('').split('\r\n').at(-1), bound.bytesRead > 0, bound.bytesWritten)
  if (typeof WebSocket === 'function') {
    const { WebSocketServer } = require('ws')
    const sockets = new WebSocketServer({ server: web })
    sockets.on('connection', (ws) => ws.on('message', (data) => ws.send(`echo ${data}`)))
    const client = new WebSocket(`ws://127.0.0.1:${port}`)
    await once(client, 'open')
    client.send('text')
    console.log((await once(client, 'message'))[0].data)
    client.close()
    await once(client, 'close')
    sockets.close()
  }
  web.closeAllConnections()
  web.close()
}

main()
