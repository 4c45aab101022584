'use strict'

// The client's cost of a get from etcd: ours, against @grpc/grpc-js with the same messages in protobufjs, which etcd
// clients for Node are based on. Both use the same etcd with a single member, over the loopback.

const { spawn } = require('node:child_process')
const fs = require('node:fs')
const net = require('node:net')
const os = require('node:os')
const path = require('node:path')
const { once } = require('node:events')
const { withChildren } = require('../lib/child.js')
const { onPath, twoCores } = require('../lib/machine.js')
const { interleave } = require('../lib/stats.js')

exports.title = 'etcd: gets of a value of 32 bytes'
exports.metrics = {
  client: { title: 'client µs CPU/get', better: 'lower' },
  rate: { title: 'gets/s', better: 'higher' },
  p99: { title: 'p99 µs', better: 'lower' },
}

const names = ['ironwire', '@grpc/grpc-js']

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  await once(server.close(), 'close')
  return port
}

/** Runs an etcd until `body` has ended. */
async function withEtcd(core, body) {
  const [port, peer] = [await freePort(), await freePort()]
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-bench-etcd-'))
  const [url, peerUrl] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${peer}`]
  const args = ['--name', 'one', '--data-dir', folder, '--listen-client-urls', url, '--advertise-client-urls', url]
  args.push(
    '--listen-peer-urls',
    peerUrl,
    '--initial-advertise-peer-urls',
    peerUrl,
    '--initial-cluster',
    `one=${peerUrl}`,
  )
  const command = core === undefined ? ['etcd', ...args] : ['taskset', '-c', String(core), 'etcd', ...args]
  const child = spawn(command[0], command.slice(1), { stdio: 'ignore' })
  const ended = once(child, 'exit')
  try {
    return await body(`127.0.0.1:${port}`)
  } finally {
    child.kill('SIGKILL')
    await ended
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 20 })
  }
}

const cases = (seconds) =>
  [64, 1].map((inFlight) => ({
    name: `etcd get, ${inFlight} in flight`,
    metrics: exports.metrics,
    async sample({ client }) {
      const { calls, cpu, rate, p99 } = await client.call('run', inFlight, seconds)
      return { client: cpu / calls, rate, p99 }
    },
  }))

exports.run = async ({ rounds, seconds, wants, wantsCase }, notes) => {
  if (!onPath('etcd')) {
    notes.push('there is no etcd (apt-get install etcd-server): nothing was measured')
    return []
  }
  const cores = twoCores(notes)
  const chosen = names.filter(wants)
  return withEtcd(cores?.load, (endpoint) => {
    const processes = chosen.map((name) => [path.join(__dirname, 'peer.js'), [name], cores?.measured])
    return withChildren(processes, async (children) => {
      const contenders = chosen.map((name, i) => ({ name, client: children[i] }))
      for (const { client } of contenders) await client.call('connect', endpoint)
      const done = []
      for (const { name, metrics, sample } of cases(seconds).filter(({ name }) => wantsCase(name))) {
        for (const one of contenders) await sample(one)
        done.push({ name, metrics, results: await interleave({ contenders, rounds, sample }) })
      }
      return done
    })
  })
}
