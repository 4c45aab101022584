'use strict'

// Runs tests that need packages which are not dependencies of the repository. They are installed into the tests' folder
// when needed.
// `npm run test:environments`: bundlers, test runners and hardened environments that the package is used in.
// `npm run test:ecosystem`: libraries that applications use together with it. `npm run test:schemas`: widely used protobuf schemas.
// `npm run test:grpc-interop`: other implementations of gRPC.
//
//   node scripts/apart.js FOLDER [--packed]   the tests of __test__/FOLDER; with ironwire among its packages, as npm packs it

const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { parseArgs } = require('node:util')
const { setup, ensureDependencies, root, run } = require('./setup.js')

/** Installs ironwire among the packages: exactly the files that `npm pack` takes. */
function install(folder) {
  const shell = process.platform === 'win32'
  const packed = execFileSync('npm', ['pack', '--dry-run', '--json', '--silent'], {
    cwd: root,
    encoding: 'utf8',
    shell,
  })
  const place = path.join(folder, 'node_modules', 'ironwire')
  fs.rmSync(place, { recursive: true, force: true })
  for (const file of JSON.parse(packed)[0].files) {
    fs.cpSync(path.join(root, file.path), path.join(place, file.path))
  }
}

const { values, positionals } = parseArgs({ options: { packed: { type: 'boolean' } }, allowPositionals: true })
setup()
try {
  if (positionals.length !== 1) throw new Error('name one folder of __test__ that has a package.json')
  const folder = path.join(root, '__test__', positionals[0])
  ensureDependencies(folder)
  if (values.packed) install(folder)
  run(process.execPath, [path.join(__dirname, 'test.js'), folder], { stdio: ['ignore', 'inherit', 'inherit'] })
} catch (error) {
  console.error(`ironwire: ${error.message}`)
  process.exitCode = 1
}
