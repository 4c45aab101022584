'use strict'

// Reads a request body as a stream: it is hashed while it arrives, and is never in memory as a whole.
//
//   node examples/http/upload.js       then   curl --data-binary @package.json http://127.0.0.1:3000

const { createHash } = require('node:crypto')
const { http } = require('ironwire')

/** Larger bodies are refused, whether announced or not. */
const MAX_BYTES = 100 * 1024 * 1024

const server = http.createServer((req, res) => {
  const hash = createHash('sha256')
  let size = 0
  req.on('data', (chunk) => {
    size += chunk.length
    if (size <= MAX_BYTES) return hash.update(chunk)
    res.writeHead(413, { connection: 'close' })
    res.end('Too large\n')
    req.destroy()
  })
  req.on('end', () => {
    res.writeHead(200, { 'content-type': 'text/plain' })
    res.end(`${size} bytes, sha256 ${hash.digest('hex')}\n`)
  })
  // The client disconnected in the middle, so nobody is left to answer.
  req.on('error', (error) => console.error(`upload: ${error.message}`))
})

server.listen(process.env.PORT ?? 3000, '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}`)
})
