'use strict'

// A whole server for a folder. Without a program, the same is: npx ironwire serve examples/static/public
//
//   node examples/static/server.js
//   curl -i http://127.0.0.1:8000/
//   curl -i -H 'Accept-Encoding: br' http://127.0.0.1:8000/style.css

const path = require('node:path')
const { createStaticServer } = require('ironwire')

const server = createStaticServer(path.join(__dirname, 'public'), {
  // Sent compressed, where a client takes that: style.css.br if there is one, else compressed now and remembered.
  precompressed: true,
  compress: true,
  headers: { 'X-Content-Type-Options': 'nosniff' },
})

server.listen(process.env.PORT ?? 8000, '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`)
})
