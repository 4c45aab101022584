'use strict'

const crypto = require('node:crypto')
const fs = require('node:fs/promises')
const os = require('node:os')
const path = require('node:path')
const { files } = require('./cases.js')

/** Calls `body` with a temporary folder that holds the files of all cases. */
async function withFolder(body) {
  const root = await fs.mkdtemp(path.join(os.tmpdir(), 'ironwire-static-'))
  try {
    // nginx may run as another user.
    await fs.chmod(root, 0o755)
    for (const [name, length] of Object.entries(files)) {
      const file = path.join(root, name)
      await fs.mkdir(path.dirname(file), { recursive: true })
      await fs.writeFile(file, crypto.randomBytes(length))
      // Servers check very recent files more carefully, so make them older.
      await fs.utimes(file, 1_700_000_000, 1_700_000_000)
    }
    return await body(root)
  } finally {
    await fs.rm(root, { recursive: true })
  }
}

module.exports = { withFolder }
