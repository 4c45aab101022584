// TLS, https and HTTP/2 stay above `net`: their servers, their clients, and a plain socket that is upgraded (STARTTLS).

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
const trusting = { rejectUnauthorized: false, host: '127.0.0.1' }

async function listening(server) {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server.address().port
}

async function main() {
  const web = https.createServer(options, (req, res) => res.end(`${req.url} ${req.socket instanceof net.Socket}`))
  console.log(web instanceof tls.Server, web instanceof net.Server)
  const [response] = await once(
    https.get({ ...trusting, port: await listening(web), path: '/a', agent: false }),
    'response',
  )
  console.log((await response.toArray()).join(''), response.socket instanceof net.Socket)
  web.close()

  const secure = tls.createServer(options, (socket) => socket.pipe(socket))
  let port = await listening(secure)
  const client = tls.connect({ ...trusting, port })
  client.end('x'.repeat(300_000))
  console.log((await client.toArray()).join('').length)
  // An address that does not answer comes first: the next one gets a new handle.
  const second = tls.connect({
    ...trusting,
    port,
    host: 'localhost',
    autoSelectFamily: true,
    lookup: (_host, _options, callback) =>
      callback(null, [
        { address: '::1', family: 6 },
        { address: '127.0.0.1', family: 4 },
      ]),
  })
  await once(second, 'secureConnect')
  second.end('there and back')
  console.log((await second.toArray()).join(''))
  secure.close()

  // STARTTLS on both sides.
  const plain = net.createServer((socket) => {
    socket.once('data', () => {
      socket.write('go')
      const server = new tls.TLSSocket(socket, { ...options, isServer: true })
      server.on('data', (data) => server.end(`secure ${data}`))
    })
  })
  port = await listening(plain)
  const socket = net.connect(port, '127.0.0.1')
  socket.write('starttls')
  await once(socket, 'data')
  const upgraded = tls.connect({ ...trusting, socket })
  upgraded.write('text')
  console.log((await upgraded.toArray()).join(''))
  plain.close()

  for (const [scheme, server] of [
    ['http', http2.createServer()],
    ['https', http2.createSecureServer(options)],
  ]) {
    server.on('stream', (stream, headers) => stream.respond({ ':status': 200 }) ?? stream.end(headers[':path']))
    const session = http2.connect(`${scheme}://127.0.0.1:${await listening(server)}`, trusting)
    const stream = session.request({ ':path': '/two' })
    console.log(scheme, (await stream.toArray()).join(''), session.socket.remoteAddress)
    session.close()
    await once(session, 'close')
    server.close()
  }
}

main()
