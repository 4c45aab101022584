'use strict'

// A single-page application and its API on one server: a function answers /api, the folder answers files, and every
// other path, such as /courses/5, gets the application's page, which displays the right content itself.
//
//   node examples/static/application.js
//   curl http://127.0.0.1:8000/api/time
//   curl -H 'Accept: text/html' http://127.0.0.1:8000/courses/5

const path = require('node:path')
const { http, serveStatic } = require('ironwire')

const files = serveStatic(path.join(__dirname, 'public'), { single: true })

const server = http.createServer((req, res) => {
  if (req.url === '/api/time') {
    res.setHeader('content-type', 'application/json')
    res.end(JSON.stringify({ time: new Date().toISOString() }))
  } else files(req, res)
})

server.listen(process.env.PORT ?? 8000, '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`)
})
