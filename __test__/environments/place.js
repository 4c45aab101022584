'use strict'

// A folder for each application, with the sample application in it and with `ironwire` and the tools to be found above it.

const { spawn } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

const works = /^ironwire works: codec, protobuf, rpc, http, net$/m

const ENTRY = `require('./app.js').main().then(
  (line) => console.log(line),
  (error) => {
    console.error(error)
    process.exit(1)
  },
)
`

/** Makes the folder `name` anew, with `app.js`, `entry.js`, which runs it, and the given files. */
function place(name, files = {}) {
  const folder = path.join(__dirname, '.work', name)
  fs.rmSync(folder, { recursive: true, force: true })
  fs.mkdirSync(folder, { recursive: true })
  fs.copyFileSync(path.join(__dirname, '..', 'package', 'app.js'), path.join(folder, 'app.js'))
  for (const [file, text] of Object.entries({ 'entry.js': ENTRY, ...files })) {
    fs.mkdirSync(path.dirname(path.join(folder, file)), { recursive: true })
    fs.writeFileSync(path.join(folder, file), text)
  }
  return folder
}

/** Copies a folder to where neither `ironwire` nor anything else is to be found above it. */
function alone(t, folder) {
  const copy = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-alone-'))
  t.after(() => fs.rmSync(copy, { recursive: true, force: true }))
  fs.cpSync(folder, copy, { recursive: true })
  return copy
}

/** Runs a command to its end; rejects with what it printed when it failed. `main` of a package is run by this Node. */
function run(cwd, command, args, { timeout = 120_000, env = {} } = {}) {
  const child = spawn(command, args, {
    cwd,
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      NODE_TEST_CONTEXT: undefined,
      NO_COLOR: '1',
      FORCE_COLOR: undefined,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout,
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk) => {
      output += chunk
    })
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (code === 0) resolve(output)
      else reject(new Error(`${[command, ...args].join(' ')} ended with ${signal ?? code}:\n${output}`))
    })
  })
}

const node = (cwd, ...args) => run(cwd, process.execPath, args)

/** Runs the command that a package brings. */
function tool(cwd, name, args, options) {
  const manifest = path.join(__dirname, 'node_modules', name, 'package.json')
  const { bin } = JSON.parse(fs.readFileSync(manifest, 'utf8'))
  const script = path.join(
    path.dirname(manifest),
    typeof bin === 'string' ? bin : (bin[path.basename(name)] ?? Object.values(bin)[0]),
  )
  return run(cwd, process.execPath, [script, ...args], options)
}

/** The addon, for those bundlers that have to be given it. */
function addon() {
  const installed = path.join(__dirname, 'node_modules', 'ironwire')
  const [name] = fs.readdirSync(installed).filter((file) => /^ironwire\..+\.node$/.test(file))
  return path.join(installed, name)
}

module.exports = { place, alone, run, node, tool, addon, works }
