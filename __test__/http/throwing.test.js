'use strict'

// Handlers that throw in the middle of a pipelined batch: every request is served once, with its own head, and every response
// that was sent is finished.

const { test } = require('node:test')
const assert = require('node:assert')
const path = require('node:path')
const { execFile } = require('node:child_process')

const root = JSON.stringify(path.join(__dirname, '..', '..'))

function run(http) {
  const script = `
    const http = ${http}
    const nodeNet = require('node:net')
    const log = []
    process.on('uncaughtException', (error) => log.push(error.message))
    const server = http.createServer((req, res) => {
      log.push(req.url + ' ' + req.headers['x-n'])
      res.on('finish', () => log.push('finish ' + req.url))
      res.setHeader('x-long-enough-to-overwrite-the-heads', 'y'.repeat(300))
      res.end(req.url)
      if (Number(req.headers['x-n']) % 2 === 1) throw new Error('thrown ' + req.url)
    }).listen(0, '127.0.0.1', () => {
      const socket = nodeNet.connect(server.address().port, '127.0.0.1')
      let answers = ''
      socket.setEncoding('latin1').on('data', (data) => {
        answers += data
        if (answers.split('HTTP/1.1 200 OK').length < 7 || !answers.endsWith('/5')) return
        socket.destroy()
        server.close()
        setTimeout(() => {
          console.log(JSON.stringify({ log: log.sort(), bodies: answers.match(/\\r\\n\\r\\n\\/\\d/g).map((body) => body.trim()) }))
        }, 50)
      })
      let requests = ''
      for (let i = 0; i < 6; i++) requests += 'GET /' + i + ' HTTP/1.1\\r\\nHost: a\\r\\nX-N: ' + i + '\\r\\n\\r\\n'
      socket.write(requests)
    })`
  return new Promise((resolve, reject) => {
    execFile(process.execPath, ['-e', script], { timeout: 120_000 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${error.message}\n${stderr}`))
      else resolve(JSON.parse(stdout))
    })
  })
}

test('an exception affects neither the other requests of the batch nor a finish event', async () => {
  const { log, bodies } = await run(`require(${root}).http`)
  assert.deepStrictEqual(bodies, ['/0', '/1', '/2', '/3', '/4', '/5'])
  const expected = []
  for (let i = 0; i < 6; i++) {
    expected.push(`/${i} ${i}`, `finish /${i}`)
    if (i % 2 === 1) expected.push(`thrown /${i}`)
  }
  assert.deepStrictEqual(log, expected.sort())
})
