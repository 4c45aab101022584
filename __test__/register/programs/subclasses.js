// Classes and constructors that libraries put on top of sockets and servers.

const net = require('node:net')
const http = require('http')
const util = require('node:util')

class Client extends net.Socket {
  constructor(options) {
    super(options)
    this.lines = []
    this.on('data', (data) => this.lines.push(...String(data).split('\n')))
  }
}

function Old(options) {
  net.Socket.call(this, options)
}
util.inherits(Old, net.Socket)

class Counting extends net.Server {
  constructor(listener) {
    super({ pauseOnConnect: false }, listener)
    this.count = 0
    this.on('connection', () => this.count++)
  }
}

class Web extends http.Server {
  constructor(listener) {
    super({ keepAliveTimeout: 10 }, listener)
  }
  close(callback) {
    console.log('web closes')
    return super.close(callback)
  }
}

function OldWeb(listener) {
  http.Server.call(this, listener)
}
util.inherits(OldWeb, http.Server)

class Request extends http.IncomingMessage {
  get both() {
    return `${this.method} ${this.url}`
  }
}

const server = new Counting((socket) => socket.end('one\ntwo'))
server.listen(0, '127.0.0.1', async () => {
  for (const client of [new Client(), new Client({ allowHalfOpen: true }), new Old(), net.Socket()]) {
    client.connect(server.address())
    client.resume()
    await new Promise((resolve) => client.on('end', resolve))
    console.log(client.lines, client instanceof net.Socket, client instanceof Client, client instanceof Old)
    client.end()
  }
  console.log(server.count, server instanceof net.Server, server instanceof Counting, server instanceof http.Server)
  server.close()
  for (const make of [
    () => new Web((req, res) => res.end(req.url)),
    () => new OldWeb((req, res) => res.end(req.url)),
    () => http.Server({ IncomingMessage: Request }, (req, res) => res.end(req.both)),
  ]) {
    const web = make()
    await new Promise((resolve) => web.listen(0, '127.0.0.1', resolve))
    const response = await fetch(`http://127.0.0.1:${web.address().port}/path`, { headers: { connection: 'close' } })
    console.log(await response.text(), web instanceof http.Server, web instanceof Web, web instanceof OldWeb)
    await new Promise((resolve) => web.close(resolve))
  }
})
