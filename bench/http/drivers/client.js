'use strict'

// One contender's client: `node client.js CONTENDER`. Repeats the tutorial's request.

const fs = require('node:fs')
const path = require('node:path')
const { expose } = require('../../lib/child.js')
const { keepInFlight } = require('../../lib/in-flight.js')

const IN_FLIGHT = 64

/** Reads a body in the most common way. */
function collect(stream, callback) {
  const chunks = []
  stream.on('data', (chunk) => chunks.push(chunk))
  stream.on('error', callback)
  stream.on('end', () => callback(null, Buffer.concat(chunks).latin1Slice()))
}

/** The certificate authorities of the tests. */
const ca = ['ca', 'between'].map((name) =>
  fs.readFileSync(path.join(__dirname, '../../../__test__/https/fixtures', `${name}-cert.pem`), 'latin1'),
)

const nodeStyle = (http, options) => (port) => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: IN_FLIGHT, ...options })
  return (callback) => {
    http
      .get({ host: '127.0.0.1', port, path: '/', agent }, (response) => collect(response, callback))
      .on('error', callback)
  }
}

const contenders = {
  ironwire: (secure) => (secure ? nodeStyle(require('../../..').https, { ca }) : nodeStyle(require('../../..').http)),
  'node:http': () => nodeStyle(require('node:http')),
  'node:https': () => nodeStyle(require('node:https'), { ca }),
  undici: (secure) => (port) => {
    const { Pool } = require('../../lib/peers.js').requirePeer('undici')
    const pool = new Pool(`${secure ? 'https' : 'http'}://127.0.0.1:${port}`, {
      connections: IN_FLIGHT,
      ...(secure && { connect: { ca } }),
    })
    return (callback) => {
      pool.request({ path: '/', method: 'GET' }).then(({ body }) => collect(body, callback), callback)
    }
  },
}

let call

expose({
  connect(port, secure) {
    call = contenders[process.argv[2]](secure)(port)
  },
  run: (seconds) =>
    keepInFlight({
      call,
      accept: (body) => (body === 'http' ? undefined : `the server answered ${JSON.stringify(body)}`),
      inFlight: IN_FLIGHT,
      seconds,
    }),
})
