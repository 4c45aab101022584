'use strict'

// Several processes: Node runs JavaScript on one core, so work for more cores goes to more processes.
// This one starts two workers, spreads jobs over them by rpc, and sees one of them die.
//
//   node examples/processes/main.js

const { fork } = require('node:child_process')
const path = require('node:path')
const { Buffer, rpc } = require('ironwire')

/** Starts a worker; resolves once it has told its port over the channel that `fork` opens. */
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

  // Eight jobs, dealt out in turn. Both workers compute at the same time, and this process stays free.
  const jobs = Array.from({ length: 8 }, (_, i) => hash(workers[i % workers.length], `job ${i}`, 2000))
  for (const [i, reply] of (await Promise.all(jobs)).entries()) {
    const { pid, digest } = JSON.parse(reply)
    console.log(`job ${i}: ${digest.slice(0, 16)} by worker ${workers.findIndex(({ child }) => child.pid === pid) + 1}`)
  }

  // A worker that dies fails its own calls only, and says whether they may have been carried out.
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
