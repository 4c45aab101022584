'use strict'

// Runs protobufjs's own tests on `ironwire/protobufjs`: `node scripts/protobufjs-suite.js PATH_OF_A_CHECKOUT [FILE…]`
// of https://github.com/protobufjs/protobuf.js. The checkout is needed because the tests are in no package. Their
// dependencies (tape, long) are installed into a temporary folder. Every file runs twice there: with protobufjs, which
// gives the number of assertions, and with its `require` redirected to ironwire.

const { execFileSync, spawn } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { root } = require('./setup.js')

const TOOLS = ['tape@5', 'long@5', 'reflect-metadata@0.2']
const COPIED = [
  'bench/cases',
  'ext',
  'google',
  'lib',
  'src',
  'tests',
  'index.js',
  'light.js',
  'minimal.js',
  'package.json',
]

/**
 * Tests of pbjs and pbts, which are separate programs that print protobufjs's emitted code. Other tests require their
 * output.
 */
const APART = /^cli-/

// Loaded before the tests: redirects what they require from the checkout to ironwire.
const HOOK = `'use strict'
const Module = require('node:module')
const path = require('node:path')
const [folder, ours] = [__dirname, ${JSON.stringify(path.join(root, 'lib', 'protobufjs'))}]
const files = new Map([['index.js', 'index.js'], ['light.js', 'light.js'], ['minimal.js', 'minimal.js'], ['ext/descriptor.js', 'ext/descriptor.js']])
const resolve = Module._resolveFilename
Module._resolveFilename = function (request, parent, ...rest) {
  // The program has one \`long\`.
  if (request === 'long') return resolve.call(this, path.join(folder, 'node_modules', 'long'), parent, ...rest)
  const found = resolve.call(this, request, parent, ...rest)
  const name = path.relative(folder, found).replaceAll(path.sep, '/')
  if (files.has(name)) return path.join(ours, files.get(name))
  if (name.startsWith('src/util/')) return path.join(ours, name.slice(4))
  if (name.startsWith('src/')) throw new Error(name + ' is required: it is no part of the surface')
  return found
}
`

function copy(checkout, folder) {
  for (const name of COPIED) fs.cpSync(path.join(checkout, name), path.join(folder, name), { recursive: true })
  fs.writeFileSync(path.join(folder, 'hook.js'), HOOK)
  const shell = process.platform === 'win32'
  // Only these of its dependencies are needed.
  fs.writeFileSync(path.join(folder, 'package.json'), '{"private":true}')
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--silent', ...TOOLS], {
    cwd: folder,
    stdio: 'inherit',
    shell,
  })
}

/** The assertions of a file: `{passed, failed: [name, …]}`. */
function run(folder, file, flags) {
  const tape = path.join(folder, 'node_modules', 'tape', 'bin', 'tape')
  const args = [...flags, tape, '-r', './lib/tape-adapter', file]
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], timeout: 60000 })
  let output = ''
  let errors = ''
  child.stdout.on('data', (data) => (output += data))
  child.stderr.on('data', (data) => (errors += data))
  return new Promise((resolve) => {
    child.on('close', () => {
      const failed = output.match(/^not ok .*$/gm) ?? []
      const crash = /^\S*Error.*$/m.exec(errors)
      if (crash !== null) failed.push(crash[0])
      resolve({ passed: output.match(/^ok /gm)?.length ?? 0, failed, output })
    })
  })
}

async function main(checkout, only) {
  if (checkout === undefined || !fs.existsSync(path.join(checkout, 'tests', 'api_type.js'))) {
    throw new Error('give the path of a checkout of protobufjs/protobuf.js: there is no tests/api_type.js in it')
  }
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-protobufjs-'))
  try {
    copy(checkout, folder)
    const files = ['tests', 'tests/node'].flatMap((part) =>
      fs
        .readdirSync(path.join(folder, part))
        .filter((name) => name.endsWith('.js') && !APART.test(name))
        .map((name) => `${part}/${name}`),
    )
    let [total, passed] = [0, 0]
    for (const file of files.filter((name) => only.length === 0 || only.some((part) => name.includes(part)))) {
      const theirs = await run(folder, file, [])
      const ours = await run(folder, file, ['--require', path.join(folder, 'hook.js')])
      total += theirs.passed
      passed += Math.min(ours.passed, theirs.passed)
      // An assertion that fails with protobufjs, too, does not count.
      const misses = ours.failed.filter((name) => !theirs.failed.includes(name))
      if (ours.passed < theirs.passed) console.log(`${file}: ${ours.passed} of ${theirs.passed}`)
      for (const name of misses) console.log(`  ${name}`)
      if (only.length > 0) console.log(ours.output)
    }
    console.log(`${passed} of ${total} assertions: ${((passed / total) * 100).toFixed(1)} %`)
    return passed / total
  } finally {
    fs.rmSync(folder, { recursive: true, force: true })
  }
}

main(process.argv[2], process.argv.slice(3)).then(
  (share) => {
    process.exitCode = share >= 0.95 ? 0 : 1
  },
  (error) => {
    console.error(`ironwire: ${error.message}`)
    process.exitCode = 1
  },
)
