'use strict'

// Runs serve-static's own tests on ours: `node scripts/serve-static.js PATH_OF_A_CHECKOUT` of
// https://github.com/expressjs/serve-static. The checkout is needed because the tests are in no package. Their
// dependencies (mocha, supertest) are installed into a temporary folder. They run twice: unchanged on Node's server,
// and on ours.

const { execFileSync, spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { root } = require('./setup.js')

const TOOLS = ['mocha@10', 'supertest@6']

function main(checkout) {
  const tests = path.join(checkout ?? '', 'test')
  if (checkout === undefined || !fs.existsSync(path.join(tests, 'test.js'))) {
    throw new Error('give the path of a checkout of expressjs/serve-static: there is no test/test.js in it')
  }
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-serve-static-'))
  try {
    fs.cpSync(tests, path.join(folder, 'test'), { recursive: true })
    fs.writeFileSync(path.join(folder, 'index.js'), `module.exports = require(${JSON.stringify(root)}).serveStatic\n`)
    fs.writeFileSync(path.join(folder, 'package.json'), '{"private":true}')
    const shell = process.platform === 'win32'
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--silent', ...TOOLS], {
      cwd: folder,
      stdio: 'inherit',
      shell,
    })
    const text = fs.readFileSync(path.join(folder, 'test', 'test.js'), 'utf8')
    const onOurs = text.replace("require('http')", `require(${JSON.stringify(root)}).http`)
    if (onOurs === text) throw new Error('its tests do not require http as they did')
    fs.writeFileSync(path.join(folder, 'test', 'on-ironwire.js'), onOurs)
    const mocha = path.join(folder, 'node_modules', 'mocha', 'bin', 'mocha.js')
    return spawnSync(process.execPath, [mocha, '--reporter', 'dot', '--check-leaks', 'test/'], {
      cwd: folder,
      stdio: 'inherit',
    }).status
  } finally {
    fs.rmSync(folder, { recursive: true, force: true })
  }
}

try {
  process.exitCode = main(process.argv[2]) === 0 ? 0 : 1
} catch (error) {
  console.error(`ironwire: ${error.message}`)
  process.exitCode = 1
}
