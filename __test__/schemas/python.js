'use strict'

// The Python that these tests ask: `python3 -m venv .cache/schemas`, with requirements.txt and schemas.txt installed as `.ci/run` does,
// or the one that IRONWIRE_PYTHON names. Without it they are skipped, and say so.

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')

const own = path.join(__dirname, '..', '..', '.cache', 'schemas', 'bin', 'python')
const python = process.env.IRONWIRE_PYTHON ?? own

/** Why nothing can be asked; false where it can. */
const missing = fs.existsSync(python) ? false : `there is no Python with protobuf: ${python}`

/** What a script of this folder, or a module, prints. */
function run(args, input) {
  const { status, stdout, stderr, error } = spawnSync(python, args, {
    cwd: __dirname,
    input,
    maxBuffer: 2 ** 30,
    timeout: 240_000,
  })
  if (status !== 0) throw new Error(`${args.join(' ')}: ${error ?? stderr}`)
  return stdout
}

module.exports = { missing, python, run }
