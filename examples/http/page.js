'use strict'

// Streams a page from a file: the file is read only as fast as the client takes it.
//
//   node examples/http/page.js        then open http://127.0.0.1:3000

const fs = require('node:fs')
const path = require('node:path')
const { http } = require('ironwire')

const PAGE = path.join(__dirname, 'page.html')

const server = http.createServer((_req, res) => {
  const file = fs.createReadStream(PAGE)
  // Nothing is sent before the file is open, so a missing file can still get a proper error response.
  file.on('open', () => {
    res.writeHead(200, { 'content-type': 'text/html; charset=utf-8' })
    file.pipe(res)
  })
  file.on('error', (error) => {
    console.error(error.message)
    if (res.headersSent) return res.destroy()
    res.writeHead(500, { 'content-type': 'text/plain' })
    res.end('The page cannot be read\n')
  })
  // If the client leaves early, the file must be closed.
  res.on('close', () => file.destroy())
})

server.listen(process.env.PORT ?? 3000, '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}`)
})
