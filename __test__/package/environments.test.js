'use strict'

// Several Node environments in one process, and how a process ends: the addon must keep neither alive nor share state.

const test = require('node:test')
const assert = require('node:assert')
const { spawnSync } = require('node:child_process')
const { Worker } = require('node:worker_threads')
const { root } = require('../../scripts/setup.js')

/** Runs a script in a Node of its own; a process that does not end by itself is killed and fails. */
function runScript(code, ...args) {
  const result = spawnSync(process.execPath, ['-e', code, ...args], { cwd: root, encoding: 'utf8', timeout: 60_000 })
  assert.strictEqual(result.signal, null, `did not exit by itself\n${result.stderr}`)
  assert.strictEqual(result.status, 0, result.stderr)
  return result.stdout
}

/**
 * Starts an HTTP server, asks it once with Node's own client, closes it; the answer comes from an RPC server, as a protobuf
 * message. Evaluated here, in workers and in children.
 */
const exchange = `
async function exchange(text) {
  const { http, rpc, protobuf } = require('ironwire')
  const { Text } = protobuf('message Text { required string text = 1; }')
  const backend = rpc.createServer().method('join', (request, callback) => {
    callback(null, Text.encode({ text: text + Text.decode(request).text }))
  })
  await new Promise((resolve) => backend.listen(0, '127.0.0.1', resolve))
  const client = rpc.connect('127.0.0.1:' + backend.address().port)
  const server = http.createServer(async (req, res) => {
    const reply = await client.call('join', Text.encode({ text: req.url }))
    res.writeHead(200)
    res.end(Text.decode(reply).text)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  const body = await new Promise((resolve, reject) => {
    require('node:http').get({ port, path: '/x', agent: false }, (res) => {
      let data = ''
      res.on('data', (chunk) => { data += chunk })
      res.on('end', () => resolve(data))
    }).on('error', reject)
  })
  await new Promise((resolve) => server.close(resolve))
  await client.close()
  await backend.close()
  return body
}`

test('a process that only loaded the package exits', () => {
  assert.strictEqual(runScript(`require('ironwire'); console.log('loaded')`), 'loaded\n')
})

test('a process whose server was used and closed exits', () => {
  assert.strictEqual(runScript(`${exchange}; exchange('a').then(console.log)`), 'a/x\n')
})

test('an unreferenced server does not keep the process alive', () => {
  const code = `require('ironwire').http.createServer(() => {}).listen(0, () => console.log('up')).unref()
    setTimeout(() => {}, 100)`
  assert.strictEqual(runScript(code), 'up\n')
})

test('process.exit with servers and connections open is clean', () => {
  const code = `const { http } = require('ironwire')
    const server = http.createServer(() => { console.log('in handler'); process.exit(0) })
    server.listen(0, '127.0.0.1', () => require('node:http').get({ port: server.address().port }).on('error', () => {}))`
  assert.strictEqual(runScript(code), 'in handler\n')
})

test('the main thread and two workers serve at once, and each ends by itself', async () => {
  const code = `const { parentPort, workerData } = require('node:worker_threads'); ${exchange}
    ;(async () => {
      for (let i = 0; i < 20; i++) parentPort.postMessage(await exchange(workerData + i))
    })()`
  const workers = ['one', 'two'].map((name) => {
    const worker = new Worker(code, { eval: true, workerData: name })
    const seen = []
    worker.on('message', (text) => seen.push(text))
    return new Promise((resolve, reject) => {
      worker.on('error', reject)
      worker.on('exit', (status) => resolve({ name, status, seen }))
    })
  })
  const here = new Function('require', `${exchange}; return exchange`)(require)
  for (let i = 0; i < 20; i++) assert.strictEqual(await here(`main${i}`), `main${i}/x`)
  for (const { name, status, seen } of await Promise.all(workers)) {
    assert.strictEqual(status, 0)
    assert.deepStrictEqual(
      seen,
      Array.from({ length: 20 }, (_, i) => `${name}${i}/x`),
    )
  }
})

test('a worker terminated with a server and live connections takes nothing down', async () => {
  const code = `const { parentPort } = require('node:worker_threads')
    const { http } = require('ironwire')
    const server = http.createServer((req, res) => { res.write('part'); parentPort.postMessage('handling') })
    server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))`
  for (let i = 0; i < 5; i++) {
    const worker = new Worker(code, { eval: true })
    const port = await new Promise((resolve) => worker.once('message', resolve))
    const requests = Array.from({ length: 5 }, () => {
      const request = require('node:http').get({ port, agent: false })
      return new Promise((resolve) =>
        request
          .on('close', resolve)
          .on('error', () => {})
          .on('response', (res) => res.on('error', () => {}).resume()),
      )
    })
    let handling = 0
    await new Promise((resolve) => worker.on('message', () => ++handling === requests.length && resolve()))
    assert.strictEqual(await worker.terminate(), 1)
    await Promise.all(requests)
  }
})
