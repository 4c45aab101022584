'use strict'

// Cluster workers share a port through the primary, as with Node's net: round robin by default, any scheduling by choice.

const { test } = require('node:test')
const assert = require('node:assert')
const path = require('node:path')
const { execFile } = require('node:child_process')

const script = (schedule) => `
  const cluster = require('node:cluster')
  const { net } = require(${JSON.stringify(path.join(__dirname, '..', '..'))})
  if (cluster.isPrimary) {
    cluster.schedulingPolicy = cluster.${schedule}
    let listening = 0
    const seen = new Set()
    for (let i = 0; i < 2; i++) cluster.fork()
    cluster.on('listening', async (worker, address) => {
      if (++listening < 2) return
      let answers = ''
      for (let i = 0; i < 40; i++) {
        const answer = await new Promise((resolve, reject) => {
          const socket = net.connect(address.port, '127.0.0.1')
          socket.setEncoding('utf8').on('error', reject).on('data', (data) => { answers = data }).on('close', () => resolve(answers))
          socket.end('ping')
        })
        const [text, id] = answer.split(' ')
        if (text !== 'ping') throw new Error(answer)
        seen.add(id)
      }
      console.log(seen.size)
      cluster.disconnect()
    })
  } else {
    net.createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('data', (data) => socket.end(data + ' ' + cluster.worker.id))
    }).listen(0, '127.0.0.1')
  }`

for (const [schedule, workers] of [
  ['SCHED_RR', ['2']],
  ['SCHED_NONE', ['1', '2']],
]) {
  test(`two workers, one port, ${schedule}`, async (t) => {
    const file = path.join(require('node:os').tmpdir(), `ironwire-cluster-${process.pid}-${schedule}.js`)
    require('node:fs').writeFileSync(file, script(schedule))
    t.after(() => require('node:fs').rmSync(file))
    const { error, stdout, stderr } = await new Promise((resolve) => {
      execFile(process.execPath, [file], { timeout: 120_000 }, (error, stdout, stderr) =>
        resolve({ error, stdout, stderr }),
      )
    })
    assert.strictEqual(error, null, stderr)
    assert.ok(workers.includes(stdout.trim()), `${stdout}${stderr}`)
  })
}
