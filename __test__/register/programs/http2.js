// Servers of HTTP/2, with TLS and without, and Node's own client.

const fs = require('node:fs')
const http2 = require('node:http2')
const https = require('node:https')
const net = require('node:net')
const path = require('node:path')
const tls = require('node:tls')
const { once } = require('node:events')

const fixtures = path.join(__dirname, '..', '..', 'net', 'fixtures')
const options = {
  key: fs.readFileSync(path.join(fixtures, 'key.pem')),
  cert: fs.readFileSync(path.join(fixtures, 'cert.pem')),
}
const trusting = { rejectUnauthorized: false }

async function ask(url, headers) {
  const client = http2.connect(url, trusting)
  const stream = client.request(headers)
  const [response] = await once(stream, 'response')
  console.log(response[':status'], response['x-asked'], (await stream.toArray()).join(''))
  client.close()
}

async function serve(server, scheme, ...headers) {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `${scheme}://127.0.0.1:${server.address().port}`
  for (const one of headers) await ask(url, one)
  return url
}

function answer(request, response) {
  console.log(request instanceof http2.Http2ServerRequest, response instanceof http2.Http2ServerResponse)
  console.log(
    request.socket instanceof net.Socket,
    request.socket instanceof tls.TLSSocket,
    request.socket.alpnProtocol,
  )
  response.setHeader('x-asked', request.url)
  response.end(request.httpVersion)
}

async function main() {
  const plain = http2.createServer(answer)
  await serve(plain, 'http', { ':path': '/plain' })
  plain.close()

  const streams = http2.createServer()
  streams.on('stream', (stream, headers) => {
    stream.respond({ ':status': 202, 'x-asked': headers[':path'] })
    stream.end('stream')
  })
  await serve(streams, 'http', { ':path': '/stream' })
  streams.close()

  const secure = http2.createSecureServer({ ...options, allowHTTP1: true }, answer)
  console.log(secure instanceof tls.Server)
  const url = await serve(secure, 'https', { ':path': '/secure' })
  const [response] = await once(https.get(`${url}/old`, { ...trusting, agent: false }), 'response')
  console.log(response.headers['x-asked'], (await response.toArray()).join(''))
  secure.close()

  class Request extends http2.Http2ServerRequest {}
  const own = http2.createServer({ Http2ServerRequest: Request }, (request, response) => {
    console.log(request instanceof Request)
    answer(request, response)
  })
  await serve(own, 'http', { ':path': '/own' })
  own.close()

  // What Node does by itself over any stream.
  const piped = http2.createServer(answer)
  const relay = net.createServer((socket) => piped.emit('connection', socket))
  await serve(relay, 'http', { ':path': '/relay' })
  relay.close()
}

main()
