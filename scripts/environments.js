'use strict'

// `npm run test:environments`: what the package is bundled, tested and hardened with. Those packages are not the repository's own:
// they are installed into the folder of these tests, when they are asked for.

const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { setup, ensureDependencies, root, run } = require('./setup.js')

const folder = path.join(root, '__test__', 'environments')

/** Puts ironwire among the installed packages: just the files that `npm pack` takes. */
function install() {
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

setup()
try {
  ensureDependencies(folder)
  install()
  run(process.execPath, [path.join(__dirname, 'test.js'), folder], { stdio: ['ignore', 'inherit', 'inherit'] })
} catch (error) {
  console.error(`ironwire: ${error.message}`)
  process.exitCode = 1
}
