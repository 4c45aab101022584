'use strict'

// Several processes: Node runs JavaScript on one core, so more cores need more processes. This process starts two
// workers, distributes jobs among them over rpc, and kills one of them.
//
//   node examples/processes/main.js

const { fork } = require('node:child_process')
const path = require('node:path')
const { Buffer, rpc } = require('ironwire')

/** Starts a worker. Resolves when the worker has sent its port over the channel that `fork` opens. */
function startWorker() {
  const child = fork(path.join(__dirname, 'worker.js'))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('message', ({ port }) => resolve({ child, client: rpc.connect(`127.0.0.1:${port}`) }))
  })
}

function hash(worker, text, rounds) {
  return worker.client.call('hash', Buffer.from(JSON.stringify({ text, rounds })))
}

async function main() {
  const workers = await Promise.all([startWorker(), startWorker()])

  // Eight jobs, distributed in turn. Both workers compute at the same time, and this process stays free.
  const jobs = Array.from({ length: 8 }, (_, i) => hash(workers[i % workers.length], `job ${i}`, 2000))
  for (const [i, reply] of (await Promise.all(jobs)).entries()) {
    const { pid, digest } = JSON.parse(reply)
    console.log(`job ${i}: ${digest.slice(0, 16)} by worker ${workers.findIndex(({ child }) => child.pid === pid) + 1}`)
  }

  // If a worker dies, only its own calls fail. The error tells whether they may have been executed.
  const [first, second] = workers
  const lost = hash(first, 'lost', 50_000_000)
  const kept = hash(second, 'kept', 2000)
  setTimeout(() => first.child.kill('SIGKILL'), 200)
  await lost.catch((error) => console.log(`worker 1: ${error.code}, request sent: ${error.sent}`))
  console.log(`worker 2: ${JSON.parse(await kept).digest.slice(0, 16)}`)

  for (const { child, client } of workers) {
    client.destroy()
    child.kill()
  }
}

main()
