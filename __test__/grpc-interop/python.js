'use strict'

// Python's gRPC as a peer: `python3 -m venv .cache/grpc-interop`, with requirements.txt installed as `.ci/run` does, or IRONWIRE_PYTHON.

const { spawn, spawnSync } = require('node:child_process')
const { once } = require('node:events')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { protobuf } = require('../..')

const own = path.join(__dirname, '..', '..', '.cache', 'grpc-interop', 'bin', 'python')
const python = process.env.IRONWIRE_PYTHON ?? own
const script = path.join(__dirname, 'peer.py')
const missing = whyMissing()

/** Why these tests cannot run, or false. */
function whyMissing() {
  if (!fs.existsSync(python)) return `there is no Python with grpcio: ${python}`
  const { status, stderr } = spawnSync(python, ['-c', 'import grpc, grpc_health, grpc_reflection'], {
    encoding: 'utf8',
  })
  return status === 0 ? false : `${python} has no grpcio: ${stderr.trim().split('\n').at(-1)}`
}

const definition = path.join(__dirname, '..', 'grpc', 'interop', 'test.proto')

/** Where Python reads the messages of the tests. */
function descriptors(t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-interop-'))
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }))
  const file = path.join(folder, 'descriptors')
  fs.writeFileSync(file, protobuf.toDescriptorSet(protobuf.loadSync(definition)))
  return file
}

/** The port of a server that lives until the test ends. */
async function serve(t, variables = {}) {
  const child = spawn(python, [script, 'serve', descriptors(t)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...variables },
  })
  t.after(async () => {
    child.stdin.end()
    if (child.exitCode === null) await once(child, 'exit')
  })
  let text = ''
  for await (const part of child.stdout) {
    text += part
    if (text.endsWith('\n')) break
  }
  return Number(text)
}

/** What the script says of its client, as JSON on a line each. */
async function ask(t, variables, command, ...args) {
  const child = spawn(python, [script, command, descriptors(t), ...args.map(String)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...variables },
  })
  let text = ''
  for await (const part of child.stdout) text += part
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

module.exports = { missing, serve, ask }
