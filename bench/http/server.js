'use strict'

// One contender's server: `node server.js NAME`. Answers every request with status 200 and the four bytes "http".

const { expose } = require('../lib/child.js')

/** Node's API, which ironwire shares: the handler of the tutorial. */
function nodeStyle(http) {
  return () =>
    new Promise((resolve, reject) => {
      const server = http.createServer((_req, res) => {
        res.writeHead(200)
        res.end('http')
      })
      server.on('error', reject)
      server.listen(0, '127.0.0.1', () => resolve(server.address().port))
    })
}

const contenders = {
  ironwire: () => nodeStyle(require('../..').http)(),
  'node:http': () => nodeStyle(require('node:http'))(),
  uWebSockets: () => {
    const uws = require('../lib/peers.js').requirePeer('uwebsockets')
    return new Promise((resolve, reject) => {
      uws
        .App()
        .any('/*', (res) => {
          res.end('http')
        })
        .listen('127.0.0.1', 0, (token) => {
          if (token) resolve(uws.us_socket_local_port(token))
          else reject(new Error('uWebSockets could not listen'))
        })
    })
  },
}

expose({ listen: contenders[process.argv[2]] })
