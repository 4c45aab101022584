// Two workers share a port, by each of the schedulings.

const cluster = require('node:cluster')
const { once } = require('node:events')
const http = require('node:http')

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
    cluster.disconnect()
    console.log(await Promise.all(workers.map((worker) => once(worker, 'exit'))))
  }
}

if (cluster.isPrimary) primary()
else http.createServer((req, res) => res.end(`${req.url} ${cluster.worker.id}`)).listen(0, '127.0.0.1')
