'use strict'

// TLS connections with a single request: each with a full handshake, or resuming the session of the previous one.

const tls = require('node:tls')
const { expose } = require('../../lib/child.js')

const REQUEST = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
const CONCURRENT = 16

/** Makes one connection. Resolves to a session that another connection can resume. */
function connection(port, given) {
  return new Promise((resolve, reject) => {
    let session
    let answer = ''
    const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, session: given })
    socket.setEncoding('latin1')
    socket.on('session', (ticket) => {
      session = ticket
    })
    socket.on('secureConnect', () => {
      if (socket.isSessionReused() === Boolean(given)) socket.write(REQUEST)
      else socket.destroy(new Error(given ? 'the session was not resumed' : 'a session was resumed'))
    })
    socket.on('data', (text) => {
      answer += text
    })
    socket.on('end', () => {
      if (/^HTTP\/1.1 200 /.test(answer)) resolve(session)
      else reject(new Error(`an answer of ${JSON.stringify(answer)}`))
    })
    socket.on('error', reject)
  })
}

expose({
  async run(port, resumes, seconds) {
    const end = performance.now() + seconds * 1000
    const started = performance.now()
    let requests = 0
    const chain = async () => {
      let session = resumes ? await connection(port) : undefined
      if (resumes) requests++
      while (performance.now() < end) {
        const next = await connection(port, session)
        if (resumes) session = next
        requests++
      }
    }
    await Promise.all(Array.from({ length: CONCURRENT }, chain))
    return { requests, rate: requests / ((performance.now() - started) / 1000) }
  },
})
