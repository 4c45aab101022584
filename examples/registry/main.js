'use strict'

// A registry, two servers of two processes each, and a client that keeps calling while they are killed one after the
// other.
//
//   node examples/registry/main.js

const { fork } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { setTimeout: sleep } = require('node:timers/promises')
const { rpc } = require('ironwire')

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-registry-'))
const env = { ...process.env, REGISTRY_FOLDER: folder, REGISTRY_PORT: '0' }

/** Starts a script, and restarts it whenever it ends. */
function keepAlive(script, onMessage) {
  const kept = { child: null, stopped: false }
  const start = () => {
    kept.child = fork(path.join(__dirname, script), { env })
    if (onMessage) kept.child.once('message', onMessage)
    kept.child.on('exit', () => kept.stopped || start())
  }
  start()
  return kept
}

/**
 * Makes sixteen calls at a time without a pause. A call that may have been executed is repeated: squaring twice does no
 * harm.
 */
function load(client) {
  const counts = { calls: 0, failed: 0, running: true }
  const one = async () => {
    for (let n = 0; counts.running; n++) {
      const request = Buffer.alloc(4)
      request.writeUInt32BE(n)
      try {
        const reply = await client.call('square', request, { idempotent: true })
        if (reply.readBigUInt64BE() !== BigInt(n) ** 2n) throw new Error(`a wrong answer: ${reply.toString('hex')}`)
      } catch (error) {
        counts.failed++
        console.error(error)
      }
      counts.calls++
    }
  }
  counts.ended = Promise.all(Array.from({ length: 16 }, one))
  return counts
}

/** Waits until the client is connected to four processes other than `gone`. */
async function fourConnected(client, gone) {
  while (client.addresses.filter(({ id, connected }) => connected && id !== gone).length < 4) await sleep(20)
}

async function main() {
  let registry
  await new Promise((resolve) => {
    registry = keepAlive('registry.js', ({ port }) => {
      // A restarted registry must listen on the same port.
      env.REGISTRY_PORT = String(port)
      resolve()
    })
  })
  const servers = [keepAlive('server.js'), keepAlive('server.js')]
  const url = `registry://127.0.0.1:${env.REGISTRY_PORT}`
  const client = rpc.connect(`${url}/squares`)
  await fourConnected(client)
  console.log('four processes serve')

  const counts = load(client)
  await sleep(500)

  const watcher = rpc.connectRegistry(url)
  let known = []
  watcher.watch('squares', (instances) => {
    known = instances
  })
  while (known.length < 4) await sleep(20)

  const [{ id, metadata }] = known
  process.kill(Number(metadata.pid), 'SIGKILL')
  console.log('killed a process of a server')
  await fourConnected(client, id)

  servers[1].child.kill('SIGKILL')
  console.log('killed a server')
  await sleep(500)
  await fourConnected(client)

  registry.child.kill('SIGKILL')
  console.log('killed the registry')
  await sleep(500)
  const isBack = () =>
    watcher.list().then(
      () => true,
      () => false,
    )
  while (!(await isBack())) await sleep(100)
  console.log('the registry is back')

  // While the registry is away, clients keep using the last known addresses.
  registry.child.kill('SIGKILL')
  servers[0].child.kill('SIGKILL')
  console.log('killed the registry and a server at once')
  await sleep(1500)

  counts.running = false
  await counts.ended
  console.log(`${counts.failed} of ${counts.calls} calls failed; ${client.stats.retries} were made twice`)

  client.destroy()
  watcher.destroy()
  for (const kept of [registry, ...servers]) {
    kept.stopped = true
    kept.child.kill('SIGKILL')
  }
  fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  process.exitCode = counts.failed === 0 ? 0 : 1
}

main()
