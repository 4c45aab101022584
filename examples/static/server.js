'use strict'

// A complete server for a folder. The same without a program: npx ironwire serve examples/static/public
//
//   node examples/static/server.js
//   curl -i http://127.0.0.1:8000/
//   curl -i -H 'Accept-Encoding: br' http://127.0.0.1:8000/style.css

const path = require('node:path')
const { createStaticServer } = require('ironwire')

const server = createStaticServer(path.join(__dirname, 'public'), {
  // Sent compressed if the client accepts it: style.css.br if it exists, else compressed once and cached.
  precompressed: true,
  compress: true,
  headers: { 'X-Content-Type-Options': 'nosniff' },
})

server.listen(process.env.PORT ?? 8000, '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`)
})
