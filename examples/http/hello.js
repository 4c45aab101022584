'use strict'

// The smallest HTTP server.
//
//   node examples/http/hello.js        then   curl -i http://127.0.0.1:3000

const { http } = require('ironwire')

const server = http.createServer((req, res) => {
  res.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' })
  res.end(`You asked for ${req.url}\n`)
})

server.listen(process.env.PORT ?? 3000, '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}`)
})
