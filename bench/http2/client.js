'use strict'

// One contender's client: `node client.js NAME`.

const { once } = require('node:events')
const { expose } = require('../lib/child.js')
const modules = { ironwire: () => require('../..').http2, 'node:http2': () => require('node:http2') }
const http2 = modules[process.argv[2]]()

let session

/** Repeats a request until `end`. Resolves to the number of answers. */
function ask(end) {
  return new Promise((resolve, reject) => {
    let answers = 0
    const next = () => {
      const stream = session.request({ ':path': '/', accept: '*/*', 'user-agent': 'bench' })
      let length = 0
      let status
      stream.on('response', (headers) => {
        status = headers[':status']
      })
      stream.on('data', (chunk) => {
        length += chunk.length
      })
      stream.on('error', reject)
      stream.on('close', () => {
        if (status !== 200 || length === 0) return reject(new Error(`answered ${status} with ${length} bytes`))
        answers++
        if (performance.now() < end) next()
        else resolve(answers)
      })
    }
    next()
  })
}

expose({
  async connect(port, secure) {
    session = http2.connect(`${secure ? 'https' : 'http'}://localhost:${port}`, { rejectUnauthorized: false })
    await once(session, 'remoteSettings')
  },
  async run(inFlight, seconds) {
    const before = process.cpuUsage()
    const begin = performance.now()
    const answers = await Promise.all(Array.from({ length: inFlight }, () => ask(begin + seconds * 1000)))
    const { user, system } = process.cpuUsage(before)
    const requests = answers.reduce((sum, count) => sum + count)
    return { cpu: (user + system) / requests, rate: (requests * 1000) / (performance.now() - begin) }
  },
})
