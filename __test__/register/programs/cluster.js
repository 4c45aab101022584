// Two workers share a port, and a path, by each of the schedulings.

const cluster = require('node:cluster')
const { once } = require('node:events')
const fs = require('node:fs')
const http = require('node:http')
const os = require('node:os')
const path = require('node:path')

const ask = (options) =>
  new Promise((resolve, reject) => {
    const req = http.get({ agent: false, ...options }, async (res) => {
      let body = ''
      for await (const chunk of res) body += chunk
      resolve(body)
    })
    req.on('error', reject)
  })

async function primary() {
  for (const policy of [cluster.SCHED_RR, cluster.SCHED_NONE]) {
    cluster.schedulingPolicy = policy
    const workers = [cluster.fork(), cluster.fork()]
    const addresses = await Promise.all(workers.map(async (worker) => (await once(worker, 'listening'))[0]))
    console.log(addresses[0].port === addresses[1].port)
    const seen = new Set()
    for (let i = 0; i < 20; i++) {
      const response = await fetch(`http://127.0.0.1:${addresses[0].port}/${i}`, { headers: { connection: 'close' } })
      const [path, worker] = (await response.text()).split(' ')
      if (path !== `/${i}`) console.log(path)
      seen.add(worker)
    }
    // The kernel may give all to one.
    console.log(policy === cluster.SCHED_RR ? seen.size : seen.size > 0)
    const socketPath = path.join(process.env.FOLDER, `${policy}`)
    for (const worker of workers) worker.send(socketPath)
    await Promise.all(workers.map((worker) => once(worker, 'message')))
    console.log(fs.existsSync(socketPath))
    for (let i = 0; i < 4; i++) console.log((await ask({ socketPath, path: `/${i}` })).split(' ')[0])
    cluster.disconnect()
    console.log(await Promise.all(workers.map((worker) => once(worker, 'exit'))))
    console.log(fs.existsSync(socketPath))
  }
  fs.rmSync(process.env.FOLDER, { recursive: true })
}

const serve = () => http.createServer((req, res) => res.end(`${req.url} ${cluster.worker.id}`))

if (cluster.isPrimary) {
  process.env.FOLDER = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-'))
  primary()
} else {
  serve().listen(0, '127.0.0.1')
  process.once('message', (socketPath) => serve().listen(socketPath, () => process.send('listening')))
}
