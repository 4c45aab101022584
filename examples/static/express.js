'use strict'

// In an Express application, instead of express.static. Requests without a matching file go on to the following routes.
//
//   node examples/static/express.js
//   curl http://127.0.0.1:8000/assets/style.css
//   curl http://127.0.0.1:8000/hello

const path = require('node:path')
const express = require('express')
const { http, serveStatic } = require('ironwire')

const app = express()

app.use('/assets', serveStatic(path.join(__dirname, 'public'), { maxAge: '1h' }))
app.get('/hello', (_req, res) => res.send('hello\n'))

const server = http.createServer(app).listen(process.env.PORT ?? 8000, '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`)
})
